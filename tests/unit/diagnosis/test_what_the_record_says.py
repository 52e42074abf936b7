"""What is on record is believed before the trace is guessed from; two changes are both named."""

from __future__ import annotations

from dataclasses import replace

import pytest
from toy_pipeline import ACCEPTED, ENVIRONMENT, RECIPE, Toy, evidence, recorded

from goldenseed.diagnosis.evidence import Blank, Sides
from goldenseed.diagnosis.explain import SAME_PIXELS, explain
from goldenseed.diagnosis.idle import idle
from goldenseed.diagnosis.meaning import rows_of
from goldenseed.diagnosis.model import Cause, Diagnosis
from goldenseed.environment.fingerprint import Value
from goldenseed.trace.stages import Stage, StageRecord, Trace

NEW: dict[str, Value] = {"fingerprint.version": 2}
"""What tells that keys which are absent would be there if there were anything to say."""
NOT_FUSED: dict[str, Value] = {"pipeline.fused_loras": 0}


def told(toy: Toy, before: dict[str, Value] | None = None, **keys: Value) -> Diagnosis:
    """Explain a run of which both fingerprints are of this release."""
    sides = evidence(toy, **keys)
    old, now = sides.accepted, sides.present
    return explain(
        Sides(
            replace(old, environment={**(old.environment or {}), **NEW, **(before or {})}),
            replace(now, environment={**NEW, **(before or {}), **(now.environment or {})}),
        )
    )


def causes(found: Diagnosis) -> list[Cause]:
    return [each.cause for each in found.causes]


@pytest.mark.parametrize(
    ("toy", "keys", "cause"),
    [
        (Toy(weight=1.01), {"model__unet__hooks": "app.after@01234567 x 1"}, Cause.PATCH),
        (Toy(weight=1.01), {"model__unet__switches": "s1=0.9 x 2"}, Cause.PATCH),
        (Toy(vae=1.01), {"model__vae__forwards": "Decoder.forward = app.other@0 x 1"}, Cause.PATCH),
        (Toy(weight=1.01), {"model__unet__adapters": "style=1.0"}, Cause.LORA),
        (Toy(encoder=1.01), {"model__text_encoder__adapters": "style=1.0"}, Cause.LORA),
        (
            Toy(weight=1.01),
            {"attention__unet__processors": "AttnProcessor2_0 x 4, P x 4"},
            Cause.ATTENTION,
        ),
        (Toy(pad=5), {"package__ftfy": "6.3.1"}, Cause.PACKAGES),
    ],
)
def test_what_is_on_record_goes_before_weights_whose_digest_is_the_same(
    toy: Toy, keys: dict[str, Value], cause: Cause
):
    found = told(toy, **keys)
    assert found.causes[0].cause is cause
    assert found.causes[0].confidence > 0.6


def test_a_foreign_method_of_the_pipeline_goes_before_weights_that_are_the_same():
    method = "StableDiffusionPipeline.encode_prompt = app.cached@0 x 1"
    found = told(Toy(encoder=1.01), pipeline__methods=method)
    assert found.causes[0].cause is Cause.PATCH


def test_a_part_that_holds_modules_of_another_is_not_blamed_for_the_other_s_file():
    file, own = "model_file.unet/weights.safetensors", "model_file.controlnet/weights.safetensors"
    before: dict[str, Value] = {file: "1" * 64, own: "1" * 64, "model.controlnet.sha256": "a" * 64}
    changed: dict[str, Value] = {
        file: "2" * 64,
        "model.unet.sha256": "f" * 64,
        "model.controlnet.sha256": "b" * 64,
    }
    found = told(Toy(weight=1.01), before, **changed)
    assert found.causes[0].cause is Cause.DENOISER
    assert found.causes[0].confidence > 0.6


def test_digests_that_follow_from_an_adapter_in_the_same_files_accuse_no_weights():
    files: dict[str, Value] = {"model_file.unet/weights.safetensors": "1" * 64, **NOT_FUSED}
    found = told(Toy(weight=1.01), files, pipeline__fused_loras=1, model__unet__sha256="f" * 64)
    assert found.causes[0].cause is Cause.LORA
    assert Cause.DENOISER not in [each.cause for each in found.causes if each.confidence > 0.1]


def test_digests_of_other_files_are_believed_beside_an_adapter():
    files: dict[str, Value] = {"model_file.unet/weights.safetensors": "1" * 64, **NOT_FUSED}
    keys: dict[str, Value] = {"model_file.unet/weights.safetensors": "2" * 64}
    sides = evidence(Toy(weight=1.01), pipeline__fused_loras=1, model__unet__sha256="f" * 64)
    now = {**(sides.present.environment or {}), **NEW, **keys}
    before = {**ENVIRONMENT, **NEW, **files}
    found = explain(
        Sides(replace(sides.accepted, environment=before), replace(sides.present, environment=now))
    )
    assert {Cause.DENOISER, Cause.LORA} <= {each.cause for each in found.causes[:2]}


def test_the_hooks_of_a_step_cache_are_called_that():
    found = told(Toy(weight=1.01), model__unet__hooks="diffusers.hooks.FBCBlockHook x 2")
    assert found.causes[0].cause is Cause.CACHE


def test_two_changes_on_record_are_both_named_though_one_hides_the_other():
    found = told(
        Toy(encoder=1.01), model__text_encoder__sha256="f" * 64, model__vae__sha256="e" * 64
    )
    assert causes(found)[:2] == [Cause.TEXT_ENCODER, Cause.VAE_WEIGHTS]


def test_a_guidance_is_found_beneath_another_prompt():
    assert {Cause.PROMPT, Cause.GUIDANCE} <= set(causes(told(Toy(token=3, guidance=5.0)))[:3])


