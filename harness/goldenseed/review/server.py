"""Serves the report of a run on this machine alone, and applies what is decided on it.

Python's own server does: one reader on loopback needs no other, and whatever listens for decisions
should be short enough to be read. Whoever opens the link once is remembered by a cookie that no
other site can send, and each page that is shown has a token that no other site can read.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any

from goldenseed.review.answering import Answering
from goldenseed.review.session import Review

HOST = "127.0.0.1"


class ReviewServer(ThreadingHTTPServer):
    """Serves one run's folder to browsers of this machine that were given a link."""

    daemon_threads = True
    # A second server on the same port would get some of the requests.
    allow_reuse_port = False

    def __init__(
        self,
        review: Review,
        folder: Path,
        *,
        port: int = 0,
        opened: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__((HOST, port), Answering)
        self.review = review
        self.folder = folder.resolve()
        self.opened = opened
        """Called when a link was used, which works once."""
        self._guard = Lock()
        self._links: set[str] = set()
        self._sessions: set[str] = set()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])

    @property
    def names(self) -> tuple[str, ...]:
        """What a browser may call it."""
        return f"{HOST}:{self.port}", f"localhost:{self.port}"

    @property
    def cookie(self) -> str:
        """The name of the cookie: cookies know no ports, and two reviews may go on at once."""
        return f"goldenseed-review-{self.port}"

    def link(self) -> str:
        """Return an address that opens the review, once."""
        token = secrets.token_urlsafe(32)
        with self._guard:
            self._links.add(token)
        return f"http://{HOST}:{self.port}/?token={token}"

    def enter(self, token: str) -> str | None:
        """Take a link's token, and return a session's; None for one that is wrong or was used."""
        with self._guard:
            known = _among(token, self._links)
            if known is None:
                return None
            self._links.remove(known)
            session = secrets.token_urlsafe(32)
            self._sessions.add(session)
        return session

    def is_session(self, token: str) -> bool:
        """Say whether a session has that token."""
        with self._guard:
            return _among(token, self._sessions) is not None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that hung up; anything else is a fault of ours, and said."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


def _among(token: str, known: set[str]) -> str | None:
    """Find a token among those that are known, in the same time wherever it differs."""
    given = token.encode("utf-8", "surrogateescape")
    found = [each for each in known if secrets.compare_digest(given, each.encode())]
    return found[0] if found else None
