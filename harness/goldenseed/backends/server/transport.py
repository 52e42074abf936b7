"""Requests to a server: paced, retried, bounded, and the key never said."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin, urlsplit

from pydantic import TypeAdapter

from goldenseed.backends.protocol import GenerationError
from goldenseed.backends.server.pacing import Pace

if TYPE_CHECKING:
    import httpx2

    from goldenseed.backends.server.dialects import Dialect
    from goldenseed.suite.server import ServerSpec

EXTRA: Final = "pip install 'pytest-goldenseed[server]'"
LARGEST_ANSWER: Final = 256 * 1024 * 1024
"""Bytes."""
_BUSY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_WAIT: Final = 300.0
_JSON: Final = TypeAdapter(Any)
_SAID: Final = 300
"""Characters of a server's words in an error."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered, with a status of success."""

    headers: Mapping[str, str]
    body: bytes
    place: str
    """The path that was asked, for messages."""

    def document(self) -> Any:
        """Return the body as JSON; ``GenerationError`` if it is none."""
        with suppress(ValueError):  # a megabyte of base64 in a twentieth of the time
            return _JSON.validate_json(self.body)
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            kind = self.headers.get("content-type", "no content type").partition(";")[0]
            raise GenerationError(
                f"the server answered {self.place} with {kind}, not with JSON: {_shown(self.body)}",
                fix="see that `server.url` is the API's and not the website's",
            ) from None


class _BusyError(Exception):
    """The server was too busy, or the line broke; ``wait`` is what it asked for, in seconds."""

    def __init__(self, what: str, wait: float | None = None) -> None:
        super().__init__(what)
        self.wait = wait


