from __future__ import annotations

import gc
import shutil
import socket
import subprocess
import sys
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL.Image import Image
from tiny_suites import CALL, one_case

import tiny_pipelines
from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.backends.protocol import GenerationError
from goldenseed.core.elements import values_sha256
from goldenseed.core.errors import GoldenseedError
from goldenseed.trace.stages import Stage


def pixels(backend: DiffusersBackend, case: Any) -> bytes:
    return backend.generate(case).image.tobytes()


def by_hand(folder: Path, *, seed: int = 7, scheduler: Any = None, **call: Any) -> Image:
    """The image as the documentation of diffusers says to make it."""
    import torch
    from diffusers import DiffusionPipeline

    pipeline = DiffusionPipeline.from_pretrained(folder)
    if scheduler is not None:
        pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config)
    generator = torch.Generator("cpu").manual_seed(seed)
    return pipeline("a red ball", generator=generator, **{**CALL, **call}).images[0]


@pytest.mark.parametrize("kind", ["sd", "sdxl", "flux"])
def test_the_image_is_the_one_diffusers_makes_by_hand(models: Path, tmp_path: Path, kind: str):
    shutil.copytree(models / kind, tmp_path / kind)
    image = DiffusersBackend().generate(one_case(tmp_path, kind)).image
    assert image.tobytes() == by_hand(models / kind).tobytes()


def test_the_same_case_gives_the_same_image_whatever_came_before(sd: Path, tmp_path: Path):
    case = one_case(tmp_path, "sd")
    backend = DiffusersBackend()
    first = pixels(backend, case)
    backend.generate(one_case(tmp_path, "sd", seeds=[8]))
    backend.generate(
        one_case(tmp_path, "sd", model={"scheduler": {"class": "DPMSolverMultistepScheduler"}})
    )
    assert pixels(backend, case) == first


def test_another_seed_gives_another_image(sd: Path, tmp_path: Path):
    backend = DiffusersBackend()
    assert pixels(backend, one_case(tmp_path, "sd")) != pixels(
        backend, one_case(tmp_path, "sd", seeds=[8])
    )


def test_a_case_can_bring_its_own_scheduler(sd: Path, tmp_path: Path):
    from diffusers import EulerDiscreteScheduler

    case = one_case(tmp_path, "sd", model={"scheduler": {"class": "EulerDiscreteScheduler"}})
    assert (
        pixels(DiffusersBackend(), case) == by_hand(sd, scheduler=EulerDiscreteScheduler).tobytes()
    )


def test_options_of_the_scheduler_reach_it(sd: Path, tmp_path: Path):
    backend = DiffusersBackend()
    plain = {"class": "DDIMScheduler"}
    shifted = {"class": "DDIMScheduler", "timestep_spacing": "trailing"}
    assert pixels(backend, one_case(tmp_path, "sd", model={"scheduler": plain})) != pixels(
        backend, one_case(tmp_path, "sd", model={"scheduler": shifted})
    )


@pytest.mark.parametrize(
    ("scheduler", "message"),
    [
        ({"class": "DDIMSchedular"}, "did you mean DDIMScheduler"),
        ({"class": "UNet2DConditionModel"}, "no scheduler 'UNet2DConditionModel'"),
        ({"class": "DDIMScheduler", "beta_strat": 1.0}, "did you mean beta_start"),
        ({"class": "DDIMScheduler", "beta_schedule": "wavy"}, "wavy"),
    ],
)
def test_a_scheduler_that_cannot_be_built_is_an_error_at_the_case(
    sd: Path, tmp_path: Path, scheduler: dict[str, Any], message: str
):
    case = one_case(tmp_path, "sd", model={"scheduler": scheduler})
    with pytest.raises(GoldenseedError, match=message) as caught:
        DiffusersBackend().generate(case)
    assert (caught.value.path, caught.value.line) == (case.suite.path, case.line)


def test_a_model_is_loaded_once_for_all_its_cases(sd: Path, tmp_path: Path):
    backend = DiffusersBackend()
    seconds = [
        backend.generate(one_case(tmp_path, "sd", seeds=[seed])).load_seconds for seed in (1, 2)
    ]
    assert seconds[0] > 0
    assert seconds[1] == 0


