"""BagIt (RFC 8493): manifests that ``sha256sum -c`` takes, and digests of many files at once."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular
from goldenseed.core.reading import open_regular

DECLARED = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"

_AT_ONCE = 4096
_LINE = re.compile(r"([0-9a-f]{64})  ([^\r\n]+)")


def written_manifest(digests: Mapping[str, str]) -> bytes:
    """Write digests by path, sorted, as ``sha256sum`` does: ``<digest>  <path>``."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())).encode()


def read_manifest(path: Path, limit_bytes: int) -> dict[str, str]:
    """Read a manifest that was written so; nothing else is taken for one.

    Raises:
        GoldenseedError: no such file, a line of another form, a path named twice or out of order.

    """
    text = read_regular(path, limit_bytes).decode("utf-8", "surrogateescape")
    found: dict[str, str] = {}
    *lines, rest = text.split("\n")
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if match is None or match[2] in found:
            what = "names a file twice" if match else "is no line of a manifest"
            raise GoldenseedError(what, path=path, line=number, fix="fetch the archive again")
        found[match[2]] = match[1]
    if rest or list(found) != sorted(found):
        raise GoldenseedError(
            "is cut short or not in order", path=path, fix="fetch the archive again"
        )
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
