"""A store of images and traces beyond git: what comes from it is verified, then kept nearby."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from goldenseed.baselines.half_fetched import is_pointer
from goldenseed.baselines.object_cache import ObjectCache
from goldenseed.baselines.transports import OBJECT_LIMIT_BYTES, Transport
from goldenseed.core.elements import TENSOR_MODES, content_sha256, decoded
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular, sha256_hex
from goldenseed.trace.files import SUFFIX, parse_trace

_PATIENCE_SECONDS = 30.0
"""So long a store that did not answer is not asked again: a thousand cases would each wait."""

_ANSWERS = (GoldenseedError, PermissionError, FileNotFoundError)
"""What a store says of one object, which says nothing of the next."""
_SECRETS = (
    (re.compile(r"(://)[^\s/'\"]*@"), r"\1…@"),
    (re.compile(r"\?[^\s'\"=]+=[^\s'\"]*"), "?…"),
    (re.compile(r"(?i)(bearer |basic )[\w.+/=-]+"), r"\1…"),
)
"""User and password in an address, its query, which may be signed, and what a header vouches."""
_SECRET_NAME = re.compile(r"(?i)token|secret|passw|key|credential")
_SHORTEST_SECRET = 8

_OFF = frozenset({"", "0", "false", "no", "off"})
_TOGETHER = 64
"""So many objects are put at a time, all of which are in memory."""

Answer = TypeVar("Answer")


class Remote:
    """One store of content-addressed objects, named as they would lie in the baselines.

    What is there is never written again. It remembers only that the store did not answer, and what
    waits to be put.
    """

    def __init__(self, transport: Transport, cache: ObjectCache) -> None:
        self.url = transport.url
        self._transport = transport
        self._cache = cache
        self._silent: tuple[float, GoldenseedError] | None = None
        self._waiting: dict[str, Callable[[], bytes]] | None = None

    @property
    def offline(self) -> str | None:
        """The environment variable that keeps the store from being asked, if one does."""
        wanted = self._transport.offline_variables
        return next((v for v in wanted if os.environ.get(v, "").lower() not in _OFF), None)

    def pinned(self) -> str | None:
        """Return the address of the store as it is now, where it has one that never changes."""
        return self._asked("its commit", "read", self._transport.pinned)

    def names(self, folder: str) -> tuple[str, ...]:
        """Return the names of all objects below a folder; offline those of which copies are here.

        Raises GoldenseedError where the store does not answer.
        """
        if self.offline:
            return tuple(self._cache.names(folder))
        return tuple(self._asked(f"{folder}/", "listed", lambda: self._transport.names(folder)))

    def nearby(self, name: str) -> Path | None:
        """Return the copy of an object on this machine, if there is one; the store is not asked."""
        return self._cache.find(name)

    def fetched(self, name: str) -> Path:
        """Return a copy of an object on this machine, verified when it was fetched.

        Raises:
            GoldenseedError: the store has no such object or another one, or does not answer.

        """
        known = self._cache.find(name)
        if known is not None:
            return known
        data = self._asked(name, "read", lambda: self._transport.read(name))
        if data is None:
            raise GoldenseedError(
                f"is not in the store {self.url}, nor in this machine's cache of it",
                path=name,
                fix="accept the case again from a run that has the image, which puts it there",
            )
        self._check(name, data)
        return self._cache.keep(name, data)

    def sound(self, name: str) -> Path:
        """Return a copy that is whole now: one that was damaged here is fetched again.

        Raises GoldenseedError as ``fetched``.
        """
        known = self._cache.find(name)
        if known is not None:
            try:
                check_object(name, read_regular(known, OBJECT_LIMIT_BYTES))
            except GoldenseedError:
                known.unlink(missing_ok=True)
        return self.fetched(name)

    def put(self, name: str, made: Callable[[], bytes]) -> None:
        """Write an object unless it is there, and see that the store gives it back as it is.

        Within ``together`` this may happen later, up to the end of that block.

        Raises:
            GoldenseedError: the store does not take it, loses or alters it, or holds another under
                its name, which is left as it is; or it is larger than an object may be.

        """
        if self._waiting is None:
            self._put({name: made})
            return
        self._waiting[name] = made
        if len(self._waiting) == _TOGETHER:
            self._put_waiting()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Put what is put within the block in fewer questions; all of it is there at its end."""
        self._waiting = {}
        try:
            yield
            self._put_waiting()
        finally:
            self._waiting = None

    def _put_waiting(self) -> None:
        waiting, self._waiting = self._waiting or {}, {}
        self._put(waiting)

    def _put(self, objects: Mapping[str, Callable[[], bytes]]) -> None:
        found = self._read_all(objects)
        new = {name: made() for name, made in objects.items() if found[name] is None}
        for name, data in new.items():
            check_size(name, data)
        if new:
            self._asked(next(iter(new)), "written", lambda: self._transport.create(new))
            found |= self._read_all(new)
        for name, kept in found.items():
            if kept is None:
                raise GoldenseedError(
                    f"the store {self.url} took it and does not have it",
                    path=name,
                    fix="nothing was accepted: mend the store, and accept again",
                )
            self._check(name, kept)
            with suppress(GoldenseedError):  # it is in the store, whether or not a copy is here
                self._cache.keep(name, kept)

    def _read_all(self, names: Iterable[str]) -> dict[str, bytes | None]:
        """Read objects, several at a time."""
        wanted = list(names)
        if not wanted:
            return {}

        def read(name: str) -> bytes | None:
            return self._asked(name, "read", lambda: self._transport.read(name))

        if len(wanted) == 1:
            return {wanted[0]: read(wanted[0])}
        at_once = self._asked(wanted[0], "read", lambda: self._transport.at_once)
        with ThreadPoolExecutor(at_once) as threads:
            return dict(zip(wanted, threads.map(read, wanted), strict=True))

    def _asked(self, name: str, what: str, ask: Callable[[], Answer]) -> Answer:
        """Ask the store, and put into words what it does instead of answering."""
        if offline := self.offline:
            raise GoldenseedError(
                f"is not in this machine's cache, and {offline} keeps it from being {what}"
                f" in the store {self.url}",
                path=name,
                fix=f"run it once without {offline} where the store can be reached",
            )
        if self._silent is not None and time.monotonic() - self._silent[0] < _PATIENCE_SECONDS:
            raise GoldenseedError(self._silent[1].what, path=name, fix=self._silent[1].fix)
        try:
            return ask()
        except Exception as error:
            said = error.what if isinstance(error, GoldenseedError) else words_of(error)
            found = GoldenseedError(
                f"cannot be {what} in the store {self.url}: {said}",
                path=name,
                fix=getattr(error, "fix", None)
                or "see that the store can be reached, and that you may use it",
            )
            if not isinstance(error, _ANSWERS):
                self._silent = time.monotonic(), found
            raise found from error

    def _check(self, name: str, data: bytes) -> None:
        try:
            check_object(name, data)
        except GoldenseedError as error:
            raise GoldenseedError(
                f"the store {self.url} holds something else under this name: {error.what}",
                path=name,
                fix="a stored object is never written again: find out who changed it, take it "
                "away, and accept the case again from a run that has the image",
            ) from error


