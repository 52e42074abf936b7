from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from tiny_suites import CALL, one_case

import tiny_pipelines
from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.determinism import settings

CARTOON = {"source": "cartoon.safetensors", "scale": 0.8}
SKETCH = {"source": "sketch.safetensors", "scale": 0.5}


@pytest.fixture
def suite_folder(sd: Path, tmp_path: Path) -> Path:
    tiny_pipelines.tiny_lora(tmp_path / "cartoon.safetensors", sd, seed=1)
    tiny_pipelines.tiny_lora(tmp_path / "sketch.safetensors", sd, seed=2)
    return tmp_path


def with_adapters(folder: Path, *adapters: dict[str, Any]) -> Any:
    return one_case(folder, "sd", model={"adapters": list(adapters)})


def pixels(backend: DiffusersBackend, case: Any) -> bytes:
    return backend.generate(case).image.tobytes()


def test_an_adapter_acts_as_diffusers_applies_it_by_hand(suite_folder: Path):
    import torch
    from diffusers import DiffusionPipeline

    pipeline = DiffusionPipeline.from_pretrained(suite_folder / "sd")
    pipeline.load_lora_weights(
        str(suite_folder), weight_name="cartoon.safetensors", adapter_name="a"
    )
    pipeline.set_adapters(["a"], adapter_weights=[0.8])
    case = with_adapters(suite_folder, CARTOON)
    with settings(case.suite.determinism):
        generator = torch.Generator().manual_seed(7)
        expected = pipeline("a red ball", generator=generator, **CALL).images[0]
    assert pixels(DiffusersBackend(), case) == expected.tobytes()


def test_an_adapter_leaves_no_trace_in_the_next_case(suite_folder: Path):
    plain = one_case(suite_folder, "sd")
    backend = DiffusersBackend()
    before = pixels(backend, plain)
    worn = pixels(backend, with_adapters(suite_folder, CARTOON))
    assert pixels(backend, plain) == before
    assert worn != before


def test_adapters_act_the_same_whichever_was_on_before(suite_folder: Path):
    backend = DiffusersBackend()
    both = pixels(DiffusersBackend(), with_adapters(suite_folder, CARTOON, SKETCH))
    backend.generate(with_adapters(suite_folder, SKETCH))
    assert pixels(backend, with_adapters(suite_folder, CARTOON, SKETCH)) == both


def test_the_scale_counts(suite_folder: Path):
    backend = DiffusersBackend()
    weak = pixels(backend, with_adapters(suite_folder, {**CARTOON, "scale": 0.1}))
    assert pixels(backend, with_adapters(suite_folder, CARTOON)) != weak


def test_an_adapter_for_another_model_is_an_error_and_leaves_no_trace(suite_folder: Path):
    from safetensors.torch import load_file, save_file

    tensors = load_file(suite_folder / "cartoon.safetensors")
    foreign = {name.replace("unet.", "transformer."): each for name, each in tensors.items()}
    save_file(foreign, suite_folder / "foreign.safetensors")
    backend = DiffusersBackend()
    before = pixels(backend, one_case(suite_folder, "sd"))
    with pytest.raises(GoldenseedError, match=r"foreign\.safetensors"):
        backend.generate(with_adapters(suite_folder, {"source": "foreign.safetensors"}))
    assert pixels(backend, one_case(suite_folder, "sd")) == before


def test_a_truncated_adapter_is_an_error_that_names_it(suite_folder: Path):
    adapter = suite_folder / "cartoon.safetensors"
    adapter.write_bytes(adapter.read_bytes()[:-10])
    with pytest.raises(GoldenseedError, match=r"cartoon\.safetensors: is truncated or corrupt"):
        DiffusersBackend().generate(with_adapters(suite_folder, CARTOON))


def test_without_peft_the_error_says_to_install_it(
    suite_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "peft" else found(name, *rest),
    )
    with pytest.raises(GoldenseedError, match="pip install peft"):
        DiffusersBackend().generate(with_adapters(suite_folder, CARTOON))