def with_one_more_call(trace: Trace) -> Trace:
    """Let the tokenizer be called once more, for a text that no encoder reads."""
    last = max(place for place, each in enumerate(trace) if each.stage is Stage.TOKEN_IDS)
    index = sum(each.stage is Stage.TOKEN_IDS for each in trace)
    more = trace[last].model_copy(update={"index": index})
    return (*trace[: last + 1], more, *trace[last + 1 :])


def test_a_tokenizer_call_that_feeds_nothing_hides_no_other_change():
    present = with_one_more_call(recorded(Toy(guidance=6.0)))
    assert [each.stage for each in idle(ACCEPTED, present)] == [Stage.TOKEN_IDS]
    found = explain(evidence(present))
    assert found.causes[0].cause is Cause.GUIDANCE
    assert found.first_divergence is not None
    assert found.first_divergence.stage is Stage.DENOISING_STEP


def test_token_ids_that_the_encoders_get_are_not_idle():
    assert not idle(ACCEPTED, recorded(Toy(token=3)))


def test_a_prompt_that_differs_beyond_the_limit_is_said_and_has_no_cause():
    def cut(record: StageRecord) -> StageRecord:
        whole = record.stage is Stage.TOKEN_IDS and not record.index
        return record.model_copy(update={"sha256": "0" * 64}) if whole else record

    sides = evidence(
        tuple(map(cut, ACCEPTED)),
        recipe={"prompt": "a red ball, and more"},
        metrics={"peak_difference": 0.0, "changed_fraction": 0.0},
    )
    found = explain(sides)
    assert not found.causes
    assert found.note == SAME_PIXELS
    (remark,) = found.remarks
    assert remark == (
        "prompt differs, but no text encoder sees it: the change lies beyond the tokenizer's limit"
    )


def test_equal_pixels_have_no_causes_whatever_the_recipe_says():
    found = explain(
        evidence(
            Toy(guidance=4.0000001),
            recipe={"call": {"num_inference_steps": 4, "guidance_scale": 4.0000001}},
            metrics={"peak_difference": 0.0, "changed_fraction": 0.0},
        )
    )
    assert not found.causes


def test_a_picture_of_one_colour_is_a_finding_of_its_own():
    sides = evidence(Toy(vae=0.5))
    found = explain(Sides(sides.accepted, replace(sides.present, blank=Blank.ONE_COLOUR)))
    assert found.causes[0].cause is Cause.ONE_COLOUR


@pytest.mark.parametrize(
    ("rows", "parts"),
    [("2 x 8, 1 x 12", [(2, 8), (1, 12)]), ("2 x 20", [(2, 20)]), ("none", [])],
)
def test_rows_by_step_are_read_as_they_are_written(rows: str, parts: list[tuple[int, int]]):
    assert rows_of(rows) == parts


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        ("2 x 4", "2 x 2, 1 x 2", Cause.GUIDANCE),
        ("2 x 4", "2 x 3", Cause.SCHEDULER),
    ],
)
def test_a_guidance_that_ends_is_told_by_the_rows_of_later_steps(old: str, new: str, cause: Cause):
    sides = evidence(Toy(step_size=0.1, step_size_from=0))
    later = recorded(Toy(later_noise=0.0, step_size_from=2, step_size=0.2))
    before = replace(
        sides.accepted, environment={**ENVIRONMENT, **NEW}, in_force={"call.unet.rows": old}
    )
    now = replace(
        before,
        trace=later,
        recipe=RECIPE,
        in_force={"call.unet.rows": new},  # type: ignore[arg-type]
    )
    assert explain(Sides(before, now)).causes[0].cause is cause


PACKAGES: dict[str, Value] = {
    "package.diffusers": "0.42.1",
    "package.numpy": "2.4.6",
    "package.scipy": "1.17.1",
}


def upgraded(**scheduler: Value) -> str:
    """Return how the cause is named if three packages differ, and the schedule."""
    shared = {key.replace("__", "."): value for key, value in scheduler.items()}
    found = told(
        Toy(spacing=11),
        {**PACKAGES, **shared},
        package__diffusers="0.43.0",
        package__numpy="2.5.0",
        package__scipy="1.18.0",
    )
    return next(each.words for each in found.causes if each.cause is Cause.PACKAGES)


def test_of_several_packages_the_one_with_the_fewest_places_is_named_first():
    said = upgraded()
    assert said.index("numpy") < said.index("diffusers")


def test_scipy_is_named_only_where_it_makes_the_scheduler_s_tables():
    assert "scipy" not in upgraded()
    assert upgraded(scheduler__config__use_beta_sigmas=True).startswith("package upgrade: scipy")


def test_a_package_that_differs_alone_is_named_alone():
    found = told(Toy(spacing=11), PACKAGES, package__numpy="2.5.0")
    words = next(each.words for each in found.causes if each.cause is Cause.PACKAGES)
    assert words == "package upgrade: numpy 2.4.6 → 2.5.0"


@pytest.mark.parametrize("key", ["scheduler.attributes.sha256", "scheduler.alphas_cumprod_sha256"])
def test_numbers_that_follow_from_a_scheduler_s_configuration_are_not_told_beside_it(key: str):
    before: dict[str, Value] = {key: "1" * 64}
    changed: dict[str, Value] = {key.replace(".", "__"): "2" * 64}
    beside = told(Toy(spacing=11), before, scheduler__config__beta_end=0.03, **changed).causes[0]
    assert beside.words == "scheduler: scheduler.config.beta_end 0.02 → 0.03"
    alone = told(Toy(spacing=11), before, **changed).causes[0]
    assert alone.cause is Cause.SCHEDULER
    assert alone.keys == (key,)
