"""What loading, inputs and sequences cost beside what they are made of, in this process's CPU time.

Run with ``OMP_NUM_THREADS=1 pytest tests/benchmarks/test_loading_speed.py --benchmark-only -s``.
Both sides of a pair alternate in one process; medians of the pairs are printed.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture

from goldenseed.suite.cases import Case
from goldenseed.suite.loading import load_suite
from tiny_parts import tiny_controlnet
from tiny_pipelines import tiny_stable_diffusion

CALL = {"num_inference_steps": 2, "height": 32, "width": 32}


def seconds(do: Callable[[], object]) -> float:
    began = time.process_time()
    do()
    return time.process_time() - began


def pairs(one: Callable[[], object], other: Callable[[], object], rounds: int) -> tuple[float, ...]:
    """Return the medians of both in seconds, and of their ratio."""
    one(), other()
    found = [(seconds(one), seconds(other)) for _ in range(rounds)]
    ratios = [second / first for first, second in found]
    first, second = zip(*found, strict=True)
    return statistics.median(first), statistics.median(second), statistics.median(ratios)


def case_of(folder: Path, model: dict[str, Any], call: dict[str, Any], **more: Any) -> Case:
    suite = {
        "suite": "a",
        "model": {"device": "cpu", **model},
        "cases": [{"id": "a", "prompt": "a cat", "seeds": [1], "call": call, **more}],
    }
    file = folder / "a.suite.yaml"
    file.write_text(json.dumps(suite))
    return load_suite(file).cases[0]


def backend(*, trace: bool = True) -> Any:
    from goldenseed.backends.diffusers.backend import DiffusersBackend

    return DiffusersBackend(device="cpu", trace=trace)


@pytest.mark.parametrize("width", [8, 160])
def test_loading_a_model_with_a_component(
    benchmark: BenchmarkFixture, tmp_path: Path, width: int
) -> None:
    import torch
    from diffusers import ControlNetModel, StableDiffusionControlNetPipeline, UNet2DConditionModel

    from goldenseed.backends.diffusers.as_loaded import describe_components
    from goldenseed.backends.diffusers.loading import quietly

    tiny_stable_diffusion(tmp_path / "model")
    Image.effect_noise((32, 32), 64).convert("RGB").save(tmp_path / "a.png")
    if width == 8:
        tiny_controlnet(tmp_path / "canny")
    else:
        unet = UNet2DConditionModel.from_pretrained(tmp_path / "model" / "unet")
        options = {**unet.config, "block_out_channels": (width, 4 * width)}
        unet = UNet2DConditionModel.from_config(options)
        unet.save_pretrained(tmp_path / "model" / "unet")
        ControlNetModel.from_unet(unet).save_pretrained(tmp_path / "canny")
    case = case_of(
        tmp_path,
        {
            "source": "model",
            "pipeline": "StableDiffusionControlNetPipeline",
            "components": {"controlnet": "canny"},
        },
        CALL,
        inputs={"image": "a.png"},
    )
    ours = backend()

    def own() -> None:
        options = {"use_safetensors": True, "local_files_only": True, "dtype": torch.float32}
        with quietly():
            net = ControlNetModel.from_pretrained(tmp_path / "canny", **options)
            StableDiffusionControlNetPipeline.from_pretrained(
                tmp_path / "model", controlnet=net, **options
            ).to("cpu")

    def load() -> None:
        ours._loaded = None  # without `close`, which collects garbage
        ours.load(case)

    first, second, ratio = pairs(own, load, 9)
    described = statistics.median(
        seconds(lambda: dict(describe_components(ours._loaded.pipeline))) for _ in range(9)
    )
    size = sum(each.stat().st_size for each in tmp_path.rglob("*.safetensors")) / 2**20
    print(
        f"\n{size:.0f} MiB of weights: diffusers' own {1e3 * first:.0f} ms, "
        f"a suite's {1e3 * second:.0f} ms ({ratio:.2f}), of which the record of what was loaded "
        f"takes {1e3 * described:.0f} ms"
    )
    benchmark.pedantic(load)


def test_inputs_of_a_case_cost_what_decoding_them_costs(
    benchmark: BenchmarkFixture, tmp_path: Path
) -> None:
    from goldenseed.suite.recipes import recipe_of

    Image.effect_noise((1024, 1024), 64).convert("RGB").save(tmp_path / "a.png")
    (tmp_path / "model").mkdir()

    def read() -> None:
        case = case_of(tmp_path, {"source": "model"}, CALL, inputs={"image": "a.png"})
        recipe_of(case)

    def without() -> None:
        recipe_of(case_of(tmp_path, {"source": "model"}, CALL))

    def decode() -> None:
        Image.open(tmp_path / "a.png").convert("RGB").load()

    bare, more, _ = pairs(without, read, 15)
    decoded, _, _ = pairs(decode, without, 15)
    print(
        f"\na case with a picture of 1024 x 1024: {1e3 * (more - bare):.1f} ms more than without; "
        f"decoding it {1e3 * decoded:.1f} ms ({(more - bare) / decoded:.2f})"
    )
    benchmark.pedantic(read)


def test_tracing_a_sequence(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    tiny_stable_diffusion(tmp_path / "model")
    call = {**CALL, "height": 256, "width": 256, "num_images_per_prompt": 8}
    case = case_of(tmp_path, {"source": "model"}, {**call, "num_inference_steps": 8})
    plain, traced = backend(trace=False), backend()
    first, second, ratio = pairs(
        lambda: plain.generate(case), lambda: _digested(traced.generate(case)), 5
    )
    print(
        f"\na call of eight pictures: {first:.2f} s without a trace, {second:.2f} s with "
        f"({ratio:.4f} by the median of the pairs)"
    )
    benchmark.pedantic(lambda: traced.generate(case))


def _digested(generation: Any) -> object:
    return generation.recording.stages
