"""The models that a caller has, put where an archived project expects them, and held against it."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.archive.findings import Finding
from goldenseed.archive.layout import PROJECT
from goldenseed.archive.project import model_places, read_models
from goldenseed.archive.tree import read_tree
from goldenseed.core.changes import changed
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.listing import first_of
from goldenseed.suite.model import DIFFUSERS
from goldenseed.suite.recipes import model_key

if TYPE_CHECKING:
    from goldenseed.runs.record import CaseRecord, RunRecord
    from goldenseed.suite.cases import Case

_LISTED = 5


def link_models(project: Path, root: Path, cases: Sequence[Case], given: Sequence[Path]) -> None:
    """Put the models of ``cases`` into ``project``, where empty files stand for their weights.

    ``root`` is the archive's folder. A model is found in one of the folders ``given`` by its place
    below pytest's root or by its name; the only one also where a folder is it. What code of a
    suite's own reads has no place on record: each folder given is put beside that suite.

    Raises:
        GoldenseedError: a model is in none of them, or lacks files that are archived.

    """
    archived = {name.removeprefix(f"{PROJECT}/"): None for name in read_tree(root / PROJECT).files}
    named = ((case.model, case.prompt, case.answers, *case.postprocess) for case in cases)
    places = model_places(project, chain.from_iterable(named))
    for place in places:
        configurations = _below(place, archived)
        names = configurations or _below(place, read_models(root))
        candidates = [each / place for each in given]
        candidates += [each for each in given if each.name == Path(place).name]
        candidates += given if len(places) == 1 else ()
        _link(project / place, _whole(place, names, candidates, given))
    for beside in {case.suite.path.parent for case in cases if case.model.factory}:
        for each in given:
            if not (beside / each.name).exists():
                _link(beside / each.name, each)


def _below(place: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names at and below ``place``, relative to it."""
    found = (each for each in names if each == place or each.startswith(f"{place}/"))
    return tuple(sorted(each.removeprefix(place).strip("/") for each in found))


def _whole(
    place: str, names: Collection[str], candidates: Iterable[Path], given: Sequence[Path]
) -> Path:
    """Return the first candidate that has all the files; say what is lacking where none has."""
    there = [each for each in candidates if each.exists()]
    for each in there:
        if all((each / name).is_file() for name in names):
            return each
    if there:
        missing = [name for name in names if not (there[0] / name).is_file()]
        raise GoldenseedError(
            f"is not the archived {place}: it has no {first_of(missing, _LISTED)}",
            path=there[0],
            fix="name the folder of the archived model",
        )
    where = f"which is in none of {', '.join(map(str, given))}" if given else "which is needed"
    raise GoldenseedError(
        f"the run was made with {place}, {where}",
        fix=f"name it with --model; or a folder in which {place} lies, as it did below pytest's "
        "root",
    )


def _link(place: Path, source: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
    place.symlink_to(source.absolute(), target_is_directory=source.is_dir())


def other_files(
    run: RunRecord, wanted: Iterable[CaseRecord], known: Mapping[tuple[str, str], Case]
) -> Iterator[Finding]:
    """Name each file of the models given that is not the archived one; none is loaded.

    Raises GoldenseedError where a model is not whole, or is refused.
    """
    from goldenseed.backends.diffusers.description import read_model_files
    from goldenseed.backends.language.folders import describe_files
    from goldenseed.environment.file_digests import FileDigests

    digests = FileDigests()
    told: set[str] = set()
    seen = set()
    for record in wanted:
        case = known.get((record.path, record.id))
        if case is None or case.model.backend != DIFFUSERS or case.model.factory is not None:
            continue
        model = model_key(case.model), record.environment_sha256
        if model in seen:
            continue
        seen.add(model)
        archived = run.environment_of(record)
        here = {**read_model_files(case, digests), **describe_files(case.suite, digests)}
        keys = {key for key in (*archived, *here) if "_file." in key} - told
        for key in sorted(keys):
            if archived.get(key) != here.get(key):
                told.add(key)
                digest = changed("SHA-256", archived.get(key), here.get(key))
                what = f"is not the archived file: {digest}"
                yield Finding("model_differs", key.partition("_file.")[2], what)
