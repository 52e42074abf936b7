from __future__ import annotations

import importlib.util
from collections.abc import Callable
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


def changed(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Save the cartoon's tensors as ``changed.safetensors``, once ``change`` was made to them."""
    from safetensors.torch import load_file, save_file

    save_file(change(load_file(folder / "cartoon.safetensors")), folder / "changed.safetensors")
    return {"source": "changed.safetensors"}


def remarks(folder: Path, *adapters: dict[str, Any]) -> tuple[str, ...]:
    return DiffusersBackend().generate(with_adapters(folder, *adapters)).remarks


def elsewhere(tensors: dict[str, Any]) -> dict[str, Any]:
    """Name layers that the model does not have, but for the first two, as peft names matrices."""
    peft = {
        key.replace("lora.down", "lora_A").replace("lora.up", "lora_B"): value
        for key, value in tensors.items()
    }
    return {
        key.replace("unet.", "unet.nowhere.") if number >= 4 else key: value
        for number, (key, value) in enumerate(sorted(peft.items()))
    }


def test_a_sound_adapter_is_not_remarked_upon(suite_folder: Path):
    assert remarks(suite_folder, CARTOON, SKETCH) == ()


def test_an_adapter_that_fits_in_part_says_how_much_of_it_is_ignored(suite_folder: Path):
    (said,) = remarks(suite_folder, changed(suite_folder, elsewhere))
    assert "changed.safetensors fits in part: diffusers loads 4 of its" in said
    assert "unet.nowhere." in said


def test_remarks_go_with_the_adapter(suite_folder: Path):
    backend = DiffusersBackend()
    odd = with_adapters(suite_folder, changed(suite_folder, elsewhere))
    assert backend.generate(odd).remarks == backend.generate(odd).remarks != ()
    assert backend.generate(one_case(suite_folder, "sd")).remarks == ()


def test_an_adapter_that_lacks_matrices_is_refused(suite_folder: Path):
    def without_some(tensors: dict[str, Any]) -> dict[str, Any]:
        seconds = sorted(key for key in tensors if "lora_B" in key or "lora.up" in key)
        return {key: value for key, value in tensors.items() if key not in seconds[:2]}

    with pytest.raises(GoldenseedError, match=r"changed\.safetensors: lacks 2 of the \d+ matrices"):
        remarks(suite_folder, changed(suite_folder, without_some))


def test_an_adapter_with_nan_is_refused_by_its_name(suite_folder: Path):
    def broken(tensors: dict[str, Any]) -> dict[str, Any]:
        key = min(tensors)
        tensors[key][0, 0] = float("nan")
        return tensors

    with pytest.raises(GoldenseedError, match=r"changed\.safetensors: holds NaN .* in 1 of"):
        remarks(suite_folder, changed(suite_folder, broken))


def test_an_adapter_that_changes_no_bit_is_said_to(suite_folder: Path):
    def untrained(tensors: dict[str, Any]) -> dict[str, Any]:
        return {k: v * 0 if "lora_B" in k or "lora.up" in k else v for k, v in tensors.items()}

    (said,) = remarks(suite_folder, changed(suite_folder, untrained))
    assert said.endswith("it changes no bit")
    (said,) = remarks(suite_folder, {**CARTOON, "scale": 0})
    assert said.endswith("has the scale 0: it changes no bit")


def test_an_adapter_listed_twice_is_said_to_be(suite_folder: Path):
    (said,) = remarks(suite_folder, CARTOON, {**CARTOON, "source": "./cartoon.safetensors"})
    assert "listed more than once" in said
