"""Files on disk: atomic writes, canonical JSON, strict reading, paths that stay inside a folder."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import re
import secrets
import stat
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.reading import open_regular as open_regular  # noqa: PLC0414 - part of here
from goldenseed.core.reading import read_regular as read_regular  # noqa: PLC0414 - likewise
from goldenseed.core.reading import words_of
from goldenseed.core.strict_json import parse

TEMPORARY_PREFIX = ".tmp-"
"""How the name of every half-written file begins; ignore such files when listing a folder."""

DEPTH_LIMIT = 100
"""Levels of nesting that canonical JSON accepts; it also ends a value that contains itself."""

MANY = 50
"""So many files are flushed to the disk together, which also flushes those of others."""

Data = bytes | Iterable[bytes]
_FIXES = {
    errno.ENOSPC: "free some disk space and run it again",
    errno.EDQUOT: "free some of the disk quota and run it again",
    errno.EROFS: "the file system is read-only: choose a folder on one that can be written",
    errno.EACCES: "give yourself write permission for that folder, or choose another",
    errno.EPERM: "give yourself write permission for that folder, or choose another",
    errno.ENAMETOOLONG: "use a shorter name",
    errno.ENOTDIR: "a file stands where a folder is needed: move it away",
    errno.EISDIR: "a folder stands where the file should be: move it away",
    errno.EEXIST: "a file stands where a folder is needed: move it away",
}


def write_atomically(path: Path, data: Data, *, durable: bool = True) -> None:
    """Write ``data`` to ``path`` so that every reader sees the old file or the new one, whole.

    A temporary file in the same folder is written and renamed over ``path``; missing parents are
    made. With ``durable`` file and folder are flushed to the disk first, so that it also survives a
    loss of power. The old file's permissions stay; a link at ``path`` is replaced, not followed.

    Raises:
        GoldenseedError: nothing could be written (read-only, disk full, …); the old file is whole
            and no temporary file is left.

    """
    with _named(path), ExitStack() as leftovers:
        temporary = _write_beside(path, data, durable=durable)
        leftovers.callback(temporary.unlink, missing_ok=True)
        temporary.replace(path)
        if durable:
            _flush_folder(path.parent)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn what the system refuses into an error that names ``path``, and what to do."""
    try:
        yield
    except OSError as error:
        raise GoldenseedError(
            f"cannot be written: {words_of(error)}",
            path=path,
            fix=_FIXES.get(error.errno or 0, "see that the folder exists and can be written"),
        ) from error


def _write_beside(path: Path, data: Data, *, durable: bool) -> Path:
    """Write ``data`` into a temporary file in the folder of ``path``; none is left if it fails."""
    _make_folder(path.parent, durable=durable)
    name = f"{TEMPORARY_PREFIX}{os.getpid()}-{threading.get_ident()}-{secrets.token_hex(8)}"
    temporary = path.parent / name
    try:
        _write_new(temporary, data, mode=_mode_of(path), durable=durable)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def write_all(files: Mapping[Path, bytes]) -> None:
    """Write each file as ``write_atomically`` does, flushed to the disk all at once where many.

    Flushing one by one takes some 10 ms a file. All are written before the first takes its place,
    and which did stays so if the next cannot. Raises as ``write_atomically``.
    """
    if len(files) < MANY:
        for path, data in files.items():
            write_atomically(path, data)
        return
    with ExitStack() as leftovers:
        beside: dict[Path, Path] = {}
        for path, data in files.items():
            with _named(path):
                beside[path] = _write_beside(path, data, durable=False)
            leftovers.callback(beside[path].unlink, missing_ok=True)
        flush()
        for path, temporary in beside.items():
            with _named(path):
                temporary.replace(path)
        flush()


def flush() -> None:
    """Flush everything that was written to the disk, where the system can."""
    getattr(os, "sync", lambda: None)()


def _make_folder(folder: Path, *, durable: bool) -> None:
    if folder.is_dir():
        return
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    if durable:
        for each in missing:
            _flush_folder(each.parent)


def _mode_of(path: Path) -> int | None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return stat.S_IMODE(found.st_mode) if stat.S_ISREG(found.st_mode) else None


def _write_new(path: Path, data: Data, *, mode: int | None, durable: bool) -> None:
    with path.open("xb") as file:
        file.writelines((data,) if isinstance(data, bytes) else data)
        file.flush()
        if mode is not None:
            path.chmod(mode)
        if durable:
            os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk, where the file system knows how to."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP, errno.EBADF}:
            raise
    finally:
        os.close(handle)


