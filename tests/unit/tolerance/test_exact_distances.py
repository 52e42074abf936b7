"""Distances from the exact image: the same rounding in another direction, and a change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import torch
from PIL import Image

from goldenseed.baselines.entry import ExactImage, ProfileBaseline
from goldenseed.core.pixels import pixels_sha256
from goldenseed.reporting.words import told
from goldenseed.suite.cases import Limit
from goldenseed.tolerance.exact import exact_distances, exact_measures, stages_of
from goldenseed.tolerance.tolerance import Tolerance, assumed_tolerance
from goldenseed.trace import digesting
from goldenseed.trace.stages import Stage, Trace
from goldenseed.verdict.evidence import Accepted, Evidence, Reference
from goldenseed.verdict.judge import Judgement, judge
from goldenseed.verdict.model import Verdict

SIZES = {
    Stage.PROMPT_EMBEDDINGS: 3000,
    Stage.DENOISER_OUTPUT: 4096,
    Stage.GUIDED_OUTPUT: 4096,
    Stage.DENOISING_STEP: 4096,
    Stage.LATENTS_BEFORE_VAE: 4096,
    Stage.VAE_OUTPUT: 12288,
    Stage.FLOAT_IMAGE: 12288,
}


def values(stage: Stage) -> torch.Tensor:
    seed = torch.Generator().manual_seed(SIZES[stage])
    return torch.randn(SIZES[stage], generator=seed, dtype=torch.float64)


def trace(error: float, direction: int, **more: float) -> Trace:
    """Return a trace that is off the exact values by ``error``; ``more`` says so of stages."""
    random = torch.Generator().manual_seed(direction)
    kept = []
    for stage in SIZES:
        exact = values(stage)
        off = torch.randn(exact.shape, generator=random, dtype=torch.float64)
        found = exact + more.get(stage.value, error) * off
        kept.append(digesting.kept(stage, 0, None, found.numpy()))
    return digesting.records(kept)


EXACT = stages_of(trace(0.0, 0))
ACCEPTED = trace(1e-6, 1)


def kept(accepted: Trace = ACCEPTED, factor: float = 3.0) -> ExactImage:
    distances = exact_distances(EXACT, accepted)
    return ExactImage(
        trace_sha256="1" * 64,
        distances=distances,
        limits={name: factor * value for name, value in distances.items()},
        images=2,
        recipe_sha256="2" * 64,
        made_at=datetime(2026, 11, 20, tzinfo=UTC),
        made_by="Ada",
    )


def beyond(present: Trace) -> set[str]:
    return {each.metric for each in exact_measures(kept(), EXACT, present) if not each.explained}


def test_the_distances_are_those_of_the_values():
    found = exact_distances(EXACT, ACCEPTED)
    assert len(found) == 5
    assert all(value == pytest.approx(1e-6, rel=0.2) for value in found.values())
    assert set(exact_distances(EXACT, EXACT).values()) == {0.0}
    assert set(exact_distances(EXACT, ()).values()) == {float("inf")}


def test_the_same_rounding_in_another_direction_is_no_farther():
    assert beyond(trace(1e-6, 2)) == set()
    assert beyond(trace(2e-6, 3)) == set()


def test_what_is_farther_from_the_exact_image_is_beyond():
    assert beyond(trace(1e-6, 2, prompt_embeddings=5e-6)) == {"exact_embeddings_distance"}
    assert beyond(trace(1e-6, 2, guided_output=5e-6)) == {"exact_guided_distance"}
    assert beyond(trace(1e-6, 2, float_image=5e-6)) == {"exact_decoded_distance"}
    assert beyond(()) == set(kept().limits)


def test_a_decoder_may_pass_on_what_its_latents_are_farther():
    farther = {"latents_before_vae": 2.5e-6, "vae_output": 5e-6, "float_image": 5e-6}
    assert beyond(trace(1e-6, 2, **farther)) == set()
    assert beyond(trace(1e-6, 2, **{**farther, "latents_before_vae": 1e-6})) == {
        "exact_decoded_distance"
    }


def test_of_the_steps_only_what_the_distances_are_taken_at_is_kept():
    stages = [each.stage for each in EXACT]
    assert Stage.DENOISING_STEP not in stages
    without_vae = [each for each in ACCEPTED if each.stage is not Stage.LATENTS_BEFORE_VAE]
    last = without_vae[3].model_copy(update={"index": 7})
    steps = [e for e in stages_of((*without_vae, last)) if e.stage is Stage.DENOISING_STEP]
    assert [each.index for each in steps] == [7]


def judgement(
    present: Trace, noise: Tolerance, *, against: Trace = ACCEPTED, exact: bool = True
) -> Judgement:
    """Judge an image of one pixel one level off, whose trace is ``present``."""
    image, before = Image.new("RGB", (64, 64), "red"), Image.new("RGB", (64, 64), "red")
    image.putpixel((1, 1), (254, 0, 0))
    known = {"recipe": {}, "recipe_sha256": "2" * 64}
    now, accepted = (
        Evidence.of_image(
            each,
            pixels_sha256(each),
            read_trace=lambda trace=trace: trace,
            read_environment=lambda threads=threads: {"cpu.threads": threads},
            **known,
        )
        for each, trace, threads in ((image, present, 1), (before, against, 2))
    )
    baseline = ProfileBaseline(exact=kept(against) if exact else None)
    return judge(
        now,
        Reference(Accepted((accepted,), baseline, read_trace=lambda _digest: EXACT)),
        limits={"max_peak_difference": Limit(200, "suite")},
        tolerance=noise,
    )


def test_a_rounding_that_is_larger_than_assumed_is_held_against_the_exact_image():
    """Of a network that is deeper than any known: 1e-5 where 3.8e-6 is assumed."""
    noise, accepted, present = assumed_tolerance("float32"), trace(1e-5, 1), trace(1e-5, 2)
    assert judgement(present, noise, against=accepted, exact=False).verdict is Verdict.WARN
    assert judgement(present, noise, against=accepted).verdict is Verdict.MATCH
    changed = trace(5e-5, 2)
    assert judgement(changed, noise, against=accepted).verdict is Verdict.WARN


def test_the_reason_names_both_distances():
    found = judgement(trace(1e-6, 2, prompt_embeddings=5e-6), assumed_tolerance("float32"))
    assert found.verdict is Verdict.WARN
    (reason,) = [each for each in found.reasons if each.metric == "exact_embeddings_distance"]
    text = told(reason, ()).words
    accepted = kept().distances["exact_embeddings_distance"]
    assert text.startswith("exact embeddings 5.")
    assert f"(exact image; the accepted one is {accepted:.1e} from it)" in text


def test_where_it_holds_what_was_measured_between_images_counts_too():
    present = trace(1e-6, 2)
    assert judgement(present, assumed_tolerance("float32")).verdict is Verdict.MATCH
    narrow = replace(assumed_tolerance("float32"), measured={"latents_distance": 1e-7})
    found = judgement(present, narrow)
    assert found.verdict is Verdict.WARN
    assert "latents_distance" in {each.metric for each in found.reasons}


def test_an_image_that_is_as_near_as_the_accepted_one_gives_the_nearest_limit_as_reason():
    found = judgement(trace(1e-6, 2), assumed_tolerance("float32"))
    metrics = [each.metric for each in found.reasons if each.metric]
    assert len([each for each in metrics if each.startswith("exact_")]) == 1
