"""Level 5: an archive's images made again by a session of pytest, and held against the archived."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.archive import layout
from goldenseed.archive.findings import Finding, Level, LevelResult, Status, Verification
from goldenseed.archive.given_models import link_models, other_files
from goldenseed.archive.making import Progress, make_again
from goldenseed.archive.project import put_up, read_project
from goldenseed.archive.tree import read_tree
from goldenseed.core.changes import changed
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.listing import first_of
from goldenseed.core.names import SUITE_SUFFIX
from goldenseed.environment.declaration import Kind, Scope
from goldenseed.environment.fingerprint import KeyDifference
from goldenseed.environment.keys import declaration_of
from goldenseed.reporting.terminal import reason_line
from goldenseed.reporting.view import run_view
from goldenseed.reporting.words import count_of, name_of
from goldenseed.runs.comparison import (
    HELD,
    OF_B,
    JudgedPair,
    RunComparison,
    StoredRun,
    compare_runs,
    comparison_record,
)
from goldenseed.runs.folder import load_run
from goldenseed.runs.pairing import Differences, differences_by_pair
from goldenseed.suite.model import DIFFUSERS
from goldenseed.verdict.model import Verdict

if TYPE_CHECKING:
    from goldenseed.archive.trust import Trust
    from goldenseed.archive.verify import Opened
    from goldenseed.runs.record import CaseRecord, RunRecord
    from goldenseed.suite.cases import Case

Choose = Callable[["RunRecord"], Sequence["CaseRecord"]]

_LISTED = 5
_CAN_MOVE = frozenset({Kind.IDENTITY, Kind.NUMERIC})


@dataclass(frozen=True, slots=True)
class Replay:
    """How to make an archive's images again."""

    models: tuple[Path, ...] = ()
    """Folders or files of models, or folders in which they lie as below pytest's root."""
    device: str = "auto"
    report: Path | None = None
    """Where to keep pictures for a report; None for no report."""
    progress: Progress = iter
    """May wrap the cases, each of which is given up when its image was made."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of it."""

    verification: Verification
    """All five levels."""
    comparison: RunComparison | None = None
    """The images made again against the archived ones; None where none were made."""
    differences: tuple[Differences | None, ...] = ()
    """How the environment of each pair differs, as ``differences_by_pair`` says."""


def replay(archive: Opened, how: Replay, *, trusted: Trust, choose: Choose) -> Replayed:
    """Verify an archive, then make the images of the cases that ``choose`` takes again.

    What fails levels 1 to 3 is not replayed. Nothing in the archive is changed.

    Raises:
        GoldenseedError: a model is not in the folders given, the back end cannot run here, or the
            suite's own code would run and nobody trusted signed it.

    """
    found = archive.verified(trusted=trusted)
    failed = found.first_failed
    if failed is not None and failed <= Level.SIGNATURE:
        why = f"an archive that fails level {int(failed)} is not replayed"
        result = LevelResult.not_checked(Level.REPLAY, why)
        return Replayed(replace(found, levels=(*found.levels, result)))
    signed = found.of(Level.SIGNATURE).status is Status.PASSED
    run = load_run(archive.folder / layout.RUN)
    with tempfile.TemporaryDirectory(prefix="goldenseed-") as made:
        replaying = _Replaying(archive.folder, run, Path(made), how)
        result, comparison, differences = replaying.of(choose(run), code_is_trusted=signed)
    return Replayed(replace(found, levels=(*found.levels, result)), comparison, differences)


@dataclass(frozen=True)
class _Replaying:
    """One replay, in a folder of its own."""

    root: Path
    run: RunRecord
    scratch: Path
    how: Replay

    def of(
        self, chosen: Sequence[CaseRecord], *, code_is_trusted: bool
    ) -> tuple[LevelResult, RunComparison | None, tuple[Differences | None, ...]]:
        """Make what can be made, and judge it by what is archived."""
        tests = [each for each in chosen if not each.path.endswith(SUITE_SUFFIX)]
        wanted = [each for each in chosen if each not in tests and each.image]
        left = [each for each in chosen if each not in tests and not each.image]
        notes = [*_left(left, tests)]
        if not wanted:
            return LevelResult.not_checked(Level.REPLAY, *notes), None, ()
        others = self._put_up(wanted, code_is_trusted=code_is_trusted)
        asked = self.run.model_copy(update={"cases": tuple(wanted)})
        archived = StoredRun(asked, self.root / layout.RUN)
        made = make_again(
            self._project,
            wanted,
            self.root / layout.BASELINES,
            device=self.how.device,
            progress=self.how.progress,
        )
        comparison = compare_runs(archived, made, pictures=self.how.report)
        pairs = comparison.pairing.pairs
        differences = differences_by_pair(self.run, comparison.b.record, pairs)
        findings = [*others, *_moved(comparison)]
        if missing := comparison.pairing.only_in_a:
            notes.append(f"pytest did not run {_names(missing)}")
        if not code_is_trusted:
            notes.append("nobody trusted vouches for what was replayed: see level 3")
        notes = [
            _counts(comparison, self.run),
            *_environment(each for of in differences for each in of or ()),
            *notes,
        ]
        result = LevelResult.of(Level.REPLAY, findings, notes)
        whole = len(pairs) + len(left) == len(self.run.cases)
        if result.status is Status.PASSED and not whole:
            result = LevelResult.not_checked(Level.REPLAY, *notes)
        return result, comparison, differences

    @property
    def _project(self) -> Path:
        return self.scratch / "project"

    def _put_up(self, wanted: Sequence[CaseRecord], *, code_is_trusted: bool) -> list[Finding]:
        """Put up the archived project with the models given; name their files that are others."""
        self._project.mkdir()
        put_up(self.root, read_tree(self.root).files, self._project)
        places = dict.fromkeys(each.path for each in wanted)
        _, suites = read_project(self._project, places)
        by_place = zip(places, suites, strict=True)
        known = {(place, case.id): case for place, suite in by_place for case in suite.cases}
        cases = [known[each.path, each.id] for each in wanted if (each.path, each.id) in known]
        _check(cases, code_is_trusted=code_is_trusted)
        link_models(self._project, self.root, cases, self.how.models)
        return [*other_files(self.run, wanted, known)]


