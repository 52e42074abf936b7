"""The back end on a device that is no CPU: one of two, full memory, no float64, nothing left."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_suites import one_case

import accelerator_double
from accelerator_double import needs_double
from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.backends.diffusers.digests import CHUNK_BYTES, tensor_sha256
from goldenseed.backends.diffusers.failures import OutOfMemoryError
from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.profile import profile_slug


@pytest.fixture
def case(sd: Path, tmp_path: Path) -> Any:
    return one_case(tmp_path, "sd")


@needs_double
def test_the_suites_own_device_is_used_whichever_is_the_current_one(sd: Path, tmp_path: Path):
    case = one_case(tmp_path, {"source": "sd", "device": "twin:1"})
    with accelerator_double.in_use(current=0):
        backend = DiffusersBackend()
        made = backend.generate(case)
        here = backend.fingerprint()
        parts = backend._loaded.pipeline.components.values()  # type: ignore[union-attr]
        devices = {
            str(p.device)
            for part in parts
            if hasattr(part, "parameters")
            for p in part.parameters()
        }
        assert devices == {"twin:1"}
        backend.close()
    on_cpu = DiffusersBackend(device="cpu")
    same = on_cpu.generate(one_case(tmp_path, "sd"))
    there = on_cpu.fingerprint()
    assert made.image.size == same.image.size
    weights = [key for key in there if key.startswith("model.") and key.endswith(".sha256")]
    assert {key: here[key] for key in weights} == {key: there[key] for key in weights}
    assert here["device.type"] == "twin"
    assert here["torch.fill_uninitialized_memory"] is False
    assert there["torch.fill_uninitialized_memory"] is True
    assert here["torch.sdp.flash"], "torch's own choice among the repeatable ones"
    assert not here["torch.sdp.cudnn"]
    assert not there["torch.sdp.flash"]
    slug = profile_slug(here, noise=case.noise.kind)
    assert slug.startswith("twin-")
    assert slug.endswith(profile_slug(there).removeprefix("cpu-")), "the CPU draws the noise"


@needs_double
def test_every_shape_of_attention_is_told_with_its_kernel_on_a_gpu(case: Any):
    from goldenseed.backends.diffusers.in_force import differing

    with accelerator_double.in_use():
        backend = DiffusersBackend(device="twin:0")
        told = differing(backend.generate(case).in_force, backend.fingerprint())
        backend.close()
    kernels = {key: value for key, value in told.items() if ".kernel." in key}
    assert kernels, "at least the denoiser's"
    assert all(key.startswith("attention.") for key in kernels)


@needs_double
def test_after_full_memory_the_model_is_gone_and_the_next_case_runs(
    case: Any, monkeypatch: pytest.MonkeyPatch
):
    with accelerator_double.in_use() as double:
        twin = torch.get_device_module("twin")  # CUDA and XPU count, the double does not
        peak = 3 * 2**29
        monkeypatch.setattr(twin, "max_memory_allocated", lambda _: peak, raising=False)
        backend = DiffusersBackend(device="twin:0")
        backend.load(case)
        pipeline = weakref.ref(backend._loaded.pipeline)  # type: ignore[union-attr]
        double.fails_at = double.operations + 1500
        with pytest.raises(OutOfMemoryError) as caught:
            backend.generate(case)
        assert double.fallen
        assert pipeline() is None, "the model is still in memory"
        assert "twin:0 has too little memory: twin out of memory in" in caught.value.what
        assert "the peak was 1.50 GiB" in caught.value.what
        assert caught.value.path == case.suite.path
        assert caught.value.line == case.line
        assert "`model.dtype: bfloat16`" in str(caught.value.fix)
        assert "`call.height`" in str(caught.value.fix)
        assert backend.generate(case).load_seconds > 0
        backend.close()


@needs_double
def test_a_model_that_does_not_fit_is_not_loaded_by_halves(case: Any):
    with accelerator_double.in_use() as double:
        backend = DiffusersBackend(device="twin:0")
        before = _pipelines()
        double.fails_at = 40
        with pytest.raises(OutOfMemoryError, match="twin:0 has too little memory") as caught:
            backend.load(case)
        assert double.fallen
        assert "diffusers" not in caught.value.what
        del caught
        gc.collect()
        assert _pipelines() <= before
        with pytest.raises(OutOfMemoryError):
            backend.load(case)


def _pipelines() -> set[int]:
    found = (each for each in gc.get_objects() if type(each).__name__.endswith("Pipeline"))
    return {id(each) for each in found}


@needs_double
def test_a_device_without_float64_is_an_error_before_the_model_is_loaded(sd: Path, tmp_path: Path):
    case = one_case(tmp_path, {"source": "sd", "dtype": "float64", "device": "twin"})
    with (
        accelerator_double.in_use(float64=False),
        pytest.raises(GoldenseedError, match="twin:0 has no float64"),
    ):
        DiffusersBackend().surroundings(case)


@needs_double
@pytest.mark.parametrize("count", [1, 5, CHUNK_BYTES // 4 + 3])
def test_weights_have_the_digest_they_have_on_the_cpu(count: int):
    values = torch.arange(count, dtype=torch.float32)
    with accelerator_double.in_use():
        assert tensor_sha256(values.to("twin:1")) == tensor_sha256(values)
