"""How long it takes to read the parameters of many pictures and write a suite of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pytest_benchmark.fixture import BenchmarkFixture

from goldenseed.recipes.interpreting import Given, interpret
from goldenseed.recipes.reading import read_source
from goldenseed.recipes.writing import suite_text
from recipe_pictures import A1111, comfy, graph

PICTURES = 1000


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Half by A1111 with 512 x 512 pixels of noise, half by ComfyUI and small."""
    noise = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    files = [tmp_path / f"{number}.png" for number in range(PICTURES)]
    for number, file in enumerate(files):
        if number % 2:
            file.write_bytes(comfy(graph(n3_seed=number)))
            continue
        info = PngInfo()
        info.add_text("parameters", A1111.replace("99", str(number)))
        picture.save(file, "PNG", pnginfo=info, compress_level=1)
    return files


@pytest.mark.benchmark(group="recipes")
def test_a_thousand_pictures_become_a_suite(benchmark: BenchmarkFixture, pictures: list[Path]):
    def run() -> str:
        recipes = [interpret(read_source(file), Given(model="model")) for file in pictures]
        return suite_text("x", "model", recipes)

    text = benchmark.pedantic(run, rounds=3)
    print(f"\n{PICTURES} pictures: {benchmark.stats.stats.median:.2f} s (goal 5)")
    assert text.count("  - id: ") == PICTURES
