"""In which keys the environments differ in which the cases of two runs were made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.environment.differences import KeyDifference, environment_differences
from harness.environment.keys import Kind
from harness.errors import GoldenseedError
from harness.runs.pairing import CasePair
from harness.runs.record import CaseRecord, EnvironmentValue, RunRecord

Differences = tuple[KeyDifference, ...]


@dataclass(frozen=True, slots=True)
class Environments:
    """How the environments of two runs differ, over all pairs of cases."""

    cases: int
    """How many pairs have both their environments on record."""
    unknown: int
    """How many have not."""
    profiles: tuple[tuple[str, str, int], ...]
    """Profile of A, profile of B, and how many pairs have these; the most frequent first."""
    differences: tuple[tuple[KeyDifference, int], ...]
    """From A (``old``) to B (``new``), each with the pairs it holds for: by kind, then by key."""


def differences_by_pair(
    a: RunRecord, b: RunRecord, pairs: Iterable[CasePair]
) -> tuple[Differences | None, ...]:
    """Return for each pair in which keys its environments differ; None where one is not on record.

    The environments of one run's cases differ too: by scheduler, by adapters, by worker.
    """
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
    profiles = Counter((_profile(pair.a), _profile(pair.b)) for pair in known)
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
    if case.environment_sha256 is None:
        return None
    try:
        return run.environment_of(case)
    except GoldenseedError:
        return None


def _profile(case: CaseRecord) -> str:
    return case.profile or "unknown"
