"""Two at once: rounding of another environment, and a change that is hardly larger."""

from __future__ import annotations

from dataclasses import replace

import pytest
from toy_pipeline import ACCEPTED, Toy, evidence, recorded

from goldenseed.diagnosis.beyond import beyond_rounding, image_beyond_rounding
from goldenseed.diagnosis.evidence import Sides
from goldenseed.diagnosis.explain import explain
from goldenseed.diagnosis.model import Cause, Diagnosis
from goldenseed.diagnosis.places import Place, Root
from goldenseed.diagnosis.roots import (
    hidden_places,
    roots_of,
)
from goldenseed.environment.fingerprint import Value
from goldenseed.tolerance.rounding import trace_measures
from goldenseed.trace.stages import Stage, Trace

UNET = {"model__unet__sha256": "f" * 64}
VAE = {"model__vae__sha256": "f" * 64}
ENCODER = {"model__text_encoder__sha256": "f" * 64}
BETA = {"scheduler__config__beta_end": "0.0200002"}
ISA = {"cpu__capability": "AVX2"}
ELSEWHERE = Toy(encoder=1.0000001, jitter=1e-7)
"""Another processor: everything is off by rounding."""


def on(toy: Toy) -> Toy:
    return replace(toy, encoder=toy.encoder * ELSEWHERE.encoder, jitter=ELSEWHERE.jitter)


def named(found: Diagnosis) -> dict[Cause, float]:
    return {each.cause: each.confidence for each in found.causes}


def batched(toy: Toy) -> Trace:
    """The trace of a batch of two, of which the image alone is known by itself."""
    images = {each.key: each for each in recorded(toy) if each.stage is Stage.FLOAT_IMAGE}
    made = recorded(replace(toy, batch=2))
    return tuple(images.get(each.key, each) for each in made)


CHANGES = (
    (Toy(weight=1.000001), UNET, Cause.DENOISER, Place.DENOISER),
    (Toy(weight=1.00001), UNET, Cause.DENOISER, Place.DENOISER),
    (Toy(weight=1.00001), {}, Cause.DENOISER, Place.DENOISER),
    (Toy(encoder=1.00001), ENCODER, Cause.TEXT_ENCODER, Place.EMBEDDINGS),
    (Toy(guidance=4.0001), {}, Cause.GUIDANCE, Place.GUIDANCE),
    (Toy(step_size=0.100001), {}, Cause.SCHEDULER, Place.STEP),
    (Toy(step_size=0.100001), BETA, Cause.SCHEDULER, Place.STEP),
    (Toy(vae=1.00001), VAE, Cause.VAE_WEIGHTS, Place.VAE),
    (Toy(vae=1.00001), {}, Cause.VAE_WEIGHTS, Place.VAE),
)
ENVIRONMENTS = (
    ("cpu.capability", "AVX512", "AVX2", Cause.CPU),
    ("env.MKL_CBWR", "", "AVX2", Cause.CPU),
    ("cpu.threads", 1, 2, Cause.CPU),
    ("torch.sdp.flash", False, True, Cause.ATTENTION),
    ("torch.deterministic_algorithms", True, False, Cause.KERNELS),
)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda each: each[0])
def test_what_rounding_cannot_explain_comes_first_and_the_rounding_after_it(
    change: tuple[Toy, dict[str, str], Cause, Place],
    environment: tuple[str, Value, Value, Cause],
):
    toy, keys, cause, place = change
    key, before, now, rounding = environment
    both = evidence(on(toy), **keys)  # type: ignore[arg-type]
    sides = (
        replace(side, environment={**(side.environment or {}), key: value})
        for side, value in ((both.accepted, before), (both.present, now))
    )
    found = explain(Sides(*sides))
    assert found.causes[0].cause is cause
    assert "more than rounding explains" in found.causes[0].evidence[0]
    assert str(place) in found.causes[0].evidence[0]
    assert 0.3 < named(found).get(rounding, 0) <= 0.5


def test_a_vae_whose_norms_leave_signs_is_not_the_first_cause_on_another_processor():
    def first(**held: Value) -> Cause:
        both = evidence(on(Toy(vae=1.00001)))
        sides = (
            replace(side, environment={**(side.environment or {}), **held, "cpu.capability": level})
            for side, level in ((both.accepted, "AVX512"), (both.present, "DEFAULT"))
        )
        return explain(Sides(*sides)).causes[0].cause

    assert first() is Cause.VAE_WEIGHTS
    assert first(**{"model.vae.tips": "WanRMS_norm x 3"}) is Cause.CPU


def test_weights_on_record_as_others_go_before_a_part_whose_weights_are_the_same():
    def causes(**keys: str) -> dict[Cause, float]:
        return named(explain(evidence(on(Toy(vae=1.01)), **keys)))  # type: ignore[arg-type]

    alone = causes()
    assert max(alone, key=alone.__getitem__) is Cause.VAE_WEIGHTS
    beside = causes(**UNET)
    assert beside[Cause.DENOISER] > beside.get(Cause.VAE_WEIGHTS, 0)


