"""Which cases of two runs belong together, and which have no counterpart."""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import GoldenseedError
from harness.runs.record import CaseRecord, RunRecord


@dataclass(frozen=True, slots=True)
class CasePair:
    """One case as two runs recorded it."""

    a: CaseRecord
    b: CaseRecord


@dataclass(frozen=True, slots=True)
class Pairing:
    """The cases of two runs, side by side."""

    pairs: tuple[CasePair, ...]
    """In the order of the second run."""
    only_in_a: tuple[CaseRecord, ...] = ()
    only_in_b: tuple[CaseRecord, ...] = ()


def pair_cases(a: RunRecord, b: RunRecord) -> Pairing:
    """Pair the cases of two runs by suite name and case id, wherever the suite files lay.

    Raises:
        GoldenseedError: no case is in both runs, or one run names a case twice.

    """
    in_a, in_b = _by_name(a), _by_name(b)
    pairs = tuple(CasePair(in_a[name], case) for name, case in in_b.items() if name in in_a)
    if not pairs:
        raise GoldenseedError(
            f"the runs have no case in common: {_contents(a)}; {_contents(b)}",
            fix="give two runs of the same suite",
        )
    return Pairing(
        pairs=pairs,
        only_in_a=tuple(case for name, case in in_a.items() if name not in in_b),
        only_in_b=tuple(case for name, case in in_b.items() if name not in in_a),
    )


def _by_name(run: RunRecord) -> dict[tuple[str, str], CaseRecord]:
    found: dict[tuple[str, str], CaseRecord] = {}
    for case in run.cases:
        other = found.setdefault((case.suite, case.id), case)
        if other is not case:
            raise GoldenseedError(
                f"{run.run_id} has two cases {case.suite}::{case.id}, of {other.path} and of "
                f"{case.path}",
                fix="give the suites different names and run them again",
            )
    return found


def _contents(run: RunRecord) -> str:
    suites = {case.suite: 0 for case in run.cases}
    for case in run.cases:
        suites[case.suite] += 1
    if not suites:
        return f"{run.run_id} has no cases"
    words = (f"{count} of suite {suite}" for suite, count in suites.items())
    return f"{run.run_id} has {', '.join(words)}"