class Client:
    """Asks one server; its key is read from the environment and sent to that server alone."""

    def __init__(self, spec: ServerSpec, dialect: Dialect, suite: Path, folder: Path) -> None:
        try:
            import httpx2
            import stamina  # noqa: F401 (used later; missing is said now)
        except ImportError as error:
            raise spec.refusal(suite, f"{error.name} is needed to ask servers", EXTRA) from None
        self._spec = spec
        self._key = self._read_key(suite)
        headers = {"Accept": "application/json"}
        if self._key is not None:
            headers[dialect.key_header] = f"{dialect.key_prefix}{self._key}"
        self._own = headers
        self._client = httpx2.Client(follow_redirects=False)
        pace = spec.per_second
        self._pace = Pace(spec.url, pace, folder) if pace is not None else None
        self.requests = 0
        """How many were made, retries too."""

    def _read_key(self, suite: Path) -> str | None:
        if self._spec.key is None:
            return None
        key = os.environ.get(self._spec.key, "").strip()
        if not key:
            raise self._spec.refusal(
                suite,
                f"the environment variable {self._spec.key} holds no key",
                f"set it where the tests run: export {self._spec.key}=…",
            )
        return key

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ask(self, place: str, body: Any = None, *, deadline: float, paced: bool = False) -> Reply:
        """Post ``body`` as JSON to a path or URL of the server, or get it where there is none.

        Args:
            place: a path below ``server.url``, or a URL of the same host.
            body: plain data, or None for a GET.
            deadline: of ``time.monotonic``; beyond it nothing is waited for.
            paced: whether the request counts for ``per_second`` and ``quota``.

        Raises:
            GenerationError: refused, redirected, too busy too often, too late, too large.

        """
        import stamina

        url = self._own_url(place)
        shown = urlsplit(url).path or "/"

        def on(error: Exception) -> bool | float:
            if not isinstance(error, _BusyError):
                return False
            return True if error.wait is None else min(error.wait, _LONGEST_WAIT)

        left = max(0.001, deadline - time.monotonic())
        try:
            for attempt in stamina.retry_context(
                on=on, attempts=self._spec.attempts, timeout=left, wait_initial=0.2, wait_max=20.0
            ):
                with attempt:
                    return self._once(url, shown, body, deadline, paced=paced)
        except _BusyError as error:
            raise GenerationError(
                f"{self.cleaned(str(error))}, {attempt.num} times",
                fix="try later; see `server.per_second`, `attempts` and `timeout`",
            ) from None
        raise AssertionError("unreachable")  # a retry context ends in a return or an error

    def download(self, url: str, *, deadline: float) -> bytes:
        """Return the bytes at a URL that an answer named; the key goes to the own host alone."""
        if self._same_host(url):
            return self.ask(url, deadline=deadline).body
        raise GenerationError(
            f"the server's answer points to another host ({urlsplit(url).hostname})",
            fix="let it return the picture itself (base64), or serve it from its own host",
        )

    def _own_url(self, place: str) -> str:
        if place.startswith("/"):
            return f"{self._spec.url}{place}"
        url = urljoin(f"{self._spec.url}/", place)
        if not self._same_host(url):
            raise GenerationError(
                f"the server's answer points to another host ({urlsplit(url).hostname})",
                fix="see that `server.url` is the API's own",
            )
        return url

    def _same_host(self, url: str) -> bool:
        own, other = urlsplit(self._spec.url), urlsplit(urljoin(f"{self._spec.url}/", url))
        return (own.scheme, own.netloc) == (other.scheme, other.netloc)

    def _once(self, url: str, shown: str, body: Any, deadline: float, *, paced: bool) -> Reply:
        import httpx2

        if paced:
            self._count(shown)
        left = deadline - time.monotonic()
        if left <= 0:
            raise self._late(shown)
        timeout = httpx2.Timeout(left, connect=min(left, 30.0))
        method = "GET" if body is None else "POST"
        try:
            with self._client.stream(
                method, url, json=body, headers=self._own, timeout=timeout
            ) as answer:
                return self._read(answer, shown, deadline)
        except httpx2.TimeoutException:
            if time.monotonic() >= deadline:
                raise self._late(shown) from None
            raise _BusyError(f"the server did not answer {shown} in time") from None
        except httpx2.TransportError as error:
            words = self.cleaned(str(error)) or type(error).__name__
            if "CERTIFICATE" in words.upper():
                raise GenerationError(
                    f"the server's certificate does not verify: {words}",
                    fix="give the server a certificate that this machine trusts",
                ) from None
            raise _BusyError(f"the server cannot be reached at {shown}: {words}") from None

    def _count(self, shown: str) -> None:
        if self._spec.quota is not None and self.requests >= self._spec.quota:
            raise GenerationError(
                f"{shown} was not asked: the quota of {self._spec.quota} requests is used up",
                fix="raise `server.quota`, or run fewer cases",
            )
        self.requests += 1
        if self._pace is not None:
            self._pace.wait()

    def _read(self, answer: httpx2.Response, shown: str, deadline: float) -> Reply:
        pieces, size = [], 0
        for piece in answer.iter_bytes():
            size += len(piece)
            if size > LARGEST_ANSWER:
                raise GenerationError(
                    f"the server's answer to {shown} is larger than {LARGEST_ANSWER:,} bytes",
                    fix="ask for a smaller picture",
                )
            if time.monotonic() > deadline:
                raise self._late(shown)
            pieces.append(piece)
        body, status = b"".join(pieces), answer.status_code
        if 200 <= status < 300:  # noqa: PLR2004 (success)
            return Reply({k.lower(): v for k, v in answer.headers.items()}, body, shown)
        if 300 <= status < 400:  # noqa: PLR2004 (redirects)
            raise GenerationError(
                f"the server sends {shown} elsewhere (status {status}), which is not followed",
                fix="name the place itself as `server.url`",
            )
        words = f"the server answered {shown} with status {status}: {self.cleaned(_shown(body))}"
        if status in _BUSY:
            raise _BusyError(words, _seconds(answer.headers.get("retry-after")))
        fix = (
            "see what it says; the suite's `server` section and the case's `call` make the request"
        )
        if status in {401, 403}:
            fix = "see that the key in `server.key`'s variable is valid for this server"
        raise GenerationError(words, fix=fix)

    def _late(self, shown: str) -> GenerationError:
        return GenerationError(
            f"the server did not answer {shown} within {self._spec.timeout:g} seconds",
            fix="raise `server.timeout`",
        )

    def cleaned(self, text: str) -> str:
        """Take the key out of a text, should a server say it back."""
        return text if self._key is None else text.replace(self._key, "***")

    def holds_key(self, data: bytes) -> bool:
        """Say whether the key stands in a file, should a server write it there."""
        return self._key is not None and self._key.encode() in data


def _seconds(header: str | None) -> float | None:
    """Return what ``Retry-After`` says in seconds; a date is not waited for."""
    try:
        return None if header is None else max(0.0, float(header))
    except ValueError:
        return None


def _shown(body: bytes) -> str:
    text = " ".join(body[: 4 * _SAID].decode("utf-8", "replace").split())
    return text if len(text) <= _SAID else f"{text[:_SAID]} …"
