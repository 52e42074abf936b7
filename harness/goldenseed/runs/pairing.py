"""Which cases of two runs belong together, and in which keys their environments differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.fingerprint import KeyDifference, environment_differences
from goldenseed.environment.keys import Kind
from goldenseed.runs.record import CaseRecord, EnvironmentValue, RunRecord
from goldenseed.runs.stored import stored_environment


@dataclass(frozen=True, slots=True)
class CasePair:
    """One case as two runs recorded it."""

    a: CaseRecord
    b: CaseRecord


@dataclass(frozen=True, slots=True)
class Pairing:
    """The cases of two runs, side by side."""

    pairs: tuple[CasePair, ...]
    only_in_a: tuple[CaseRecord, ...] = ()
    only_in_b: tuple[CaseRecord, ...] = ()


def pair_cases(a: RunRecord, b: RunRecord) -> Pairing:
    """Pair the cases of two runs by suite name and case id, wherever the suite files lay.

    Raises GoldenseedError where no case is in both runs, or one run names a case twice.
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
    suites = Counter(case.suite for case in run.cases)
    if not suites:
        return f"{run.run_id} has no cases"
    words = (f"{count} of suite {suite}" for suite, count in suites.items())
    return f"{run.run_id} has {', '.join(words)}"


Differences = tuple[KeyDifference, ...]


@dataclass(frozen=True, slots=True)
class Environments:
    """How the environments of two runs differ, over all pairs of cases."""

    cases: int
    """How many pairs have both their environments on record."""
    unknown: int
    profiles: tuple[tuple[str, str, int], ...]
    """Profile of A, profile of B, and how many pairs have these; the most frequent first."""
    differences: tuple[tuple[KeyDifference, int], ...]
    """From A (``old``) to B (``new``), each with the pairs it holds for: by kind, then by key."""


def differences_by_pair(
    a: RunRecord, b: RunRecord, pairs: Iterable[CasePair]
) -> tuple[Differences | None, ...]:
    """Return for each pair in which keys its environments differ; None where one is not known."""
    known: dict[tuple[str | None, str | None], Differences | None] = {}
    found = []
    for pair in pairs:
        key = (pair.a.environment_sha256, pair.b.environment_sha256)
        if key not in known:
            old, new = _environment(a, pair.a), _environment(b, pair.b)
            missing = old is None or new is None
            known[key] = None if missing else environment_differences(old or {}, new or {})
        found.append(known[key])
    return tuple(found)


def environments_of(
    pairs: Sequence[CasePair], differences: Sequence[Differences | None]
) -> Environments:
    """Count over all pairs what ``differences_by_pair`` says of each."""
    known = [pair for pair, each in zip(pairs, differences, strict=True) if each is not None]
    profiles = Counter((pair.a.profile or "unknown", pair.b.profile or "unknown") for pair in known)
    counted = Counter(difference for each in differences for difference in each or ())
    order = list(Kind)
    return Environments(
        cases=len(known),
        unknown=len(pairs) - len(known),
        profiles=tuple((a, b, count) for (a, b), count in profiles.most_common()),
        differences=tuple(
            sorted(
                counted.items(),
                key=lambda found: (order.index(found[0].kind), found[0].key, -found[1]),
            )
        ),
    )


def _environment(run: RunRecord, case: CaseRecord) -> dict[str, EnvironmentValue] | None:
    try:
        return stored_environment(run, case)
    except GoldenseedError:
        return None
