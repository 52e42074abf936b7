"""Deleting files: regular ones only, and for good before what follows."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import flush
from goldenseed.core.reading import words_of


def remove_files(paths: Iterable[Path]) -> None:
    """Delete files, each only if it is a regular one, and flush that to the disk.

    What is gone already, or became something else, is left.

    Raises:
        GoldenseedError: one cannot be deleted; those before it are.

    """
    for path in paths:
        try:
            if not path.is_symlink() and path.is_file():
                path.unlink(missing_ok=True)
        except OSError as error:
            raise GoldenseedError(
                f"cannot be deleted: {words_of(error)}",
                path=path,
                fix="see that its folder can be written, and run it again",
            ) from error
    flush()


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove folders that are empty now; one that is not, or cannot be, harms nobody."""
    for folder in dict.fromkeys(folders):
        with suppress(OSError):
            folder.rmdir()
