"""In which environments the cases of two runs were made, and in which keys those differ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.environment.differences import KeyDifference, environment_differences
from harness.errors import GoldenseedError
from harness.runs.pairing import CasePair
from harness.runs.record import CaseRecord, EnvironmentValue, RunRecord


@dataclass(frozen=True, slots=True)
class EnvironmentPair:
    """Two environments, and how many cases were made in the one by A and in the other by B."""

    cases: int
    profile_a: str
    profile_b: str
    differences: tuple[KeyDifference, ...]
    """From A (``old``) to B (``new``), identity first, then by name."""


@dataclass(frozen=True, slots=True)
class Environments:
    """Every pair of environments that met, the one with the most cases first."""

    pairs: tuple[EnvironmentPair, ...]
    unknown: int
    """How many pairs of cases have an environment that was not recorded."""


def environments_of(a: RunRecord, b: RunRecord, pairs: Iterable[CasePair]) -> Environments:
    """Compare the environments of paired cases; a run with several workers may have several."""
    counted: dict[tuple[str, str], int] = {}
    met: dict[tuple[str, str], EnvironmentPair] = {}
    unknown = 0
    for pair in pairs:
        old, new = _environment(a, pair.a), _environment(b, pair.b)
        if old is None or new is None:
            unknown += 1
            continue
        key = (pair.a.environment_sha256 or "", pair.b.environment_sha256 or "")
        counted[key] = counted.get(key, 0) + 1
        if key not in met:
            met[key] = EnvironmentPair(
                cases=0,
                profile_a=pair.a.profile or "unknown",
                profile_b=pair.b.profile or "unknown",
                differences=environment_differences(old, new),
            )
    found = [
        EnvironmentPair(counted[key], each.profile_a, each.profile_b, each.differences)
        for key, each in met.items()
    ]
    return Environments(tuple(sorted(found, key=lambda each: -each.cases)), unknown)


def _environment(run: RunRecord, case: CaseRecord) -> dict[str, EnvironmentValue] | None:
    if case.environment_sha256 is None:
        return None
    try:
        return run.environment_of(case)
    except GoldenseedError:
        return None
