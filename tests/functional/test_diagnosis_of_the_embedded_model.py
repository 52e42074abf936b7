"""The diagnosis of the embedded model's images: what was done to it is named first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.diagnosis.divergence import ADDS_UP
from goldenseed.diagnosis.explain import Side, Sides, explain
from goldenseed.diagnosis.model import Cause, Diagnosis, GrowthKind
from goldenseed.suite.cases import Case
from goldenseed.suite.loading import load_suite
from goldenseed.suite.recipes import recipe_of

SUITE = Path(__file__).parents[2] / "suites" / "shapes.suite.yaml"


def side(case: Case, prepare: Callable[[Any], None] | None = None) -> Side:
    backend = DiffusersBackend(device="cpu", prepare=prepare)
    made = backend.generate(case)
    return Side(backend.fingerprint(), recipe_of(case), made.trace)


@pytest.fixture(scope="module")
def case() -> Case:
    return load_suite(SUITE).cases[0]


@pytest.fixture(scope="module")
def accepted(case: Case) -> Side:
    return side(case)


def noisy(pipeline: Any) -> None:
    import torch

    random = torch.Generator().manual_seed(1)
    for weight in pipeline.unet.parameters():
        weight.data *= 1 + 1e-3 * torch.randn(weight.shape, generator=random)


def euler(pipeline: Any) -> None:
    from diffusers import EulerDiscreteScheduler

    pipeline.scheduler = EulerDiscreteScheduler.from_config(pipeline.scheduler.config)


def channels_last(pipeline: Any) -> None:
    import torch

    pipeline.unet.to(memory_format=torch.channels_last)


def without_the_fingerprint(found: Side, accepted: Side) -> Side:
    return replace(found, environment=accepted.environment)


def diagnosed(accepted: Side, present: Side) -> Diagnosis:
    found = explain(Sides(accepted, present))
    assert found.first_divergence
    return found


@pytest.mark.parametrize(
    ("prepare", "cause"),
    [(noisy, Cause.DENOISER), (euler, Cause.SCHEDULER), (channels_last, Cause.KERNELS)],
)
def test_a_changed_pipeline_is_named_by_what_was_changed(
    case: Case, accepted: Side, prepare: Callable[[Any], None], cause: Cause
):
    first = diagnosed(accepted, side(case, prepare)).causes[0]
    assert first.cause is cause
    assert first.confidence > 0.9


def test_weights_and_scheduler_are_known_without_their_fingerprints(case: Case, accepted: Side):
    for prepare, cause in ((noisy, Cause.DENOISER), (euler, Cause.SCHEDULER)):
        present = without_the_fingerprint(side(case, prepare), accepted)
        assert diagnosed(accepted, present).causes[0].cause is cause


def test_two_threads_are_the_cause_and_grow_as_rounding_does(case: Case, accepted: Side):
    two = replace(case.suite, determinism=replace(case.suite.determinism, threads=2))
    found = diagnosed(accepted, side(replace(case, suite=two)))
    assert found.causes[0].cause is Cause.CPU
    assert found.first_divergence
    assert found.first_divergence.growth
    assert found.first_divergence.growth.kind is GrowthKind.ROUNDING_LIKE


def test_a_change_of_the_weights_adds_up_from_step_to_step(case: Case, accepted: Side):
    found = diagnosed(accepted, side(case, noisy)).first_divergence
    assert found
    assert found.growth
    assert found.growth.kind is GrowthKind.ADDS_UP
    assert found.growth.steepest > ADDS_UP


def test_the_same_image_once_more_has_no_causes(case: Case, accepted: Side):
    assert explain(Sides(accepted, side(case))).causes == ()
