"""`determinism: portable`: the same pixels whatever instruction set, threads and caps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import portable_runs
import tiny_pipelines
from portable_runs import ENVIRONMENTS, Images

EMBEDDED = Path(__file__).parents[2] / "suites" / "shapes-sd"
RUNS = torch.backends.cpu.get_cpu_capability().lower()
LEVELS = ("default", "avx2", "avx512")
HERE = [
    name
    for name, each in ENVIRONMENTS.items()
    if RUNS in LEVELS and LEVELS.index(each.isa) <= LEVELS.index(RUNS)
]
FIRST, *OTHERS = HERE or [""]


def write_suite(folder: Path, model: str, seeds: list[int], size: int, **more: Any) -> Path:
    document = {
        "suite": model + ("" if "determinism" in more else "-float32"),
        "model": {"source": model},
        "defaults": {"call": {"num_inference_steps": 3, "height": size, "width": size}},
        "cases": [{"id": "apple", "prompt": "a red apple in the snow", "seeds": seeds}],
        **more,
    }
    path = folder / f"{document['suite']}.suite.yaml"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def suites(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("portable")
    tiny_pipelines.tiny_stable_diffusion_xl(folder / "sdxl")
    tiny_pipelines.tiny_flux(folder / "flux")
    (folder / "shapes-sd").symlink_to(EMBEDDED, target_is_directory=True)
    return [
        write_suite(folder, "sdxl", [1], 32, determinism="portable"),
        write_suite(folder, "flux", [1], 32, determinism="portable"),
        write_suite(folder, "shapes-sd", [1, 2], 64, determinism="portable"),
        write_suite(folder, "shapes-sd", [1], 64, noise="portable"),
    ]


@pytest.fixture(scope="module")
def images(suites: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Images]:
    if len(HERE) < 2:
        pytest.skip(f"torch runs with {RUNS} here, which leaves nothing to compare")
    out = tmp_path_factory.mktemp("images")
    return {
        name: portable_runs.float_images(ENVIRONMENTS[name], suites, out / f"{number}.npz")
        for number, name in enumerate(HERE)
    }


def portable(images: Images) -> Images:
    return {name: image for name, image in images.items() if "-float32" not in name}


def test_every_instruction_set_is_among_those_compared(images: dict[str, Images]):
    if RUNS != "avx512":
        pytest.skip(f"torch runs with {RUNS} here, so AVX-512 cannot be compared")
    assert {ENVIRONMENTS[name].isa for name in images} == set(LEVELS)
    assert len(portable(images[FIRST])) == 4


@pytest.mark.parametrize("environment", OTHERS)
def test_the_pixels_are_the_same(images: dict[str, Images], environment: str):
    expected = {name: portable_runs.levels(i) for name, i in portable(images[FIRST]).items()}
    found = portable(images[environment])
    assert found.keys() == expected.keys()
    assert [
        name for name in found if (portable_runs.levels(found[name]) != expected[name]).any()
    ] == []


@pytest.mark.parametrize("environment", OTHERS)
def test_the_differences_are_far_below_what_could_change_a_pixel(
    images: dict[str, Images], environment: str
):
    for name, image in portable(images[FIRST]).items():
        difference = float(np.abs(image - images[environment][name]).max())
        assert difference < 1e-12
        assert difference < portable_runs.margin(image) / 1000


def test_the_comparison_can_fail_since_float32_does_differ(images: dict[str, Images]):
    (name,) = (name for name in images[FIRST] if "-float32" in name)
    first = images[FIRST][name]
    assert all(float(np.abs(first - images[other][name]).max()) > 1e-9 for other in OTHERS)
