"""What lies in a folder of baselines: entries, what they name, and what is none of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from goldenseed.baselines.entry import BaselineEntry, ProfileBaseline
from goldenseed.baselines.half_fetched import half_fetched, left_out
from goldenseed.baselines.places import LOCK, Places
from goldenseed.baselines.reading import read_entry
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import TEMPORARY_PREFIX
from goldenseed.core.names import RESERVED

Name = tuple[str, str]
"""The names of a suite and of a case."""

_KNOWN = re.compile(r"\.git\w*$")
"""Files of git's own, which may lie anywhere."""
_STORED = {
    "images": re.compile(r"(?P<folder>[0-9a-f]{2})/(?P=folder)[0-9a-f]{62}\.(png|npy|file)"),
    "traces": re.compile(r"(?P<folder>[0-9a-f]{2})/(?P=folder)[0-9a-f]{62}\.json\.gz"),
    "environments": re.compile(r"[0-9a-f]{64}\.json"),
}


@dataclass(frozen=True, slots=True)
class Stranger:
    """Something in the folder that is none of its files, and stays as it is."""

    path: Path
    what: str


@dataclass(frozen=True)
class Contents:
    """All that lies in a folder of baselines, read once; nothing is followed that is deleted."""

    entries: Mapping[Name, BaselineEntry]
    """Every entry, also where a symbolic link leads to one."""
    linked: frozenset[Name]
    """The entries that are, or lie behind, a symbolic link."""
    files: tuple[Path, ...]
    """The images, tensors, traces and environments that are regular files of the folder's own."""
    strangers: tuple[Stranger, ...]

    @classmethod
    def read(cls, places: Places) -> Contents:
        """Read all of it.

        Raises:
            GoldenseedError: an entry cannot be read, or was not checked out, so that nobody knows
                what it names.

        """
        for path in left_out(places.root):
            if path.suffix == ".json" and (missing := half_fetched(path)) is not None:
                raise missing
        entries: dict[Name, BaselineEntry] = {}
        linked: set[Name] = set()
        files: list[Path] = []
        strangers: list[Stranger] = []
        for child in _children(places.root):
            if child.name in RESERVED and not child.is_symlink() and child.is_dir():
                _sort(child, files, strangers)
                continue
            if child.is_symlink() or not child.is_dir():
                strangers.append(Stranger(child, _what(child)))
            if child.name in RESERVED or not child.is_dir():
                continue
            for file in _children(child):
                name = child.name, file.name.removesuffix(".json")
                behind = file.is_symlink() or child.is_symlink()
                entry = _entry(file, name, behind=behind)
                if entry is not None:
                    entries[name] = entry
                    linked |= {name} if behind else set()
                if (entry is None or file.is_symlink()) and not child.is_symlink():
                    strangers.append(Stranger(file, _what(file)))
        return cls(entries, frozenset(linked), tuple(files), tuple(strangers))

    def unnamed(self, places: Places, left: Mapping[Name, BaselineEntry]) -> tuple[Path, ...]:
        """Return the files that none of the entries ``left`` names."""
        named = {path for entry in left.values() for path in named_by(places, entry)}
        return tuple(path for path in self.files if path not in named)


def named_by(places: Places, entry: BaselineEntry) -> Iterator[Path]:
    """Yield every file that an entry names: what is rejected, too, stays to be looked at."""
    for profile in entry.profiles.values():
        yield from _named_by_profile(places, profile)


def _named_by_profile(places: Places, profile: ProfileBaseline) -> Iterator[Path]:
    for image in profile.accepted:
        if image.elements:
            yield from (places.element(each.sha256, each.mode) for each in image.elements)
        else:
            yield places.image(image.pixels_sha256)
        yield from map(places.returned, image.returned)
    for past in (*profile.rejected, *profile.overruled):
        yield places.image(past.pixels_sha256)
    yield from map(places.environment, profile.environments())
    yield from map(places.trace, profile.traces())
    if profile.tolerance is not None:
        kept = profile.tolerance
        digests = (kept.environment_sha256, *kept.harmless_environments)
        yield from map(places.environment, digests)


def _children(folder: Path) -> list[Path]:
    """List a folder, without the lock, git's own files and what killed writers left."""
    return sorted(
        child
        for child in folder.iterdir()
        if child.name != LOCK
        and not _KNOWN.fullmatch(child.name)
        and not child.name.startswith(TEMPORARY_PREFIX)
    )


def _entry(file: Path, name: Name, *, behind: bool) -> BaselineEntry | None:
    """Read an entry; None for what is none, also where a symbolic link leads to something else."""
    if not file.name.endswith(".json") or file.name.startswith(".") or not file.is_file():
        return None
    try:
        return read_entry(file, suite=name[0], case=name[1])
    except GoldenseedError:
        if behind:
            return None
        raise


def _sort(folder: Path, files: list[Path], strangers: list[Stranger]) -> None:
    """Tell the stored files of one kind from what else lies there."""
    waiting = _children(folder)
    deep = folder.name != "environments"
    while waiting:
        path = waiting.pop(0)
        inside = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            strangers.append(Stranger(path, _what(path)))
        elif path.is_dir() and deep and re.fullmatch("[0-9a-f]{2}", inside):
            waiting += _children(path)
        elif path.is_file() and _STORED[folder.name].fullmatch(inside):
            files.append(path)
        else:
            strangers.append(Stranger(path, _what(path)))


def _what(path: Path) -> str:
    """Say what stands in the place of a file of the baselines."""
    if path.is_symlink():
        return "a symbolic link"
    if path.is_dir():
        return "a folder that no file of the baselines is in"
    return "a file of another kind" if path.is_file() else "no regular file"