def test_the_same_rounding_alone_is_all_there_is_to_say():
    found = explain(evidence(ELSEWHERE, **ISA))
    assert named(found) == {Cause.CPU: pytest.approx(0.95, abs=0.03)}
    assert not beyond_rounding(ACCEPTED, recorded(ELSEWHERE))


def test_rounding_is_never_first_with_confidence_where_it_explains_too_little():
    # Nothing on record tells of the change, and no rule of what it may be.
    present = recorded(on(Toy(step_size=0.1001, step_size_from=1)))
    measures = trace_measures(ACCEPTED, present, "float32")
    assert not all(each.explained for each in measures)
    assert explain(evidence(present, **ISA)).causes[0].cause is not Cause.CPU


def test_a_suite_s_own_setting_that_rounds_otherwise_does_not_hide_a_change_either():
    threads = {"determinism": {"threads": 2}}
    found = explain(evidence(on(Toy(weight=1.00001)), recipe=threads, cpu__threads=2, **UNET))  # type: ignore[arg-type]
    assert [each.cause for each in found.causes[:2]] == [Cause.DENOISER, Cause.CPU]


def test_weights_on_record_whose_effect_is_lost_in_rounding_are_still_named():
    found = explain(evidence(on(Toy(vae=1.0000001)), **ISA, **VAE))  # type: ignore[arg-type]
    assert found.causes[0].cause is Cause.CPU
    assert 0.2 < named(found)[Cause.VAE_WEIGHTS] <= 0.5
    hidden = next(each for each in found.causes if each.cause is Cause.VAE_WEIGHTS)
    assert "may hide it" in hidden.evidence[-1]
    assert all(each.explains for each in found.environment)


def test_a_text_encoder_hidden_in_rounding_may_be_why_the_steps_differ_alike():
    present = recorded(on(Toy(weight=1.000001)))
    (beyond,) = beyond_rounding(ACCEPTED, present).values()
    assert beyond.metric == "coherence"
    found = explain(evidence(present, **ISA, **ENCODER))  # type: ignore[arg-type]
    assert [each.cause for each in found.causes[:2]] == [Cause.TEXT_ENCODER, Cause.CPU]


def test_a_guidance_that_is_an_input_is_found_although_the_embeddings_differ_by_rounding():
    def with_guidance(trace: Trace, sha256: str, scale: float) -> Trace:
        place = next(n for n, each in enumerate(trace) if each.stage is Stage.DENOISER_INPUT)
        source = recorded(Toy(seed=int(scale * 1e5)))
        noise = next(each for each in source if each.stage is Stage.INITIAL_NOISE)
        given = trace[place].model_copy(
            update={"source": "transformer.guidance", "sha256": sha256, "sketch": noise.sketch}
        )
        return (*trace[:place], given, *trace[place:])

    both = evidence(with_guidance(recorded(ELSEWHERE), "1" * 64, 3.5001), **ISA)
    accepted = with_guidance(ACCEPTED, "0" * 64, 3.5)
    found = explain(replace(both, accepted=replace(both.accepted, trace=accepted)))
    assert found.causes[0].cause is Cause.GUIDANCE


def test_a_batch_explains_no_image_that_is_farther_off_than_rounding():
    near, far = batched(Toy()), batched(Toy(weight=1.01))
    assert explain(evidence(near)).causes[0].cause is Cause.BATCH
    found = explain(evidence(far, **UNET))  # type: ignore[arg-type]
    assert [each.cause for each in found.causes[:2]] == [Cause.DENOISER, Cause.BATCH]
    unrecorded = explain(evidence(far))
    assert [each.cause for each in unrecorded.causes[:2]] == [Cause.UNKNOWN, Cause.BATCH]
    assert "batches of different size" in unrecorded.causes[0].evidence[0]


def test_the_images_of_batches_are_measured_where_both_are_on_record():
    assert image_beyond_rounding(ACCEPTED, ACCEPTED) is None
    assert image_beyond_rounding(ACCEPTED, ACCEPTED[:5]) is None
    assert image_beyond_rounding(ACCEPTED, recorded(Toy(weight=1.01)), "float8") is None
    found = image_beyond_rounding(ACCEPTED, recorded(Toy(weight=1.01)))
    assert found is not None
    assert found.value > found.limit


def test_a_place_after_a_change_is_no_place_that_rounding_hides():
    changed = recorded(Toy(weight=1.05))
    roots = roots_of(ACCEPTED, changed)
    assert [root.place for root in roots] == [Place.DENOISER]
    assert not [each for each in hidden_places(ACCEPTED, changed, roots) if _late(each)]


def _late(root: Root) -> bool:
    return root.place in {Place.VAE, Place.CONVERSION, Place.PIXELS}
