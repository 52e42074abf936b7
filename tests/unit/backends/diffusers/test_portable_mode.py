"""Float64 throughout, and whatever would not be is refused with its name."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny_suites import one_case

import tiny_pipelines
from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.backends.diffusers.portable import check_float64, float64_only
from goldenseed.backends.protocol import GenerationError

NARROW = [torch.float16, torch.bfloat16, torch.float32]


@pytest.mark.parametrize("narrow", NARROW)
def test_whatever_is_made_or_cast_is_float64(narrow: torch.dtype):
    with float64_only():
        whole = torch.arange(4)
        made = [
            torch.linspace(0, 1, 3, dtype=narrow),
            torch.zeros(2, dtype=narrow),
            torch.tensor([0.1], dtype=narrow),
            torch.as_tensor([0.1], dtype=narrow),
            whole.to(narrow),
            whole.type(narrow),
            whole.to(device="cpu", dtype=narrow),
            whole.float(),
            whole.half(),
            whole.double().sum(dtype=narrow),
            torch.nn.functional.softmax(whole, dim=0, dtype=narrow),
            torch.ones(1),
            torch.tensor(0.1),
            torch.from_numpy(np.ones(1, dtype=np.float32)),
        ]
    assert {each.dtype for each in made} == {torch.float64}


def test_numbers_written_in_python_are_not_rounded_on_the_way():
    with float64_only():
        assert torch.tensor([0.1], dtype=torch.float32).item() == 0.1
        assert torch.full((), 0.1, dtype=torch.float32).item() == 0.1


def test_complex_numbers_are_of_two_float64():
    with float64_only():
        ones = torch.ones(2, dtype=torch.float32)
        assert torch.polar(ones, ones).dtype == torch.complex128
        assert ones.to(torch.complex64).dtype == torch.complex128


def test_bytes_are_reinterpreted_as_what_they_are():
    stored = torch.tensor([1.5, -2.0]).view(torch.uint8)
    with float64_only(loading=True):
        assert stored.view(torch.float32).tolist() == [1.5, -2.0]


def test_the_numpy_of_diffusers_has_no_narrow_types_meanwhile():
    from diffusers.schedulers import scheduling_ddim as module

    with float64_only():
        assert module.np.linspace(0, 1, 3, dtype=module.np.float32).dtype == np.float64
        assert isinstance(np.zeros(1), module.np.ndarray)
    assert module.np is np


def test_everything_is_afterwards_as_it_was():
    with pytest.raises(ZeroDivisionError), float64_only():
        _ = 1 / 0
    assert torch.get_default_dtype() == torch.float32
    assert torch.tensor(0.1).dtype == torch.arange(3).float().dtype == torch.float32


def test_a_narrow_tensor_from_elsewhere_is_refused_with_the_operation():
    outside = torch.ones(2, 3)
    message = r"aten\.mul.* meets torch\.float32 .*\(2, 3\)"
    with pytest.raises(GenerationError, match=message), float64_only():
        _ = outside * 2
    with pytest.raises(GenerationError, match=r"aten\.cat"), float64_only():
        torch.cat([outside, outside])


@pytest.mark.parametrize("draw", ["randn", "rand", "randperm"])
def test_torchs_own_generator_is_refused(draw: str):
    with pytest.raises(GenerationError, match="draws from torch's own generator"), float64_only():
        getattr(torch, draw)(3)


def test_attention_draws_nothing_and_is_let_through():
    with float64_only():
        query = torch.ones(1, 1, 4, 8)
        assert torch.nn.functional.scaled_dot_product_attention(query, query, query).sum() == 32


@pytest.mark.parametrize("kind", ["sd", "sdxl", "flux"])
def test_weights_are_the_stored_ones_widened_and_nothing_is_narrow(
    models: Path, tmp_path: Path, kind: str
):
    shutil.copytree(models / kind, tmp_path / kind)
    backend = DiffusersBackend()
    backend.load(portable_case(tmp_path, kind))
    pipeline = backend._loaded.pipeline
    stored = load_file(tmp_path / kind / "vae" / "diffusion_pytorch_model.safetensors")
    for name, parameter in pipeline.vae.named_parameters():
        assert torch.equal(parameter, stored[name].double()), name
    schedule = pipeline.scheduler
    tables = [value for value in vars(schedule).values() if isinstance(value, torch.Tensor)]
    assert {table.dtype for table in tables} <= {torch.float64, torch.int64}


def portable_case(folder: Path, kind: str, **more: Any) -> Any:
    import json

    case = one_case(folder, kind, **more)
    document = json.loads(case.suite.path.read_text())
    case.suite.path.write_text(json.dumps({**document, "determinism": "portable"}))
    from goldenseed.suite.loading import load_suite

    return load_suite(case.suite.path).cases[0]


def test_the_tables_of_a_scheduler_are_computed_in_float64(sd: Path, tmp_path: Path):
    backend = DiffusersBackend()
    case = portable_case(tmp_path, "sd", model={"scheduler": {"class": "DDPMScheduler"}})
    backend.generate(case)
    found = backend._loaded.pipeline.scheduler.alphas_cumprod.numpy()
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    assert np.allclose(found, np.cumprod(1 - betas), rtol=1e-13, atol=0)


def test_an_adapter_is_widened_as_the_model_is(sd: Path, tmp_path: Path):
    tiny_pipelines.tiny_lora(tmp_path / "lora.safetensors", sd)
    adapters = [{"source": "lora.safetensors"}]
    exact, single, without = (
        np.asarray(DiffusersBackend().generate(case).image, dtype=int)
        for case in (
            portable_case(tmp_path, "sd", model={"adapters": adapters}),
            one_case(tmp_path, "sd", noise="portable", model={"adapters": adapters}),
            one_case(tmp_path, "sd", noise="portable"),
        )
    )
    assert np.abs(exact - single).max() <= 1 < np.abs(exact - without).max()


def test_float32_and_portable_suites_of_one_model_do_not_share_it(sd: Path, tmp_path: Path):
    backend = DiffusersBackend()
    wide = one_case(tmp_path, {"source": "sd", "dtype": "float64"})
    assert backend.load(wide) > 0
    assert backend.load(portable_case(tmp_path, "sd")) > 0


def test_a_pipeline_with_a_narrow_weight_is_refused_with_its_name():
    narrow = torch.nn.Linear(2, 2).double()
    narrow.register_buffer("scale", torch.ones(1, dtype=torch.float32))
    pipeline = SimpleNamespace(components={"vae": narrow, "tokenizer": object(), "none": None})
    with pytest.raises(GenerationError, match=r"vae\.scale \(float32\)"):
        check_float64(pipeline)


def test_a_portable_image_is_near_the_float32_one(sd: Path, tmp_path: Path):
    backend = DiffusersBackend()
    exact = backend.generate(portable_case(tmp_path, "sd")).image
    single = backend.generate(one_case(tmp_path, "sd", noise="portable")).image
    difference = np.asarray(exact, dtype=int) - np.asarray(single, dtype=int)
    assert np.abs(difference).max() <= 1
