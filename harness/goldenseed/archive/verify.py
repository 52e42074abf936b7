"""Verifying an archive: its levels one after the other, every finding of each."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.archive.findings import (
    OFFLINE,
    Finding,
    Level,
    LevelResult,
    RunSaid,
    Status,
    Verification,
)
from goldenseed.archive.judgement import check_judgement
from goldenseed.archive.layout import TAG_MANIFEST
from goldenseed.archive.packed import SUFFIX, unpacked
from goldenseed.archive.structure import check_fixity, check_structure, read_manifests
from goldenseed.archive.tree import Tree, read_tree
from goldenseed.archive.trust import NOBODY, Trust
from goldenseed.core.errors import GoldenseedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from goldenseed.runs.record import RunRecord

_UNSAFE = "the archive holds what must not be followed or opened: see level 1"


def verify(
    path: Path,
    *,
    trusted: Trust = NOBODY,
    levels: Collection[Level] = OFFLINE,
) -> Verification:
    """Verify an archive, a folder or a zip file; nothing in it is trusted.

    ``trusted`` is whom the caller believes. Raises GoldenseedError where there
    is no archive at ``path`` at all; whatever is wrong with one is a finding.
    """
    with opened(path) as archive:
        return archive.verified(trusted=trusted, levels=levels)


@dataclass(frozen=True, slots=True)
class Opened:
    """An archive that lies in a folder, as long as it is open."""

    path: Path
    """As the caller named it."""
    folder: Path
    packing: tuple[Finding, ...] = ()
    """What is wrong with the zip file that it was unpacked from."""

    def verified(self, *, trusted: Trust, levels: Collection[Level] = OFFLINE) -> Verification:
        """Verify it; what is wrong with a zip file itself belongs to level 1."""
        found = verify_folder(self.folder, trusted=trusted, levels=levels, name=str(self.path))
        if not self.packing:
            return found
        with_packing = tuple(
            LevelResult.of(each.level, (*self.packing, *each.findings))
            if each.level is Level.STRUCTURE
            else each
            for each in found.levels
        )
        return replace(found, levels=with_packing)


def is_archive(path: Path) -> bool:
    """Whether ``path`` looks like an archive: a folder with its manifest, or a zip file."""
    if path.is_dir():
        return (path / TAG_MANIFEST).is_file()
    return path.suffix == SUFFIX and path.is_file()


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """Open an archive: a folder as it is, a zip file unpacked into one that is deleted after.

    Raises GoldenseedError where there is neither, or no zip file that can be read.
    """
    if path.is_dir():
        yield Opened(path, path)
        return
    if not path.is_file():
        raise GoldenseedError("no archive here", path=path, fix="name its folder or its zip file")
    with tempfile.TemporaryDirectory(prefix="goldenseed-") as made:
        yield Opened(path, Path(made), unpacked(path, Path(made)))


def verify_folder(
    folder: Path,
    *,
    trusted: Trust = NOBODY,
    levels: Collection[Level] = OFFLINE,
    name: str = "",
) -> Verification:
    """Verify an archive that lies in a folder; see ``verify``."""
    tree = read_tree(folder)
    manifests = read_manifests(folder, tree)
    signers: tuple[str, ...] = ()
    runs: list[RunRecord] = []

    def signature() -> LevelResult:
        nonlocal signers
        from goldenseed.archive.signatures import check_signatures

        result, signers = check_signatures(folder, tree, manifests, trusted)
        return result

    checks: dict[Level, Callable[[], LevelResult]] = {
        Level.STRUCTURE: lambda: check_structure(folder, tree, manifests),
        Level.FIXITY: lambda: check_fixity(folder, tree, manifests),
        Level.SIGNATURE: signature,
        Level.JUDGEMENT: lambda: check_judgement(folder, tree, runs.append),
    }
    results = tuple(
        _checked(level, check, tree) for level, check in checks.items() if level in levels
    )
    results = tuple(_saved_again(results))
    said = next(map(RunSaid.of, runs), None)
    return Verification(name, manifests.digest, results, said, signers)


def _saved_again(results: Sequence[LevelResult]) -> Iterator[LevelResult]:
    """Say of a judgement that passed what it is worth where files are not those archived."""
    found = {each.level: each.status for each in results}
    for each in results:
        if each.level is Level.JUDGEMENT and found.get(Level.FIXITY) is Status.FAILED:
            note = "these are other files (level 2), and what they hold bears out the record"
            if each.status is Status.PASSED:
                yield LevelResult(each.level, each.status, (), (*each.notes, note))
                continue
        yield each


def _checked(level: Level, check: Callable[[], LevelResult], tree: Tree) -> LevelResult:
    """Check one level; what its content raises is a finding, never a pass."""
    if tree.unsafe and level is not Level.STRUCTURE:
        return LevelResult.not_checked(level, _UNSAFE)
    try:
        return check()
    except GoldenseedError as error:
        place = "" if error.path is None else Path(error.path).name
        return LevelResult.of(level, [Finding("unreadable", place, error.what)])
    except Exception as error:  # noqa: BLE001 - whatever a hostile archive raises, it does not pass
        what = f"cannot be checked: {type(error).__name__}: {error}"
        return LevelResult(level, Status.FAILED, (Finding("unreadable", "", what[:500]),))
