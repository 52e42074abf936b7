"""Measuring the noise of cases: the same images from fresh processes, held against the accepted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness.baselines.candidate import Candidate
from harness.baselines.entry import AcceptedImage
from harness.baselines.measured_noise import MeasuredNoise, Pattern
from harness.baselines.store import BaselineStore
from harness.calibration.summary import PIXEL_METRICS, Summary, summarise
from harness.errors import GoldenseedError
from harness.probe.change import UNCHANGED, Change, Situation
from harness.probe.probing import Probe
from harness.runs.candidates import candidates_of
from harness.runs.comparison import StoredRun, dtype_of
from harness.runs.record import CaseRecord
from harness.runs.stored_images import stored_image
from harness.runs.traces import stored_trace
from harness.verdict.noise import unmeasured_noise
from harness.verdict.rounding import trace_measures

if TYPE_CHECKING:
    from PIL.Image import Image

    from harness.generation.stages import Trace


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What was measured of one case, and the images that are its modes."""

    case: str
    noise: MeasuredNoise
    unchanged: Candidate
    """The first unchanged image: says case, profile and environment."""
    modes: tuple[Candidate, ...]
    """Images to be accepted beside those that are; of an envelope none."""


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

    def run(self, by: str, tell: Callable[[str], None]) -> tuple[Calibrated, ...]:
        """Make all images, then say of each case what they have in common; writes no baseline.

        Raises:
            GoldenseedError: images cannot be made, a case has no accepted image in the profile, or
                what is made here is not what was accepted.

        """
        first = self._made(UNCHANGED, "1", tell)
        for case in first.record.cases:
            self._accepted(case)
        others = (self._made(UNCHANGED, str(n + 1), tell) for n in range(1, self.repeats))
        unchanged = [first, *others]
        situation = Situation(self.probe.suite, self.probe.cases, unchanged[0].record.environment)
        changed = [run for each in self.harmless for run in self._changed(each, situation, tell)]
        now = datetime.now(UTC).replace(microsecond=0)
        return tuple(
            self._summarised(number, unchanged, changed, by, now)
            for number in range(len(self.probe.cases))
        )

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

    def _summarised(
        self,
        number: int,
        unchanged: Sequence[StoredRun],
        changed: Sequence[StoredRun],
        by: str,
        now: datetime,
    ) -> Calibrated:
        runs = [*unchanged, *changed]
        case = runs[0].record.cases[number]
        accepted = self._accepted(case)
        nearest = _Nearest(self.store, accepted, dtype_of(case))
        made = [run.record.cases[number] for run in runs]
        measured = [nearest.measured(run, each) for run, each in zip(runs, made, strict=True)]
        self._check_accepted(case, accepted, measured[: len(unchanged)])
        summary = summarise([each.pixels_sha256 or "" for each in made], measured)
        candidates = [
            candidates_of(run.record, run.folder, [each])[0]
            for run, each in zip(runs, made, strict=True)
        ]
        noise = MeasuredNoise(
            pattern=summary.pattern,
            images=len(runs),
            harmless=tuple(run.record.options["change"] for run in changed),
            limits=dict(summary.limits),
            recipe_sha256=case.recipe_sha256,
            environment_sha256=case.environment_sha256 or "",
            measured_at=now,
            measured_by=by,
        )
        known = {each.pixels_sha256 for each in accepted}
        modes = _modes(summary, candidates, known, candidates[0].profile)
        return Calibrated(case.id, noise, candidates[0], modes)

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
        measured: Sequence[Mapping[str, float]],
    ) -> None:
        """Raise where not one unchanged image is the accepted one or within unmeasured noise."""
        if any(not each.get("beyond", 0.0) for each in measured):
            return
        raise GoldenseedError(
            f"{case.id}: {len(measured)} unchanged runs made no image that is accepted or within "
            f"the rounding of one ({', '.join(a.pixels_sha256[:12] for a in accepted)})",
            path=self.store.entry_path(case.suite, case.id),
            fix="run the suite, look at what changed, and accept it before measuring its noise",
        )


class _Nearest:
    """Measures images of one case against the accepted one that is nearest."""

    def __init__(self, store: BaselineStore, accepted: Sequence[AcceptedImage], dtype: str) -> None:
        self._store = store
        self._accepted = accepted
        self._noise = unmeasured_noise(dtype)

    def measured(self, run: StoredRun, case: CaseRecord) -> Mapping[str, float]:
        """Return metric to value, and ``beyond``: 1 where unmeasured noise does not explain it."""
        if case.pixels_sha256 in {each.pixels_sha256 for each in self._accepted}:
            return dict.fromkeys(PIXEL_METRICS, 0.0)
        image, trace = stored_image(run.folder, case), stored_trace(run.folder, case)
        found = [self._against(each, image, trace) for each in self._accepted]
        return min(found, key=lambda each: each["mean_difference"])

    def _against(
        self, accepted: AcceptedImage, image: Image, trace: Trace | None
    ) -> Mapping[str, float]:
        from harness.comparison.compare import measure

        metrics = measure(image, self._store.image(accepted.pixels_sha256), PIXEL_METRICS)
        digest = accepted.trace_sha256
        both = (self._store.trace(digest), trace) if digest and trace else None
        measures = trace_measures(*both, self._noise.dtype) if both else None
        explained = self._noise.explains(metrics, measures)
        along = {each.metric: each.value for each in measures or () if each.detail is None}
        return {**metrics, **along, "beyond": float(not explained)}


def _modes(
    summary: Summary, candidates: Sequence[Candidate], known: set[str], profile: str
) -> tuple[Candidate, ...]:
    """Return one candidate for each mode that is not accepted yet, as of the accepted profile."""
    if summary.pattern is Pattern.ENVELOPE:
        return ()
    by_digest = {each.pixels_sha256: each for each in reversed(candidates)}
    return tuple(
        replace(by_digest[digest], profile=profile)
        for digest in summary.modes
        if digest not in known
    )
