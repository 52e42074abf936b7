"""Copies of a store's objects on this machine, no more of them than was agreed on."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from goldenseed.baselines.transports import names_below
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside, write_atomically

_SLACK = 20
"""The part of the limit by which copies in use may go beyond it before they are looked through."""
IN_USE_SECONDS = 60.0
"""So long after it was asked for, a copy stays whatever the limit: somebody may be reading it."""


class ObjectCache:
    """A folder of objects by their names, of which those unused for longest go first.

    Objects are named by what they hold, so stores and checkouts share one cache. The time of
    last use is the file's time of modification, since many systems keep no other.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes
        self._room: int | None = None
        """So many bytes may be kept before the folder is looked through again; None at first."""

    def place(self, name: str) -> Path:
        """Return where an object's copy lies or would lie."""
        return inside(self.folder, name)

    def names(self, folder: str) -> Iterable[str]:
        """Return the names of the copies below a folder."""
        return names_below(self.folder, folder)

    def find(self, name: str) -> Path | None:
        """Return an object's copy, which counts as used now; None without one."""
        place = self.place(name)
        with suppress(OSError):  # what may not be looked into has no copy
            if not place.is_file():
                return None
            with suppress(OSError):  # a cache that somebody else fills is as good
                os.utime(place)
            return place
        return None

    def keep(self, name: str, data: bytes) -> Path:
        """Copy an object here, and make room; GoldenseedError where that cannot be written."""
        place = self.place(name)
        try:
            write_atomically(place, data, durable=False)
        except GoldenseedError as error:
            raise GoldenseedError(
                f"no copy of an object of the store can be kept here: it {error.what}",
                path=place,
                fix="name a folder that can be written in XDG_CACHE_HOME",
            ) from error
        self._room = None if self._room is None else self._room - len(data)
        if self._room is None or self._room < 0:
            self._make_room()
        return place

    def _make_room(self) -> None:
        found = []
        for path in self.folder.rglob("*.*"):
            with suppress(OSError):  # another session may have made room meanwhile
                about = path.stat()
                found.append((about.st_mtime, about.st_size, path))
        total = sum(size for _, size, _ in found)
        for used, size, path in sorted(found):
            if total <= self.limit_bytes or used > time.time() - IN_USE_SECONDS:
                break
            with suppress(OSError):
                path.unlink()
            total -= size
        self._room = max(self.limit_bytes - total, self.limit_bytes // _SLACK)
