from __future__ import annotations

import pytest
import torch

from goldenseed.backends.diffusers.recorder import Recorder
from goldenseed.diagnosis.divergence import first_divergence
from goldenseed.trace.stages import WITHIN, Stage, StageName, Trace

STEPS = 4


def values(stage: Stage, index: int = 0) -> torch.Tensor:
    seed = 100 * list(Stage).index(stage) + index
    return torch.randn(2, 8, 8, generator=torch.Generator().manual_seed(seed))


def trace(
    changed: Stage | None = None,
    at: int = 0,
    *,
    by: float = 1e-3,
    steps: int = STEPS,
    without: Stage | None = None,
) -> Trace:
    """A trace in which everything from one stage on is ``by`` off."""
    recorder, off = Recorder(), False
    left_out = {Stage.WRITTEN_PROMPT, Stage.SIGMAS, Stage.LATER_NOISE, *WITHIN}
    left_out |= {Stage.UNPROCESSED, Stage.POSTPROCESSED}
    flow = [(stage, 0) for stage in Stage if stage not in left_out]
    place = flow.index((Stage.DENOISING_STEP, 0))
    flow[place : place + 1] = [(Stage.DENOISING_STEP, step) for step in range(steps)]
    for stage, index in flow:
        off = off or (stage, index) == (changed, at)
        if stage is without:
            continue
        found = values(stage, index)
        if stage is Stage.TIMESTEPS:
            found = torch.linspace(999, 0, steps)
        recorder.add(stage, None, found * (1 + by) if off else found)
    return recorder.trace


def words(accepted: Trace, present: Trace) -> str:
    found = first_divergence(accepted, present)
    assert found
    return found.words


def test_equal_traces_do_not_diverge():
    assert first_divergence(trace(), trace()) is None


@pytest.mark.parametrize(
    ("stage", "at", "expected"),
    [
        (Stage.TOKEN_IDS, 0, "token ids"),
        (Stage.PROMPT_EMBEDDINGS, 0, "prompt embeddings; token ids are identical"),
        (Stage.INITIAL_NOISE, 0, "initial noise; prompt embeddings and timesteps are identical"),
        (
            Stage.DENOISING_STEP,
            2,
            "denoising step 3 of 4; prompt embeddings, timesteps and initial noise are identical",
        ),
        (
            Stage.LATENTS_BEFORE_VAE,
            0,
            "latents before the VAE; denoising steps are identical",
        ),
        (Stage.FLOAT_IMAGE, 0, "float image; latents before the VAE are identical"),
        (Stage.PIXELS, 0, "pixels; float image is identical"),
    ],
)
def test_the_first_stage_that_differs_is_named(stage: Stage, at: int, expected: str):
    assert words(trace(), trace(stage, at)) == expected


def test_the_distances_are_zero_before_and_the_change_after():
    found = first_divergence(trace(), trace(Stage.DENOISING_STEP, 2, by=1e-3))
    assert found
    distances = [each.distance for each in found.distances]
    assert distances[:7] == [0.0] * 7
    assert distances[7:] == [pytest.approx(1e-3, rel=0.2)] * 5
    assert found.here == pytest.approx(1e-3, rel=0.2)
    assert found.before_vae == pytest.approx(1e-3, rel=0.2)


def test_a_difference_that_stays_as_it_is_does_not_jump():
    found = first_divergence(trace(), trace(Stage.INITIAL_LATENTS, by=1e-6))
    assert found
    assert found.jump is None


def test_a_second_change_on_top_of_rounding_is_a_jump():
    rounding, changed = trace(Stage.INITIAL_LATENTS, by=1e-6), trace(Stage.DENOISING_STEP, 2)
    place = [record.key for record in rounding].index(StageName(Stage.DENOISING_STEP, "", 2))
    found = first_divergence(trace(), rounding[:place] + changed[place:])
    assert found
    assert (found.stage, found.here) == (Stage.INITIAL_LATENTS, pytest.approx(1e-6, rel=0.2))
    assert found.jump
    assert (found.jump.stage, found.jump.index) == (Stage.DENOISING_STEP, 2)
    assert found.jump.factor == pytest.approx(1000, rel=0.3)


def test_another_number_of_steps_shows_in_the_timesteps():
    assert words(trace(), trace(steps=3)) == (
        "timesteps, shape 4 → 3; prompt embeddings are identical"
    )


def test_steps_that_only_one_trace_has_are_at_no_distance():
    longer = first_divergence(trace(steps=3), trace(steps=4))
    shorter = first_divergence(trace(steps=4), trace(steps=3))
    assert longer
    assert shorter
    for found in (longer, shorter):
        steps = [each for each in found.distances if each.stage is Stage.DENOISING_STEP]
        assert [each.index for each in steps] == [0, 1, 2, 3]
        assert steps[3].distance is None


def test_a_stage_missing_on_either_side_is_said():
    cut = trace(without=Stage.LATENTS_BEFORE_VAE)
    assert words(cut, trace()).startswith(
        "latents before the VAE, which the accepted image's trace lacks; denoising steps"
    )
    assert words(trace(), cut).startswith(
        "latents before the VAE, which only the accepted image's trace has; denoising steps"
    )


def test_traces_with_nothing_in_common_part_at_once():
    other = (trace()[0].model_copy(update={"stage": Stage.SIGMAS}),)
    found = first_divergence(trace(), other)
    assert found
    assert all(each.distance is None for each in found.distances)
    assert len(found.distances) == len(trace()) + 1


def test_stages_that_older_traces_lack_are_no_divergence():
    added = trace()[0].model_copy(update={"stage": Stage.GUIDED_OUTPUT})
    assert first_divergence(trace(), (*trace()[:5], added, *trace()[5:])) is None


def test_another_dtype_is_said_and_equal_bytes_do_not_hide_it():
    accepted = trace()
    present = (accepted[0].model_copy(update={"dtype": "float16"}), *accepted[1:])
    assert words(accepted, present) == "token ids, float32 → float16"


def test_the_encoder_is_named():
    accepted = tuple(
        each.model_copy(update={"source": "text_encoder_2.text_embeds"})
        if each.stage is Stage.PROMPT_EMBEDDINGS
        else each
        for each in trace()
    )
    present = tuple(
        each.model_copy(update={"sha256": "0" * 64})
        if each.stage is Stage.PROMPT_EMBEDDINGS
        else each
        for each in accepted
    )
    expected = "prompt embeddings of text_encoder_2.text_embeds; token ids are identical"
    assert words(accepted, present) == expected
