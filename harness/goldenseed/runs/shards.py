"""Cutting a suite's cases into shards: pure, and the same wherever it is computed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace
from itertools import accumulate
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256, read_json
from goldenseed.runs.parts import Document

CUT = "cut.json"
"""The file beside a shard's record that tells the whole cut."""
_SLACK_PERCENT = 5
"""By how much the longest shard may be longer than it need be, where fewer loads come of it."""
_LIMIT_BYTES = 1 << 28


class CutCase(Document):
    """A case of a cut, or a relation."""

    path: str
    """The suite file, relative to pytest's root, with forward slashes."""
    id: str
    model: int = Field(ge=0)
    """The number of its model, in the order in which they were met."""
    cost: int = Field(ge=1)
    """What it takes: milliseconds where that is known of some case, else a measure of its work."""


class CutSuite(Document):
    """A suite of which cases were cut."""

    name: str
    sha256: str
    """Of its file."""
    lock_sha256: str | None = None
    """Of its lock, if it has one."""


class CutRecord(Document):
    """Everything that a cut depends on; each shard computes it by itself, and writes ``cut.json``.

    Nothing in it is of the machine: models are known by numbers, suites by place and content.
    """

    schema_version: Literal[1] = 1
    shards: int = Field(ge=1)
    by: Literal["history", "steps"]
    """Whether seconds that were measured are in the costs, or estimates from steps alone."""
    measured: int = 0
    """Of how many cases the seconds are known."""
    suites: dict[str, CutSuite]
    """By their places."""
    loads: tuple[int, ...]
    """What loading each model takes, in the unit of the costs."""
    cases: tuple[CutCase, ...]
    """In the order in which they were collected."""

    @property
    def sha256(self) -> str:
        """The digest by which two shards know that they are of one cut."""
        return json_sha256(self.model_dump(mode="json"))

    def of_the_same(self, other: CutRecord) -> bool:
        """Whether the same cases of the same suites are cut into as many shards."""
        one, two = (
            (each.shards, each.suites, [(case.path, case.id, case.model) for case in each.cases])
            for each in (self, other)
        )
        return one == two

    def assigned(self) -> tuple[int, ...]:
        """Return the number, from 1, of the shard of each case."""
        pieces = [Piece(each.model, each.cost) for each in self.cases]
        return tuple(shard + 1 for shard in cut(pieces, self.loads, self.shards))


def read_cut(folder: Path) -> CutRecord | None:
    """Read the cut that a run's folder has, or None.

    Raises ``GoldenseedError`` where it cannot be read.
    """
    path = folder / CUT
    if not path.is_file():
        return None
    try:
        return CutRecord.model_validate(read_json(path, _LIMIT_BYTES))
    except ValidationError as error:
        raise GoldenseedError(
            f"is no cut: {error.errors(include_url=False)[0]['msg']}",
            path=path,
            fix="run the shard again",
        ) from None


@dataclass(frozen=True, slots=True)
class Piece:
    """What goes into one shard or another."""

    model: int
    cost: int


@dataclass(frozen=True, slots=True)
class _Group:
    """The pieces of one model, the longest first."""

    load: int
    order: Sequence[int]
    """The places of its pieces."""
    sums: Sequence[int]
    """What the first 0, 1, 2, … of them take together."""


@dataclass(frozen=True, slots=True)
class _Packed:
    """Shards filled: (loads of models, time of the longest shard) says how good they are."""

    goodness: tuple[int, int]
    taken: Sequence[tuple[int, int, int, int]]
    """Shard, group, and the first and last but one of its pieces that go there."""


