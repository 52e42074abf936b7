"""The folder of the baselines: where its parts lie, which names may be there, who may write."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

from goldenseed.baselines.remote import Remote
from goldenseed.core.elements import suffix_of
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside, remove_leftovers, write_atomically
from goldenseed.core.names import RESERVED, name_problem, suite_name_problem

IMAGES = "images"
ENVIRONMENTS = "environments"
TRACES = "traces"
RETURNED_SUFFIX = ".file"
LOCK = ".lock"
LOCK_FILE = "accept.lock"
LOCK_TIMEOUT_SECONDS = 60.0
_POLL_SECONDS = 0.02

Read = TypeVar("Read")
_ENTRY_SUFFIX = ".json"
_TRACE_SUFFIX = ".json.gz"
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Places:
    """The layout below one ``baselines/`` folder. Makes paths, and touches only what says so."""

    root: Path
    remote: Remote | None = None
    """The store that images and traces lie in, where they are not in the folder."""

    @property
    def images(self) -> Path:
        """The content-addressed images, ``<aa>/<pixel sha256>.png``."""
        return self.root / IMAGES

    @property
    def environments(self) -> Path:
        """The fingerprints that accepted images were made in, ``<digest>.json``."""
        return self.root / ENVIRONMENTS

    @property
    def traces(self) -> Path:
        """The content-addressed traces of accepted images, ``<aa>/<digest>.json.gz``."""
        return self.root / TRACES

    @property
    def lock(self) -> Path:
        """The folder that holds the lock of whoever is writing; git does not see it."""
        return self.root / LOCK

    def suite(self, suite: str) -> Path:
        """Return the folder of a suite's entries; GoldenseedError if the name is unsafe."""
        problem = suite_name_problem(suite)
        if problem is not None:
            raise _unsafe("suite name", suite, problem)
        return inside(self.root, suite)

    def entry(self, suite: str, case: str) -> Path:
        """Return the file of a case's entry; GoldenseedError if a name is unsafe."""
        folder = self.suite(suite)
        problem = name_problem(case)
        if problem is not None:
            raise _unsafe("case id", case, problem)
        return inside(self.root, f"{folder.name}/{case}{_ENTRY_SUFFIX}")

    def image(self, pixels_sha256: str) -> Path:
        """Return the file of an image; GoldenseedError if that is no SHA-256 digest."""
        digest = _digest(pixels_sha256)
        return self.images / digest[:2] / f"{digest}.png"

    def element(self, sha256: str, mode: str) -> Path:
        """Return the file of a picture or tensor of ``mode``; errors as of ``image``."""
        return self.image(sha256).with_suffix(suffix_of(mode))

    def returned(self, sha256: str) -> Path:
        """Return where a file lies in which a picture was returned; errors as of ``image``."""
        return self.image(sha256).with_suffix(RETURNED_SUFFIX)

    def environment(self, environment_sha256: str) -> Path:
        """Return the file of an environment; GoldenseedError if that is no SHA-256 digest."""
        return self.environments / f"{_digest(environment_sha256)}{_ENTRY_SUFFIX}"

    def trace(self, trace_sha256: str) -> Path:
        """Return the file of a trace; GoldenseedError if that is no SHA-256 digest."""
        digest = _digest(trace_sha256)
        return self.traces / digest[:2] / f"{digest}{_TRACE_SUFFIX}"

    def name(self, path: Path) -> str:
        """Return what a file of the folder is called in a store."""
        return path.relative_to(self.root).as_posix()

    def together(self) -> AbstractContextManager[None]:
        """Put what the block stores into the store, if there is one, in fewer questions."""
        return nullcontext() if self.remote is None else self.remote.together()

    def nearby(self, path: Path) -> Path:
        """Return where an image or trace can be read now, if anywhere; no store is asked."""
        if self.remote is None or path.exists():
            return path
        return self.remote.nearby(self.name(path)) or path

    def fetched(self, path: Path) -> Path:
        """Return where an image or trace can be read, fetched from the store where it has to be.

        Raises GoldenseedError where the store does not have it, or does not answer.
        """
        if self.remote is None or path.exists() or path.parent == self.environments:
            return path
        return self.remote.fetched(self.name(path))

    def read(self, path: Path, read: Callable[[Path], Read]) -> Read:
        """Read an image or trace, fetched as by ``fetched``; a damaged copy is fetched once more.

        Raises GoldenseedError as ``fetched`` and ``read`` do.
        """
        found = self.fetched(path)
        try:
            return read(found)
        except GoldenseedError:
            if found == path:
                raise
            found.unlink(missing_ok=True)
            return read(self.fetched(path))

    def suites(self) -> tuple[str, ...]:
        """Return the names of the suites that have a folder, sorted."""
        return tuple(folder.name for folder in _folders(self.root) if folder.name not in RESERVED)

    def cases(self, suite: str) -> tuple[str, ...]:
        """Return the ids of the suite's cases that have an entry, sorted."""
        folder = self.suite(suite)
        if not folder.is_dir():
            return ()
        return tuple(
            sorted(
                file.name.removesuffix(_ENTRY_SUFFIX)
                for file in folder.iterdir()
                if file.name.endswith(_ENTRY_SUFFIX) and not file.name.startswith(".")
            )
        )


