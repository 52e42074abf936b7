"""Sets of a merged run, whose members may lie in several parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import sha256_hex
from goldenseed.runs.comparison import StoredRun
from goldenseed.runs.parts import SetRecord
from goldenseed.runs.record import RunRecord
from goldenseed.runs.sets import judge_sets
from goldenseed.runs.shards import CutRecord
from goldenseed.suite.loading import load_suite


def sets_of(
    record: RunRecord,
    parts: Sequence[StoredRun],
    cut: CutRecord | None,
    folder: Path,
    root: Path,
) -> Iterator[SetRecord]:
    """Judge the sets over the images of all parts, as the suites ask that these ran."""
    asked = {each.path for part in parts for each in part.record.sets}
    for place in dict.fromkeys(case.path for case in record.cases):
        if place not in asked:
            continue
        try:
            _check_suite(place, parts, cut, root)
            suite = load_suite(root / place)
        except GoldenseedError as error:
            yield from _not_judged(place, parts, str(error))
            continue
        cases = {case.id: case for case in record.cases if case.path == place}
        yield from judge_sets(suite, place, cases, folder)


def _check_suite(place: str, parts: Sequence[StoredRun], cut: CutRecord | None, root: Path) -> None:
    """Refuse a suite that is not the one of the cut and of every part that says which it had."""
    file = root / place
    if not file.is_file():
        raise GoldenseedError("the suite is not here", path=file, fix="merge where the suites are")
    asked = {s.suite_sha256 for part in parts for s in part.record.sets if s.path == place}
    asked |= set() if cut is None else {cut.suites[place].sha256}
    if asked - {None, sha256_hex(file.read_bytes())}:
        raise GoldenseedError(
            "the suite is not the one that the merged runs had",
            path=file,
            fix="merge at the commit at which they ran",
        )


def _not_judged(place: str, parts: Sequence[StoredRun], why: str) -> Iterator[SetRecord]:
    """Say of each set of a suite that it could not be judged, which it does not pass by."""
    found: Mapping[tuple[str, str], SetRecord] = {
        (each.kind, each.id): each
        for part in parts
        for each in part.record.sets
        if each.path == place
    }
    nothing = {"results": (), "not_judged": (), "passed": False, "error": why}
    yield from (each.model_copy(update=nothing) for each in found.values())
