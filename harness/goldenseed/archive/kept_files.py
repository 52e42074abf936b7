"""Every picture, tensor, trace and environment of an archive is what its name says."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
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

_PIECE = 2**20
_DIGEST = re.compile(r"[0-9a-f]{64}")


def check_kept_files(root: Path, tree: Tree, known: Collection[Path]) -> Iterator[Finding]:
    """Decode each file that is named by the digest of its content, and hold it against its name.

    Those ``known`` were found to hold it. Of files of the same name and bytes, as an accepted image
    and its copy in the run are, one is decoded; as many at once as there are cores.
    """
    alike: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for name in tree.files:
        if _digest_of(name) is not None:
            alike[PurePosixPath(name).name, _kind_of(name)[0]].append(name)

    def check(names: Sequence[str]) -> list[Finding]:
        sound = next((root / each for each in names if root / each in known), None)
        findings = []
        for name in names:
            try:
                if sound is None or not _same(sound, root / name):
                    finding = _checked(root, name)
                    findings += [finding] if finding else []
                    sound = sound if finding else root / name
            except (GoldenseedError, OSError) as error:
                what = error.what if isinstance(error, GoldenseedError) else str(error)
                findings.append(Finding("unreadable", name, what))
        return findings

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for findings in pool.map(check, alike.values()):
            yield from findings


def _same(one: Path, other: Path) -> bool:
    if one == other:
        return True
    with open_regular(one) as this, open_regular(other) as that:
        while (piece := this.read(_PIECE)) == that.read(_PIECE):
            if not piece:
                return True
    return False


def _checked(root: Path, name: str) -> Finding | None:
    read, stem = _digest_of(name), _stem(name)
    digest = stem if read is None else read(root / name)
    what = f"holds the content {digest[:12]}…, and its name is that of {stem[:12]}…"
    return None if digest == stem else Finding("content_differs", name, what)


def _stem(name: str) -> str:
    return PurePosixPath(name).name.partition(".")[0]


def _digest_of(name: str) -> Callable[[Path], str] | None:
    """Return what digests a file of that name; None where its name is no digest of its content."""
    if not name.startswith((f"{RUN}/", f"{BASELINES}/")) or not _DIGEST.fullmatch(_stem(name)):
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
    return _stem(file.name)