def _unsafe(kind: str, name: str, problem: str) -> GoldenseedError:
    return GoldenseedError(
        f"the {kind} {name!a} {problem}",
        fix=f"give it a {kind} that is a plain file name on every system",
    )


def _digest(text: str) -> str:
    if not _DIGEST.fullmatch(text):
        raise GoldenseedError(
            f"{text!a} is not a SHA-256 digest of 64 hexadecimal digits",
            fix="take the digest from the run's record or from the baseline's entry",
        )
    return text


def _folders(parent: Path) -> tuple[Path, ...]:
    if not parent.is_dir():
        return ()
    return tuple(
        sorted(
            folder
            for folder in parent.iterdir()
            if folder.is_dir() and not folder.name.startswith(".")
        )
    )


def refuse_links(root: Path, paths: Iterable[Path]) -> None:
    """Raise GoldenseedError if a path below ``root`` is or goes through a symbolic link.

    What is written there would land somewhere else. ``root`` itself may be one, and lie behind one.
    """
    for path in dict.fromkeys(paths):
        below = (path, *path.parents[: len(path.relative_to(root).parts) - 1])
        link = next((place for place in reversed(below) if place.is_symlink()), None)
        if link is not None:
            raise GoldenseedError(
                f"is a symbolic link to {link.readlink()}: nothing is written through it",
                path=link,
                fix="put a folder or file of its own there; the whole folder of the baselines may "
                "be a link, no part of it",
            )


@contextmanager
def writing(
    places: Places, paths: Iterable[Path] = (), *, timeout_seconds: float = LOCK_TIMEOUT_SECONDS
) -> Iterator[None]:
    """Hold the lock, and clear away what killed writers left: nobody else is at work.

    None of ``paths``, which are going to be written, may be or lie behind a symbolic link. Raises
    as ``exclusive`` and ``refuse_links``.
    """
    with exclusive(places, timeout_seconds=timeout_seconds):
        refuse_links(places.root, paths)
        remove_leftovers(places.root, older_than_seconds=0.0)
        yield


@contextmanager
def exclusive(places: Places, *, timeout_seconds: float) -> Iterator[None]:
    """Hold the lock of a baselines folder while the block runs: one writer at a time, anywhere.

    The lock lies inside the folder it guards, because containers, users and machines that share a
    checkout share no temporary folder. It lies in a folder of its own that holds a ``.gitignore``
    of ``*``, as pytest's and ruff's caches do: git never shows it and nobody has to add a line to
    theirs. The operating system frees the lock of a process that dies; the file itself stays,
    since removing it while others wait would give two of them a lock at once.

    Raises:
        GoldenseedError: somebody else held the lock for all of ``timeout_seconds``, its place is a
            symbolic link, or the folder cannot be written.

    """
    file = places.lock / LOCK_FILE
    ignore = places.lock / ".gitignore"
    refuse_links(places.root, (file, ignore))
    lock = FileLock(file, timeout=timeout_seconds)
    try:
        places.lock.mkdir(parents=True, exist_ok=True)
        lock.acquire(poll_interval=_POLL_SECONDS)
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
        if not ignore.exists():
            write_atomically(ignore, b"*\n", durable=False)
        yield
    finally:
        lock.release()
