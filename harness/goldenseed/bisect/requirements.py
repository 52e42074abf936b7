"""What the packages of two environments demand of each other: which of them move together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

from goldenseed.bisect.packages import Packages, normalised

_TELLING = (
    "releasenotes",
    "changelog",
    "changes",
    "whatsnew",
    "history",
    "source",
    "repository",
    "homepage",
)
"""The labels of ``Project-URL`` under which changes are told, the best first (PyPA's well-known
labels, normalised as these are), and those of what a package is made from."""

Demands = Mapping[str, tuple[tuple[str, str], ...]]
"""Of each package: those it needs, each with the versions that will do (``>=0.22,<0.23``)."""


def read_demands(folders: Iterable[Path]) -> Demands:
    """Read from an environment's folders what its packages need here, extras left out."""
    return dict(_read(found) for folder in folders for found in folder.glob("*.dist-info"))


def read_addresses(folders: Iterable[Path]) -> Mapping[str, str]:
    """Read where it says itself that each package's changes are told, or else where it is from."""
    found = (_address(each) for folder in folders for each in folder.glob("*.dist-info"))
    return {name: address for name, address in found if address is not None}


def _read(folder: Path) -> tuple[str, tuple[tuple[str, str], ...]]:
    name, headers = _metadata(folder)
    return name, needed_by(headers.get_all("Requires-Dist", []))


def _address(folder: Path) -> tuple[str, str | None]:
    name, headers = _metadata(folder)
    lines = (each.partition(",")[::2] for each in headers.get_all("Project-URL", []))
    labels = {re.sub(r"[^a-z]", "", label.lower()): address.strip() for label, address in lines}
    labels.setdefault("homepage", headers.get("Home-page", ""))
    found = (labels.get(each, "") for each in _TELLING)
    return name, next((each for each in found if each.startswith(("https://", "http://"))), None)


def _metadata(folder: Path) -> tuple[str, Message]:
    text = (folder / "METADATA").read_text(encoding="utf-8", errors="replace")
    headers = HeaderParser().parsestr(text)
    return normalised(headers["Name"] or folder.name.partition("-")[0]), headers


def needed_by(lines: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return what a distribution's requirements ask for here, extras left out."""
    from packaging.requirements import InvalidRequirement, Requirement

    needed = []
    for line in lines:
        try:
            wanted = Requirement(line)
        except InvalidRequirement:
            continue
        if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
            needed.append((normalised(wanted.name), str(wanted.specifier)))
    return tuple(needed)


@dataclass(frozen=True, slots=True)
class Sides:
    """Two environments and what their packages demand."""

    good: Packages
    bad: Packages
    good_demands: Demands
    bad_demands: Demands

    def forced(self) -> Mapping[str, frozenset[str]]:
        """Return of each package that differs those that have to move with it, one step far.

        Moving is going from the good side's version to the bad side's. What a side does not keep
        itself is no demand.
        """
        moving = self.good.differing(self.bad)
        forced: dict[str, set[str]] = {name: set() for name in moving}
        for mover, needed in self._demanded(self.bad, self.good, self.bad_demands):
            if mover in forced and needed in forced:
                forced[mover].add(needed)
        for stayer, needed in self._demanded(self.good, self.bad, self.good_demands):
            if stayer in forced and needed in forced:
                forced[needed].add(stayer)
        return {name: frozenset(others - {name}) for name, others in forced.items()}

    @staticmethod
    def _demanded(own: Packages, other: Packages, demands: Demands) -> Iterator[tuple[str, str]]:
        """Yield a package of ``own`` with one it needs whose version of ``other`` will not do."""
        for name, needs in demands.items():
            for needed, versions in needs:
                if fits(versions, own.version(needed)) and not fits(
                    versions, other.version(needed)
                ):
                    yield name, needed


def fits(versions: str, version: str | None) -> bool:
    """Whether a version, None for none at all, is among ``versions``; previews are too."""
    from packaging.specifiers import SpecifierSet
    from packaging.version import InvalidVersion

    if version is None:
        return False
    try:
        return SpecifierSet(versions).contains(version, prereleases=True)
    except InvalidVersion:
        return True
