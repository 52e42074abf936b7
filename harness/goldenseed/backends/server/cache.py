"""Answers by the digest of what was asked, so that a killed run goes on where it was."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256, read_regular, write_atomically

_LARGEST: Final = 300 * 1024 * 1024


class Answers:
    """A folder of answers; each file is the document and the picture's bytes behind it."""

    def __init__(self, folder: Path, minutes: float) -> None:
        self._folder = folder
        self._seconds = minutes * 60

    def get(self, url: str, body: Mapping[str, Any]) -> tuple[Any, bytes] | None:
        """Return the answer to the same request, if it is young enough and whole; else None."""
        if not self._seconds:
            return None
        file = self._file(url, body)
        try:
            if not 0 <= time.time() - file.stat().st_mtime <= self._seconds:
                return None
            head, _, picture = read_regular(file, _LARGEST).partition(b"\n")
            document = json.loads(head)
        except (OSError, ValueError, GoldenseedError):
            return None
        return document, picture

    def put(self, url: str, body: Mapping[str, Any], document: Any, picture: bytes) -> None:
        """Keep an answer; nothing is kept where no answer would be taken."""
        if self._seconds:
            file = self._file(url, body)
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(file, json.dumps(document).encode() + b"\n" + picture)

    def _file(self, url: str, body: Mapping[str, Any]) -> Path:
        digest = json_sha256({"url": url, "body": dict(body)})
        return self._folder / digest[:2] / digest
