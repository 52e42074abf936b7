"""Measuring the noise of cases: the same images from fresh processes, held against the accepted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from goldenseed.baselines.candidate import Candidate, Measurement, Signature
from goldenseed.baselines.entry import AcceptedImage, ExactImage, MeasuredTolerance
from goldenseed.baselines.store import BaselineStore
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256
from goldenseed.environment.fingerprint import EnvironmentValue
from goldenseed.runs.candidates import candidates_of
from goldenseed.runs.comparison import StoredRun
from goldenseed.runs.made import case_profile
from goldenseed.runs.record import CaseRecord
from goldenseed.runs.stored import stored_trace, trace_path
from goldenseed.suite.cases import Case
from goldenseed.suite.recipes import recipe_of, recipe_sha256
from goldenseed.tools.calibration.accepted import AcceptedImages, exact_image
from goldenseed.tools.calibration.summary import Seen, Summary, summarise
from goldenseed.tools.probe.change import EXACT, UNCHANGED, Change, Situation
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

    def run(
        self,
        by: str,
        tell: Callable[[str], None],
        hand: Callable[[StoredRun], None] = lambda _run: None,
    ) -> tuple[Measurement, ...]:
        """Make all images and measure each case; ``hand`` is given the runs, the unchanged first.

        Raises:
            GoldenseedError: before any image is made, where the suite cannot be calibrated, a case
                has no accepted image that can be read or the store cannot be written; later, where
                an image cannot be made or is not the accepted one.

        """
        harmless, exact = self._refuse_or_plan(by, tell)
        unchanged = [self._made(UNCHANGED, str(n + 1), tell) for n in range(self.repeats)]
        for case in self.probe.cases:
            self._seen(case, unchanged)
        changed = [run for each in harmless for run in self._changed(each, tell)]
        for run in (*unchanged, *changed):
            hand(run)
        found = _Found(
            unchanged,
            changed,
            self._exactly(tell) if exact else None,
            by,
            datetime.now(UTC).replace(microsecond=0),
        )
        return tuple(self._measurement(case, found, tell) for case in self.probe.cases)

    def _refuse_or_plan(
        self, by: str, tell: Callable[[str], None]
    ) -> tuple[tuple[Change, ...], bool]:
        """Refuse all that can be refused without an image; return what is tried, of what is asked.

        Those are the harmless changes that can be made here, and whether exact images can.
        """
        suite = self.probe.suite
        if suite.determinism.portable:
            raise GoldenseedError(
                "the suite is portable: rounding moves none of its pixels, so there is no noise to "
                "measure",
                path=suite.path,
                fix="calibrate a suite that is not; `pytest` says whether this one's bits are kept",
            )
        for change in self.harmless:
            if change.dtype is not None:
                raise GoldenseedError(
                    f"{change.name} is another dtype, which is another recipe and not its noise",
                    fix="leave it out of --harmless; `goldenseed probe` shows what it moves",
                )
        for case in self.probe.cases:
            self._accepted_anywhere(case)
        self.store.measured((), by=Signature.checked(by, "a calibration", None).by)
        environment = replace(self.probe, folder=self.probe.folder / "surroundings").surroundings()
        for case in self.probe.cases:
            self._known(case, case_profile(case, environment)).check()
        situation = Situation(suite, self.probe.cases, environment)
        reasons = [(each, each.reason_against(situation)) for each in self.harmless]
        for change, reason in reasons:
            if reason is not None:
                tell(f"{change.name}: not tried, {reason}")
        exact = exactly().reason_against(situation) if self.exact else None
        if exact is None and suite.model.allow_new_weights:
            exact = "weights that are filled at random are others in float64"
        if self.exact and exact is not None:
            tell(f"no exact images: {exact}")
        planned = tuple(change for change, reason in reasons if reason is None)
        return planned, self.exact and exact is None

    def _exactly(self, tell: Callable[[str], None]) -> StoredRun | None:
        """Make the exact images, or tell why there are none: the calibration goes on without."""
        probe = replace(self.probe, folder=self.probe.folder / EXACT)
        try:
            run = probe.make(exactly())
        except GoldenseedError as error:
            tell(f"no exact images: {error}")
            return None
        if not all(case.error for case in run.record.cases):
            tell("in float64: made")
        return run

    def _changed(self, change: Change, tell: Callable[[str], None]) -> Iterator[StoredRun]:
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
        runs = [*found.unchanged, *found.changed]
        made = [_record_of(run, case) for run in runs]
        known = self._known(case, made[0].profile or "")
        seen = self._seen(case, runs, known)
        summary = summarise(seen, known.picture(), known.tolerance.limits)
        candidates = [
            candidates_of(run.record, run.folder, [each])[0]
            for run, each in zip(runs, made, strict=True)
        ]
        surroundings = [_in_force(each) for each in candidates]
        digests = [json_sha256(dict(each)) for each in surroundings]
        tolerance = MeasuredTolerance(
            pattern=summary.pattern,
            images=len(runs),
            harmless=tuple(run.record.options["change"] for run in found.changed),
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

    def _accepted_anywhere(self, case: Case) -> Mapping[str, tuple[AcceptedImage, ...]]:
        """Return what is accepted of the case's recipe, by profile; raise where nothing is."""
        suite, sha256 = case.suite.name, recipe_sha256(recipe_of(case))
        entry = self.store.entry(suite, case.id)
        by_profile = {
            name: tuple(each for each in baseline.accepted if each.recipe_sha256 == sha256)
            for name, baseline in (entry.profiles if entry else {}).items()
        }
        found = {name: accepted for name, accepted in by_profile.items() if accepted}
        if not found:
            raise self._nothing_accepted(case, "any profile")
        several = next((a for each in found.values() for a in each if a.elements), None)
        if several is not None:
            raise GoldenseedError(
                f"{case.id} has {len(several.elements)} elements ({several.elements[0].name}, …), "
                "and images are calibrated one by one",
                path=case.suite.path,
                line=case.line,
                fix="name the cases that make one image",
            )
        return found

    def _known(self, case: Case, profile: str) -> AcceptedImages:
        accepted = self._accepted_anywhere(case)
        if profile not in accepted:
            others = f"{profile}, only in {', '.join(sorted(accepted))}"
            raise self._nothing_accepted(case, others)
        dtype = case.model.dtype
        return AcceptedImages(self.store, profile, accepted[profile], dtype, case.mask)

    def _nothing_accepted(self, case: Case, where: str) -> GoldenseedError:
        return GoldenseedError(
            f"{case.id}: nothing made from this recipe is accepted in {where}",
            path=self.store.entry_path(case.suite.name, case.id),
            fix="run the suite here and accept its images first: noise is measured around them",
        )

    def _seen(
        self, case: Case, runs: Sequence[StoredRun], known: AcceptedImages | None = None
    ) -> tuple[Seen, ...]:
        """Measure the images of ``runs``; raise where none of the unchanged is the accepted one.

        The accepted one, or within the assumed tolerance of it.
        """
        made = [_record_of(run, case) for run in runs]
        known = known or self._known(case, made[0].profile or "")
        seen = tuple(known.seen(run, each) for run, each in zip(runs, made, strict=True))
        if not all(each.beyond for each in seen[: self.repeats]):
            return seen
        raise GoldenseedError(
            f"{case.id}: {self.repeats} unchanged runs made no image that is accepted or within "
            f"the rounding of one ({', '.join(a[:12] for a in known.digests)})",
            path=self.store.entry_path(case.suite.name, case.id),
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
