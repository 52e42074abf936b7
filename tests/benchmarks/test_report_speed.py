"""A report of 10,000 drifting cases: how long it takes to write, to open and to filter.

``pytest tests/benchmarks/test_report_speed.py --benchmark-only -s`` prints the numbers of
``docs/performance.md``.
"""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from goldenseed.core.pixels import pixels_sha256
from goldenseed.reporting import run_view, write_report
from goldenseed.runs.record import CaseRecord, RunRecord
from tests.browser import chromium
from tests.unit.reporting.recorded import case, record

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

CASES = 10_000
SIDE = 128
READY = "return document.documentElement.dataset.ready === 'true'"


def drifting(folder: Path, count: int) -> RunRecord:
    """A run of ``count`` cases in ten suites, all of which drift, each with pictures of its own."""
    import numpy as np
    from PIL import Image

    (folder / "images").mkdir(parents=True)
    base, draw = case("drift"), random.Random(1)
    noise = np.random.default_rng(1)
    made: list[CaseRecord] = []
    for number in range(count):
        ramp = np.linspace(0, 255, SIDE, dtype=np.uint8)
        tone = noise.integers(0, 255, 3, dtype=np.uint8)
        pixels = np.stack([np.roll(np.tile(ramp, (SIDE, 1)), int(t), 1) for t in tone], axis=2)
        names = []
        for shift in (0, 1 + number % 20):
            image = Image.fromarray(np.roll(pixels, shift, 0) ^ np.uint8(shift))
            names.append(pixels_sha256(image))
            image.save(folder / "images" / f"{names[-1]}.png", compress_level=1)
        before, now = names
        made.append(
            base.model_copy(
                update={
                    "suite": f"suite-{number % 10}",
                    "path": f"suites/suite-{number % 10}.suite.yaml",
                    "id": f"case-{number:05}[prompt-{number % 7},seed={number}]",
                    "pixels_sha256": now,
                    "image": f"images/{now}.png",
                    "width": SIDE,
                    "height": SIDE,
                    "metrics": base.metrics | {"ssim": draw.random()},
                    "baseline": base.baseline
                    and base.baseline.model_copy(
                        update={"pixels_sha256": before, "image": f"images/{before}.png"}
                    ),
                }
            )
        )
    return record().model_copy(
        update={"cases": tuple(made), "sets": (), "lock_differences": (), "not_compared": ()}
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunRecord, Path]:
    folder = tmp_path_factory.mktemp("large") / "run"
    return drifting(folder, CASES), folder


@pytest.fixture(scope="module")
def page(run: tuple[RunRecord, Path]) -> Path:
    found, folder = run
    return write_report(run_view(found, folder), folder)


def test_writing_the_page(benchmark: BenchmarkFixture, run: tuple[RunRecord, Path]) -> None:
    found, folder = run
    began = time.process_time()
    index = benchmark.pedantic(
        lambda: write_report(run_view(found, folder), folder), rounds=1, iterations=1
    )
    beside = sum(each.stat().st_size for each in (folder / "data").iterdir())
    print(f"\n{time.process_time() - began:.1f} s of the processor")
    print(f"index.html {index.stat().st_size / 1e6:.2f} MB, data {beside / 1e6:.1f} MB")
    assert index.stat().st_size < 3_000_000


def opened(browser: Chrome, page: Path) -> float:
    """Open the page and return the seconds until its first case can be used."""
    browser.get("about:blank")
    began = time.perf_counter()
    browser.get(page.as_uri())
    while not browser.execute_script(READY):
        time.sleep(0.005)
    return time.perf_counter() - began


def test_opening_filtering_and_memory(
    benchmark: BenchmarkFixture, page: Path, tmp_path: Path
) -> None:
    with chromium(tmp_path) as browser:
        benchmark.pedantic(lambda: opened(browser, page), rounds=3, iterations=1)
        times = browser.execute_script(
            """
            const found = {};
            const byId = (id) => document.getElementById(id);
            const timed = (name, act) => {
              const began = performance.now();
              act();
              byId("grid").getBoundingClientRect();
              found[name] = performance.now() - began;
            };
            const set = (id, value, event) => {
              byId(id).value = value;
              byId(id).dispatchEvent(new Event(event));
            };
            timed("search", () => set("search", "case-0123", "input"));
            timed("clear", () => set("search", "", "input"));
            timed("verdict", () => document.querySelector(".filter").click());
            timed("suite", () => set("by-suite", "suite-3", "change"));
            timed("every suite", () => set("by-suite", "", "change"));
            timed("group", () => set("by-by", "suite", "change"));
            timed("sort", () => set("by-sort", "name", "change"));
            return found;
            """
        )
        browser.execute_script("scrollTo(0, document.body.scrollHeight / 2)")
        for number in range(0, CASES, CASES // 40):
            browser.execute_script("goldenseed.open(goldenseed.rows[arguments[0]])", number)
            time.sleep(0.05)
        heap = browser.execute_cdp_cmd("Runtime.getHeapUsage", {})["usedSize"]
        resident = resident_bytes(browser)
    print("\n" + json.dumps({name: round(value, 1) for name, value in times.items()}) + " ms")
    print(f"heap {heap / 1e6:.0f} MB, resident {resident / 1e6:.0f} MB")


def resident_bytes(browser: Chrome) -> float:
    """The largest private memory of one renderer: what the tab holds."""
    driver = browser.service.process.pid
    sizes = [0.0]
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            words = status.parent.joinpath("cmdline").read_bytes()
            parents = ancestors(int(status.parent.name))
            if b"--type=renderer" in words and driver in parents:
                rss = [line for line in status.read_text().splitlines() if "RssAnon" in line]
                sizes.append(float(rss[0].split()[1]) * 1024)
        except (OSError, ValueError, IndexError):
            continue
    return max(sizes)


def ancestors(pid: int) -> list[int]:
    found = []
    while pid > 1:
        found.append(pid)
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return found