def cut(pieces: Sequence[Piece], loads: Sequence[int], shards: int) -> tuple[int, ...]:
    """Return the shard, from 0, of each piece.

    The shortest longest shard is looked for by bisection, each time filling shards up to a cap: the
    models in turn, the one that takes longest first, each into the emptiest shard; one that is too
    long for that is split there, and loaded again where its rest goes (a first-fit decreasing bin
    packing, see Coffman, Garey and Johnson 1978, "An application of bin-packing to multiprocessor
    scheduling"). Of the cuts that take at most 5 % longer the one with the fewest loads is taken.
    Everything is computed in integers, so that every machine finds the same.

    Args:
        pieces: cases with their model's number and what they take, at least 1.
        loads: what loading each model takes, by number.
        shards: how many, at least 1; some get nothing where there are fewer pieces.

    """
    groups = _groups(pieces, loads)
    if not groups:
        return ()
    total = sum(group.sums[-1] + group.load for group in groups)
    low, high = -(-total // shards), total
    best = _packed(groups, high, shards)
    while high - low > max(1, high // 1000):
        middle = (low + high) // 2
        found = _packed(groups, middle, shards)
        if found is None:
            low = middle + 1
        else:
            best, high = found, middle
    caps = (high + high * percent // 100 for percent in range(_SLACK_PERCENT + 1))
    tried = (best, *(_packed(groups, cap, shards) for cap in caps))
    chosen = min((each for each in tried if each is not None), key=lambda each: each.goodness)
    found_for = [0] * len(pieces)
    for shard, number, first, end in chosen.taken:
        for place in groups[number].order[first:end]:
            found_for[place] = shard
    return tuple(found_for)


def _groups(pieces: Sequence[Piece], loads: Sequence[int]) -> list[_Group]:
    """Return the pieces by their model, the model that takes longest first."""
    places: dict[int, list[int]] = {}
    for place, piece in enumerate(pieces):
        places.setdefault(piece.model, []).append(place)
    found = []
    for model, own in sorted(places.items()):
        order = sorted(own, key=lambda place: -pieces[place].cost)
        sums = tuple(accumulate((pieces[place].cost for place in order), initial=0))
        found.append(_Group(loads[model], order, sums))
    return sorted(found, key=lambda group: -(group.sums[-1] + group.load))


def _packed(groups: Sequence[_Group], cap: int, shards: int) -> _Packed | None:
    """Fill shards up to ``cap``; None where something does not fit."""
    fullness = [(0, shard) for shard in range(shards)]
    heapify(fullness)
    taken = []
    for number, group in enumerate(groups):
        first, end = 0, len(group.order)
        while first < end:
            full, shard = fullness[0]
            room = cap - full - group.load
            spans = list(_filling(group.sums, first, end, room))
            if not spans:
                return None
            for start, stop in spans:
                taken.append((shard, number, start, stop))
                full += group.sums[stop] - group.sums[start]
            first = spans[0][1]
            end = spans[1][0] if len(spans) > 1 else end
            heapreplace(fullness, (full + group.load, shard))
    loads = len({(shard, number) for shard, number, *_ in taken})
    return _Packed((loads, max(full for full, _ in fullness)), taken)


def _filling(sums: Sequence[int], first: int, end: int, room: int) -> Iterator[tuple[int, int]]:
    """Yield which of the pieces from ``first`` to ``end`` fit: long ones, then short ones."""
    stop = min(end, bisect_right(sums, sums[first] + room, first) - 1)
    stop = max(first, stop)
    start = max(stop, bisect_left(sums, sums[end] - (room - sums[stop] + sums[first])))
    if stop > first or start < end:
        yield first, stop
    if start < end:
        yield start, end


def lengths(cut_record: CutRecord) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return what each shard takes, its loads counted, and how many models it loads."""
    work = [0] * cut_record.shards
    models: list[set[int]] = [set() for _ in work]
    for case, shard in zip(cut_record.cases, cut_record.assigned(), strict=True):
        work[shard - 1] += case.cost
        models[shard - 1].add(case.model)
    whole = (
        w + sum(cut_record.loads[m] for m in each) for w, each in zip(work, models, strict=True)
    )
    return tuple(whole), tuple(map(len, models))


def estimated_work(call: Mapping[str, object]) -> int:
    """Return how much work a pipeline's call is: steps times megapixels times images, from 1.

    What the call does not say is taken for 30 steps, 512 x 512 pixels, one image and one frame.
    """

    def of(name: str, default: int) -> int:
        value = call.get(name)
        return int(value) if isinstance(value, int | float) and value >= 1 else default

    side = 512
    pixels = of("height", side) * of("width", side) * of("num_frames", 1)
    images = of("num_images_per_prompt", 1)
    return max(1, of("num_inference_steps", 30) * pixels * images // 4096)
