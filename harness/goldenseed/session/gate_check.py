"""Suites that demand it: whether their gates would pass a wrong image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from goldenseed.baselines.store import BaselineStore
from goldenseed.core.files import json_sha256
from goldenseed.reporting.selfcheck import passing_line
from goldenseed.runs.record import RunRecord
from goldenseed.suite.cases import Suite
from goldenseed.tools.selfcheck.baseline_cases import Right, find_right
from goldenseed.tools.selfcheck.check import WRONG_IMAGES, mask_in_force, self_check

MEMORY_KEY = "goldenseed/selfcheck"


class Memory(Protocol):
    """What a session may remember for the next one: pytest's own cache."""

    def get(self, key: str, default: object) -> object:
        """Return what was kept under ``key``."""
        ...

    def set(self, key: str, value: object) -> None:
        """Keep a value that JSON can hold."""
        ...


class GateCheck:
    """Checks the gates of the cases that ran, where gates or baselines are not as they were.

    Only what passed is remembered: a failure is found again in every session.
    """

    def __init__(self, store: BaselineStore, memory: Memory | None) -> None:
        self._store = store
        self._memory = memory
        kept = memory.get(MEMORY_KEY, []) if memory else []
        self._passed = {str(each) for each in kept} if isinstance(kept, list) else set()

    def failures(self, run: RunRecord, suites: Mapping[str, Suite]) -> Iterator[str]:
        """Yield a line for each of ``suites``, by place, whose gates would pass a wrong image."""
        for place, suite in suites.items():
            yield from self._failures_of(suite, place, run)

    def _failures_of(self, suite: Suite, place: str, run: RunRecord) -> Iterator[str]:
        ran = [case for case in run.cases if case.path == place and case.profile]
        for profile in dict.fromkeys(case.profile for case in ran):
            named = [case.id for case in ran if case.profile == profile]
            right, _ = find_right(suite, self._store, profile=profile or "", cases=named)
            changed = [each for each in right if _digest(each) not in self._passed]
            check = self_check(suite.name, profile or "", changed, self._store, others=right)
            failed = {trial.case for trial in check.passed}
            passed = [_digest(each) for each in changed if each.case.id not in failed]
            self._passed.update(passed)
            if self._memory and passed:
                self._memory.set(MEMORY_KEY, sorted(self._passed))
            if failed:
                yield (
                    f"{place}: the self-check that the suite demands fails: {passing_line(check)}; "
                    f"`goldenseed selfcheck {place} --profile {profile}` says which gates to set"
                )


def _digest(right: Right) -> str:
    """Digest everything that decides what becomes of a case's self-check, neighbours left out."""
    from goldenseed.core.pixels import pixels_sha256

    mask = mask_in_force(right)
    return json_sha256(
        {
            "tried": list(WRONG_IMAGES),
            "accepted": [image.pixels_sha256 for image in right.images],
            "limits": {name: limit.value for name, limit in right.limits.items()},
            "content": {name: limit.value for name, limit in right.case.content.items()},
            "mask": pixels_sha256(mask) if mask else None,
            "tolerance": {"source": right.tolerance.source, "reach": dict(right.reach)},
        }
    )
