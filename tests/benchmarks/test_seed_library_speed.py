"""How long a search takes in a library of 100,000 seeds: by words, by filters, by likeness."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from goldenseed.core.files import json_sha256
from goldenseed.seeds.entry import Seed
from goldenseed.seeds.library import Found, Library
from goldenseed.seeds.likeness import alike
from goldenseed.seeds.opening import opened
from goldenseed.seeds.recommending import recommend
from goldenseed.seeds.wanted import Wanted
from kept_seeds import seed

SEEDS = 100_000
WORDS = 5_000
KIND = "clip-0123456789abcdef"
LENGTH = 512
ROUNDS = 20


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Seeds with prompts of twenty words, the n-th most frequent word as rare as 1/n."""
    place = str(tmp_path_factory.mktemp("library") / "seeds.sqlite")
    rng = np.random.default_rng(0)
    share = 1 / np.arange(1, WORDS + 1)
    chosen = rng.choice(WORDS, (SEEDS, 20), p=share / share.sum())
    ratings, example = rng.integers(0, 6, SEEDS), seed()
    began = time.process_time()
    with opened(place, writing=True) as made:
        for number in range(SEEDS):
            prompt = " ".join(f"word{each}" for each in chosen[number])
            recipe = {"prompt": prompt, "seed": number % 1000, "model": {"source": "model"}}
            changes = {
                "recipe": recipe,
                "recipe_sha256": json_sha256(recipe),
                "rating": int(ratings[number]),
                "scores": {"sharpness": float(number)},
            }
            vector = rng.standard_normal(LENGTH).astype(np.float32)
            given: Seed = example.model_copy(update=changes)
            made.add(given, {KIND: vector / np.linalg.norm(vector)})
    spent = time.process_time() - began
    size = Path(place).stat().st_size / 2**20
    print(f"\n{SEEDS:,} seeds put in: {spent:.0f} s of CPU, {size:.0f} MiB")
    with opened(place) as kept:
        yield kept


def like_one(library: Library, wanted: Wanted) -> list[Found]:
    """Search by likeness for what the first seed looks like."""
    first = library.search(Wanted(), limit=1, newest=False)[0]
    return alike(library, KIND, library.vector(KIND, first), wanted, limit=20)


SEARCHES: dict[str, Callable[[Library], object]] = {
    "a rare word": lambda of: of.search(Wanted(words="word4000"), limit=20),
    "two frequent words": lambda of: of.search(Wanted(words="word1 word2"), limit=20),
    "the most frequent word": lambda of: of.search(Wanted(words="word0"), limit=20),
    "words and a rating": lambda of: of.search(
        Wanted(words="word10 word20", min_rating=4), limit=20
    ),
    "a score": lambda of: of.search(Wanted(limits={"min_sharpness": SEEDS - 100}), limit=20),
    "likeness": lambda of: like_one(of, Wanted()),
    "likeness and a rating": lambda of: like_one(of, Wanted(min_rating=5)),
    "a recommendation": lambda of: recommend(of, "word100 word200 word300", by="rating"),
}


@pytest.mark.benchmark(group="seeds")
@pytest.mark.parametrize("name", SEARCHES)
def test_a_search(benchmark: object, library: Library, name: str) -> None:
    assert SEARCHES[name](library)
    spent = []
    for _ in range(ROUNDS):
        began = time.process_time()
        SEARCHES[name](library)
        spent.append(time.process_time() - began)
    print(f"\n{name}: {1000 * statistics.median(spent):.1f} ms of CPU (goal 50)")
    benchmark.pedantic(lambda: SEARCHES[name](library), rounds=3)  # type: ignore[attr-defined]