def _check(cases: Iterable[Case], *, code_is_trusted: bool) -> None:
    """Refuse what cannot run here, and code of the archive that nobody trusted signed."""
    for case in cases:
        own = case.model.factory or case.model.pipeline_sha256
        own = own or next((step.function for step in case.postprocess if step.function), None)
        if own and not code_is_trusted:
            raise GoldenseedError(
                f"{case.suite.name} makes its images by code that lies in the archive, and nobody "
                "whom you trust signed it",
                fix="read that code, and name the signer's key with --trusted-key",
            )
        missing = [each for each in ("torch", "diffusers") if find_spec(each) is None]
        if case.model.backend == DIFFUSERS and missing:
            raise GoldenseedError(
                f"making images again needs {missing[0]}, which is not installed",
                fix="pip install 'pytest-goldenseed[diffusers]'; `goldenseed archive verify` needs "
                "neither",
            )


def _left(left: Sequence[CaseRecord], tests: Sequence[CaseRecord]) -> Iterator[str]:
    """Say what could not be made again, and why."""
    if left:
        yield f"of {_names(left)} the run has no image to hold another against"
    if tests:
        yield f"{_names(tests)}: made by tests, whose code an archive has only in part"


def _names(cases: Sequence[CaseRecord]) -> str:
    return first_of([name_of(each) for each in cases], _LISTED)


def _counts(comparison: RunComparison, run: RunRecord) -> str:
    verdicts = Counter(each.judged.verdict for each in comparison.pairs)
    counts = ", ".join(f"{verdicts[each]:,} {each.value}" for each in Verdict if verdicts[each])
    total = sum(bool(each.image) for each in run.cases)
    return f"{len(comparison.pairs):,} of {count_of(total, 'image')} were made again: {counts}"


def _environment(differences: Iterable[KeyDifference]) -> Iterator[str]:
    """Say in which keys the environment is another, and whether those can move pixels."""
    found = [each for each in dict.fromkeys(differences) if not _of_files(each.key)]
    moving = [changed(each.key, each.old, each.new) for each in found if each.kind in _CAN_MOVE]
    still = len({each.key for each in found if each.kind not in _CAN_MOVE})
    if moving:
        yield f"the environment differs in what can move pixels: {first_of(moving, _LISTED)}"
    else:
        yield "the environment differs in nothing that can move pixels"
    if still:
        yield f"it differs in {count_of(still, 'key')} that cannot"


def _of_files(key: str) -> bool:
    """Whether a key tells of a model's files, of which each other one is a finding."""
    declared = declaration_of(key)
    return declared is not None and declared.scope is Scope.FILES


def _moved(comparison: RunComparison) -> Iterator[Finding]:
    """Name each image that is not the archived one, and where and why they part."""
    started = comparison.b.record.started
    record = comparison_record(comparison, started=started, finished=started)
    record = record.model_copy(update={"cases": tuple(map(_said_of_now, comparison.pairs))})
    failures = {(b.suite, b.id): b.error for b in comparison.b.record.cases if b.error}
    for view in run_view(record).sections:
        for case in view.cases:
            if case.record.verdict in HELD:
                continue
            failed = failures.get((case.record.suite, case.record.id))
            what = reason_line(case) if failed is None else f"ERROR {failed}"
            if case.why and case.why.divergence:
                what += f"; first divergence: {case.why.divergence}"
            yield Finding(_code(case.record.verdict), case.name, what)


def _said_of_now(pair: JudgedPair) -> CaseRecord:
    """Return the record without what makes sense of two runs alone: gates are the suite's here."""
    reasons = (
        each.model_copy(update={"source": "suite"}) if each.source == OF_B else each
        for each in pair.judged.reasons
    )
    return pair.judged.model_copy(update={"passed": True, "reasons": tuple(reasons)})


def _code(verdict: Verdict) -> str:
    return "not_made" if verdict is Verdict.ERROR else verdict.value
