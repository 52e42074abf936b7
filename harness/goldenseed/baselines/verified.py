"""Remembers which files were seen to hold what they are named for, so that none is read twice."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Verified:
    """One empty file for each that was verified, in a folder of this machine such as a cache.

    Its name is the SHA-256 of the digest that a file is named by, a zero byte, and the file's
    bytes. So nothing in the baselines vouches for them, and whatever changes is verified anew.
    """

    folder: Path | None = None
    """Where that is remembered; without a folder nothing is."""

    def knows(self, name: str, data: bytes) -> bool:
        """Say whether a file of these bytes was seen to hold what has the digest ``name``."""
        return self.folder is not None and (self.folder / _mark(name, data)).exists()

    def remember(self, name: str, data: bytes) -> None:
        """Keep that it was; where that cannot be written, it is verified again the next time."""
        if self.folder is None:
            return
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / _mark(name, data)).touch()


def _mark(name: str, data: bytes) -> str:
    digest = hashlib.sha256(f"{name}\0".encode())
    digest.update(data)
    return digest.hexdigest()
