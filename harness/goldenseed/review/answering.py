"""Answers of the review server: which requests are taken, and what is sent with every answer."""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import asdict
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import ValidationError

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside, open_regular, read_regular
from goldenseed.review.decisions import parsed_decisions

if TYPE_CHECKING:
    from goldenseed.review.server import ReviewServer

API = "/api/decisions"
TOKEN = "X-Goldenseed-Token"  # noqa: S105 - a header's name
LARGEST_BODY = 16 * 2**20
_LARGEST_PAGE = 256 * 2**20
_SECONDS = 30
_META = re.compile(
    r'<meta\s+http-equiv="Content-Security-Policy"\s+content="([^"]*)"', re.IGNORECASE
)
_STRICT = "default-src 'none'; img-src 'self' data: blob:; frame-ancestors 'none'"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".md": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".png": "image/png",
    ".webp": "image/webp",
    ".jpg": "image/jpeg",
    ".svg": "image/svg+xml",
}
_OTHER = "application/octet-stream"


class RefusedError(Exception):
    """A request that is not answered, by its status and why."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


class Answering(BaseHTTPRequestHandler):
    """Answers one connection."""

    server: ReviewServer
    protocol_version = "HTTP/1.1"
    server_version = "goldenseed"
    sys_version = ""
    timeout = _SECONDS
    _body_read = False
    _always: ClassVar = {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }

    def do_GET(self) -> None:
        """Answer with a file of the run, the page, or what was decided so far."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """Apply decisions."""
        self._answer(self._post)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Write no log: the terminal belongs to the review."""

    def _answer(self, answer: Callable[[], None]) -> None:
        self._body_read = False
        try:
            self._check_names()
            answer()
        except RefusedError as refused:
            self._say(refused.status, refused.why)
        except GoldenseedError as error:
            self._say(HTTPStatus.BAD_REQUEST, str(error))
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _check_names(self) -> None:
        """Refuse what was not sent to this address by a page of this address."""
        if self.headers.get_all("Host", []) not in [[name] for name in self.server.names]:
            raise RefusedError(HTTPStatus.MISDIRECTED_REQUEST, "this is another host")
        origins = self.headers.get_all("Origin", [])
        if any(each not in {f"http://{name}" for name in self.server.names} for each in origins):
            raise RefusedError(HTTPStatus.FORBIDDEN, "sent by another site")
        if self.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}:
            raise RefusedError(HTTPStatus.FORBIDDEN, "sent by another site")

    def _get(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/" and (tokens := parse_qs(url.query).get("token")):
            self._enter(tokens[0])
            return
        self._check_session()
        if url.path == API:
            decided = self.server.review.decided(self._page_token())
            self._send(decided.to_bytes(), _TYPES[".json"])
        elif url.path == "/favicon.ico":  # asked for by browsers, whatever the page says
            self.send_response(HTTPStatus.NO_CONTENT)
            self._end(None, {})
        elif url.path in {"/", "/index.html"}:
            self._send_page()
        else:
            self._send_file(url.path)

    def _post(self) -> None:
        if not self.headers.get("Origin"):
            raise RefusedError(HTTPStatus.FORBIDDEN, "no Origin: browsers always send one")
        self._check_session()
        token = self._page_token()
        if urlsplit(self.path).path != API:
            raise RefusedError(HTTPStatus.NOT_FOUND, "nothing is written there")
        try:
            decisions = parsed_decisions(self._body(), Path("decisions"))
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            where = ".".join(map(str, problem["loc"]))
            raise RefusedError(HTTPStatus.BAD_REQUEST, f"{where}: {problem['msg']}") from None
        results = [asdict(each) for each in self.server.review.decide(token, decisions)]
        self._send(json.dumps({"results": results}).encode(), _TYPES[".json"])

    def _enter(self, token: str) -> None:
        session = self.server.enter(token)
        if session is None:
            raise RefusedError(
                HTTPStatus.FORBIDDEN, "this link was used: the terminal has the next one"
            )
        self.server.opened()
        self.send_response(HTTPStatus.SEE_OTHER)
        self.send_header("Location", "/")
        cookie = f"{self.server.cookie}={session}; Path=/; HttpOnly; SameSite=Strict"
        self.send_header("Set-Cookie", cookie)
        self._end(b"", {"Cache-Control": "no-store"})

    def _check_session(self) -> None:
        try:
            cookies = SimpleCookie(self.headers.get("Cookie", ""))
        except CookieError:
            cookies = SimpleCookie()
        morsel = cookies.get(self.server.cookie)
        if morsel is None or not self.server.is_session(morsel.value):
            raise RefusedError(HTTPStatus.FORBIDDEN, "open the link that the terminal has")

    def _page_token(self) -> str:
        token = str(self.headers.get(TOKEN, ""))
        if not self.server.review.knows(token):
            raise RefusedError(HTTPStatus.FORBIDDEN, "this page is unknown: load it again")
        return token

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or self.headers.get("Transfer-Encoding"):
            raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "a body needs its length")
        if int(length) > LARGEST_BODY:
            raise RefusedError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {LARGEST_BODY:,} bytes"
            )
        self._body_read = True
        data = self.rfile.read(int(length))
        if len(data) < int(length):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "the body was cut short")
        return data

    def _send_page(self) -> None:
        text = read_regular(self.server.folder / "index.html", _LARGEST_PAGE).decode("utf-8")
        token = self.server.review.new_page()
        page = text.replace("<html", f'<html data-review="{token}"', 1)
        found = _META.search(text)
        policy = html.unescape(found[1]) if found else _STRICT
        self._send(page.encode(), _TYPES[".html"], policy=f"{policy}; frame-ancestors 'none'")

    def _send_file(self, place: str) -> None:
        """Send a file that lies in the run's folder; nothing that a link leads to outside."""
        try:
            path = inside(self.server.folder, unquote(place, errors="strict").removeprefix("/"))
            if not path.resolve().is_relative_to(self.server.folder):
                raise RefusedError(HTTPStatus.NOT_FOUND, "no such file")
            file = open_regular(path)
        except (GoldenseedError, OSError, ValueError):
            raise RefusedError(HTTPStatus.NOT_FOUND, "no such file") from None
        with file:
            size = file.seek(0, 2)
            file.seek(0)
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", _TYPES.get(path.suffix.lower(), _OTHER))
            self._end(None, {"Cache-Control": "no-cache"}, f"{_STRICT}; sandbox", size)
            shutil.copyfileobj(file, self.wfile)

    def _send(self, data: bytes, kind: str, *, policy: str = _STRICT) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self._end(data, {"Cache-Control": "no-store"}, policy)

    def _say(self, status: HTTPStatus, why: str) -> None:
        """Refuse, and hang up; a body is read first, or the browser would not hear of it."""
        self.close_connection = True
        length = self.headers.get("Content-Length", "0")
        if length.isdecimal() and int(length) <= LARGEST_BODY and not self._body_read:
            self.rfile.read(int(length))
        self.send_response(status)
        self.send_header("Content-Type", _TYPES[".txt"])
        self._end(f"{why}\n".encode(), {"Cache-Control": "no-store", "Connection": "close"})

    def _end(
        self,
        data: bytes | None,
        headers: dict[str, str],
        policy: str = _STRICT,
        size: int | None = None,
    ) -> None:
        """Send the headers that every answer has, and its body unless that follows."""
        for name, value in {**self._always, "Content-Security-Policy": policy, **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data or b"") if size is None else size))
        self.end_headers()
        if data:
            self.wfile.write(data)