def remove_leftovers(folder: Path, *, older_than_seconds: float = 3600.0) -> tuple[Path, ...]:
    """Delete the temporary files that killed processes left in ``folder`` and the folders below.

    The age keeps the files of writers that are still at work. What cannot be deleted is left: a
    leftover harms nobody. Returns the deleted paths, sorted.
    """
    removed = []
    newest = time.time() - older_than_seconds
    for place, _, names in os.walk(folder):
        for name in names:
            if not name.startswith(TEMPORARY_PREFIX):
                continue
            path = Path(place, name)
            with suppress(OSError):
                if path.lstat().st_mtime <= newest:
                    path.unlink()
                    removed.append(path)
    return tuple(sorted(removed))


def canonical_json(value: object) -> bytes:
    """Write ``value`` as the one JSON text that stands for it, for digests.

    Keys sorted by code point, no spaces, UTF-8 without escapes beyond those JSON demands, floats
    by ``repr``. A float without a fraction is written as an integer (``5.0`` → ``5``, ``-0.0`` →
    ``0``): whether YAML says ``5`` or ``5.0`` must not change a recipe's digest. ``True`` stays
    apart from ``1``. Mappings, sequences, str, int, float, bool and None are accepted.

    Raises:
        GoldenseedError: a NaN or an infinity, text that is not Unicode, or nesting beyond
            ``DEPTH_LIMIT``.
        TypeError: a key that is not text, or a value JSON has no form for.

    """
    text = json.dumps(
        _canonical(value, DEPTH_LIMIT), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return _utf8(text)


def _canonical(value: object, depth: int) -> object:
    if depth < 0:
        raise GoldenseedError(
            f"values are nested deeper than {DEPTH_LIMIT} levels", fix="write it flatter"
        )
    if isinstance(value, float):
        return _canonical_float(value)
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"a key of canonical JSON is text, not {type(key).__name__}")
        return {key: _canonical(each, depth - 1) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
        return [_canonical(each, depth - 1) for each in value]
    return value


def _canonical_float(value: float) -> int | float:
    if not math.isfinite(value):
        raise GoldenseedError(f"{value} is not a number JSON can hold", fix="use a finite number")
    return int(value) if value.is_integer() else value


def pretty_json(value: object) -> bytes:
    """Write ``value`` for people who read it in a diff: sorted keys, indented, one final newline.

    Values and errors are those of ``json.dumps``; a NaN or an infinity raises GoldenseedError.
    """
    try:
        text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise GoldenseedError(
            f"cannot be written as JSON: {error}", fix="use finite numbers and no reference cycles"
        ) from error
    return _utf8(text + "\n")


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise GoldenseedError(
            f"text holds {text[error.start]!r}, half of a surrogate pair, which is not Unicode",
            fix="write the character itself, or its full escape",
        ) from error


def sha256_hex(data: bytes | memoryview) -> str:
    """Return the SHA-256 of ``data`` as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def json_sha256(value: object) -> str:
    """Return the SHA-256 of ``value``'s canonical JSON; raises what ``canonical_json`` raises."""
    return sha256_hex(canonical_json(value))


def read_json(path: Path, limit_bytes: int = 64 * 2**20) -> Any:
    """Read a JSON file strictly: UTF-8, no repeated key, no NaN or infinity, a limited size.

    Raises:
        GoldenseedError: any of these, or no readable file, with ``path:line`` where there is one.

    """
    return parse(read_regular(path, limit_bytes), path)


def inside(root: Path, relative: str) -> Path:
    """Return ``root / relative`` for a relative path that names something below ``root``.

    The check looks at the text alone and touches no disk, so symbolic links are not resolved.
    Separators are forward slashes on every system; ``./a`` and ``a/`` mean ``a``.

    Raises:
        GoldenseedError: an empty or absolute path, a drive letter, a backslash, ``..``, a control
            character, or half a surrogate pair.

    """
    if (what := _unsafe(relative)) is not None:
        raise GoldenseedError(
            f"the path {relative!r} {what}",
            fix=f"give a path relative to {root} with forward slashes, and without '..'",
        )
    return root / PurePosixPath(relative)


def _unsafe(relative: str) -> str | None:
    parts = PurePosixPath(relative).parts
    refusals = {
        "names nothing": not parts,
        "is absolute": relative.startswith("/"),
        "has a drive letter": re.match(r"[A-Za-z]:", relative),
        "has a backslash": "\\" in relative,
        "leaves its folder": ".." in parts,
        "has a control character": re.search(r"[\x00-\x1f\x7f]", relative),
        "is not Unicode text": re.search(r"[\ud800-\udfff]", relative),
    }
    return next((what for what, refused in refusals.items() if refused), None)
