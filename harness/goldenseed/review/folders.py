"""Two folders of pictures as a run that can be decided on, whatever made and compared them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside, read_regular, write_all, write_atomically
from goldenseed.images.folders import judge_files, pair_files, usable_cores
from goldenseed.images.terms import Terms
from goldenseed.reporting.comparison import gate_line
from goldenseed.reporting.view import RunView
from goldenseed.review.decisions import CaseDecision, Decisions, Marked, Place, read_decisions
from goldenseed.review.desk import Applied, Done, reasons_given
from goldenseed.runs.compared_files import SUITE, case_of_files
from goldenseed.runs.folder import load_run, new_run_id, write_run
from goldenseed.runs.parts import Block, VerbRecord
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.runs.stored import Pictures

DECISIONS = "decisions.json"


def compared(a: Path, b: Path, terms: Terms, reports: Path) -> tuple[RunRecord, Path]:
    """Judge the pictures of ``b`` against those of ``a``, and keep both in a run's folder.

    Raises GoldenseedError as ``pair_files``, and where the folder takes no file.
    """
    began = datetime.now(UTC)
    run_id = f"{SUITE}-{new_run_id(began)}"
    found, pictures = pair_files(a, b), Pictures(reports / run_id)
    judged = judge_files(found.pairs, terms, jobs=usable_cores())
    cases = tuple(
        case_of_files(pair, each, terms, pictures)
        for pair, each in zip(found.pairs, judged, strict=True)
    )
    record = RunRecord(
        run_id=run_id,
        started=began,
        finished=datetime.now(UTC),
        complete=True,
        options={"a": str(a.resolve()), "b": str(b.resolve())},
        cases=cases,
        verb=VerbRecord(
            name="compare",
            passed=all(each.passed for each in cases),
            notes=(Block((f"A  {a}", f"B  {b}", gate_line(terms.limits))),),
        ),
    )
    write_run(record, reports / run_id)
    return record, reports / run_id


def is_of_folders(run: RunRecord) -> bool:
    """Say whether a run is of two folders that are reviewed."""
    return run.verb is not None and run.verb.name == "compare" and {"a", "b"} <= set(run.options)


def decidable(view: RunView, folder: Path) -> RunView:
    """Let the page offer to accept what two folders do not share; any other run is as it is."""
    if not is_of_folders(view.record):
        return view
    words = ("goldenseed", "accept", "--from", f"{folder.as_posix()}/{DECISIONS}")
    sections = [
        replace(
            section,
            cases=tuple(
                replace(case, accept=words) if case.record.pixels_sha256 else case
                for case in section.cases
            ),
        )
        for section in view.sections
    ]
    return replace(view, sections=tuple(sections))


@dataclass(frozen=True)
class FolderDesk:
    """Two folders that are decided on: what was decided is kept in a file, and nothing else."""

    record: RunRecord
    folder: Path
    by: str

    @property
    def file(self) -> Path:
        """Where the decisions are kept."""
        return self.folder / DECISIONS

    def apply(
        self,
        decided: Sequence[Marked],
        *,
        overruling: Collection[Place] = (),  # noqa: ARG002 - nothing was rejected for ever
        guard: Callable[[], None] = lambda: None,
    ) -> Applied:
        """Add decisions to the file, each in the place of an earlier one on the same picture.

        Raises:
            GoldenseedError: one has no reason, its pictures are others by now, or the file cannot
                be written; then none is kept.

        """
        reasons_given(decided)
        for each in decided:
            _looked_at(self.record, each)
        guard()
        kept = {each.place: each for each in self.decided()}
        kept |= {each.decision.place: each.decision for each in decided}
        document = Decisions(run=self.record.run_id, decisions=tuple(kept.values()))
        write_atomically(self.file, document.to_bytes())
        rejects = (each.decision.decision == "reject" for each in decided)
        return Applied(tuple(Done(rejects=each, words="kept") for each in rejects))

    def decided(self) -> Iterator[CaseDecision]:
        """Yield what the file has."""
        if self.file.is_file():
            yield from read_decisions(self.file).decisions

    def watched(self, case: CaseRecord) -> tuple[Path, ...]:
        """Return the files by whose change it is seen that the pictures are others by now."""
        return _files(self.record, case)

    def standing(self, case: CaseRecord) -> str:
        """Say what was decided on it, or that its pictures are others."""
        made = {each.case: each for each in self.decided()}.get(case.id)
        return f"{made.decision}ed: {made.reason}" if made else "one of its files was written"

    def read_again(self) -> FolderDesk:
        """Return the same with the run's record as it is now."""
        return replace(self, record=load_run(self.folder))


def _files(run: RunRecord, case: CaseRecord) -> tuple[Path, Path]:
    """Return the case's files in the first and in the second folder, there or not."""
    a, b = Path(run.options["a"]), Path(run.options["b"])
    return (inside(a, case.id), inside(b, case.id)) if b.is_dir() else (a, b)


def _looked_at(run: RunRecord, marked: Marked) -> tuple[Path, bytes]:
    """Return where an accepted picture goes, and its file; both are still those looked at.

    Raises GoldenseedError where one of them is another by now.
    """
    from goldenseed.core.pixels import pixels_sha256
    from goldenseed.images.picture_files import LARGEST_FILE, in_one_mode, read_picture

    case = marked.case
    a, b = _files(run, case)
    data = read_regular(b, LARGEST_FILE)
    now = read_picture(data, name=str(b)).image
    before = read_picture(a).image if a.is_file() else None
    if before is not None and before.size == now.size:
        before, now, _ = in_one_mode(before, now)
    baseline = None if case.baseline is None else case.baseline.pixels_sha256
    found = None if before is None else pixels_sha256(before)
    for path, is_now, was in ((b, pixels_sha256(now), case.pixels_sha256), (a, found, baseline)):
        if is_now != was:
            raise GoldenseedError(
                "is another picture than the one that was looked at",
                path=path,
                fix="goldenseed review A B, to look again",
            )
    return a, data


def take_over(run: RunRecord, decided: Sequence[Marked], *, dry_run: bool) -> tuple[Path, ...]:
    """Copy accepted pictures of the second folder into the first, over what is there.

    All are verified before the first is written. Returns the files that were, or would be, written.

    Raises:
        GoldenseedError: as ``FolderDesk.apply``; then nothing is written.

    """
    reasons_given(decided)
    accepted = [each for each in decided if each.decision.decision == "accept"]
    files = dict(_looked_at(run, each) for each in accepted)
    if not dry_run:
        write_all(files)
    return tuple(files)