def words_of(error: Exception) -> str:
    """Return what a library says of its failure, in one line and without keys and passwords."""
    said = " ".join(str(error).split()) or type(error).__name__
    for pattern, instead in _SECRETS:
        said = pattern.sub(instead, said)
    for name, value in os.environ.items():
        if len(value) >= _SHORTEST_SECRET and _SECRET_NAME.search(name):
            said = said.replace(value, "…")
    return said


def check_size(name: str, data: bytes) -> None:
    """Raise GoldenseedError for what is larger than an object may be."""
    if len(data) > OBJECT_LIMIT_BYTES:
        raise GoldenseedError(f"it has more than {OBJECT_LIMIT_BYTES:,} bytes", path=name)


def check_object(name: str, data: bytes) -> None:
    """Raise GoldenseedError where ``data`` is not what the digest in its name stands for."""
    path = Path(name)
    check_size(name, data)
    if is_pointer(data):
        raise GoldenseedError("it is a pointer of Git LFS")
    if name.endswith(SUFFIX):
        parse_trace(path, data)
        return
    mode = {".png": "RGB", ".npy": TENSOR_MODES[0]}.get(path.suffix)
    found = content_sha256(decoded(data, mode, name=name)) if mode else sha256_hex(data)
    if found != path.stem:
        raise GoldenseedError(f"its content has the digest {found}")
