"""What lies in an archive is listed without harm, and its manifests are read in bounded memory."""

from __future__ import annotations

import os
import sys
import tracemalloc
from pathlib import Path

import pytest

from goldenseed.archive import bag
from goldenseed.archive.bag import read_manifest, written_manifest
from goldenseed.archive.timestamps import read_roots
from goldenseed.archive.tree import read_tree
from goldenseed.core.errors import GoldenseedError

DIGEST = "0" * 64


def manifest(tmp_path: Path, text: bytes) -> Path:
    (tmp_path / "manifest").write_bytes(text)
    return tmp_path / "manifest"


def test_a_manifest_comes_back_as_it_was_written(tmp_path: Path) -> None:
    files = {"data/ü b": DIGEST, "data/a": "1" * 64}
    assert read_manifest(manifest(tmp_path, written_manifest(files)), 999) == files
    assert read_manifest(manifest(tmp_path, b""), 999) == {}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (f"{DIGEST}  b\n{DIGEST}  a\n", 2, "not in order"),
        (f"{DIGEST}  a\n{DIGEST}  a\n", 2, "twice"),
        (f"{DIGEST}  a", 1, "is no line"),
        (f"{DIGEST} *a\n", 1, "is no line"),
        (f"{DIGEST}  a\r\n", 1, "is no line"),
        (f"{DIGEST}  {'a' * 20_000}\n", 1, "is no line"),
        ("\n", 1, "is no line"),
    ],
)
def test_a_line_that_no_manifest_has_is_named(
    text: str, line: int, said: str, tmp_path: Path
) -> None:
    with pytest.raises(GoldenseedError, match=said) as raised:
        read_manifest(manifest(tmp_path, text.encode()), 2**20)
    assert raised.value.line == line


def test_a_manifest_beyond_its_bounds_is_not_held_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bag, "MOST_FILES", 10)
    lines = "".join(f"{DIGEST}  {number:09}\n" for number in range(100_000))
    path = manifest(tmp_path, lines.encode())
    tracemalloc.start()
    with pytest.raises(GoldenseedError):
        read_manifest(path, 2**30)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < path.stat().st_size / 10
    with pytest.raises(GoldenseedError, match="is larger than"):
        read_manifest(path, 2**20)


def test_a_folder_that_cannot_be_listed_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir()
    scandir = os.scandir

    def closed(path: Path) -> object:  # as for whoever may not: root may list any folder
        if path.name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    tree = read_tree(tmp_path)
    assert [(each.code, each.place) for each in tree.findings] == [("unreadable", "closed")]
    assert tree.unsafe


def test_who_trusts_an_authority_is_told_that_nothing_can_be_held_against_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    with pytest.raises(GoldenseedError, match=r"pytest-goldenseed\[timestamp\]"):
        read_roots(tmp_path / "root.pem")