def test_a_model_that_cannot_be_loaded_is_tried_once_and_fails_all_its_cases(
    sd: Path, tmp_path: Path
):
    said: list[str] = []

    def say(text: str, *, step: bool = False) -> None:
        said.append(text)

    (sd / "vae" / "config.json").unlink()
    backend = DiffusersBackend(progress=say)
    for seed in (1, 2):
        with pytest.raises(GoldenseedError, match=r"vae/config\.json"):
            backend.generate(one_case(tmp_path, "sd", seeds=[seed]))
    assert said == ["loading sd"]


def test_the_former_model_is_freed_before_the_next_is_loaded(models: Path, tmp_path: Path):
    for kind in ("sd", "flux"):
        shutil.copytree(models / kind, tmp_path / kind)
    alive: list[Any] = []

    def look(text: str, *, step: bool = False) -> None:
        if text == "loading flux":
            gc.collect()
            alive.append(former())

    backend = DiffusersBackend(progress=look)
    backend.generate(one_case(tmp_path, "sd"))
    former = weakref.ref(backend._loaded.pipeline.unet)
    backend.generate(one_case(tmp_path, "flux"))
    assert alive == [None]


def test_nothing_is_asked_of_the_network(sd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    DiffusersBackend().generate(one_case(tmp_path, "sd"))


def test_a_hub_id_is_read_from_the_local_cache(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from huggingface_hub import constants

    revision = "0123456789abcdef0123456789abcdef01234567"
    cache = tmp_path / "cache"
    repository = cache / "models--acme--tiny"
    shutil.copytree(models / "sd", repository / "snapshots" / revision)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(revision, encoding="utf-8")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    case = one_case(tmp_path, {"source": "acme/tiny", "revision": revision})
    image = DiffusersBackend().generate(case).image
    assert image.tobytes() == by_hand(models / "sd").tobytes()


def test_a_hub_id_outside_the_cache_is_an_error_that_says_how_to_get_it(tmp_path: Path):
    case = one_case(tmp_path, {"source": "acme/absent", "revision": "0" * 40})
    with pytest.raises(GoldenseedError, match="hf download acme/absent --revision 0000"):
        DiffusersBackend().generate(case)


def test_nan_is_an_error_and_not_a_black_image(tmp_path: Path):
    from safetensors.torch import load_file, save_file

    folder = tiny_pipelines.tiny_stable_diffusion(tmp_path / "sd")
    weights = folder / "vae" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    tensors["decoder.conv_out.bias"][:] = float("nan")
    save_file(tensors, weights, metadata={"format": "pt"})
    with pytest.raises(
        GenerationError, match=r"returned NaN in 100.0% of the image(.|\n)*fix: see in the report"
    ):
        DiffusersBackend().generate(one_case(tmp_path, "sd"))


def test_an_unknown_argument_is_an_error_with_the_near_miss(sd: Path, tmp_path: Path):
    case = one_case(tmp_path, "sd", call={**CALL, "guidance_scal": 4.0})
    with pytest.raises(GoldenseedError, match="did you mean guidance_scale") as caught:
        DiffusersBackend().generate(case)
    assert caught.value.line == case.line


def test_what_a_pipeline_raises_keeps_its_type_message_and_cause(sd: Path, tmp_path: Path):
    case = one_case(tmp_path, "sd", call={**CALL, "clip_skip": 99})
    with pytest.raises(GenerationError, match="StableDiffusionPipeline raised") as caught:
        DiffusersBackend().generate(case)
    cause = caught.value.__cause__
    assert type(cause).__name__ in caught.value.what
    assert str(cause) in caught.value.what


def test_two_images_of_one_call_are_its_elements(sd: Path, tmp_path: Path):
    case = replace(one_case(tmp_path, "sd"), call={**CALL, "num_images_per_prompt": 2})
    made = DiffusersBackend().generate(case)
    assert made.image is None
    assert [each.name for each in made.elements] == ["images[0]", "images[1]"]
    ends = [each for each in made.trace if each.stage is Stage.PIXELS]
    assert [each.sha256 for each in ends] == [values_sha256(e.content) for e in made.elements]
    assert sum(each.stage is Stage.FLOAT_IMAGE for each in made.trace) == 2
    assert sum(each.stage is Stage.DENORMALISED for each in made.trace) == 2


def test_a_missing_weight_is_an_error_and_not_a_random_one(sd: Path, tmp_path: Path):
    from safetensors.torch import load_file, save_file

    weights = sd / "text_encoder" / "model.safetensors"
    tensors = load_file(weights)
    name = next(name for name in tensors if "fc1.weight" in name)
    save_file({k: v for k, v in tensors.items() if k != name}, weights, metadata={"format": "pt"})
    with pytest.raises(GenerationError, match=r"fc1\.weight"):
        DiffusersBackend().generate(one_case(tmp_path, "sd"))


def test_a_pickle_that_the_suite_allows_is_loaded(sd: Path, tmp_path: Path):
    import torch
    from safetensors.torch import load_file

    weights = sd / "unet" / "diffusion_pytorch_model.safetensors"
    expected = by_hand(sd).tobytes()
    torch.save(load_file(weights), weights.with_suffix(".bin"))
    weights.unlink()
    model = {"source": "sd", "allow_pickle": ["unet/diffusion_pytorch_model.bin"]}
    assert pixels(DiffusersBackend(), one_case(tmp_path, model)) == expected


def test_the_fingerprint_tells_the_settings_in_force(sd: Path, tmp_path: Path):
    backend = DiffusersBackend()
    backend.generate(one_case(tmp_path, "sd"))
    fingerprint = backend.fingerprint()
    assert fingerprint["torch.deterministic_algorithms"] is True
    assert fingerprint["cpu.threads"] == 1


def test_progress_tells_of_loading_and_of_each_step(sd: Path, tmp_path: Path):
    said: list[str] = []

    def say(text: str, *, step: bool = False) -> None:
        said.append(text)

    DiffusersBackend(progress=say).generate(one_case(tmp_path, "sd"))
    assert said == ["loading sd", "ball[seed=7]: step 1 of 2", "ball[seed=7]: step 2 of 2"]


def test_watching_the_steps_does_not_change_the_image(sd: Path, tmp_path: Path):
    def say(text: str, *, step: bool = False) -> None:
        pass

    case = one_case(tmp_path, "sd")
    assert pixels(DiffusersBackend(progress=say), case) == pixels(DiffusersBackend(), case)


def test_nothing_is_printed(sd: Path, tmp_path: Path):
    one_case(tmp_path, "sd")
    code = (
        "from pathlib import Path\n"
        "from goldenseed.suite.loading import load_suite\n"
        "from goldenseed.backends.diffusers.backend import DiffusersBackend\n"
        f"case = load_suite(Path({str(tmp_path / 'tiny.suite.yaml')!r})).cases[0]\n"
        "print(DiffusersBackend().generate(case).image.size)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("(32, 32)\n", "")


def test_bfloat16_is_what_the_model_runs_in_when_asked(sd: Path, tmp_path: Path):
    backend = DiffusersBackend()
    single = np.asarray(backend.generate(one_case(tmp_path, "sd")).image, dtype=int)
    half = np.asarray(
        backend.generate(one_case(tmp_path, {"source": "sd", "dtype": "bfloat16"})).image, dtype=int
    )
    assert 0 < np.abs(single - half).max() < 64


def test_schedulers_share_what_surrounds_them_and_a_model_loaded_anew_is_described_anew(
    sd: Path, tmp_path: Path
):
    case = one_case(tmp_path, "sd")
    euler = one_case(tmp_path, "sd", model={"scheduler": {"class": "EulerDiscreteScheduler"}})
    backend = DiffusersBackend()
    backend.load(case)
    own = backend.fingerprint()
    backend.load(euler)
    other = backend.fingerprint()
    differing = {key for key in own.keys() | other.keys() if own.get(key) != other.get(key)}
    assert other["scheduler.class"] == "EulerDiscreteScheduler"
    assert all(key.startswith("scheduler.") for key in differing)

    backend.close()
    index = tmp_path / "sd" / "model_index.json"
    index.write_text(index.read_text() + "\n")
    backend.load(case)
    again = backend.fingerprint()
    changed = {key for key in own.keys() | again.keys() if own.get(key) != again.get(key)}
    assert changed == {"model_file.model_index.json"}
