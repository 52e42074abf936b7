"""Which case a worker is at, kept on disk, so that a case that killed its worker is known by it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.files import sha256_hex

RUNNING = "running"
"""The folder of the marks, inside the run's folder."""


@contextmanager
def marked(folder: Path, name: str) -> Iterator[bool]:
    """Leave a mark called ``name`` in ``folder`` while the block runs.

    Yields whether the mark was there: then a process died in this very block. pytest-xdist gives a
    test that took its worker down to the next worker, with ``--dist loadgroup`` at least (3.8.0,
    ``LoadScopeScheduling.remove_node``), until none is left to run the other tests. A mark that
    cannot be written is done without.
    """
    mark = folder / sha256_hex(name.encode())
    died_here_before = mark.exists()
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        mark.touch()
    try:
        yield died_here_before
    finally:
        with suppress(OSError):
            mark.unlink()
