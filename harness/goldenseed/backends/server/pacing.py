"""So many requests a second, over all workers and sessions of one machine."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Final

from filelock import FileLock

_FAR_SECONDS: Final = 3600.0
"""A slot this far off is a clock that was set back, or a file that somebody wrote."""


class Pace:
    """Hands out the moments at which requests to one server may begin, each to one process."""

    def __init__(self, url: str, per_second: float, folder: Path) -> None:
        self._gap = 1 / per_second
        name = hashlib.sha256(url.encode()).hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / f"{name}.next"
        self._lock = FileLock(folder / f"{name}.lock")

    def wait(self) -> float:
        """Sleep until the next free moment; return the seconds that took."""
        with self._lock:
            now = time.time()
            free = self._free()
            begin = max(now, free) if free - now < _FAR_SECONDS else now
            self._file.write_text(repr(begin + self._gap), "utf-8")
        time.sleep(max(0.0, begin - now))
        return max(0.0, begin - now)

    def _free(self) -> float:
        try:
            return float(self._file.read_text("utf-8"))
        except (OSError, ValueError):
            return 0.0
