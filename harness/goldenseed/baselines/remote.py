"""A store of images and traces beyond git: what comes from it is verified, then kept nearby."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from goldenseed.baselines.half_fetched import is_pointer
from goldenseed.baselines.object_cache import ObjectCache
from goldenseed.baselines.transports import OBJECT_LIMIT_BYTES, Transport
from goldenseed.core.elements import TENSOR_MODES, content_sha256, decoded
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import sha256_hex
from goldenseed.trace.files import SUFFIX, parse_trace

OFFLINE = "GOLDENSEED_OFFLINE"
"""The variable that keeps a session from asking a store."""
_PATIENCE_SECONDS = 30.0
"""So long a store that did not answer is not asked again: a thousand cases would each wait."""

Answer = TypeVar("Answer")


class Remote:
    """One store of content-addressed objects, named as they would lie in the baselines.

    What is there is never written again. It remembers only that the store did not answer.
    """

    def __init__(self, transport: Transport, cache: ObjectCache) -> None:
        self.url = transport.url
        self._transport = transport
        self._cache = cache
        self._silent: tuple[float, GoldenseedError] | None = None

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

    def put(self, name: str, made: Callable[[], bytes]) -> None:
        """Write an object unless it is there, and see that the store gives it back as it is.

        Raises:
            GoldenseedError: the store does not take it, loses or alters it, or holds another under
                its name, which is left as it is.

        """
        found = self._asked(name, "read", lambda: self._transport.read(name))
        if found is None:
            data = made()
            self._asked(name, "written", lambda: self._created(name, data))
            found = self._asked(name, "read", lambda: self._transport.read(name))
        if found is None:
            raise GoldenseedError(
                f"the store {self.url} took it and does not have it",
                path=name,
                fix="nothing was accepted: mend the store, and accept again",
            )
        self._check(name, found)
        self._cache.keep(name, found)

    def _created(self, name: str, data: bytes) -> None:
        try:
            self._transport.create(name, data)
        except FileExistsError:
            return  # another writer was first: what is there is read and verified

    def _asked(self, name: str, what: str, ask: Callable[[], Answer]) -> Answer:
        """Ask the store, and put into words what it does instead of answering."""
        fix = "see that the store can be reached, and that you may use it"
        if os.environ.get(OFFLINE, "") not in {"", "0"} and not self._transport.near:
            raise GoldenseedError(
                f"is not in this machine's cache, and {OFFLINE} keeps it from being {what}"
                f" in the store {self.url}",
                path=name,
                fix=f"run it once without {OFFLINE} where the store can be reached",
            )
        if self._silent is not None and time.monotonic() - self._silent[0] < _PATIENCE_SECONDS:
            raise _of(name, self._silent[1])
        try:
            return ask()
        except GoldenseedError as error:
            found = GoldenseedError(
                f"cannot be {what} in the store {self.url}: {error.what}",
                path=name,
                fix=error.fix or fix,
            )
            raise found from error
        except Exception as error:
            said = " ".join(str(error).split()) or type(error).__name__
            found = GoldenseedError(
                f"cannot be {what} in the store {self.url}: {said}", path=name, fix=fix
            )
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


def _of(name: str, error: GoldenseedError) -> GoldenseedError:
    return GoldenseedError(error.what, path=name, fix=error.fix)


def check_object(name: str, data: bytes) -> None:
    """Raise GoldenseedError where ``data`` is not what the digest in its name stands for."""
    path = Path(name)
    if len(data) > OBJECT_LIMIT_BYTES:
        raise GoldenseedError(f"it has more than {OBJECT_LIMIT_BYTES:,} bytes")
    if is_pointer(data):
        raise GoldenseedError("it is a pointer of Git LFS")
    if name.endswith(SUFFIX):
        parse_trace(path, data)
        return
    mode = {".png": "RGB", ".npy": TENSOR_MODES[0]}.get(path.suffix)
    found = content_sha256(decoded(data, mode, name=name)) if mode else sha256_hex(data)
    if found != path.stem:
        raise GoldenseedError(f"its content has the digest {found}")
