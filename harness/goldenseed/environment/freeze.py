"""Everything that is installed beside what runs, by names and versions."""

from __future__ import annotations

import json
import platform
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import filterfalse
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from goldenseed.core.files import sha256_hex

_ADDED = re.compile(
    r"^\"?(\.\.|bin/|Scripts/)|__pycache__/"
    r"|\.dist-info/(INSTALLER|REQUESTED|RECORD|direct_url\.json|uv_\w+\.json)[\",]"
)
"""Rows of a RECORD that are an installer's: scripts, what is compiled, what it notes for itself.

Scripts lie outside, or in a folder that is installed for itself (``--target``) beside the rest."""


class Freeze(BaseModel):
    """All packages of an environment: what rebuilds it where an index keeps their releases."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    python: str
    """``3.11.7``"""
    platform: str
    """The system and processor that its files are for: ``linux-x86_64``."""
    packages: dict[str, str]
    """Normalised name to version, with the label of the build: ``2.13.0+cpu``."""
    local: tuple[str, ...] = ()
    """Those that were installed from a folder or a repository: no index has them."""
    files: dict[str, str] = {}
    """Of each package the SHA-256 of what it lists of its files (``listed_sha256``).

    Those that list none, as a distribution's own packages may, are left out.
    """


def read_freeze() -> Freeze:
    """List what this process can import, the first of a name on the path.

    No file is digested: of what was unpacked, an installer has written down the digests.
    """
    found: dict[str, str] = {}
    local: list[str] = []
    files: dict[str, str] = {}
    for place in filterfalse(_is_bundled, map(Path, sys.path)):
        for name, version, folder in _installed(place):
            if name not in found:
                found[name] = version
                local += [name] if _is_local(folder) else []
                if (listed := listed_sha256(folder)) is not None:
                    files[name] = listed
    return Freeze(
        python=platform.python_version(),
        platform=f"{sys.platform}-{platform.machine().lower()}",
        packages=dict(sorted(found.items())),
        local=tuple(sorted(local)),
        files=dict(sorted(files.items())),
    )


def listed_sha256(folder: Path) -> str | None:
    """Digest the rows of a metadata folder's RECORD that came with the wheel; None without one.

    A row is path, digest and size (PyPA's "Recording installed projects"). What an installer adds
    is left out, so that the same wheel has one digest wherever, and by whatever, it is installed.
    """
    try:
        text = (folder / "RECORD").read_text(encoding="utf-8")
    except (OSError, UnicodeError):
        return None
    rows = sorted(row for row in text.splitlines() if ",sha256=" in row and not _ADDED.search(row))
    return sha256_hex("\n".join(rows).encode()) if rows else None


def _installed(place: Path) -> Iterator[tuple[str, str, Path]]:
    """Yield name and version by the names of metadata folders: reading them takes far longer."""
    with suppress(OSError):
        for each in sorted(place.iterdir()):
            name, dash, version = each.name.removesuffix(".dist-info").partition("-")
            if dash and each.name.endswith(".dist-info"):
                yield re.sub(r"[-_.]+", "-", name).lower(), version, each


def _is_bundled(place: Path) -> bool:
    """Whether a folder of the path lies in a package, which brings its own: Ray's, setuptools'.

    They are put there when that package is imported, and come with it wherever it is installed.
    """
    return any(each.name in {"site-packages", "dist-packages"} for each in place.parents)


def _is_local(folder: Path) -> bool:
    with suppress(OSError, ValueError, AttributeError):
        text = (folder / "direct_url.json").read_text(encoding="utf-8")
        return bool({"dir_info", "vcs_info"} & json.loads(text).keys())
    return False
