"""Level 4: all that a record says of its images, found again from the images by the one judge."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from goldenseed.archive import documents, layout
from goldenseed.archive.contents import ArchivedStore, Contents
from goldenseed.archive.differences import as_written, differences
from goldenseed.archive.findings import Finding, Level, LevelResult, Status
from goldenseed.archive.kept_files import check_kept_files
from goldenseed.archive.locks import check_locks
from goldenseed.archive.payload import baseline_files, run_files
from goldenseed.archive.project import put_up, read_project
from goldenseed.archive.rejudging import Rejudging
from goldenseed.archive.relations import RelationsAgain
from goldenseed.archive.tree import Tree
from goldenseed.baselines.store import BaselineStore
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_json, read_regular
from goldenseed.core.listing import first_of
from goldenseed.core.names import SUITE_SUFFIX
from goldenseed.reporting.words import name_of
from goldenseed.runs.folder import load_run
from goldenseed.runs.parts import SetRecord
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.runs.sets import judge_sets
from goldenseed.suite.cases import Suite

_VERSION = "tool.pytest-goldenseed"
_IN_WORDS = frozenset({"detail", "diagnosis", "words"})
"""What another release may say in other words, or know more of."""
_LISTED = 5


@dataclass(frozen=True)
class _Archived:
    """An archive's content, read."""

    root: Path
    raw: Mapping[str, Any]
    run: RunRecord
    store: BaselineStore
    contents: Contents
    suites: Mapping[str, Suite]
    project: set[str]
    """The files that the suites and tests of the project are, and name."""
    left_out: tuple[str, ...]
    notes: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.root / layout.RUN


