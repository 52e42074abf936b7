"""Archives as one zip file: written alike on every machine, and unpacked with suspicion."""

from __future__ import annotations

import os
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from goldenseed.archive.findings import Finding
from goldenseed.archive.layout import MOST_FILES
from goldenseed.archive.tree import path_problem, read_tree
from goldenseed.core.errors import GoldenseedError

SUFFIX = ".zip"
_TIME = (1980, 1, 1, 0, 0, 0)
_MODE = (stat.S_IFREG | 0o644) << 16
_PIECE = 2**20
_MOST_TIMES_LARGER = 100
"""How many times a member may grow: we store, and re-packing shrinks our JSON to a twentieth."""
_ALWAYS_ALLOWED = 2**20
_HEADER, _ENTRY, _LAST, _LARGE, _DESCRIPTOR = 30, 46, 22, 76, 24
"""Bytes of a file's header and its entry in the directory, of the last record, of what precedes
that in large zip files, and of the longest descriptor behind a file."""
_DESCRIBED = 8
_LONGEST_EXTRA = 64
_COMPRESSIONS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""Others may ask for gigabytes before they give a byte, and raise errors of their own."""
UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    struct.error,
)
"""What is raised for a zip file, or a member, that is damaged, encrypted or beyond this reader."""


def pack(folder: Path, target: Path) -> None:
    """Write the folder's files into one zip file: sorted, stored, without times of their own."""
    with zipfile.ZipFile(target, "x", zipfile.ZIP_STORED, allowZip64=True) as packed:
        for name, size in read_tree(folder).files.items():
            member = zipfile.ZipInfo(name, _TIME)
            member.external_attr, member.create_system, member.file_size = _MODE, 3, size
            with packed.open(member, "w") as to, (folder / name).open("rb") as file:
                shutil.copyfileobj(file, to, _PIECE)


def unpacked(path: Path, target: Path) -> tuple[Finding, ...]:
    """Unpack into the empty folder ``target`` what is safe; return what is wrong with the rest.

    Raises GoldenseedError for what is no zip file.
    """
    try:
        with zipfile.ZipFile(path) as packed:
            members = packed.infolist()
            findings = list(_findings(members, path))
            if packed.comment or _has_more(path, members):
                what = "the zip file has a comment, or bytes that belong to none of its files"
                findings.append(Finding("extra_bytes", "", what))
            bad = {each.place for each in findings}
            good = [each for each in members if each.filename not in bad and not each.is_dir()]
            size = sum(each.file_size for each in good)
            if size > max(_ALWAYS_ALLOWED, path.stat().st_size * _MOST_TIMES_LARGER):
                what = f"would be {size:,} bytes once unpacked"
                return (*findings, Finding("zip_bomb", "", what))
            for member in good:
                findings += _extract(packed, member, target)
    except UNREADABLE as error:
        raise GoldenseedError(
            f"is no zip file that can be read: {error}", path=path, fix="fetch the archive again"
        ) from error
    return tuple(findings)


def member_bytes(packed: zipfile.ZipFile, name: str, limit_bytes: int) -> bytes | None:
    """Return what the one member of that name holds; None where there is none.

    Raises GoldenseedError for one that would not be unpacked, or is larger than the limit, and what
    is in ``UNREADABLE`` for one that is damaged.
    """
    found = [each for each in packed.infolist() if each.orig_filename == name]
    if not found:
        return None
    fault = _fault(found[0], {each.orig_filename for each in found[1:]})
    if fault is not None or found[0].file_size > limit_bytes:
        raise GoldenseedError(f"{name} {fault[1] if fault else 'is too large'}")
    with packed.open(found[0]) as file:
        return file.read(limit_bytes)


def _findings(members: list[zipfile.ZipInfo], path: Path) -> Iterator[Finding]:
    if len(members) > MOST_FILES:
        raise GoldenseedError(f"holds more than {MOST_FILES:,} files", path=path)
    seen: set[str] = set()
    for member in members:
        fault = _fault(member, seen)
        if fault is not None:
            yield Finding(fault[0], member.filename, fault[1])
        seen.add(member.orig_filename)


def _fault(member: zipfile.ZipInfo, seen: set[str]) -> tuple[str, str] | None:
    """Say why a member is not unpacked, by a code and a sentence; ``seen`` are those before it."""
    name = member.orig_filename
    times = member.file_size // max(1, member.compress_size)
    problem = path_problem(name.rstrip("/"))
    rules = (
        (problem or name != member.filename, "unsafe_name", problem or "has two names"),
        (member.is_dir(), "extra_folder", "is a folder of its own"),
        (name in seen, "duplicate_member", "is in the zip file twice"),
        (
            stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG),
            "link",
            "is a link or a device, no file",
        ),
        (member.flag_bits & 1, "encrypted", "is encrypted"),
        (
            member.compress_type not in _COMPRESSIONS,
            "other_compression",
            "is compressed otherwise than by DEFLATE",
        ),
        (
            member.file_size > max(_ALWAYS_ALLOWED, member.compress_size * _MOST_TIMES_LARGER),
            "zip_bomb",
            f"would be {times:,} times as large once unpacked",
        ),
    )
    return next(((code, what) for broken, code, what in rules if broken), None)


def _has_more(path: Path, members: list[zipfile.ZipInfo]) -> bool:
    """Say whether a zip file without a comment holds bytes before, between or behind its files.

    A tool's usual time stamps and descriptors are no such bytes: APPNOTE.TXT 6.3.10, 4.3 and 4.5.
    """
    end = spare = directory = 0
    with path.open("rb") as file:
        for member in sorted(members, key=lambda each: each.header_offset):
            file.seek(member.header_offset + _HEADER - 4)
            name, extra = struct.unpack("<HH", file.read(4))
            if not 0 <= member.header_offset - end <= spare:
                return True
            if member.comment or max(extra, len(member.extra)) > _LONGEST_EXTRA:
                return True
            end = member.header_offset + _HEADER + name + extra + member.compress_size
            spare = _DESCRIPTOR if member.flag_bits & _DESCRIBED else 0
            directory += _ENTRY + name + len(member.extra)
        behind = file.seek(0, os.SEEK_END) - end - directory - _LAST
    return not any(0 <= behind - large <= spare for large in (0, _LARGE))


def _extract(packed: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> Iterator[Finding]:
    """Write one member; never more than its header announces."""
    place = target / member.filename
    left = member.file_size
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with packed.open(member) as file, place.open("xb") as to:
            while piece := file.read(_PIECE):
                left -= len(piece)
                if left < 0:
                    break
                to.write(piece)
    except UNREADABLE as error:
        yield Finding("unreadable", member.filename, f"cannot be unpacked: {error}")
    else:
        if left:
            yield Finding("unreadable", member.filename, "is not as large as announced")
