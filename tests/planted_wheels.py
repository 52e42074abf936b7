"""Wheels made of what is installed, as it is or with a change planted: no index is asked."""

from __future__ import annotations

import base64
import hashlib
import os
import zipfile
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath

Edits = Mapping[str, tuple[str, str]]
"""A file of the package, with a text in it and what takes that text's place."""


def wheel_of_installed(
    name: str, folder: Path, *, version: str | None = None, edits: Edits | None = None
) -> Path:
    """Pack an installed distribution again, under another version and with ``edits`` made."""
    found = distribution(name)
    old, new = found.version, version or found.version
    tag = next(
        line.removeprefix("Tag: ")
        for line in (found.read_text("WHEEL") or "").splitlines()
        if line.startswith("Tag: ")
    )
    stem = found.metadata["Name"].replace("-", "_")
    info = f"{stem}-{new}.dist-info"
    files: dict[str, bytes] = {}
    for file in found.files or ():
        parts = PurePosixPath(os.fspath(file)).parts
        if ".." in parts or "__pycache__" in parts or parts[-1] in _WRITTEN:
            continue
        data = Path(str(found.locate_file(file))).read_bytes()
        if parts[0].endswith(".dist-info"):
            parts = (info, *parts[1:])
        if parts[-1] == "METADATA":
            data = data.replace(f"Version: {old}".encode(), f"Version: {new}".encode(), 1)
        files["/".join(parts)] = data
    for place, (before, after) in (edits or {}).items():
        text = files[place].decode()
        assert before in text, f"{place} has no {before!r}"
        files[place] = text.replace(before, after).encode()
    return write_wheel(folder / f"{stem}-{new}-{tag}.whl", info, files)


_WRITTEN = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}


def pure_wheel(
    name: str,
    version: str,
    folder: Path,
    files: Mapping[str, str],
    *,
    requires: tuple[str, ...] = (),
    entry_points: str = "",
) -> Path:
    """Make a wheel of these Python files."""
    info = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
    content = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **({f"{info}/entry_points.txt": entry_points} if entry_points else {}),
    }
    data = {place: text.encode() for place, text in content.items()}
    return write_wheel(folder / f"{name}-{version}-py3-none-any.whl", info, data)


def write_wheel(wheel: Path, info: str, files: Mapping[str, bytes]) -> Path:
    """Write a wheel with its list of files."""
    wheel.parent.mkdir(parents=True, exist_ok=True)
    record = ""
    with zipfile.ZipFile(wheel, "w") as archive:
        for place, data in files.items():
            archive.writestr(place, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record += f"{place},sha256={digest},{len(data)}\n"
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return wheel
