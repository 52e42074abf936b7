"""Judging sets: images of one run held against each other, once all of them are there."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import sha256_hex
from goldenseed.images.gates import parse_set_limit
from goldenseed.runs.parts import SetRecord, SetResult
from goldenseed.runs.record import CaseRecord
from goldenseed.runs.stored import stored_image
from goldenseed.verdict.model import Verdict

if TYPE_CHECKING:
    from PIL.Image import Image

    from goldenseed.suite.cases import Limit, SetSpec, Side, Suite


MOST_PAIRS = 1000
"""The most pairs that one limit looks at: all pairs of 45 images."""


def pairs_within(groups: Sequence[Sequence[str]], seed: str) -> tuple[list[tuple[str, str]], int]:
    """Return the pairs inside each group, and how many there are; a sample beyond ``MOST_PAIRS``.

    The sample follows from ``seed`` alone.
    """
    counts = [math.comb(len(group), 2) for group in groups]
    chosen = []
    for index in _chosen(sum(counts), seed):
        place = index
        for group, count in zip(groups, counts, strict=True):
            if place < count:
                chosen.append(_pair(group, place))
                break
            place -= count
    return chosen, sum(counts)


def pairs_between(
    these: Sequence[str], others: Sequence[str], seed: str
) -> tuple[list[tuple[str, str]], int]:
    """Return the pairs of one of ``these`` with one of ``others``, as ``pairs_within``."""
    count = len(these) * len(others)
    places = (divmod(index, len(others)) for index in _chosen(count, seed))
    return [(these[row], others[column]) for row, column in places], count


def _chosen(count: int, seed: str) -> Iterator[int]:
    if count <= MOST_PAIRS:
        return iter(range(count))
    return iter(sorted(random.Random(seed).sample(range(count), MOST_PAIRS)))  # noqa: S311


def _pair(group: Sequence[str], place: int) -> tuple[str, str]:
    """Return pair number ``place`` of 0-1, 0-2 and so on, then 1-2, 1-3 and so on."""
    size = len(group)
    left = math.comb(size, 2) - 1 - place  # pairs that come after it
    row = size - 2 - (math.isqrt(8 * left + 1) - 1) // 2
    column = place - row * (2 * size - row - 1) // 2 + row + 1
    return group[row], group[column]


_HELD_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class _Question:
    """The pairs that one side of a set asks about."""

    side: Side
    limits: Mapping[str, Limit]
    pairs: Sequence[tuple[str, str]]
    of_pairs: int
    other: str | None = None


def judge_sets(
    suite: Suite,
    path: str,
    cases: Mapping[str, CaseRecord],
    folder: Path,
    *,
    read: Callable[[Path, CaseRecord], Image] = stored_image,
) -> tuple[SetRecord, ...]:
    """Judge every set of ``suite`` on the images that a run left in ``folder``.

    A set of which not every member has an image is not judged, and does not fail. ``cases`` are the
    run's records of the suite by id; ``path`` is the suite file as the record names it; ``read``
    decodes the image of one as ``stored_image`` does.
    """
    images = _Images(cases, partial(read, folder))
    digest = sha256_hex(suite.path.read_bytes()) if suite.sets else None
    judged = (_judge(each, suite, path, images) for each in suite.sets)
    return tuple(each.model_copy(update={"suite_sha256": digest}) for each in judged)


class _Images:
    """The images of a run by case id, decoded on demand and held as far as memory allows."""

    def __init__(
        self, cases: Mapping[str, CaseRecord], read: Callable[[CaseRecord], Image]
    ) -> None:
        self._cases = cases
        largest = max((4 * (c.width or 1) * (c.height or 1) for c in cases.values()), default=4)
        held = max(2, _HELD_BYTES // largest)
        self.load: Callable[[str], Image] = lru_cache(maxsize=held)(lambda case: read(cases[case]))

    def ran(self, case: str) -> bool:
        """Whether the case has an image that was judged."""
        found = self._cases.get(case)
        return found is not None and found.image is not None and found.verdict != Verdict.ERROR


def _judge(this: SetSpec, suite: Suite, path: str, images: _Images) -> SetRecord:
    not_judged: list[str] = []
    results: list[SetResult] = []
    error = None
    try:
        for question in _questions(this, suite, images, not_judged):
            results += _answers(question, this, images)
    except GoldenseedError as caught:
        error = str(caught)
    return SetRecord(
        kind=this.kind,
        id=this.id,
        suite=suite.name,
        path=path,
        line=this.line,
        statistic=this.statistic,
        cases=this.cases,
        passed=error is None and all(result.passed for result in results),
        results=tuple(results),
        not_judged=tuple(not_judged),
        error=error,
    )


def _questions(
    this: SetSpec, suite: Suite, images: _Images, not_judged: list[str]
) -> Iterator[_Question]:
    missing = _missing(this, images)
    if missing:
        not_judged.append(missing)
        return
    name = f"{suite.name}/{this.kind}/{this.id}"
    if this.within:
        pairs, count = pairs_within(this.groups, name)
        yield _Question("within", this.within, pairs, count)
    for other in suite.sets if this.between else ():
        if other.kind != "consistency" or other is this:
            continue
        missing = _missing(other, images)
        if missing:
            not_judged.append(f"between {this.id} and {other.id}: {missing}")
            continue
        pairs, count = pairs_between(this.cases, other.cases, f"{name}/{other.id}")
        yield _Question("between", this.between, pairs, count, other.id)


def _missing(this: SetSpec, images: _Images) -> str | None:
    ran = sum(images.ran(case) for case in this.cases)
    return None if ran == len(this.cases) else f"{ran} of {len(this.cases)} cases ran"


def _answers(question: _Question, this: SetSpec, images: _Images) -> Iterator[SetResult]:
    """Measure every pair once, and hold the statistic of each metric against its limit."""
    gates = {name: parse_set_limit(this.kind, question.side, name) for name in question.limits}
    names = {gate.metric for gate in gates.values()}
    measured = [_measured(pair, images, names) for pair in question.pairs]
    for name, gate in gates.items():
        limit = question.limits[name].value
        values = [found[gate.metric] for found in measured]
        worst = max(values) if gate.direction == "max" else min(values)
        value = math.fsum(values) / len(values) if this.statistic == "mean" else worst
        yield SetResult(
            limit_name=name,
            side=question.side,
            other=question.other,
            metric=gate.metric,
            limit=limit,
            value=_finite(value),
            worst_value=_finite(worst),
            worst_pair=question.pairs[values.index(worst)],
            pairs=len(measured),
            of_pairs=question.of_pairs,
            passed=gate.passes(value, limit),
        )


def _measured(pair: tuple[str, str], images: _Images, names: set[str]) -> dict[str, float]:
    from goldenseed.images.measure import measure

    first, second = (images.load(case) for case in pair)
    for what in ("size", "mode"):
        these = getattr(first, what), getattr(second, what)
        if these[0] != these[1]:
            raise GoldenseedError(
                f"{pair[0]} and {pair[1]} differ in {what} ({these[0]} and {these[1]}): images of "
                "a set are measured in pairs",
                fix="make a set of cases of one size, or leave one of the two out",
            )
    return measure(first, second, names)


def _finite(value: float) -> float | Literal["inf"]:
    return value if math.isfinite(value) else "inf"
