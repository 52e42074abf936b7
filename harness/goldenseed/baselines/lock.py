"""One writer at a time in a baselines folder, across processes, containers and machines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from goldenseed.baselines.places import Places
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import write_atomically

LOCK_FILE = "accept.lock"

_POLL_SECONDS = 0.02


@contextmanager
def exclusive(places: Places, *, timeout_seconds: float) -> Iterator[None]:
    """Hold the folder's lock while the block runs; other writers wait for it.

    The lock lies inside the folder it guards, because containers, users and machines that share a
    checkout share no temporary folder. It lies in a folder of its own that holds a ``.gitignore``
    of ``*``, as pytest's and ruff's caches do: git never shows it and nobody has to add a line to
    theirs. The operating system frees the lock of a process that dies; the file itself stays,
    since removing it while others wait would give two of them a lock at once.

    Raises:
        GoldenseedError: somebody else held the lock for all of ``timeout_seconds``, or the folder
            cannot be written.

    """
    file = places.lock / LOCK_FILE
    lock = FileLock(file, timeout=timeout_seconds, poll_interval=_POLL_SECONDS)
    try:
        places.lock.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise GoldenseedError(
            f"another process has been writing these baselines for {timeout_seconds:g} seconds",
            path=file,
            fix="wait for it, or end it, and run this again; the lock ends with its process",
        ) from error
    except (OSError, NotImplementedError) as error:
        raise GoldenseedError(
            f"cannot be locked for writing: {getattr(error, 'strerror', None) or error}",
            path=file,
            fix="see that the folder of the baselines exists and can be written",
        ) from error
    try:
        ignore = places.lock / ".gitignore"
        if not ignore.exists():
            write_atomically(ignore, b"*\n", durable=False)
        yield
    finally:
        lock.release()
