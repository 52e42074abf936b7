"""Traces that do not fit together: of other lengths or pipelines, or without some stages."""

from __future__ import annotations

from dataclasses import replace

import pytest
from toy_pipeline import ACCEPTED, ENVIRONMENT, Toy, evidence, recorded

from goldenseed.diagnosis.explain import explain
from goldenseed.diagnosis.model import Cause
from goldenseed.trace.stages import Stage, Trace

INSIDE = {Stage.DENOISER_INPUT, Stage.DENOISER_OUTPUT}


def without(trace: Trace, *stages: Stage) -> Trace:
    return tuple(each for each in trace if each.stage not in stages)


@pytest.mark.parametrize("steps", [1, 3, 9])
def test_a_trace_of_another_length_has_another_number_of_steps(steps: int):
    found = explain(evidence(Toy(steps=steps)))
    assert found.causes[0].cause is Cause.STEPS
    assert found.causes[0].words.endswith(f"4 → {steps}")


def test_a_trace_of_another_pipeline_is_put_down_to_it():
    # As of Flux: the schedule has sigmas too, and the parts have other names.
    names = {"unet": "transformer", "text_encoder": "text_encoder_2"}
    other = tuple(
        each.model_copy(update={"source": _renamed(each.source, names)})
        for each in recorded(Toy(sigmas=True, token=8, seed=5))
    )
    both = evidence(other, pipeline__class="FluxPipeline")
    known = {**ENVIRONMENT, "pipeline.class": "StableDiffusionPipeline"}
    found = explain(replace(both, accepted=replace(both.accepted, environment=known)))
    assert found.causes[0].cause is Cause.MODEL
    assert "StableDiffusionPipeline → FluxPipeline" in found.causes[0].words


def _renamed(source: str | None, names: dict[str, str]) -> str | None:
    part, dot, rest = (source or "").partition(".")
    return f"{names.get(part, part)}{dot}{rest}" if source else None


@pytest.mark.parametrize("lacks", [{Stage.TIMESTEPS, Stage.DENOISING_STEP}, {Stage.VAE_OUTPUT}])
def test_pipelines_without_a_scheduler_or_a_vae_are_diagnosed_by_what_they_have(lacks: set[Stage]):
    lacks = lacks | ({Stage.LATENTS_BEFORE_VAE} if Stage.VAE_OUTPUT in lacks else set())
    accepted = without(ACCEPTED, *lacks)
    for toy, cause in ((Toy(seed=2), Cause.SEED), (Toy(weight=1.01), Cause.DENOISER)):
        both = evidence(without(recorded(toy), *lacks))
        found = explain(replace(both, accepted=replace(both.accepted, trace=accepted)))
        assert found.causes[0].cause is cause


def test_a_compiled_denoiser_accuses_no_guidance_of_its_rounding():
    both = evidence(without(recorded(Toy(jitter=1e-7)), *INSIDE), model__unet__compiled=True)
    known = {**ENVIRONMENT, "model.unet.compiled": False}
    found = explain(replace(both, accepted=replace(both.accepted, environment=known)))
    assert found.causes[0].cause is Cause.KERNELS
    assert Cause.GUIDANCE not in {each.cause for each in found.causes}


def test_behind_a_compiled_denoiser_a_change_is_shared_between_what_can_make_it():
    found = explain(evidence(without(recorded(Toy(weight=1.01)), *INSIDE)))
    assert {each.cause for each in found.causes[:2]} <= {Cause.DENOISER, Cause.SCHEDULER,
                                                         Cause.GUIDANCE}  # fmt: skip
    assert found.causes[0].confidence < 0.5


def test_a_compiled_encoder_is_named_where_the_denoiser_is_given_its_rounding():
    both = evidence(without(recorded(Toy(encoder=1.0000001)), Stage.PROMPT_EMBEDDINGS),
                    model__text_encoder__compiled=True)  # fmt: skip
    known = {**ENVIRONMENT, "model.text_encoder.compiled": False}
    found = explain(replace(both, accepted=replace(both.accepted, environment=known)))
    assert found.causes[0].cause is Cause.KERNELS
    assert found.causes[0].confidence > 0.8


def test_behind_a_compiled_encoder_other_weights_of_it_are_suspected():
    found = explain(evidence(without(recorded(Toy(encoder=1.01)), Stage.PROMPT_EMBEDDINGS)))
    assert found.causes[0].cause is Cause.TEXT_ENCODER
    assert "lacks the embeddings" in found.causes[0].evidence[0]
