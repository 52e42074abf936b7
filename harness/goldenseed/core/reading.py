"""Reading files that nobody vouches for: regular ones only, and never more than was agreed on."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from goldenseed.core.errors import GoldenseedError


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading; a pipe or a device is refused, and never waited for.

    ``GoldenseedError`` for what is no regular file, ``OSError`` where it cannot be opened.
    """
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if stat.S_ISREG(os.fstat(number).st_mode):
        return os.fdopen(number, "rb")
    os.close(number)
    raise GoldenseedError("is not a regular file", path=path, fix="put a file there")


def check_regular(path: Path) -> None:
    """Refuse what other packages would wait for when they open it; raises as ``open_regular``."""
    open_regular(path).close()


def read_regular(path: Path, limit_bytes: int) -> bytes:
    """Read a regular file of at most ``limit_bytes``.

    Raises:
        GoldenseedError: no such file, not a regular file (a pipe would block), unreadable, or
            larger than the limit, which is told from its size before anything is read.

    """
    try:
        with open_regular(path) as file:
            # A file that grows, or whose system tells no size (/proc), is met by the second bound.
            too_large = os.fstat(file.fileno()).st_size > limit_bytes
            data = b"" if too_large else file.read(limit_bytes + 1)
    except OSError as error:
        raise GoldenseedError(
            f"cannot be read: {words_of(error)}",
            path=path,
            fix="see that the file exists and can be read; restore it from version control",
        ) from error
    if too_large or len(data) > limit_bytes:
        raise GoldenseedError(
            f"is larger than the {limit_bytes:,} bytes such a file may have",
            path=path,
            fix="restore the file as it was written",
        )
    return data


def words_of(error: OSError) -> str:
    """Say in words what the system said."""
    return error.strerror or str(error) or type(error).__name__
