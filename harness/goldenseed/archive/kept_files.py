"""Every picture, tensor, trace and environment of an archive is what its name says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from goldenseed.archive.findings import Finding
from goldenseed.archive.layout import BASELINES, RUN, TEXT_LIMIT
from goldenseed.archive.tree import Tree
from goldenseed.core.elements import RETURNED_LIMIT, TENSOR_MODES, content_sha256, decoded
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256, read_json, read_regular, sha256_hex
from goldenseed.trace.files import read_trace

_DIGEST = re.compile(r"[0-9a-f]{64}")


def check_kept_files(root: Path, tree: Tree) -> Iterator[Finding]:
    """Decode each file that is named by the digest of its content, and hold it against its name."""
    for name in tree.files:
        found = _digest_of(name)
        if found is None:
            continue
        stem = PurePosixPath(name).name.partition(".")[0]
        try:
            digest = found(root / name)
        except GoldenseedError as error:
            yield Finding("unreadable", name, error.what)
            continue
        if digest != stem:
            what = f"holds the content {digest[:12]}…, and its name is that of {stem[:12]}…"
            yield Finding("content_differs", name, what)


def _digest_of(name: str) -> Callable[[Path], str] | None:
    """Return what digests a file of that name; None where its name is no digest of its content."""
    path = PurePosixPath(name)
    stem, _, suffix = path.name.partition(".")
    if not name.startswith((f"{RUN}/", f"{BASELINES}/")) or not _DIGEST.fullmatch(stem):
        return None
    folder = path.parts[2]
    if folder == "returned" or suffix == "file":
        return lambda file: sha256_hex(read_regular(file, RETURNED_LIMIT))
    return {
        ("images", "png"): lambda file: content_sha256(decoded(file, "RGB")),
        ("images", "npy"): lambda file: content_sha256(decoded(file, TENSOR_MODES[0])),
        ("traces", "json.gz"): _trace,
        ("environments", "json"): lambda file: json_sha256(read_json(file, TEXT_LIMIT)),
    }.get((folder, suffix))


def _trace(file: Path) -> str:
    read_trace(file)  # which holds the content against the name
    return file.name.partition(".")[0]
