"""A hub of one dataset on loopback: the endpoints that huggingface_hub asks to read and to commit.

They are as huggingface_hub 2.4 asks them (``hf_api.py``, ``_commit_api.py``, ``lfs.py``). Uploads
go by Git LFS over HTTP; Xet, which the real hub prefers, speaks to servers of its own.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

REPOSITORY = "zoo/golden"
BRANCH = "main"
TOKEN = "hf_" + "s3cr3t" * 5


class Hub:
    """Its commits, each with all files, and what it does wrong."""

    def __init__(self) -> None:
        self.commits: list[tuple[str, dict[str, bytes]]] = [(_sha(0), {})]
        self.uploaded: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.tokens: set[str | None] = set()
        self.before_commit: Callable[[], None] = lambda: None
        """What happens between the look at the branch and the commit; once."""
        self.fault = ""
        """``stall``, ``refuse`` or ``busy``: what every question meets."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def head(self) -> str:
        return self.commits[-1][0]

    @property
    def files(self) -> dict[str, bytes]:
        return self.commits[-1][1]

    def add(self, files: dict[str, bytes]) -> None:
        self.commits.append((_sha(len(self.commits)), {**self.files, **files}))

    def at(self, revision: str) -> dict[str, bytes] | None:
        return self.files if revision == BRANCH else dict(self.commits).get(revision)

    def close(self) -> None:
        self.fault = ""
        self._server.shutdown()
        self._server.server_close()


def _sha(number: int) -> str:
    return hashlib.sha1(str(number).encode(), usedforsecurity=False).hexdigest()


def _described(path: str, data: bytes) -> dict[str, Any]:
    return {"type": "file", "path": path, "size": len(data), "oid": "0" * 40}


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:  # noqa: C901 - one branch an endpoint
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def _answer(
            self,
            found: object,
            status: int = 200,
            error: str = "",
            headers: tuple[str, str] = ("", ""),
        ) -> None:
            data = found if isinstance(found, bytes) else json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            if error:
                self.send_header("X-Error-Code", error)
                self.send_header("X-Error-Message", error)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def _faulty(self) -> bool:
            hub.asked.append(f"{self.command} {urlsplit(self.path).path}")
            said = self.headers.get("Authorization")
            hub.tokens.add(said)
            if hub.fault == "stall":
                while hub.fault == "stall":
                    time.sleep(0.05)
            elif hub.fault == "refuse":
                self._answer({"error": f"no entry with {said} at {self.path}?sig=abc"}, 403)
            elif hub.fault == "busy":
                self._answer(b"<html>busy</html>")
            return bool(hub.fault)

        def _unknown(self, path: str) -> bool:
            """Answer what is of another repository or revision."""
            if f"/{REPOSITORY}" not in path:
                self._answer({}, 404, "RepoNotFound")
                return True
            return False

        def do_GET(self) -> None:
            if self._faulty():
                return
            path = urlsplit(self.path).path
            if self._unknown(path):
                return
            what, _, rest = path.partition(REPOSITORY)[2].lstrip("/").partition("/")
            revision, _, place = rest.partition("/")
            files = hub.at(unquote(revision) or BRANCH)
            place = unquote(place)
            if files is None:
                self._answer({}, 404, "RevisionNotFound")
            elif what in {"", "revision"}:
                sha = hub.head if revision in {"", BRANCH} else revision
                self._answer({"id": REPOSITORY, "sha": sha, "private": False, "tags": []})
            elif what == "tree":
                found = [_described(p, d) for p, d in files.items() if p.startswith(f"{place}/")]
                self._answer(found) if found or not place else self._answer(
                    {}, 404, "EntryNotFound"
                )
            elif place not in files:
                self._answer({}, 404, "EntryNotFound")
            else:
                first, last = (
                    self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")
                )
                data = files[place][int(first) : int(last) + 1 if last else None]
                self._answer(data, 206 if "Range" in self.headers else 200)

        do_HEAD = do_GET  # noqa: N815 - its name in http.server

        def do_PUT(self) -> None:
            hub.uploaded[self.path.removeprefix("/upload/")] = self._body()
            self._answer({})

        def do_POST(self) -> None:
            body, path = self._body(), urlsplit(self.path).path
            if self._faulty() or self._unknown(path):
                return
            if "/paths-info/" in path:
                files = hub.at(unquote(path.rpartition("/")[2])) or {}
                wanted = parse_qs(body.decode()).get("paths", [])
                self._answer([_described(each, files[each]) for each in wanted if each in files])
            elif "/preupload/" in path:
                modes = [
                    {
                        "path": each["path"],
                        "uploadMode": "lfs" if each["path"].endswith(".png") else "regular",
                        "shouldIgnore": False,
                    }
                    for each in json.loads(body)["files"]
                ]
                self._answer({"files": modes})
            elif path.endswith("/objects/batch"):
                objects = [
                    {**each, "actions": {"upload": {"href": f"{hub.url}/upload/{each['oid']}"}}}
                    for each in json.loads(body)["objects"]
                ]
                self._answer({"objects": objects})
            else:
                self._commit([json.loads(line) for line in body.splitlines()])

        def _commit(self, lines: list[dict[str, Any]]) -> None:
            happens, hub.before_commit = hub.before_commit, lambda: None
            happens()
            header = next(each["value"] for each in lines if each["key"] == "header")
            if header.get("parentCommit") not in {None, hub.head}:
                self._answer({"error": "A commit has happened since."}, 412)
                return
            hub.add(
                {
                    each["value"]["path"]: base64.b64decode(each["value"]["content"])
                    if each["key"] == "file"
                    else hub.uploaded[each["value"]["oid"]]
                    for each in lines
                    if each["key"] != "header"
                }
            )
            made = f"https://huggingface.co/datasets/{REPOSITORY}/commit/{hub.head}"
            self._answer({"commitUrl": made, "commitOid": hub.head, "success": True})

    return Handler
