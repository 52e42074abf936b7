"""The exact image of a case: its own weights and noise, without the rounding of its arithmetic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_suites import one_case

import tiny_pipelines
from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.backends.diffusers.portable import float64_only
from goldenseed.backends.protocol import GenerationError
from goldenseed.suite.cases import Case
from goldenseed.trace.distances import aligned
from goldenseed.trace.sketch import relative_distance
from goldenseed.trace.stages import Stage, Trace


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("exact")
    tiny_pipelines.tiny_stable_diffusion(found / "sd")
    return found


def traces(case: Case) -> tuple[Trace, Trace]:
    """Return the trace of a case's image and that of its exact image."""
    plain, exact = DiffusersBackend(device="cpu"), DiffusersBackend(device="cpu", exact=True)
    return plain.generate(case).trace, exact.generate(case).trace


def distances(a: Trace, b: Trace) -> dict[Stage, float]:
    pairs = [(x, y) for x, y in aligned(a, b) if x and y and x.sketch]
    found: dict[Stage, float] = {}
    for x, y in pairs:
        assert x is not None
        assert y is not None
        found[x.stage] = max(found.get(x.stage, 0.0), relative_distance(x, y) or 0.0)
    return found


@pytest.mark.parametrize("noise", ["cpu", "portable"])
@pytest.mark.parametrize("scheduler", ["DDIMScheduler", "EulerAncestralDiscreteScheduler"])
def test_it_differs_by_nothing_but_rounding(folder: Path, scheduler: str, noise: str):
    model = {"source": "sd", "scheduler": {"class": scheduler}}
    case = one_case(folder, model, noise=noise)
    plain, exact = traces(case)
    dtypes = {each.dtype for each in exact if each.sketch}
    assert dtypes == {"float64"}
    assert [each.sha256 for each in exact if each.stage is Stage.TOKEN_IDS] == [
        each.sha256 for each in plain if each.stage is Stage.TOKEN_IDS
    ]
    found = distances(plain, exact)
    # Sketches of float32 values are kept in float32.
    assert found[Stage.INITIAL_NOISE] < 1e-7
    assert found.get(Stage.LATER_NOISE, 0.0) < 1e-7
    assert 0 < found[Stage.LATENTS_BEFORE_VAE] < 1e-5
    assert 0 < found[Stage.FLOAT_IMAGE] < 1e-5


def test_it_is_that_of_the_weights_in_the_case_s_own_dtype(folder: Path):
    half = one_case(folder, {"source": "sd", "dtype": "bfloat16"})
    wide = one_case(folder, "sd")
    exact = [
        DiffusersBackend(device="cpu", exact=True).generate(each).trace for each in (half, wide)
    ]
    rounded = distances(*exact)
    assert 1e-4 < rounded[Stage.PROMPT_EMBEDDINGS] < 1e-1
    plain = DiffusersBackend(device="cpu").generate(half).trace
    assert distances(plain, exact[0])[Stage.INITIAL_NOISE] < 1e-7
    assert 0 < distances(plain, exact[0])[Stage.LATENTS_BEFORE_VAE] < 0.1


def test_what_cannot_be_computed_in_float64_is_refused_by_name(folder: Path):
    def draws_by_itself(pipeline: Any) -> None:
        step = type(pipeline.scheduler).step

        class Restless(type(pipeline.scheduler)):  # type: ignore[misc]
            def step(self, output: Any, *args: Any, **kwargs: Any) -> Any:
                return step(self, output + torch.randn(output.shape), *args, **kwargs)

        Restless.__name__ = type(pipeline.scheduler).__name__
        pipeline.scheduler.__class__ = Restless

    backend = DiffusersBackend(device="cpu", exact=True, prepare=draws_by_itself)
    with pytest.raises(GenerationError, match=r"exact image is computed in float64, but .*randn"):
        backend.generate(one_case(folder, "sd"))


def test_a_few_operations_can_be_left_out():
    with float64_only() as float64:
        with float64.left_out():
            narrow = torch.ones(2, dtype=torch.float32)
            assert narrow.dtype is torch.float32
            made = narrow.to(torch.float64)
        assert torch.ones(2, dtype=torch.float32).dtype is torch.float64
        assert (made + 1).dtype is torch.float64
