"""Files named by the digest of their content: decoded once, and held against their names."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest
from PIL import Image

from goldenseed.archive.kept_files import check_kept_files
from goldenseed.archive.tree import read_tree
from goldenseed.core.files import sha256_hex
from goldenseed.core.pixels import encode_png, pixels_sha256

PICTURE = Image.new("RGB", (8, 8), "red")
DIGEST = pixels_sha256(PICTURE)
LAYERS = b'{"module":"unet","call":0,"inputs":"%s","sha256":"%s"}\n' % (b"0" * 64, b"1" * 64)


def put(root: Path, name: str, data: bytes) -> Path:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(data)
    return root / name


def found(root: Path, *known: Path) -> list[tuple[str, str]]:
    findings = check_kept_files(root, read_tree(root), {*known})
    return [(each.code, each.place) for each in findings]


@pytest.mark.parametrize("known", [True, False])
def test_of_two_files_of_one_name_each_that_holds_something_else_is_found(
    known: bool, tmp_path: Path
) -> None:
    accepted, made = (f"data/{each}/{DIGEST}.png" for each in ("baselines/images/aa", "run/images"))
    sound = put(tmp_path, accepted, encode_png(PICTURE))
    put(tmp_path, made, encode_png(PICTURE, compress_level=9))
    told = (sound,) if known else ()
    assert found(tmp_path, *told) == []
    put(tmp_path, made, encode_png(Image.new("RGB", (8, 8), "blue")))
    assert found(tmp_path, *told) == [("content_differs", made)]
    put(tmp_path, made, b"no picture")
    assert found(tmp_path, *told) == [("unreadable", made)]
    shutil.copyfile(tmp_path / made, sound)
    assert len(found(tmp_path)) == 2


def test_a_deep_trace_in_anothers_place_is_found(tmp_path: Path) -> None:
    name = f"data/run/traces/{sha256_hex(LAYERS)}.deep.jsonl.gz"
    put(tmp_path, name, gzip.compress(LAYERS))
    assert found(tmp_path) == []
    put(tmp_path, name, gzip.compress(LAYERS.replace(b'"call":0', b'"call":1')))
    assert found(tmp_path) == [("unreadable", name)]


@pytest.mark.parametrize("folder", ["attached", "returned"])
def test_a_file_named_by_its_bytes_holds_them(folder: str, tmp_path: Path) -> None:
    name = f"data/run/{folder}/{sha256_hex(b'{}')}.json"
    put(tmp_path, name, b"{}")
    assert found(tmp_path) == []
    put(tmp_path, name, b"[]")
    assert found(tmp_path) == [("content_differs", name)]
