"""Making the images of both ways, the exact ones, and those of legal environments."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from pydantic import JsonValue

from goldenseed.core.errors import GoldenseedError
from goldenseed.runs.comparison import RunComparison, StoredRun, compare_runs
from goldenseed.runs.stored import stored_trace
from goldenseed.tools.calibration.accepted import another_image
from goldenseed.tools.lossless.errors import StageError, errors_of
from goldenseed.tools.lossless.finding import Finding, finding_of
from goldenseed.tools.probe.change import UNCHANGED, Change, Situation
from goldenseed.tools.probe.changes import change_of
from goldenseed.tools.probe.child import SKIPPED, exactly
from goldenseed.tools.probe.probing import Probe
from goldenseed.tools.probe.values import FOLDER, kept_values

if TYPE_CHECKING:
    from goldenseed.tools.lossless.errors import Values

LEGAL: tuple[Mapping[str, JsonValue], ...] = (
    {"threads": 2},
    {"cpu_isa": "avx2"},
    {"cpu_isa": "default"},
    {"sdpa": "math"},
    {"sdpa": "efficient"},
)
"""What may be otherwise between two machines that both are right."""


@dataclass(frozen=True)
class Answer:
    """What came of it, and the runs that it rests on."""

    finding: Finding
    reference: StoredRun
    candidate: StoredRun
    exact: StoredRun
    legal: Mapping[str, StoredRun]
    compared: RunComparison
    """The candidate's images with the reference's in the baseline's place."""


@dataclass(frozen=True)
class Lossless:
    """What to compare, and how it is told."""

    probe: Probe
    """The suite, the cases, the folder for all runs, the device; it has to keep values."""
    candidate: Change
    reference: Change | None
    """None for the images as the suite says."""
    legal: Sequence[Change]
    """Changes that make legal environments; those that cannot be made here are left out."""
    tell: Callable[[str], None]
    make: Callable[[Change], StoredRun] | None = None
    """Makes the images of a change; by default the probe, in a process of its own."""

    def run(self) -> Answer:
        """Make all images and judge the candidate's errors by the reference's.

        Raises:
            GoldenseedError: the images of either way, or the exact ones, cannot be made, or the
                candidate cannot be tried here.

        """
        try:
            return self._answer()
        finally:
            for each in self.probe.folder.glob(f"*/{FOLDER}"):
                shutil.rmtree(each, ignore_errors=True)

    def _answer(self) -> Answer:
        reference = self._made(self.reference or Change(UNCHANGED, "as the suite says"))
        environment = reference.record.environment
        situation = Situation(self.probe.suite, self.probe.cases, environment)
        if (reason := self.candidate.reason_against(situation)) is not None:
            raise self._refusal(f"{self.candidate.name}: {reason}")
        exact = self._made(exactly())
        self._check_exact(exact, reference)
        candidate = self._made(self.candidate)
        legal = {change.name: run for change, run in self._legal(situation)}
        finding = self._finding(reference, candidate, exact, legal)
        compared = compare_runs(reference, candidate, pictures=self.probe.folder)
        return Answer(finding, reference, candidate, exact, legal, compared)

    def _made(self, change: Change) -> StoredRun:
        run = self._tried(change)
        if isinstance(run, str):
            raise self._refusal(f"{change.name}: {run}")
        return run

    def _tried(self, change: Change) -> StoredRun | str:
        """Make the images of a change, or return why there are none."""
        run = (self.make or self.probe.make)(change)
        failure = next((each.error for each in run.record.cases if each.error), None)
        if failure is None and not run.record.cases:
            failure = run.record.options.get(SKIPPED, "nothing was made")
        if failure is None:
            self.tell(f"{change.name}: made")
        return failure or run

    def _legal(self, situation: Situation) -> list[tuple[Change, StoredRun]]:
        """Make the images of the legal environments; tell of those that cannot be had here."""
        found = []
        own = dict(self.reference.vary) if self.reference else {}
        for each in self.legal:
            reason = each.reason_against(situation)
            if own.keys() & each.vary.keys():
                reason = reason or "the reference has its own"
            run = reason or self._tried(change_of({**own, **each.vary}))
            if isinstance(run, str):
                self.tell(f"{each.name}: not tried, {run}")
            else:
                found.append((each, run))
        return found

    def _check_exact(self, exact: StoredRun, reference: StoredRun) -> None:
        """Refuse exact images that are of other token ids or other noise."""
        for one, other in zip(exact.record.cases, reference.record.cases, strict=True):
            traces = stored_trace(exact.folder, one), stored_trace(reference.folder, other)
            if not all(traces):
                raise self._refusal(f"{one.id} has no trace to measure")
            if (fault := another_image(traces[0] or (), traces[1] or ())) is not None:
                raise self._refusal(f"{one.id} has no exact image: {fault}")

    def _finding(
        self,
        reference: StoredRun,
        candidate: StoredRun,
        exact: StoredRun,
        legal: Mapping[str, StoredRun],
    ) -> Finding:
        cases = [each.id for each in self.probe.cases]
        true, base = (
            lru_cache(maxsize=1)(partial(kept_values, each.folder)) for each in (exact, reference)
        )

        def against(old: Callable[[str], Values], run: StoredRun) -> tuple[StageError, ...]:
            return errors_of(old, partial(kept_values, run.folder), cases)

        return finding_of(
            reference=against(true, reference),
            candidate=against(true, candidate),
            legal={name: against(true, run) for name, run in legal.items()},
            drift=against(base, candidate),
            spread={name: against(base, run) for name, run in legal.items()},
            same=_same(reference, candidate),
            cases=len(cases),
        )

    def _refusal(self, what: str) -> GoldenseedError:
        return GoldenseedError(
            f"it cannot be told whether {self.candidate.name} is lossless: {what}",
            path=self.probe.suite.path,
            fix="name cases and a change that can be made here: `goldenseed probe --list`",
        )


def _same(reference: StoredRun, candidate: StoredRun) -> bool:
    """Whether all pixels and all stages of two runs are the same."""
    pairs = zip(reference.record.cases, candidate.record.cases, strict=True)
    return all(
        old.pixels_sha256 == new.pixels_sha256
        and [each.sha256 for each in old.trace] == [each.sha256 for each in new.trace]
        for old, new in pairs
    )


def legal_changes() -> tuple[Change, ...]:
    """Return the changes that make legal environments."""
    return tuple(change_of(each) for each in LEGAL)
