"""What an image costs more through Ray than by the same actor called directly.

    OMP_NUM_THREADS=1 python tests/benchmarks/ray_overhead.py FOLDER

Two hundred cases of a function that draws noise of 512 x 512, in turn by the actor's class in this
process and by one actor of a local cluster; then images that take a tenth of a second of one
processor each, all by one actor and all by two. One machine's numbers are in docs/ray.md.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path

from goldenseed.backends.cluster.crew import Crew, Task
from goldenseed.session.options import Options
from goldenseed.session.ray_actor import CaseActor, Setup
from goldenseed.suite.loading import load_suite
from goldenseed.suite.recipes import model_key

CASES = 200
SPUN = 40
FACTORY = """\
import time
import torch
from PIL import Image


def build():
    def pipeline(prompt, generator, spin=0.0):
        until = time.process_time() + spin
        while time.process_time() < until:
            pass
        values = torch.randint(0, 256, (512, 512, 3), generator=generator, dtype=torch.uint8)
        return [Image.fromarray(values.numpy())]

    return pipeline
"""
SUITE = f"""\
suite: noise
model: {{factory: "pictures:build"}}
cases:
  - {{id: plain, prompt: noise, seeds: {{start: 0, count: {CASES}}}}}
  - {{id: spun, prompt: noise, seeds: {{start: 0, count: {SPUN}}}, call: {{spin: 0.1}}}}
"""


def options(folder: Path) -> Options:
    """Return a session's options."""
    places = {"baselines": folder / "baselines", "reports": folder / "reports"}
    plain = {"update": "none", "require": "warn", "environment": "strict", "report": "folder"}
    more = {"unreferenced": "ignore", "annotations": "off", "trace": "on", "device": "cpu"}
    return Options(**plain, **more, **places)


def overhead(folder: Path) -> None:
    """Print the median of the pairs."""
    given = {"root": folder, "device": "cpu", "options": options(folder), "paths": (str(folder),)}
    setup = Setup(folder=folder / "reports" / "direct", **given)
    direct = CaseActor(setup)
    cases = [
        each for each in load_suite(folder / "noise.suite.yaml").cases if each.case_id == "plain"
    ]
    # Another folder: a picture that lies there already is not written again.
    setup = Setup(folder=folder / "reports" / "ray", **given)
    crew = Crew("local", "1", CaseActor, setup)
    model = model_key(cases[0].model)

    def task(case: str) -> Task:
        return Task(case, "run", ("noise.suite.yaml", case, case), model)

    tasks = [task(case.id) for case in cases]
    differences = []
    for each in tasks:
        began = time.perf_counter()
        direct.run(*each.arguments)
        middle = time.perf_counter()
        crew.answer(each)
        differences.append(time.perf_counter() - middle - (middle - began))
    print(f"through Ray: {1000 * statistics.median(differences):.1f} ms more an image (goal 20)")
    spun = [t.id for t in load_suite(folder / "noise.suite.yaml").cases if t.case_id == "spun"]
    seconds = {}
    for count in ("1", "2", "1", "2"):
        crew.close()
        crew = Crew("local", count, CaseActor, setup)
        again = [task(each) for each in spun]
        crew.begin(again[:2])
        for each in again[:2]:
            crew.answer(each)
        began = time.perf_counter()
        crew.begin(again[2:])
        for each in again[2:]:
            crew.answer(each)
        seconds.setdefault(count, []).append(time.perf_counter() - began)
    crew.close()
    one, two = min(seconds["1"]), min(seconds["2"])
    print(f"{SPUN - 2} images: {one:.1f} s by one actor, {two:.1f} s by two: {one / two:.2f} times")


def main() -> None:
    """Make the suite in a folder and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pictures.py").write_text(FACTORY)
    (folder / "noise.suite.yaml").write_text(SUITE)
    os.chdir(folder)
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores")
    overhead(folder)


if __name__ == "__main__":
    main()
