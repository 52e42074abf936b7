"""The attention processor a suite names computes its images, and nothing else's."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from diffusers.models import attention_processor as diffusers_processors
from tiny_suites import CALL, one_case

from goldenseed.backends.diffusers.attention import FAMILIES
from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.loading import load_suite


def case_with(folder: Path, kind: str, processor: str | None) -> Any:
    path = one_case(folder, kind).suite.path
    document = json.loads(path.read_text())
    if processor is not None:
        document["determinism"] = {"attention_processor": processor}
    path = folder / f"{processor}.suite.yaml"
    path.write_text(json.dumps(document))
    return load_suite(path).cases[0]


def pixels_of_diffusers(model: Path, processor: Any) -> np.ndarray[Any, Any]:
    """Make the case's image with nothing but diffusers."""
    pipeline = StableDiffusionPipeline.from_pretrained(model)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.unet.set_attn_processor(processor)
    pipeline.vae.set_attn_processor(processor)
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        generator = torch.Generator("cpu").manual_seed(7)
        return np.array(pipeline("a red ball", generator=generator, **CALL).images[0])


def processors(backend: DiffusersBackend) -> dict[str, Any]:
    found = backend.fingerprint()
    return {name: found[f"attention.{name}.processors"] for name in ("unet", "vae")}


def test_the_pixels_are_those_of_diffusers_with_this_processor(sd: Path, tmp_path: Path):
    backend = DiffusersBackend(device="cpu")
    calls = []
    own = diffusers_processors.AttnProcessor.__call__

    def counted(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        return own(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diffusers_processors.AttnProcessor, "__call__", counted)
        made = backend.generate(case_with(tmp_path, "sd", "AttnProcessor"))
    # Two steps of a UNet with and without the prompt, and the one attention of the VAE's decoder.
    layers = len(backend._loaded.pipeline.unet.attn_processors)
    assert len(calls) == 2 * layers + 1
    expected = pixels_of_diffusers(sd, diffusers_processors.AttnProcessor())
    assert np.array_equal(np.array(made.image), expected)


def test_the_record_names_it_and_the_next_case_has_the_models_own(sd: Path, tmp_path: Path):
    backend = DiffusersBackend(device="cpu")
    plain, other = (case_with(tmp_path, "sd", name) for name in (None, "AttnProcessor"))
    backend.load(plain)
    own = processors(backend)
    first = np.array(backend.generate(plain).image)
    backend.generate(other)
    assert {str(value).split(" ")[0] for value in processors(backend).values()} == {"AttnProcessor"}
    assert np.array_equal(np.array(backend.generate(plain).image), first)
    assert processors(backend) == own != {}
    assert "AttnProcessor2_0" in str(own["unet"])


def test_processors_that_take_a_back_end_are_not_replaced(models: Path, tmp_path: Path):
    shutil.copytree(models / "flux", tmp_path / "flux")
    with pytest.raises(GoldenseedError, match="transformer has FluxAttnProcessor") as caught:
        DiffusersBackend(device="cpu").generate(case_with(tmp_path, "flux", "AttnProcessor"))
    assert "attention_backend" in (caught.value.fix or "")


def test_processors_with_weights_of_their_own_are_not_replaced(sd: Path, tmp_path: Path):
    def as_an_ip_adapter_does(pipeline: Any) -> None:
        module = next(each for each in pipeline.unet.modules() if hasattr(each, "set_processor"))
        module.set_processor(diffusers_processors.IPAdapterAttnProcessor2_0(16, 32))

    backend = DiffusersBackend(device="cpu", prepare=as_an_ip_adapter_does)
    with pytest.raises(GoldenseedError, match="unet has AttnProcessor2_0, IPAdapterAttnProcessor"):
        backend.generate(case_with(tmp_path, "sd", "AttnProcessor"))


@pytest.mark.skipif(importlib.util.find_spec("xformers") is not None, reason="xformers is there")
def test_a_processor_whose_package_is_missing_is_an_error_that_names_it(sd: Path, tmp_path: Path):
    with pytest.raises(GoldenseedError, match="needs the package xformers"):
        DiffusersBackend(device="cpu").generate(case_with(tmp_path, "sd", "XFormersAttnProcessor"))


def test_a_slip_is_found_when_the_suite_is_read(sd: Path, tmp_path: Path):
    with pytest.raises(GoldenseedError, match="AttnProcesor") as caught:
        case_with(tmp_path, "sd", "AttnProcesor")
    assert "AttnProcessor" in str(caught.value.fix or caught.value)


def test_the_names_are_classes_of_this_diffusers_and_those_of_the_schema():
    from goldenseed.suite.schema import AttentionProcessor

    names = [name for family in FAMILIES for name in family]
    assert set(names) == set(AttentionProcessor.__args__)
    assert [name for name in names if not hasattr(diffusers_processors, name)] == []
