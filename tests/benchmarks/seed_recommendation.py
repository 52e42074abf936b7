"""How often a recommended seed is a good one, for prompts that the library has never seen.

    OMP_NUM_THREADS=1 python tests/benchmarks/seed_recommendation.py FOLDER

Makes 20 prompts of the embedded model with the same 40 seeds each (some six minutes), keeps all of
them in a library in FOLDER, then takes each prompt in turn out of what is asked: of its 40 images,
is that of the seed that the other prompts recommend among the best tenth, by each content score?
Chance is a tenth. One machine's numbers are in docs/seeds.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from goldenseed.seeds.library import Library
from goldenseed.seeds.opening import opened
from goldenseed.seeds.recommending import recommend
from goldenseed.seeds.wanted import Wanted

SUITES = Path(__file__).parents[2] / "suites"
SEEDS = 40
BEST = SEEDS // 10
COLOURS = ("red", "blue", "green", "yellow", "purple")
THINGS = ("apple", "cube", "ball", "mug")
PLACES = ("on a white table", "on a wooden table", "in the snow", "on a window sill")
SCORES = ("max_sharpness", "min_sharpness", "max_skin_fraction", "min_skin_fraction")


COMMAND = "from goldenseed.cli.main import main; main()"


def prompts() -> list[str]:
    """Twenty prompts; no two say the same of all three."""
    return [
        f"a {colour} {thing} {PLACES[(i + j) % len(PLACES)]}"
        for i, colour in enumerate(COLOURS)
        for j, thing in enumerate(THINGS)
    ]


def make(folder: Path) -> Path:
    """Make all images and put them into a library; return its file."""
    suite = {
        "suite": "seeds",
        "model": {"source": "shapes-sd", "dtype": "float32"},
        "defaults": {
            "call": {"num_inference_steps": 12, "guidance_scale": 4, "height": 128, "width": 128}
        },
        "cases": [
            {"id": f"p{number}", "prompt": prompt, "seeds": {"start": 0, "count": SEEDS}}
            for number, prompt in enumerate(prompts())
        ],
    }
    (folder / "shapes-sd").symlink_to(SUITES / "shapes-sd", target_is_directory=True)
    (folder / "seeds.suite.yaml").write_text(json.dumps(suite))
    (folder / "pytest.ini").write_text("[pytest]\n")
    python = [sys.executable, "-m"]
    subprocess.run(
        [*python, "pytest", "-q", "--golden-trace=off", "-p", "no:cacheprovider"],
        cwd=folder,
        check=False,  # new images are no success
        stdout=subprocess.DEVNULL,
    )
    subprocess.run(
        [sys.executable, "-c", COMMAND, "seeds", "add", "latest", "--by", "the benchmark"],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return folder / "seeds.sqlite"


def hits(library: Library, by: str) -> tuple[int, float]:
    """Return how many held-out prompts got a seed of their best tenth, and the mean rank of all.

    The rank goes from 0, the best, to 1.
    """
    direction, _, score = by.partition("_")
    found, ranks = 0, []
    for prompt in prompts():
        everything = library.search(Wanted(), limit=len(prompts()) * SEEDS)
        own = [each.seed for each in everything if each.seed.prompt == prompt]
        own.sort(key=lambda seed: seed.scores[score], reverse=direction == "max")
        order = [seed.seed for seed in own]
        (best, *_) = recommend(library, prompt, by=by, limit=1, without=prompt)
        ranks.append(order.index(best.seed) / (SEEDS - 1))
        found += order.index(best.seed) < BEST
    return found, statistics.mean(ranks)


def main() -> None:
    """Make what is not there yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / "seeds.sqlite"
    with opened(str(place if place.exists() else make(folder))) as library:
        print(f"{library.count()} images of {len(prompts())} prompts")
        for by in SCORES:
            found, rank = hits(library, by)
            print(
                f"{by:<20} {found:2d} of {len(prompts())} in the best tenth, mean rank {rank:.2f}"
            )


if __name__ == "__main__":
    main()
