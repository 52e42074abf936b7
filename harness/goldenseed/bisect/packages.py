"""The packages of one environment, and mixtures of two."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from goldenseed.core.files import json_sha256


def normalised(name: str) -> str:
    """Return a distribution's name as indexes compare it (PEP 503): ``Pillow`` is ``pillow``."""
    return re.sub(r"[-_.]+", "-", name).lower()


def exactly(name: str, version: str) -> str:
    """Return the requirement of this release alone: ``==0.42.1`` takes ``0.42.1+patched`` too."""
    return f"{name}==={version}"


@dataclass(frozen=True, slots=True)
class Package:
    """One distribution, and where its very files are known by."""

    name: str
    """Normalised."""
    version: str
    sha256: tuple[str, ...] = ()
    """Of the files that may be installed, sorted; empty where that is not known."""
    uploaded: datetime | None = None
    """When the first of them was uploaded; None where the index does not say."""
    url: str | None = None
    """Where a file that lies in no index is."""

    @property
    def requirement(self) -> str:
        """The line of a requirements file that installs these very files."""
        if self.url:
            return f"{self.name} @ {self.url}"
        hashes = (f"--hash=sha256:{each}" for each in self.sha256)
        return " ".join((exactly(self.name, self.version), *hashes))

    @property
    def pin(self) -> str:
        """The release alone, for people and constraints files."""
        return f"{self.name}=={self.version}"

    def is_same(self, other: Package | None) -> bool:
        """Whether both are the same release with, as far as is known, the same files."""
        if other is None or (self.name, self.version) != (other.name, other.version):
            return False
        known = self.sha256 and other.sha256
        return not known or bool({*self.sha256} & {*other.sha256})


@dataclass(frozen=True, slots=True)
class Packages:
    """Everything that is installed in one environment."""

    each: Mapping[str, Package] = field(default_factory=dict)
    """By normalised name."""
    python: str | None = None
    """The minor release of Python they are for: ``3.11``; None for the running one."""

    @classmethod
    def of(cls, packages: Iterable[Package], python: str | None = None) -> Packages:
        """Collect packages by their names."""
        return cls({each.name: each for each in sorted(packages, key=lambda p: p.name)}, python)

    def version(self, name: str) -> str | None:
        """Return the version of a package, or None where it is not there."""
        found = self.each.get(name)
        return found.version if found else None

    @property
    def digest(self) -> str:
        """What the environment is cached by: SHA-256 of names, versions, files and Python."""
        entries = {
            name: [each.version, each.url or "", *each.sha256] for name, each in self.each.items()
        }
        return json_sha256({"python": self.python or "", "packages": entries})

    def differing(self, other: Packages) -> tuple[str, ...]:
        """Name what is another release or is only in one of the two, sorted."""
        names = sorted({*self.each, *other.each})
        return tuple(
            name
            for name in names
            if (own := self.each.get(name)) is None or not own.is_same(other.each.get(name))
        )

    def behind(self, other: Packages) -> Packages:
        """Return ``other``'s packages, and these where it has none of the name."""
        return Packages.of({**self.each, **other.each}.values(), other.python)

    def mixed(self, other: Packages, names: Iterable[str]) -> Packages:
        """Return these packages with those of ``names`` as ``other`` has them."""
        mixture = dict(self.each)
        for name in names:
            if name in other.each:
                mixture[name] = other.each[name]
            else:
                mixture.pop(name, None)
        return Packages.of(mixture.values(), self.python)
