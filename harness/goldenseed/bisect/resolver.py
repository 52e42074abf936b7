"""Sets of packages that fit together, found by uv."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from goldenseed.bisect.index import Index
from goldenseed.bisect.packages import Package, Packages, normalised
from goldenseed.core.errors import GoldenseedError

_MESSAGE_LINES = 12
_FAR = "9999-01-01T00:00:00Z"
_NO_NETWORK = ("error sending request", "dns error", "network was disabled", "client error")


class Unresolvable(GoldenseedError):  # noqa: N818 - an answer of the search, not a fault
    """No set of packages fits what is asked; the message is the resolver's own."""


def find_uv() -> str:
    """Return the path of uv; raises ``GoldenseedError`` with the fix where there is none."""
    with suppress(ImportError, FileNotFoundError):
        from uv import find_uv_bin

        return str(find_uv_bin())
    if found := shutil.which("uv"):
        return found
    raise GoldenseedError(
        "environments are built by uv, and it is not installed",
        fix="pip install 'pytest-goldenseed[bisect]'",
    )


@dataclass(frozen=True)
class Uv:
    """Calls uv with one set of indexes."""

    binary: str
    index: Index
    options: tuple[str, ...] = ()
    """What requirements files say of indexes."""
    timeout_seconds: float = 900.0

    def pip(self, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``uv pip VERB`` with the indexes; does not raise for its exit code."""
        return self.run("pip", verb, *self.index.options, *self.options, *arguments)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run uv, which downloads no interpreter."""
        own = {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1", "NO_COLOR": "1"}
        kept = {k: v for k, v in os.environ.items() if k not in {"VIRTUAL_ENV", "PYTHONPATH"}}
        try:
            return subprocess.run(  # noqa: S603
                [self.binary, *arguments],
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                env={**kept, **own, **dict(self.index.variables)},
                timeout=self.timeout_seconds,
            )
        except subprocess.TimeoutExpired:
            message = f"uv took longer than {self.timeout_seconds:g} s"
            raise GoldenseedError(message, fix="try again: what it has loaded is kept") from None


@dataclass(frozen=True)
class Resolver:
    """Resolves requirements for one Python."""

    uv: Uv
    python: str = sys.executable
    excluded: tuple[str, ...] = ()
    """Packages that stay out, and with them what only they need."""
    builds: bool = False
    """Whether source distributions may be built; else only wheels count."""
    known: dict[tuple[str, ...], Packages] = field(default_factory=dict)
    """What was resolved already."""

    def resolve(
        self,
        requirements: Sequence[str],
        *,
        constraints: Sequence[str] = (),
        before: datetime | None = None,
        whenever: Sequence[str] = (),
        dependencies: bool = True,
        prefer: Packages | None = None,
    ) -> Packages:
        """Return a set of packages that satisfies all.

        ``before`` leaves out what was uploaded later, but for the packages of ``whenever``;
        ``prefer`` keeps versions where it can, and without ``dependencies`` the requirements are
        taken as they are.

        Raises:
            Unresolvable: there is none.
            GoldenseedError: uv cannot ask: no network and nothing cached.

        """
        dates = [] if before is None else ["--exclude-newer", before.isoformat()]
        for name in whenever:
            dates += ["--exclude-newer-package", f"{name}={_FAR}"]
        key = (*requirements, "--", *constraints, *dates, str(dependencies),
               prefer.digest if prefer else "")  # fmt: skip
        if key not in self.known:
            self.known[key] = self._resolve(
                requirements, constraints, dates, prefer, dependencies=dependencies
            )
        return self.known[key]

    def _resolve(
        self,
        requirements: Sequence[str],
        constraints: Sequence[str],
        dates: Sequence[str],
        prefer: Packages | None,
        *,
        dependencies: bool,
    ) -> Packages:
        with tempfile.TemporaryDirectory(prefix="goldenseed-") as scratch:
            place = Path(scratch)
            output = place / "pylock.toml"
            wanted = _written(place / "requirements.in", requirements)
            options = [
                *dates,
                "--python",
                self.python,
                "--format",
                "pylock.toml",
                "-o",
                str(output),
            ]
            options += ["--excludes", _written(place / "excluded.txt", self.excluded)]
            for each in self.index_constraints:
                options += ["--constraints", each]
            if constraints:
                options += ["--constraints", _written(place / "constraints.txt", constraints)]
            if prefer is not None:
                output.write_text(_as_lock(prefer), encoding="utf-8")
            options += [] if dependencies else ["--no-deps"]
            options += [] if self.builds else ["--only-binary", ":all:"]
            ended = self.uv.pip("compile", wanted, "--no-header", "--quiet", *options)
            if ended.returncode:
                raise _refusal(ended.stderr, place)
            document = tomllib.loads(output.read_text(encoding="utf-8"))
        return Packages.of(_package(e, place) for e in document.get("packages", ()))

    @property
    def index_constraints(self) -> tuple[str, ...]:
        """Constraints files of pip's own configuration."""
        return self.uv.index.constraints


def _written(path: Path, lines: Iterable[str]) -> str:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


def _as_lock(packages: Packages) -> str:
    """Write versions as a lock, which uv keeps to where it can."""
    entries = (
        f'[[packages]]\nname = "{each.name}"\nversion = "{each.version}"\n'
        for each in packages.each.values()
        if not each.url
    )
    return 'lock-version = "1.0"\ncreated-by = "goldenseed"\n' + "".join(entries)


def _package(entry: Mapping[str, Any], place: Path) -> Package:
    """Read an entry of a lock that lies in ``place``."""
    name = normalised(str(entry["name"]))
    if found := {"directory", "vcs"} & entry.keys():
        where = "a folder" if found == {"directory"} else "a repository"
        raise GoldenseedError(
            f"{name} is asked for from {where}, which may be another tomorrow",
            fix=f"build it (pip wheel --no-deps …) and write `{name} @ file:///…/{name}-….whl`",
        )
    archive = entry.get("archive", {})
    files = [*entry.get("wheels", ()), *([archive] if archive else [])]
    files += [] if files else [entry.get("sdist", {})]
    times = [each["upload-time"] for each in files if "upload-time" in each]
    url = archive.get("url")
    if not url and "path" in archive:
        url = (place / archive["path"]).resolve().as_uri()
    return Package(
        name=name,
        version=str(entry.get("version") or _version_of(url or "")),
        sha256=tuple(sorted(h for each in files if (h := each.get("hashes", {}).get("sha256")))),
        uploaded=min(times, default=None),
        url=url,
    )


def _version_of(url: str) -> str:
    parts = url.rpartition("/")[2].split("-")
    return parts[1].replace("%2B", "+") if len(parts) > 1 else "0"


def _refusal(message: str, place: Path) -> GoldenseedError:
    """Tell a set that does not fit from an index that cannot be reached."""
    lines = [line.strip() for line in message.replace(str(place), "").splitlines() if line.strip()]
    said = re.sub(r"^error: ", "", " ".join(lines[:_MESSAGE_LINES])) or "uv said nothing"
    said = re.sub(r"hint: Wheels are required for .*", "", said)
    if any(word in message for word in _NO_NETWORK):
        return GoldenseedError(
            f"packages are missing, and no index answers: {said}",
            fix="run this once where the index can be reached, or name wheels with --find-links "
            "in the requirements file: what uv has loaded is kept",
        )
    wheels = "pin a release that has a wheel for this Python, or let it be built with --builds"
    fix = wheels if "no usable wheels" in message else "pin releases that fit each other"
    return Unresolvable(said, fix=fix)
