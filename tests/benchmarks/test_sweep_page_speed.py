"""A sweep's page of 10,000 images: how long until its first tile is seen, and what the tab holds.

``pytest tests/benchmarks/test_sweep_page_speed.py --benchmark-only -s`` prints the numbers of
``docs/sweep.md``.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture

from goldenseed.core.files import json_sha256
from goldenseed.reporting import run_view, write_report
from goldenseed.runs.named_files import thumb_place
from goldenseed.runs.parts import VerbRecord
from tests.benchmarks.test_report_speed import opened, resident_bytes
from tests.browser import chromium, settled
from tests.unit.reporting.recorded import case, run

if TYPE_CHECKING:
    from goldenseed.runs.record import CaseRecord

COUNT = 10_000
PICTURES = 64
"""Different ones; the others are links to them."""
SEEN = "document.querySelector('.tile img')?.naturalWidth > 0"
ACTS = """
    const found = {};
    const timed = (name, selector, value, event) => {
      const began = performance.now(), field = document.querySelector(selector);
      field.value = value;
      field.dispatchEvent(new Event(event));
      document.getElementById("grid").getBoundingClientRect();
      found[name] = Math.round(performance.now() - began);
    };
    timed("sort", "#by-sort", "max_sharpness", "change");
    timed("group", "#by-by", "likeness", "change");
    timed("limit", "[data-limit=min_sharpness]", "110", "input");
    timed("no limit", "[data-limit=min_sharpness]", "", "input");
    timed("search", "#search", "seed=77", "input");
    timed("clear", "#search", "", "input");
    timed("ungroup", "#by-by", "none", "change");
    timed("small", "#tile-size", "96", "input");
    return found;
"""


def swept(folder: Path, side: int) -> list[CaseRecord]:
    """The cases of a sweep over one seed after the other, with their pictures in ``folder``."""
    noise = np.random.default_rng(1)
    ramp = np.linspace(0, 255, side, dtype=np.uint8)
    base = case("new")
    for name in ("images", "thumbs"):
        (folder / name).mkdir(parents=True)
    made = []
    for number in range(COUNT):
        digest, first = f"{number:064x}", f"{number % PICTURES:064x}"
        image, thumb = folder / "images" / f"{digest}.png", folder / thumb_place(digest)
        if number < PICTURES:
            pixels = np.stack([np.roll(ramp, int(t)) for t in noise.integers(0, 255, 3)], axis=1)
            grain = noise.integers(0, 8, (side, side, 3), dtype=np.uint8)
            picture = Image.fromarray(np.tile(pixels, (side, 1, 1)) ^ grain)
            picture.save(image, compress_level=1)
            if side > 160:
                picture.thumbnail((160, 160))
                picture.save(thumb)
        else:
            os.link(image.with_name(f"{first}.png"), image)
            if side > 160:
                os.link(folder / thumb_place(first), thumb)
        recipe = {"prompt": "a red apple", "seed": number}
        changes = {
            "id": f"apple[seed={number}]",
            "recipe": recipe,
            "recipe_sha256": json_sha256(recipe),
            "pixels_sha256": digest,
            "image": f"images/{digest}.png",
            "width": side,
            "height": side,
            "content": {"sharpness": float(noise.normal(100, 20)), "diversity": noise.random()},
        }
        made.append(base.model_copy(update=changes))
    return made


@pytest.mark.parametrize("side", [128, 1024])
def test_ten_thousand_images_stay_usable(
    benchmark: BenchmarkFixture, tmp_path: Path, side: int
) -> None:
    folder = tmp_path / "run"
    cases = swept(folder, side)
    alike = {each.id: number % 70 for number, each in enumerate(cases)}
    verb = VerbRecord(name="sweep", passed=True, outcome="10,000 images made", alike=alike)
    record = run(verb=verb).model_copy(update={"cases": tuple(cases)})
    began = time.process_time()
    page = write_report(run_view(record, folder), folder)
    print(f"\n{side}: written in {time.process_time() - began:.1f} s of the processor")
    with chromium(tmp_path / "profile") as browser:

        def first_tile() -> None:
            opened(browser, page)
            settled(browser, SEEN)

        benchmark.pedantic(first_tile, rounds=3, iterations=1)
        print(json.dumps(browser.execute_script(ACTS)), "ms")
        for part in range(40):
            place = "scrollTo(0, document.body.scrollHeight * arguments[0] / 40)"
            browser.execute_script(place, part)
            time.sleep(0.15)
        print(f"resident {resident_bytes(browser) / 1e6:.0f} MB after scrolling through it")
