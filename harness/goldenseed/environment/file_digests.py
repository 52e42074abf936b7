"""SHA-256 of large files, remembered so that a model is not read twice to know it again."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256, open_regular, read_regular, write_atomically
from goldenseed.environment.keys import EnvironmentValue, unreadable

REMEMBERED_FROM_BYTES = 2**20
"""Smaller files are read each time: that is as quick as remembering them."""
_SETTLED_SECONDS = 2.0
"""A file changed less than this ago may change again without its times showing it: the clock of a
file system ticks only so often (git calls such an entry "racily clean")."""
_LARGEST_BYTES = 2**38
"""Five times the largest single file of weights that is in use; ten minutes of reading."""
_CHUNK_BYTES = 2**22
_DIGEST_BYTES = 64
_DIGEST = re.compile(r"[0-9a-f]{64}")
_FOLDER = "goldenseed/file-digests"


class FileDigests:
    """Digests files; large ones are remembered in ``cache`` by path, size, inode and both times.

    What a file or a link is called says nothing of what it holds: a hub's blob, which is named by a
    digest, is read like any other. With ``verify`` every byte is read, whatever is remembered.
    """

    def __init__(self, cache: Path | None = None, *, verify: bool = False) -> None:
        self._cache = cache or cache_folder()
        self._verify = verify

    def sha256(self, file: Path) -> str:
        """Return a file's SHA-256 in hex; raises if it is unreadable or no regular file."""
        try:
            found = file.stat()
            if found.st_size < REMEMBERED_FROM_BYTES:
                return _read(file)
            if found.st_size > _LARGEST_BYTES:
                raise GoldenseedError(
                    f"has {found.st_size:,} bytes, more than the {_LARGEST_BYTES:,} that are read",
                    path=file,
                    fix="store the weights in several files",
                )
            place = self._cache / _name(file, found)
            remembered = None if self._verify else _remembered(place)
            if remembered is not None:
                return remembered
            digest = _read(file)
        except OSError as error:
            raise GoldenseedError(
                f"cannot be read: {error.strerror or error}",
                path=file,
                fix="copy or download the model again",
            ) from error
        if time.time() - max(found.st_mtime, found.st_ctime) > _SETTLED_SECONDS:
            with suppress(GoldenseedError):  # a cache that cannot be written is done without
                write_atomically(place, digest.encode(), durable=False)
        return digest

    def of(self, files: Iterable[tuple[str, Path]]) -> Mapping[str, EnvironmentValue]:
        """Digest each named file; what cannot be read says why."""
        found: dict[str, EnvironmentValue] = {}
        for name, file in files:
            try:
                found[name] = self.sha256(file)
            except GoldenseedError as error:
                found[name] = unreadable(error.what)
        return found


def cache_folder() -> Path:
    """Return where digests are remembered: below ``XDG_CACHE_HOME``, else ``~/.cache``.

    For a user without a home, as containers have them, it is a place that cannot be written.
    """
    chosen = os.environ.get("XDG_CACHE_HOME")
    if chosen and Path(chosen).is_absolute():
        return Path(chosen) / _FOLDER
    try:
        return Path.home() / ".cache" / _FOLDER
    except RuntimeError:
        return Path("/nonexistent/.cache") / _FOLDER


def _name(file: Path, found: os.stat_result) -> str:
    """Name what is remembered: a digest of the place and of what changes when the file does."""
    return json_sha256(
        [
            str(file.resolve()),
            found.st_size,
            found.st_mtime_ns,
            found.st_ctime_ns,
            found.st_ino,
            found.st_dev,
        ]
    )


def _remembered(place: Path) -> str | None:
    try:
        digest = read_regular(place, _DIGEST_BYTES).decode("ascii")
    except (GoldenseedError, ValueError):
        return None
    return digest if _DIGEST.fullmatch(digest) else None


def _read(file: Path) -> str:
    digest = hashlib.sha256()
    with open_regular(file) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
