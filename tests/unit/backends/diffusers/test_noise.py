"""The noise a case asks for is the noise its pipeline uses, or there is an error."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_suites import one_case

from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.backends.diffusers.calling import PipelineCall
from goldenseed.backends.diffusers.noise import generator_for, noise_of, slerp
from goldenseed.backends.diffusers.portable_normals import portable_normals
from goldenseed.backends.protocol import GenerationError
from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.loading import load_suite

LATENTS = (1, 4, 16, 16)


def pixels(case: Any) -> bytes:
    return DiffusersBackend().generate(case).image.tobytes()


def by_hand(folder: Path, latents: np.ndarray[Any, Any]) -> bytes:
    """The image a pipeline makes of latents that it is given, in its own documented way."""
    from diffusers import DiffusionPipeline

    from goldenseed.environment.determinism import settings
    from goldenseed.suite.model import Determinism

    pipeline = DiffusionPipeline.from_pretrained(folder)
    given = torch.from_numpy(latents).to(torch.float32)
    if "Flux" in type(pipeline).__name__:
        given = pipeline._pack_latents(given, *given.shape)
    with settings(Determinism()):
        output = pipeline("a red ball", latents=given, num_inference_steps=2, height=32, width=32)
    return output.images[0].tobytes()


@pytest.mark.parametrize("kind", ["sd", "sdxl", "flux"])
def test_portable_noise_is_what_the_pipeline_starts_from(models: Path, tmp_path: Path, kind: str):
    shutil.copytree(models / kind, tmp_path / kind)
    case = one_case(tmp_path, kind, noise="portable")
    assert pixels(case) == by_hand(models / kind, portable_normals(7, 0, LATENTS))


@pytest.mark.parametrize("kind", ["sd", "sdxl", "flux"])
@pytest.mark.parametrize("name", ["noise.npy", "noise.safetensors"])
def test_stored_noise_is_what_the_pipeline_starts_from(
    models: Path, tmp_path: Path, kind: str, name: str
):
    shutil.copytree(models / kind, tmp_path / kind)
    values = store(tmp_path / name)
    case = one_case(tmp_path, kind, noise={"file": name})
    assert pixels(case) == by_hand(models / kind, values)


def store(path: Path, shape: tuple[int, ...] = LATENTS) -> np.ndarray[Any, Any]:
    from safetensors.numpy import save_file

    values = np.random.default_rng(3).standard_normal(shape, dtype=np.float32)
    if path.suffix == ".npy":
        np.save(path, values)
    else:
        save_file({"latents": values}, path)
    return values


@pytest.mark.parametrize("noise", ["cpu", "device"])
def test_on_a_cpu_the_device_draws_as_the_cpu_does(sd: Path, tmp_path: Path, noise: str):
    assert pixels(one_case(tmp_path, "sd", noise=noise)) == pixels(one_case(tmp_path, "sd"))


def test_the_generator_is_on_the_device_only_where_the_case_says_so(sd: Path, tmp_path: Path):
    places = [
        generator_for(one_case(tmp_path, "sd", noise=noise), "meta" if noise == "cpu" else "cpu")
        for noise in ("cpu", "device")
    ]
    assert [str(each.device) for each in places] == ["cpu", "cpu"]
    with pytest.raises(RuntimeError):
        generator_for(one_case(tmp_path, "sd", noise="device"), "meta")


@pytest.mark.parametrize(
    ("kind", "scheduler"),
    [("sd", None), ("flux", None), ("sd", "EulerAncestralDiscreteScheduler")],
)
def test_at_its_ends_noise_between_two_seeds_is_theirs(
    models: Path, tmp_path: Path, kind: str, scheduler: str | None
):
    shutil.copytree(models / kind, tmp_path / kind)
    model = {"scheduler": {"class": scheduler}} if scheduler else {}

    def made(**changes: Any) -> bytes:
        return pixels(one_case(tmp_path, kind, model=model, **changes))

    ends = [made(seeds=[seed]) for seed in (3, 7)]
    assert [made(noise={"between": [3, 7], "at": at}) for at in (0, 1)] == ends
    halfway = made(noise={"between": [3, 7], "at": 0.5})
    assert halfway not in ends
    assert halfway == made(noise={"between": [3, 7], "at": 0.5})


def test_noise_between_two_seeds_is_no_weaker_than_theirs():
    one, two = np.random.default_rng(0).standard_normal((2, 4, 64, 64))
    for at in (0.25, 0.5, 0.9):
        assert slerp(one, two, at).std() == pytest.approx(1, abs=0.01)
    assert slerp(one, two, 0) is one
    assert slerp(one, two, 1) is two
    assert np.allclose(slerp(one, 2 * one, 0.5), 1.5 * one)
    assert np.isfinite(slerp(one, -one, 0.5)).all()
    assert np.isfinite(slerp(0 * one, two, 0.5)).all()


def test_portable_noise_lies_between_two_seeds_too(sd: Path, tmp_path: Path):
    between = {"between": [3, 7], "at": 0}
    path = tmp_path / "portable.suite.yaml"
    case_section = {"id": "ball", "prompt": "a red ball", "seeds": [7], "noise": between}
    suite = {"suite": "p", "model": {"source": "sd"}, "determinism": "portable"}
    path.write_text(json.dumps({**suite, "cases": [case_section]}))
    (case,) = load_suite(path).cases
    with noise_of(case):
        from diffusers.utils.torch_utils import randn_tensor

        first = randn_tensor((2, 3), dtype=torch.float64)
    assert first.tolist() == portable_normals(3, 0, (2, 3)).tolist()


@pytest.mark.parametrize("noise", ["portable", {"file": "noise.npy"}])
def test_ancestral_noise_is_portable_too(sd: Path, tmp_path: Path, noise: Any):
    store(tmp_path / "noise.npy")
    scheduler = {"class": "EulerAncestralDiscreteScheduler"}
    case = one_case(tmp_path, "sd", noise=noise, model={"scheduler": scheduler})
    torch.manual_seed(1)
    with noise_of(case) as draws:
        from diffusers.schedulers import scheduling_euler_ancestral_discrete as module
        from diffusers.utils import torch_utils

        torch_utils.randn_tensor(LATENTS)
        second = module.randn_tensor((2, 3), dtype=torch.float64)
    assert draws is not None
    assert draws.shapes == [LATENTS, (2, 3)]
    assert second.tolist() == portable_normals(7, 1, (2, 3)).tolist()


def test_afterwards_diffusers_draws_as_before(sd: Path, tmp_path: Path):
    from diffusers.pipelines.stable_diffusion import pipeline_stable_diffusion as module
    from diffusers.utils.torch_utils import randn_tensor

    case = one_case(tmp_path, "sd", noise="portable")
    with noise_of(case):
        assert module.randn_tensor((1,)).item() == np.float32(portable_normals(7, 0, (1,)).item())
    assert module.randn_tensor is randn_tensor
    with pytest.raises(ZeroDivisionError), noise_of(case):
        _ = 1 / 0
    assert module.randn_tensor is randn_tensor


def test_a_module_imported_meanwhile_draws_as_before_too(
    sd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import importlib
    import sys

    from diffusers.utils.torch_utils import randn_tensor

    name = "diffusers.schedulers.scheduling_tcd"
    importlib.import_module(name)
    with noise_of(one_case(tmp_path, "sd", noise="portable")):
        monkeypatch.delitem(sys.modules, name)
        module = importlib.import_module(name)
        module.randn_tensor((1,))
    assert module.randn_tensor is randn_tensor


def test_the_dtype_that_is_asked_for_is_what_the_values_are_rounded_to(sd: Path, tmp_path: Path):
    from diffusers.utils import torch_utils

    with noise_of(one_case(tmp_path, "sd", noise="portable")):
        drawn = torch_utils.randn_tensor((4,), dtype=torch.float16, device="cpu")
    expected = portable_normals(7, 0, (4,)).astype(np.float16)
    assert drawn.numpy().tolist() == expected.tolist()


class DrawsAlone:
    """A pipeline written by hand that draws without diffusers' help."""

    def __call__(self, prompt: str, *, num_inference_steps: int, height: int, width: int) -> Any:
        from types import SimpleNamespace

        return SimpleNamespace(images=np.ones((1, height, width, 3), dtype=np.float32))


