"""Measuring the noise of cases: the same images from fresh processes, held against the accepted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from goldenseed.baselines.candidate import Candidate, Measurement
from goldenseed.baselines.entry import AcceptedImage, ExactImage, MeasuredTolerance
from goldenseed.baselines.store import BaselineStore
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256
from goldenseed.environment.fingerprint import EnvironmentValue
from goldenseed.runs.candidates import candidates_of
from goldenseed.runs.comparison import StoredRun, dtype_of
from goldenseed.runs.record import CaseRecord
from goldenseed.runs.stored import stored_trace, trace_path
from goldenseed.suite.cases import Case
from goldenseed.tolerance.tolerance import assumed_tolerance
from goldenseed.tools.calibration.accepted import AcceptedImages, exact_image
from goldenseed.tools.calibration.summary import Seen, Summary, summarise
from goldenseed.tools.probe.change import (
    EXACT,
    UNCHANGED,
    Change,
    Situation,
)
from goldenseed.tools.probe.child import exactly
from goldenseed.tools.probe.probing import Probe


@dataclass(frozen=True, slots=True)
class _Found:
    """All the runs of a calibration, and who made them when."""

    unchanged: Sequence[StoredRun]
    changed: Sequence[StoredRun]
    exact: StoredRun | None
    by: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Calibration:
    """What to measure, and how."""

    probe: Probe
    """The cases, the folder, the device, and how a process is started."""
    repeats: int
    """How many times the images are made as the suite says, at least 2."""
    harmless: tuple[Change, ...]
    """Changes whose effect counts as noise; each is made once."""
    store: BaselineStore
    exact: bool = False
    """Whether the images are made in float64 too."""

    def run(self, by: str, tell: Callable[[str], None]) -> tuple[Measurement, ...]:
        """Make all images and measure each case; raises if one is missing, here or accepted."""
        first = self._made(UNCHANGED, "1", tell)
        for case in first.record.cases:
            self._accepted(case)
        others = (self._made(UNCHANGED, str(n + 1), tell) for n in range(1, self.repeats))
        unchanged = [first, *others]
        situation = Situation(self.probe.suite, self.probe.cases, unchanged[0].record.environment)
        changed = [run for each in self.harmless for run in self._changed(each, situation, tell)]
        exact = self._exactly(tell) if self.exact else None
        now = datetime.now(UTC).replace(microsecond=0)
        found = _Found(unchanged, changed, exact, by, now)
        return tuple(self._measurement(case, found, tell) for case in self.probe.cases)

    def _exactly(self, tell: Callable[[str], None]) -> StoredRun | None:
        """Make the exact images, or tell why there are none: the calibration goes on without."""
        suite = self.probe.suite
        reason = None
        if suite.determinism.portable:
            reason = "the suite is portable, so its images are exact already"
        elif suite.model.allow_new_weights:
            reason = "weights that are filled at random are others in float64"
        if reason is None:
            probe = replace(self.probe, folder=self.probe.folder / EXACT)
            try:
                run = probe.make(exactly())
            except GoldenseedError as error:
                reason = str(error)
            else:
                if not all(case.error for case in run.record.cases):
                    tell("in float64: made")
                return run
        tell(f"no exact images: {reason}")
        return None

    def _changed(
        self, change: Change, situation: Situation, tell: Callable[[str], None]
    ) -> Iterator[StoredRun]:
        reason = change.reason_against(situation)
        if reason is not None:
            tell(f"{change.name}: not tried, {reason}")
            return
        run = self._made(change.name, change.name, tell, change)
        if run.record.cases:
            yield run
        else:
            tell(f"{change.name}: not tried, {run.record.options.get('skipped')}")

    def _made(
        self, name: str, folder: str, tell: Callable[[str], None], change: Change | None = None
    ) -> StoredRun:
        probe = replace(self.probe, folder=self.probe.folder / folder)
        run = probe.make(change or Change(UNCHANGED, ""))
        failure = next((each.error for each in run.record.cases if each.error), None)
        if failure is not None:
            raise GoldenseedError(f"{name}: {failure}", path=self.probe.suite.path)
        tell(f"{folder}: made" if change else f"run {folder} of {self.repeats}: made")
        return run

    def _measurement(
        self,
        case: Case,
        found: _Found,
        tell: Callable[[str], None],
    ) -> Measurement:
        unchanged, changed = found.unchanged, found.changed
        runs = [*unchanged, *changed]
        made = [_record_of(run, case) for run in runs]
        accepted = self._accepted(made[0])
        dtype = dtype_of(made[0])
        known = AcceptedImages(self.store, made[0].profile or "", accepted, dtype, case.mask)
        seen = [known.seen(run, each) for run, each in zip(runs, made, strict=True)]
        self._check_accepted(made[0], accepted, seen[: len(unchanged)])
        summary = summarise(seen, known.picture(), assumed_tolerance(dtype).limits)
        candidates = [
            candidates_of(run.record, run.folder, [each])[0]
            for run, each in zip(runs, made, strict=True)
        ]
        surroundings = [_in_force(each) for each in candidates]
        digests = [json_sha256(dict(each)) for each in surroundings]
        tolerance = MeasuredTolerance(
            pattern=summary.pattern,
            images=len(runs),
            harmless=tuple(run.record.options["change"] for run in changed),
            limits=dict(summary.limits),
            recipe_sha256=made[0].recipe_sha256,
            environment_sha256=digests[0],
            harmless_environments=tuple(dict.fromkeys(d for d in digests if d != digests[0])),
            measured_at=found.now,
            measured_by=found.by,
        )
        by_pixels = dict(zip((each.pixels for each in seen), candidates, strict=True))
        modes = _modes(summary, by_pixels, known.counted, candidates[0].profile)
        exact, trace = _exact_of(case, found, known, runs, tell)
        return Measurement(candidates[0], tolerance, tuple(surroundings), modes, exact, trace)

    def _accepted(self, case: CaseRecord) -> tuple[AcceptedImage, ...]:
        entry = self.store.entry(case.suite, case.id)
        baseline = entry.profiles.get(case.profile or "") if entry else None
        found = tuple(
            each
            for each in (baseline.accepted if baseline else ())
            if each.recipe_sha256 == case.recipe_sha256
        )
        if not found:
            raise GoldenseedError(
                f"{case.id}: nothing made from this recipe is accepted in {case.profile}",
                path=self.store.entry_path(case.suite, case.id),
                fix="run the suite and accept its images first: noise is measured around them",
            )
        return found

    def _check_accepted(
        self,
        case: CaseRecord,
        accepted: Sequence[AcceptedImage],
        seen: Sequence[Seen],
    ) -> None:
        """Raise where not one unchanged image is the accepted one or within assumed tolerance."""
        if not all(each.beyond for each in seen):
            return
        raise GoldenseedError(
            f"{case.id}: {len(seen)} unchanged runs made no image that is accepted or within "
            f"the rounding of one ({', '.join(a.pixels_sha256[:12] for a in accepted)})",
            path=self.store.entry_path(case.suite, case.id),
            fix="run the suite, look at what changed, and accept it before calibrating",
        )


def _record_of(run: StoredRun, case: Case) -> CaseRecord:
    return next(each for each in run.record.cases if each.id == case.id)


def _exact_of(
    case: Case,
    found: _Found,
    known: AcceptedImages,
    runs: Sequence[StoredRun],
    tell: Callable[[str], None],
) -> tuple[ExactImage | None, Path | None]:
    """Return the exact image and its trace's file; where there is none, tell why."""
    run = found.exact
    if run is None:
        return None, None
    made = (stored_trace(each.folder, _record_of(each, case)) for each in runs)
    exact = exact_image(
        run,
        _record_of(run, case),
        accepted=known.traces,
        made=[each for each in made if each],
        by=found.by,
        now=found.now,
    )
    if isinstance(exact, str):
        tell(f"{case.id}: no exact image: {exact}")
        return None, None
    return exact, trace_path(run.folder, exact.trace_sha256)


def _in_force(candidate: Candidate) -> Mapping[str, EnvironmentValue]:
    """Return where an image was made, as it was inside the pipeline's call."""
    return {**candidate.environment, **candidate.in_force}


def _modes(
    summary: Summary, made: Mapping[str, Candidate], known: frozenset[str], profile: str
) -> tuple[Candidate, ...]:
    """Return one candidate for each mode that is not accepted yet, as of the accepted profile."""
    return tuple(
        replace(made[pixels], profile=profile) for pixels in summary.modes if pixels not in known
    )