def check_judgement(root: Path, tree: Tree, tell_run: Callable[[RunRecord], object]) -> LevelResult:
    """Judge every image of an archive again; ``tell_run`` is given the run's record.

    Raises GoldenseedError where the record or a suite cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="goldenseed-") as made:
        archived = _read(root, tree, Path(made) / "project")
        tell_run(archived.run)
        other = _other_release(archived)
        rejudging = Rejudging(archived.run, archived.folder, archived.store, archived.contents)
        findings = [
            *_payload(archived, tree),
            *_accounted(archived),
            *_overall(archived),
            *_cases(archived, rejudging, _IN_WORDS if other else frozenset()),
            *_sets(archived, other=other),
            *_relations(archived, rejudging, _IN_WORDS if other else frozenset()),
            *check_kept_files(root, tree, archived.contents.files),
            *check_locks(archived.run, archived.suites),
            *_documents(archived, tree, other=other),
        ]
    notes = (*archived.notes, *rejudging.notes())
    result = LevelResult.of(Level.JUDGEMENT, findings, notes)
    incomplete = archived.left_out or rejudging.unchecked
    if incomplete and result.status is Status.PASSED:
        return LevelResult(Level.JUDGEMENT, Status.NOT_CHECKED, (), notes)
    return result


def _read(root: Path, tree: Tree, project: Path) -> _Archived:
    run = load_run(root / layout.RUN)
    raw = read_json(root / layout.RECORD, layout.TEXT_LIMIT)
    scope = read_json(root / layout.SCOPE, layout.TEXT_LIMIT)
    left_out = scope.get("left_out") if isinstance(scope, dict) else None
    if not isinstance(left_out, list) or not all(isinstance(each, str) for each in left_out):
        raise GoldenseedError("does not say which cases were left out", path=root / layout.SCOPE)
    project.mkdir()
    places = put_up(root, tree.files, project)
    files, suites = read_project(project, places)
    notes = [f"left out when the archive was made: {len(left_out)} cases"] if left_out else []
    contents = Contents()
    store = ArchivedStore(root / layout.BASELINES, contents)
    by_place = {each.path.relative_to(project.absolute()).as_posix(): each for each in suites}
    return _Archived(
        root, raw, run, store, contents, by_place, {*files.kept}, tuple(left_out), notes
    )


def _other_release(archived: _Archived) -> bool:
    """Whether other code than this judged the run or made the archive: it may say less, or more."""
    ours = documents.package_document()
    here = f"{ours['version']} ({str(ours['files_sha256'])[:12]})"
    made = read_json(archived.root / layout.PACKAGE, layout.TEXT_LIMIT)
    known = made if isinstance(made, dict) else {}
    maker = f"{known.get('version')} ({str(known.get('files_sha256'))[:12]})"
    judges = {str(each.get(_VERSION, "unknown")) for each in _environments(archived.run)}
    if maker == here and judges <= {ours["version"]}:
        return False
    by = ", ".join(sorted(judges))
    archived.notes.append(
        f"the run was judged by release {by}, archived by {maker} and judged again by {here}: what "
        "they say in words, their diagnoses and summaries were not compared"
    )
    return True


def _environments(run: RunRecord) -> Iterable[Mapping[str, object]]:
    return filter(None, (run.environment, *run.other_environments))


def _payload(archived: _Archived, tree: Tree) -> Iterator[Finding]:
    """Find files that nothing in the archive names, and those that it names and lacks."""
    baselines, entries = baseline_files(
        archived.run, tuple(archived.suites.values()), archived.store
    )
    needed = {*run_files(archived.run, archived.folder), *baselines, *entries, *layout.OWN}
    needed |= {f"{layout.PROJECT}/{place}" for place in archived.project}
    for name in sorted(needed - {*tree.files}):
        yield Finding("missing_file", name, "is named by the record, and not there")
    for name in tree.files:
        if name.startswith(f"{layout.PAYLOAD}/") and name not in needed:
            yield Finding("foreign_file", name, "is named by nothing in the archive")


def _accounted(archived: _Archived) -> Iterator[Finding]:
    """Hold the cases of the suites against those on record."""
    run = archived.run
    recorded = Counter((each.path, each.id) for each in run.cases)
    for (place, name), count in recorded.items():
        if count > 1:
            yield Finding("case_twice", f"{place}::{name}", "is on record twice")
    skipped = {(each.path, each.id) for each in run.not_compared}
    known = {*recorded, *skipped}
    for place, suite in archived.suites.items():
        ids = {each.id for each in suite.cases}
        for case in suite.cases:
            name = f"{suite.name}::{case.id}"
            if (place, case.id) not in known and name not in archived.left_out:
                what = f"is in {place}, and the record has no result of it"
                yield Finding("case_missing", name, what)
        for name in sorted(each for path, each in known if path == place and each not in ids):
            what = f"is on record, and not in {place}"
            yield Finding("case_unknown", f"{suite.name}::{name}", what)
    for place in sorted({path for path, _ in known if path.endswith(SUITE_SUFFIX)}):
        if place not in archived.suites:
            yield Finding("suite_missing", place, "has cases on record, and is not archived")


def _overall(archived: _Archived) -> Iterator[Finding]:
    """Look at what the record says of the run as a whole."""
    run = archived.run
    if run.cases and run.profile not in {None, *(each.profile for each in run.cases)}:
        yield Finding("profile_differs", "run.json", f"no case has the profile {run.profile!r}")
    if run.not_compared:
        named = [f"{name_of(each)} ({each.why})" for each in run.not_compared]
        archived.notes.append(f"not compared in the run: {first_of(named, _LISTED)}")
    if not run.complete:
        archived.notes.append("the run was cut short: the record says so")


def _cases(
    archived: _Archived, rejudging: Rejudging, in_words: frozenset[str]
) -> Iterator[Finding]:
    cases = {(p, case.id): case for p, suite in archived.suites.items() for case in suite.cases}
    for record, raw in zip(archived.run.cases, archived.raw["cases"], strict=True):
        name = name_of(record)
        stated = record.model_copy(update={"passed": bool(raw.get("passed"))})
        yield from (Finding(code, name, what) for code, what in rejudging.told(stated))
        try:
            expected = rejudging.again(stated, cases.get((record.path, record.id)))
        except GoldenseedError as error:
            yield Finding("cannot_judge", name, error.what)
            continue
        yield from _differing(name, (stated, raw), expected, in_words)


def _differing(
    name: str,
    stated: tuple[CaseRecord, object],
    expected: CaseRecord,
    in_words: frozenset[str],
) -> Iterator[Finding]:
    """Name each field in which a record is not what its image and its suite make of it.

    ``stated`` is the record and the JSON that it was read from.
    """
    record, raw = stated
    found, wanted = (each.model_dump(mode="json") for each in (record, expected))
    said_then = as_written(found, raw) if in_words else found
    for place, said, is_so in differences(said_then, wanted, in_words, unsaid=bool(in_words)):
        key = place.partition(".")[0]
        what = f"the record says {place} {_short(said)}, and it is {_short(is_so)}"
        yield Finding(f"{key}_differs", name, what)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:99]}…"  # noqa: PLR2004 - a line


def _sets(archived: _Archived, *, other: bool) -> Iterator[Finding]:
    """Hold the images against each other again, as the suites ask."""
    wanted: list[SetRecord] = []
    for place, suite in archived.suites.items():
        cases = {case.id: case for case in archived.run.cases if case.path == place}
        if cases:
            read = archived.contents.image
            wanted += judge_sets(suite, place, cases, archived.folder, read=read)
    found = archived.raw.get("sets", [])
    expected = [each.model_dump(mode="json") for each in wanted]
    for each in (*found, *expected):
        each["error"] = bool(each.get("error"))  # its words name places of the machine
    for place, said, is_so in differences(found, expected, unsaid=other):
        what = f"the record says {_short(said)}, and it is {_short(is_so)}"
        yield Finding("set_differs", f"sets.{place}", what)


def _relations(
    archived: _Archived, rejudging: Rejudging, in_words: frozenset[str]
) -> Iterator[Finding]:
    """Hold the two images of every relation against each other again."""
    known = [(each.path, each.id) for each in archived.run.relations]
    raw = archived.raw.get("relations", [])
    asked = RelationsAgain(rejudging, archived.suites)
    yield from asked.accounted(known, archived.left_out)
    for record, written in zip(archived.run.relations, raw, strict=True):
        name = f"{record.suite}::{record.id}"
        try:
            expected = asked.again(record)
        except GoldenseedError as error:
            yield Finding("cannot_judge", name, error.what)
            continue
        found, wanted = (each.model_dump(mode="json") for each in (record, expected))
        said = as_written(found, written) if in_words else found
        for place, is_said, is_so in differences(said, wanted, in_words, unsaid=bool(in_words)):
            what = f"the record says {place} {_short(is_said)}, and it is {_short(is_so)}"
            yield Finding("relation_differs", name, what)
    archived.notes.extend(asked.notes())


def _text(archived: _Archived, name: str) -> bytes:
    try:
        return read_regular(archived.root / name, layout.TEXT_LIMIT)
    except GoldenseedError:
        return b""  # level 1 says why


def _documents(archived: _Archived, tree: Tree, *, other: bool) -> Iterator[Finding]:
    """Hold what describes the archive against what is in it."""
    payload = [name for name in tree.files if name.startswith(f"{layout.PAYLOAD}/")]
    size = re.search(rb"(?m)^Payload-Oxum: (\S+)$", _text(archived, layout.BAG_INFO))  # level 2's
    version = documents.version_of(archived.root) or layout.FORMAT_VERSION
    oxum = size[1].decode() if size else ""
    wanted = {
        layout.BAG_INFO: documents.bag_info(archived.run, oxum, version),
        layout.CRATE: documents.crate(archived.run, payload),
    }
    if not other:
        wanted[layout.SUMMARY] = documents.summary(archived.run)
    for name, text in wanted.items():
        if _text(archived, name) != text:
            yield Finding("document_differs", name, "does not say what is in the archive")