def test_noise_that_the_pipeline_does_not_take_is_an_error(sd: Path, tmp_path: Path):
    case = one_case(tmp_path, "sd", noise="portable")
    with pytest.raises(GenerationError, match="did not take the noise") as caught:
        PipelineCall(DrawsAlone()).generate(case)
    assert (caught.value.path, caught.value.line) == (case.suite.path, case.line)


def test_noise_of_another_shape_is_an_error_that_says_both(sd: Path, tmp_path: Path):
    store(tmp_path / "noise.npy", (1, 4, 8, 8))
    case = one_case(tmp_path, "sd", noise={"file": "noise.npy"})
    with pytest.raises(GoldenseedError, match=r"\(1, 4, 8, 8\), and the pipeline draws \(1, 4, 16"):
        pixels(case)


def test_noise_that_changed_since_the_suite_was_read_is_an_error(sd: Path, tmp_path: Path):
    store(tmp_path / "noise.npy")
    case = one_case(tmp_path, "sd", noise={"file": "noise.npy"})
    store(tmp_path / "noise.npy", (1, 4, 8, 8))
    with pytest.raises(GoldenseedError, match=r"noise\.npy: changed after"):
        pixels(case)


def bad_noise(path: Path, kind: str) -> None:
    from safetensors.numpy import save_file

    finite = np.zeros(LATENTS, dtype=np.float32)
    if kind == "objects":
        np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    elif kind == "integers":
        np.save(path, finite.astype(np.int64))
    elif kind == "nan":
        np.save(path, finite * np.nan)
    elif kind == "two":
        save_file({"a": finite, "b": finite}, path)
    else:
        path.write_bytes(kind.encode())


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("a.npy", "garbage", r"cannot be read as \.npy"),
        ("a.npy", "", r"cannot be read as \.npy"),
        ("a.npy", "objects", r"cannot be read as \.npy"),
        ("a.npy", "integers", "int64 values"),
        ("a.npy", "nan", "holds NaN or infinite values"),
        ("a.safetensors", "garbage", r"cannot be read as \.safetensors"),
        ("a.safetensors", "two", "holds 2 tensors"),
    ],
)
def test_a_file_that_holds_no_noise_is_an_error_that_names_it(
    sd: Path, tmp_path: Path, name: str, kind: str, message: str
):
    bad_noise(tmp_path / name, kind)
    with pytest.raises(GoldenseedError, match=message) as caught:
        pixels(one_case(tmp_path, "sd", noise={"file": name}))
    assert caught.value.path == tmp_path / name
