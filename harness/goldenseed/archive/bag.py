"""BagIt (RFC 8493): manifests that ``sha256sum -c`` takes, and digests of many files at once."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from goldenseed.archive.layout import MOST_FILES
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.reading import check_regular, open_regular

DECLARED = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"

_AT_ONCE = 4096
_LINE = re.compile(r"([0-9a-f]{64})  ([^\r\n]+)\n")
_LONGEST_LINE = 2**14
"""Bytes: more than the longest path that is no fault takes."""


def written_manifest(digests: Mapping[str, str]) -> bytes:
    """Write digests by path, sorted, as ``sha256sum`` does: ``<digest>  <path>``."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())).encode()


def read_manifest(path: Path, limit_bytes: int) -> dict[str, str]:
    """Read a manifest that was written so; nothing else is taken for one.

    Raises:
        GoldenseedError: no such file, a line of another form, a path named twice or out of order.

    """
    check_regular(path, limit_bytes)
    found: dict[str, str] = {}
    before, rest = "", b""
    with open_regular(path) as file:
        while rest := file.readline(_LONGEST_LINE):
            match = _LINE.fullmatch(rest.decode("utf-8", "surrogateescape"))
            if match is None or match[2] <= before or len(found) == MOST_FILES:
                break
            before = match[2]
            found[before] = match[1]
    if rest:
        twice = match is not None and match[2] in found
        what = "names a file twice" if twice else "is no line of a manifest, or not in order"
        number = len(found) + 1
        raise GoldenseedError(what, path=path, line=number, fix="fetch the archive again")
    return found


def digests_of(root: Path, names: Iterable[str]) -> Iterator[tuple[str, str | GoldenseedError]]:
    """Yield each file's SHA-256, or why it cannot be read; as many at once as there are cores.

    A file is read in pieces, so that memory does not grow with it.
    """

    def digest(name: str) -> tuple[str, str | GoldenseedError]:
        try:
            with open_regular(root / name) as file:
                return name, hashlib.file_digest(file, "sha256").hexdigest()
        except GoldenseedError as error:
            return name, error
        except (OSError, ValueError) as error:
            return name, GoldenseedError(f"cannot be read: {error}", path=root / name)

    waiting = iter(names)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while batch := tuple(islice(waiting, _AT_ONCE)):
            yield from pool.map(digest, batch)
