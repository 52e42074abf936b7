"""Environments made of packages that are unpacked once, the oldest removed where room is needed.

Each package lies in a folder of its own, hard-linked by uv from its cache, and an environment is
an interpreter that is told which of these folders to look into. So a swap of one package costs
nothing, and what Python compiles of a package is there for the next environment: to import
diffusers and transformers for the first time takes longer than to build their environment.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from pathlib import Path
from typing import IO

from filelock import FileLock

from goldenseed.bisect.packages import Package, Packages, normalised
from goldenseed.bisect.resolver import Uv
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256
from goldenseed.environment.file_digests import cache_folder

_USED = ".used"
"""The file whose time says when a package was last taken; it is there once all the others are."""
_SCRATCH = ".unpacking"
"""How the folder begins in which things are made before they are moved to their place, whole."""
_LEAST_FREE_BYTES = 1 << 30
_MESSAGE_LINES = 8
_FULL = ("No space left", "os error 28", "Disk quota")


def environments_folder() -> Path:
    """Return where environments are kept, beside the digests of model files."""
    return cache_folder().with_name("environments")


@dataclass(frozen=True, slots=True)
class Built:
    """One environment that is there."""

    python: Path
    folders: tuple[Path, ...]
    """Where its packages lie."""
    seconds: float
    """How long it took."""


@dataclass(frozen=True)
class Environments:
    """Makes environments; several threads may ask at once."""

    uv: Uv
    folder: Path
    shared: Path
    """A folder that every environment has behind its own packages."""
    links: tuple[str, ...] = ()
    """The distributions of the running interpreter that lie there."""
    python: str = sys.executable
    least_free_bytes: int = _LEAST_FREE_BYTES
    _held: dict[str, IO[bytes]] = field(default_factory=dict)
    """The marks of what this process has taken, locked until it ends: nobody removes these."""

    def of(self, packages: Packages) -> Built:
        """Return the environment with exactly these packages.

        Raises:
            GoldenseedError: uv cannot install them: a file is missing, none fits this platform, the
                disk is full and nothing is left to remove.

        """
        began = time.monotonic()
        try:
            python, folders = self._made(packages)
        except OSError as error:
            what = f"the environment cannot be written: {error.strerror or error}"
            raise GoldenseedError(what, path=self.folder, fix="make room there") from error
        return Built(python, folders, time.monotonic() - began)

    def _made(self, packages: Packages) -> tuple[Path, tuple[Path, ...]]:
        """Unpack what is missing; return the interpreter, and where its packages lie."""
        folders = tuple(self._place(each) for each in packages.each.values())
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / ".lock"):  # of all threads and processes one at a time
            there = [each for each in folders if self._hold(each)]
            self.make_room()
            missing = [each for each in packages.each.values() if self._place(each) not in there]
            if missing:
                self._unpack(missing)
            return self._interpreter(folders), folders

    def _place(self, package: Package) -> Path:
        what = json_sha256([package.url or "", self.python, *package.sha256])[:12]
        return self.folder / "packages" / f"{package.name}-{package.version}-{what}"

    def _hold(self, place: Path) -> bool:
        """Keep a package from being removed while this process lives; False if it is not there."""
        mark = place / _USED
        if not mark.exists():
            return False
        mark.touch()
        if place.name not in self._held:
            self._held[place.name] = mark.open("rb")
            flock(self._held[place.name], LOCK_SH)
        return True

    def make_room(self) -> tuple[str, ...]:
        """Remove the packages that were taken longest ago while too little is free."""
        removed: list[str] = []
        for place in self._removable():
            if shutil.disk_usage(self.folder).free >= self.least_free_bytes:
                break
            shutil.rmtree(place, ignore_errors=True)
            removed.append(place.name)
        return tuple(removed)

    def _removable(self) -> Iterator[Path]:
        """Yield what no process that lives has taken, the oldest first."""
        used = self.folder.glob(f"packages/*/{_USED}")
        for mark in sorted(used, key=lambda each: each.stat().st_mtime):
            with mark.open("rb") as file, suppress(BlockingIOError):
                flock(file, LOCK_EX | LOCK_NB)
                yield mark.parent

    def _unpack(self, packages: Sequence[Package]) -> None:
        scratch = self._scratch()
        try:
            problem = self._installed(scratch, packages)
            for place in self._removable() if _is_full(problem) else ():
                shutil.rmtree(place, ignore_errors=True)
                if not _is_full(problem := self._installed(scratch, packages)):
                    break
            if problem:
                what = f"the environment cannot be built: {problem}"
                raise GoldenseedError(what, fix=_fix(problem))
            for each in packages:
                place = self._place(each)
                _move(scratch, each, place)
                self._hold(place)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _scratch(self) -> Path:
        """Return where to make things, with what others left there when they were killed gone."""
        for each in self.folder.glob(f"{_SCRATCH}*"):
            shutil.rmtree(each, ignore_errors=True)
        return self.folder / f"{_SCRATCH}-{os.getpid()}"

    def _installed(self, scratch: Path, packages: Sequence[Package]) -> str | None:
        """Install packages in one folder; return what uv said if that failed."""
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        wanted = scratch / "wanted.txt"
        wanted.write_text("".join(f"{each.requirement}\n" for each in packages), encoding="utf-8")
        options = ("--link-mode", "hardlink", "--no-deps", "--quiet", "--python", self.python)
        target = ("--target", str(scratch / "all"), "--requirements", str(wanted))
        made = self.uv.pip("install", *options, *target)
        if not made.returncode:
            return None
        said = [line.strip() for line in made.stderr.splitlines() if line.strip()]
        return " ".join(said[-_MESSAGE_LINES:]).replace(str(wanted), "") or "uv said nothing"

    def _interpreter(self, folders: Sequence[Path]) -> Path:
        """Return a Python that looks into these folders, and then into the shared one."""
        lines = "".join(f"{each}\n" for each in (*folders, self.shared))
        place = self.folder / "interpreters" / json_sha256([lines, self.python, sys.version])[:32]
        if not place.exists():
            scratch = self._scratch()
            made = self.uv.run("venv", "--quiet", "--python", self.python, str(scratch))
            if made.returncode:
                raise GoldenseedError(
                    f"there is no interpreter: {made.stderr.strip()}",
                    fix="install that Python, or search with this one",
                )
            (site,) = scratch.glob("lib/python3*/site-packages")
            (site / "packages.pth").write_text(lines, encoding="utf-8")
            place.parent.mkdir(parents=True, exist_ok=True)
            scratch.rename(place)
        return place / "bin" / "python"


def _move(scratch: Path, package: Package, place: Path) -> None:
    """Take one package out of a folder of several, by the list of its files."""
    everything = scratch / "all"
    (record,) = (
        each / "RECORD"
        for each in everything.glob("*.dist-info")
        if normalised(each.name.partition("-")[0]) == package.name
    )
    own = scratch / f"one-{package.name}"
    for line in record.read_text(encoding="utf-8").splitlines():
        file = line.rpartition(",")[0].rpartition(",")[0].strip('"')
        source = (everything / file).resolve()
        if source.is_relative_to(everything.resolve()) and source.exists():
            target = own / source.relative_to(everything.resolve())
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                target.hardlink_to(source)  # which another package may list as well
            except OSError:
                shutil.copy2(source, target)
    (own / _USED).touch()
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    own.rename(place)


def _is_full(problem: str | None) -> bool:
    """Whether what was said is that there is no room left."""
    return problem is not None and any(word in problem for word in _FULL)


def _fix(problem: str) -> str:
    if _is_full(problem):
        return "make room: all environments but those in use are removed already"
    if "build" in problem.lower():
        return (
            "a package has no wheel for this Python: install its compiler, or pin another release"
        )
    return "see that the index has these files, or name a folder with --find-links"
