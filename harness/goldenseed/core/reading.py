"""Reading files that nobody vouches for: regular ones only, and never more than was agreed on."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, NoReturn

from goldenseed.core.errors import GoldenseedError


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading; a pipe or a device is refused, and never waited for.

    ``GoldenseedError`` for what is no regular file, ``OSError`` where it cannot be opened.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        number = os.open(path, flags)
    except ValueError as error:  # a zero byte, or half a surrogate pair
        raise GoldenseedError(
            f"no file can be called {str(path)!a}", fix="name a file that there can be"
        ) from error
    if stat.S_ISREG(os.fstat(number).st_mode):
        return os.fdopen(number, "rb")
    os.close(number)
    raise GoldenseedError("is not a regular file", path=path, fix="put a file there")


def check_regular(path: Path, limit_bytes: int | None = None) -> None:
    """Refuse what other packages would wait for, or read for ever; raises as ``read_regular``."""
    with _opened(path, limit_bytes):
        pass


def read_regular(path: Path, limit_bytes: int) -> bytes:
    """Read a regular file of at most ``limit_bytes``.

    Raises:
        GoldenseedError: no such file, not a regular file (a pipe would block), unreadable, or
            larger than the limit, which is told from its size before anything is read.

    """
    with _opened(path, limit_bytes) as file:
        data = file.read(limit_bytes + 1)
    if len(data) > limit_bytes:  # it grew, or its system tells no size (/proc)
        _refuse_size(path, limit_bytes)
    return data


@contextmanager
def _opened(path: Path, limit_bytes: int | None) -> Iterator[BinaryIO]:
    try:
        with open_regular(path) as file:
            if limit_bytes is not None and os.fstat(file.fileno()).st_size > limit_bytes:
                _refuse_size(path, limit_bytes)
            yield file
    except OSError as error:
        raise GoldenseedError(
            f"cannot be read: {words_of(error)}",
            path=path,
            fix="see that the file exists and can be read; restore it from version control",
        ) from error


def _refuse_size(path: Path, limit_bytes: int) -> NoReturn:
    raise GoldenseedError(
        f"is larger than the {limit_bytes:,} bytes such a file may have",
        path=path,
        fix="restore the file as it was written",
    )


def words_of(error: OSError) -> str:
    """Say in words what the system said."""
    return error.strerror or str(error) or type(error).__name__
