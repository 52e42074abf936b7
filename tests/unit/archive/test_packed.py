"""Zip files that were made to harm, or to show one thing and hold another."""

from __future__ import annotations

import io
import os
import stat
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from goldenseed.archive import layout
from goldenseed.archive.chain import digest_of
from goldenseed.archive.listing import listed
from goldenseed.archive.packed import pack, unpacked
from goldenseed.archive.trust import NOBODY
from goldenseed.core.errors import GoldenseedError


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "target").mkdir()
    return tmp_path / "target"


def packed(tmp_path: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    path = tmp_path / "archive.zip"
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as file:
        warnings.simplefilter("ignore", UserWarning)  # of names that are there twice
        for name, data in members:
            file.writestr(name, data, zipfile.ZIP_DEFLATED)
    return path


def test_a_folder_is_packed_to_the_same_bytes_and_comes_back(tmp_path: Path, target: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    (folder / "b").write_bytes(b"b")
    (folder / "inner" / "a").write_bytes(b"a" * 3_000_000)
    pack(folder, tmp_path / "one.zip")
    os.utime(folder / "b", (0, 0))
    (folder / "b").chmod(0o600)
    pack(folder, tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert unpacked(tmp_path / "one.zip", target) == ()
    assert (target / "inner" / "a").read_bytes() == b"a" * 3_000_000


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/../../outside", "C:/x", "a\\b", "."])
def test_no_member_leaves_the_folder(name: str, tmp_path: Path, target: Path) -> None:
    found = unpacked(packed(tmp_path, (name, b"x"), ("good", b"y")), target)
    assert [each.code for each in found] == ["unsafe_name"]
    assert [each.name for each in target.iterdir()] == ["good"]
    assert {each.name for each in tmp_path.iterdir()} == {"archive.zip", "target"}


def test_of_a_member_that_is_there_twice_neither_counts(tmp_path: Path, target: Path) -> None:
    found = unpacked(packed(tmp_path, ("a", b"x"), ("a", b"y")), target)
    assert [each.code for each in found] == ["duplicate_member"]
    assert not list(target.iterdir())


def test_what_grows_without_measure_is_not_unpacked(tmp_path: Path, target: Path) -> None:
    found = unpacked(packed(tmp_path, ("bomb", bytes(20_000_000))), target)
    assert [each.code for each in found] == ["zip_bomb"]
    assert not list(target.iterdir())


def test_what_grows_without_measure_in_many_pieces_is_not_unpacked(
    tmp_path: Path, target: Path
) -> None:
    pieces = [(f"piece{each}", bytes(2**20)) for each in range(20)]
    found = unpacked(packed(tmp_path, *pieces), target)
    assert [each.code for each in found] == ["zip_bomb"]
    assert not list(target.iterdir())


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_is_compressed_in_an_uncommon_way_is_not_unpacked(
    compression: int, tmp_path: Path, target: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr("a", os.urandom(5000), compression)
    data = (tmp_path / "x.zip").read_bytes()
    (tmp_path / "x.zip").write_bytes(data[:60] + bytes(100) + data[160:])
    assert [each.code for each in unpacked(tmp_path / "x.zip", target)] == ["other_compression"]
    assert not list(target.iterdir())


@pytest.mark.parametrize("damage", [b"\xff", b"\0"])
def test_a_damaged_member_is_found_and_listed_as_unreadable(
    damage: bytes, tmp_path: Path, target: Path
) -> None:
    damaged = (layout.RECORD, b"{}" + os.urandom(5000))
    path = packed(tmp_path, damaged, (layout.TAG_MANIFEST, b"x"))
    data = path.read_bytes()
    path.write_bytes(data[:60] + damage * 100 + data[160:])
    assert [each.code for each in unpacked(path, target)] == ["unreadable"]
    os.mkfifo(tmp_path / "pipe.zip")
    (found,) = (each for each in listed(tmp_path, NOBODY) if each.path == path)
    assert found.problem.startswith("cannot be read")


def test_a_header_that_lies_about_the_size_is_found(tmp_path: Path, target: Path) -> None:
    path = packed(tmp_path, ("a", os.urandom(5000)))
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = (10).to_bytes(4, "little")
    path.write_bytes(data)
    assert [each.code for each in unpacked(path, target)] == ["unreadable"]


def test_links_folders_and_comments_are_found(tmp_path: Path, target: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = packed(tmp_path, (link, b"/etc/passwd"), ("folder/", b""))
    with zipfile.ZipFile(path, "a") as file:
        file.comment = b"more"
    assert {each.code for each in unpacked(path, target)} == {"link", "extra_folder", "extra_bytes"}
    assert not list(target.iterdir())


def test_what_is_no_zip_file_is_refused(tmp_path: Path, target: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04 no")
    with pytest.raises(GoldenseedError, match="no zip file"):
        unpacked(tmp_path / "x.zip", target)


def with_a_gap(data: bytes) -> bytes:
    """Put bytes between the files and the directory, which says where it begins."""
    last = data.rindex(b"PK\x05\x06")
    start = int.from_bytes(data[last + 16 : last + 20], "little")
    moved = (start + 6).to_bytes(4, "little")
    return data[:start] + b"hidden" + data[start : last + 16] + moved + data[last + 20 :]


@pytest.mark.parametrize(
    "add",
    [
        lambda data: b"hidden" + data,
        lambda data: data + b"hidden",
        lambda data: data + bytes(5000),
        with_a_gap,
    ],
)
def test_bytes_that_are_of_no_file_are_found(
    tmp_path: Path, target: Path, add: Callable[[bytes], bytes]
) -> None:
    path = packed(tmp_path, ("a", b"x" * 100), ("b", b"y"))
    path.write_bytes(add(path.read_bytes()))
    assert [each.code for each in unpacked(path, target)] == ["extra_bytes"]


def test_a_comment_or_a_long_extra_field_of_a_file_is_found(tmp_path: Path, target: Path) -> None:
    member = zipfile.ZipInfo("a")
    member.comment = b"hidden"
    assert [each.code for each in unpacked(packed(tmp_path, (member, b"x")), target)] == [
        "extra_bytes"
    ]


def test_what_is_written_as_a_stream_has_no_such_bytes(tmp_path: Path, target: Path) -> None:
    class Pipe(io.RawIOBase):
        """Takes what is written, and cannot go back: each file is described behind it."""

        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            taken = bytes(data)  # type: ignore[call-overload]
            self.data += taken
            return len(taken)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as file:  # type: ignore[arg-type]
        file.writestr("a", b"x" * 1000)
        file.writestr("b", b"y")
    (tmp_path / "streamed.zip").write_bytes(pipe.data)
    assert unpacked(tmp_path / "streamed.zip", target) == ()


@pytest.mark.parametrize("name", [layout.TAG_MANIFEST, layout.RECORD, layout.signature_name(1)])
@pytest.mark.parametrize(
    ("data", "compression"),
    [(b"\0" * 3_000_000, zipfile.ZIP_DEFLATED), (b"x", zipfile.ZIP_LZMA)],
)
def test_of_what_is_not_unpacked_nothing_is_read_by_itself_either(
    name: str, data: bytes, compression: int, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", compression) as file:
        file.writestr(name, data)
        if name != layout.TAG_MANIFEST:
            file.writestr(layout.TAG_MANIFEST, "x", zipfile.ZIP_STORED)
    (found,) = listed(tmp_path, NOBODY)
    assert found.problem.startswith(f"cannot be read: {name} ")
    known = digest_of(tmp_path / "bomb.zip")
    assert (known is None) == (name == layout.TAG_MANIFEST)


def test_what_an_archive_names_twice_has_no_digest(tmp_path: Path) -> None:
    twice = [(layout.TAG_MANIFEST, b"x"), (layout.TAG_MANIFEST, b"y")]
    assert digest_of(packed(tmp_path, *twice)) is None
