"""Copies of a store's objects on this machine, no more of them than was agreed on."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from goldenseed.baselines.transports import names_below
from goldenseed.core.files import inside, write_atomically

IN_USE_SECONDS = 60.0
"""So long after it was asked for, a copy stays whatever the limit: somebody may be reading it."""


@dataclass(frozen=True)
class ObjectCache:
    """A folder of objects by their names, of which those unused for longest go first.

    Objects are named by what they hold, so stores and checkouts share one cache. The time of
    last use is the file's time of modification, since many systems keep no other.
    """

    folder: Path
    limit_bytes: int

    def place(self, name: str) -> Path:
        """Return where an object's copy lies or would lie."""
        return inside(self.folder, name)

    def names(self, folder: str) -> Iterable[str]:
        """Return the names of the copies below a folder."""
        return names_below(self.folder, folder)

    def find(self, name: str) -> Path | None:
        """Return an object's copy, which counts as used now; None without one."""
        place = self.place(name)
        if not place.is_file():
            return None
        with suppress(OSError):  # a cache that somebody else fills is as good
            os.utime(place)
        return place

    def keep(self, name: str, data: bytes) -> Path:
        """Copy an object here, and make room; GoldenseedError where that cannot be written."""
        place = self.place(name)
        write_atomically(place, data, durable=False)
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
                return
            with suppress(OSError):
                path.unlink()
            total -= size
