"""What is said of a whole run: what moved cases share, and an environment off its lock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from goldenseed.diagnosis.model import Cause
from goldenseed.environment.lock import LockDifference, lock_table, value_in_words
from goldenseed.reporting.text import visible
from goldenseed.runs.grouping import Group, Grouping, grouped
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.trace.stages import Stage

_NAMED = 3


def lock_notes(run: RunRecord) -> list[str]:
    """Return the lines of a table for every suite whose lock does not hold; none if all do."""
    return [
        line
        for suite, differences in _by_suite(run)
        for line in (f"{_headline(suite, differences)}:", *lock_table(differences))
    ]


def lock_lines(run: RunRecord) -> list[str]:
    """Say the same in a line a suite, with the first few keys."""
    return [
        visible(f"{_headline(suite, differences)}: {_some(differences)}", lines=False)
        for suite, differences in _by_suite(run)
    ]


def _by_suite(run: RunRecord) -> list[tuple[str, tuple[LockDifference, ...]]]:
    ordered = sorted(run.lock_differences, key=lambda each: (each.suite, each.key))
    return [(suite, tuple(found)) for suite, found in groupby(ordered, lambda each: each.suite)]


def _headline(suite: str, differences: Sequence[LockDifference]) -> str:
    many = "1 key" if len(differences) == 1 else f"{len(differences)} keys"
    return f"the environment differs from the lock of {suite} in {many}"


def _some(differences: Sequence[LockDifference]) -> str:
    named = [
        f"{each.key} {value_in_words(each.expected)} → {value_in_words(each.found)}"
        for each in differences[:_NAMED]
    ]
    more = len(differences) - _NAMED
    return ", ".join(named) + (f", and {more} more" if more > 0 else "")


_NAMED_CASES = 3
"""How many cases or groups are named one by one."""


def grouping_sentence(cases: Sequence[CaseRecord]) -> str | None:
    """Say of all cases that moved why, in a sentence; None where none did or nothing is known.

    ``all 12 cases that moved part at denoising step 1; likely cause: attention kernel (0.93)``
    """
    found = grouped(cases)
    if not found.groups:
        return None
    return visible(f"{_subject(found, len(cases))} {_rest(found)}", lines=False)


def _subject(found: Grouping, total: int) -> str:
    how = "moved" if found.beyond_noise else "moved within the noise"
    if found.moved == 1:
        return f"1 case of {total:,} {how}:" if total > 1 else f"the one case {how}:"
    if found.moved < total:
        return f"{found.moved:,} of {total:,} cases {how}:"
    return f"both cases {how}:" if total == 2 else f"all {total:,} cases {how}:"  # noqa: PLR2004


def _rest(found: Grouping) -> str:
    first, *others = found.groups
    parts = []
    if found.moved == 1:
        return f"it parts {_where_and_why(first)}"
    if len(first.cases) == found.moved:
        return f"they part {_where_and_why(first)}"
    if len(first.cases) == 1:
        parts.append(f"each by itself: {'; '.join(_one_by_one(found.groups))}")
    else:
        verb = "part" if len(first.cases) > 1 else "parts"
        parts.append(f"{len(first.cases):,} {verb} {_where_and_why(first)}")
        if others:
            alone = sum(len(group.cases) for group in others)
            verb = "stands" if alone == 1 else "stand"
            parts.append(f"{alone:,} {verb} apart: {'; '.join(_one_by_one(others))}")
    if found.undiagnosed:
        verb = "has" if len(found.undiagnosed) == 1 else "have"
        parts.append(f"{len(found.undiagnosed):,} {verb} no diagnosis")
    return "; ".join(parts)


def _one_by_one(groups: Sequence[Group]) -> Iterator[str]:
    for group in groups[:_NAMED_CASES]:
        cases = group.cases
        name = cases[0].id if len(cases) == 1 else f"{len(cases):,} cases"
        yield f"{name} {_where_and_why(group, brief=True)}"
    if len(groups) > _NAMED_CASES:
        rest = sum(len(group.cases) for group in groups[_NAMED_CASES:])
        yield f"and {rest:,} more"


def _where_and_why(group: Group, *, brief: bool = False) -> str:
    where = f"at {_place(group)}" if group.stage else "at a stage that is not known"
    if group.cause is Cause.UNKNOWN:
        return f"{where} (cause unknown)" if brief else f"{where}; the cause is not known"
    why = f"{group.words} ({group.confidence:.2f})"
    return f"{where} ({group.words})" if brief else f"{where}, likely cause: {why}"


def _place(group: Group) -> str:
    assert group.stage  # noqa: S101 - asked only where there is one
    if group.stage is not Stage.DENOISING_STEP:
        return f"the {group.stage.words}"
    return "the denoising steps" if group.index is None else f"denoising step {group.index + 1}"
