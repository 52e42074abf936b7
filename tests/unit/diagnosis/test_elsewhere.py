"""Traces of other engines: with stages that lack, stand alone, or bear other names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from toy_pipeline import ACCEPTED, ENVIRONMENT, RECIPE, Toy, recorded

from goldenseed.diagnosis.evidence import Side, Sides
from goldenseed.diagnosis.explain import explain
from goldenseed.diagnosis.model import Cause, Diagnosis
from goldenseed.trace.stages import Stage, StageRecord, Trace

ENGINE = {
    "device.type": "engine",
    "platform.machine": "tensorrt",
    "engine.name": "tensorrt",
    "engine.version": "10.3",
}
WRITTEN = {Stage.TIMESTEPS, Stage.INITIAL_NOISE, Stage.DENOISING_STEP, Stage.PIXELS}
"""What a simple engine records."""


def some(trace: Trace, kept: set[Stage] = WRITTEN) -> Trace:
    return tuple(each for each in trace if each.stage in kept)


def beside(present: Trace, *, swapped: bool = False, **keys: object) -> Diagnosis:
    """Hold an engine's trace against the accepted one; ``swapped`` the other way round."""
    known = Side(ENVIRONMENT, RECIPE, ACCEPTED)  # type: ignore[arg-type]
    engine = Side({**ENGINE, **keys}, RECIPE, present)  # type: ignore[arg-type, dict-item]
    return explain(Sides(engine, known, {}) if swapped else Sides(known, engine, {}))


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(
    ("toy", "cause", "words"),
    [
        (Toy(spacing=12), Cause.SCHEDULER, "timesteps"),
        (Toy(seed=2), Cause.SEED, "initial noise"),
        (Toy(steps=5), Cause.STEPS, "timesteps"),
        (Toy(weight=1.01), Cause.DENOISER, "denoising step 1 of 4"),
    ],
)
def test_a_change_is_found_where_both_record_it(
    toy: Toy, cause: Cause, words: str, *, swapped: bool
):
    found = beside(some(recorded(toy)), swapped=swapped)
    assert found.first_divergence is not None
    assert found.first_divergence.words.startswith(words)
    assert cause in {each.cause for each in found.causes[:2]}


def test_what_the_engine_does_not_record_is_said_and_is_no_divergence():
    found = beside(some(ACCEPTED))
    assert found.first_divergence is None
    assert not found.causes
    (remark,) = found.remarks
    assert remark == (
        "not compared, as only the trace of the accepted image has it: token ids, prompt "
        "embeddings, what the denoiser is given, the denoiser's output, the guided output, initial "
        "latents and 4 more"
    )


def test_what_only_the_engine_records_is_said_and_is_no_divergence():
    sigmas = [each for each in recorded(Toy(sigmas=True)) if each.stage is Stage.SIGMAS]
    found = beside((*sigmas, *ACCEPTED))
    assert found.first_divergence is None
    assert "not compared, as only the trace of the present image has it: sigmas" in found.remarks


def renamed(stage: Stage, source: str | None) -> Callable[[StageRecord], StageRecord]:
    def rename(record: StageRecord) -> StageRecord:
        return record.model_copy(update={"source": source}) if record.stage is stage else record

    return rename


def test_one_part_under_another_name_is_taken_for_the_same_and_said():
    rename = renamed(Stage.DENOISING_STEP, "sampler")
    found = beside(tuple(map(rename, recorded(Toy(weight=1.01)))))
    assert found.first_divergence is not None
    assert found.first_divergence.here
    assert "denoising step of sampler: the engine's, taken for that of scheduler" in found.remarks
    assert not [each for each in found.remarks if each.startswith("not compared")]


def test_a_part_that_the_engine_does_not_name_needs_no_words():
    found = beside(tuple(map(renamed(Stage.TIMESTEPS, None), ACCEPTED)))
    assert found.first_divergence is None
    assert found.remarks == ()


def test_parts_that_cannot_be_told_are_not_compared():
    once = iter(("a", "b"))

    def rename(record: StageRecord) -> StageRecord:
        if record.stage is not Stage.DENOISER_OUTPUT:
            return record
        return record.model_copy(update={"source": next(once)})

    found = beside(tuple(map(rename, ACCEPTED)))
    assert found.first_divergence is None
    assert len([each for each in found.remarks if "the denoiser's output" in each]) == 2


def test_the_order_is_the_reference_s():
    noise = Toy(seed=2, spacing=12)
    backwards = tuple(sorted(recorded(noise), key=lambda each: each.stage.value))
    assert backwards[0].stage is not recorded(noise)[0].stage
    found, expected = beside(backwards), beside(recorded(noise))
    assert found.first_divergence == expected.first_divergence
    assert found.causes == expected.causes


def test_values_that_are_not_finite_are_named():
    found = beside(some(recorded(Toy(broken_at=2))))
    assert "the present image's denoising step 3 has NaN or infinite values" in found.remarks
    assert found.causes[0].cause is Cause.NOT_FINITE


@pytest.mark.parametrize(
    ("update", "said"),
    [
        ({"shape": (4, 4, 8, 8)}, "initial noise, shape 1 x 4 x 8 x 8 → 4 x 4 x 8 x 8"),
        ({"shape": ()}, "initial noise, shape 1 x 4 x 8 x 8 → ()"),
        ({"dtype": "float16"}, "initial noise, float32 → float16"),
        ({"shape": (2**53,) * 64}, "initial noise, shape 1 x 4 x 8 x 8 → 9007199254740992 x "),
    ],
)
def test_another_shape_or_dtype_is_named(update: dict[str, object], said: str):
    def other(record: StageRecord) -> StageRecord:
        return record.model_copy(update=update) if record.stage is Stage.INITIAL_NOISE else record

    found = beside(some(tuple(map(other, ACCEPTED))))
    assert found.first_divergence is not None
    assert found.first_divergence.words.startswith(said)
    assert found.causes


def test_rounding_is_put_down_to_the_engine():
    found = beside(recorded(Toy(jitter=1e-7)))
    assert found.causes[0].cause is Cause.ENGINE
    assert found.causes[0].words == "another engine: engine.name none → tensorrt"
    assert [each.key for each in found.environment] == ["engine.name"]


def test_what_an_engine_says_of_itself_counts():
    told = {"scheduler.config.beta_end": 0.03}
    found = beside(recorded(Toy(step_size=0.2)), **told)
    assert found.causes[0].cause is Cause.SCHEDULER
    assert "scheduler.config.beta_end 0.02 → 0.03" in found.causes[0].words


def test_without_an_engine_a_stage_that_lacks_is_a_divergence():
    present = Side(ENVIRONMENT, RECIPE, some(ACCEPTED))  # type: ignore[arg-type]
    found = explain(Sides(replace(present, trace=ACCEPTED), present, {}))
    assert found.first_divergence is not None
    assert found.first_divergence.words.startswith("token ids of tokenizer")


def test_traces_with_nothing_in_common_say_so_in_remarks():
    alone = tuple(each for each in recorded(Toy(sigmas=True)) if each.stage is Stage.SIGMAS)
    found = beside(alone)
    assert found.first_divergence is None
    assert len([each for each in found.remarks if each.startswith("not compared")]) == 2
