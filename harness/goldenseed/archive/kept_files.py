"""Every picture, tensor, trace and environment of an archive is what its name says."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from goldenseed.archive.findings import Finding
from goldenseed.archive.layout import BASELINES, RUN, TEXT_LIMIT
from goldenseed.archive.tree import Tree
from goldenseed.core.elements import RETURNED_LIMIT, TENSOR_MODES, content_sha256, decoded
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256, read_json, read_regular, sha256_hex
from goldenseed.core.reading import open_regular
from goldenseed.trace.files import read_trace

_DIGEST = re.compile(r"[0-9a-f]{64}")


def check_kept_files(root: Path, tree: Tree) -> Iterator[Finding]:
    """Decode each file that is named by the digest of its content, and hold it against its name.

    Of files of the same bytes, as an accepted image and its copy in the run are, one is decoded; as
    many at once as there are cores.
    """
    known: dict[tuple[str, str, str], str] = {}

    def check(name: str) -> Finding | None:
        found = _digest_of(name)
        if found is None:
            return None
        stem = PurePosixPath(name).name.partition(".")[0]
        try:
            same = _bytes_sha256(root / name), *_kind_of(name)
            digest = known[same] = known[same] if same in known else found(root / name)
        except GoldenseedError as error:
            return Finding("unreadable", name, error.what)
        what = f"holds the content {digest[:12]}…, and its name is that of {stem[:12]}…"
        return None if digest == stem else Finding("content_differs", name, what)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from filter(None, pool.map(check, tree.files))


def _bytes_sha256(path: Path) -> str:
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_of(name: str) -> Callable[[Path], str] | None:
    """Return what digests a file of that name; None where its name is no digest of its content."""
    stem = PurePosixPath(name).name.partition(".")[0]
    if not name.startswith((f"{RUN}/", f"{BASELINES}/")) or not _DIGEST.fullmatch(stem):
        return None
    folder, suffix = _kind_of(name)
    if folder == "returned" or suffix == "file":
        return lambda file: sha256_hex(read_regular(file, RETURNED_LIMIT))
    return {
        ("images", "png"): lambda file: content_sha256(decoded(file, "RGB")),
        ("images", "npy"): lambda file: content_sha256(decoded(file, TENSOR_MODES[0])),
        ("traces", "json.gz"): _trace,
        ("environments", "json"): lambda file: json_sha256(read_json(file, TEXT_LIMIT)),
    }.get((folder, suffix))


def _kind_of(name: str) -> tuple[str, str]:
    """Return the folder inside run or baselines, and all of the suffix: ``traces``, ``json.gz``."""
    path = PurePosixPath(name)
    return path.parts[2], path.name.partition(".")[2]


def _trace(file: Path) -> str:
    read_trace(file)  # which holds the content against the name
    return file.name.partition(".")[0]
