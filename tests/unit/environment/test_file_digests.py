from __future__ import annotations

import hashlib
import os
import shutil
import time
from pathlib import Path

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.file_digests import REMEMBERED_FROM_BYTES, FileDigests, cache_folder

LARGE = bytes(range(256)) * (REMEMBERED_FROM_BYTES // 256 + 1)
LONG_AGO = 3600.0


@pytest.fixture
def large(tmp_path: Path) -> Path:
    return write(tmp_path / "model.safetensors", LARGE)


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every file be old enough to be remembered."""
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + LONG_AGO)


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_digest_is_that_of_the_bytes(large: Path, tmp_path: Path):
    digests = FileDigests(tmp_path / "cache")
    assert digests.sha256(large) == digests.sha256(large) == sha256(LARGE)


def test_a_large_file_is_read_once(large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    digests = FileDigests(tmp_path / "cache")
    digests.sha256(large)
    monkeypatch.setattr("goldenseed.environment.file_digests._read", lambda _: pytest.fail("read"))
    assert digests.sha256(large) == sha256(LARGE)


def test_verifying_reads_it_all_the_same(large: Path, tmp_path: Path):
    FileDigests(tmp_path / "cache").sha256(large)
    (remembered,) = (tmp_path / "cache").iterdir()
    remembered.write_text("0" * 64)
    assert FileDigests(tmp_path / "cache").sha256(large) == "0" * 64
    assert FileDigests(tmp_path / "cache", verify=True).sha256(large) == sha256(LARGE)


def test_a_byte_changed_under_the_same_size_and_time_is_noticed(large: Path, tmp_path: Path):
    digests = FileDigests(tmp_path / "cache")
    digests.sha256(large)
    before = large.stat()
    with large.open("r+b") as file:
        file.write(b"\xff")
    os.utime(large, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert digests.sha256(large) == sha256(b"\xff" + LARGE[1:])


def test_a_file_put_in_its_place_is_noticed(large: Path, tmp_path: Path):
    digests = FileDigests(tmp_path / "cache")
    digests.sha256(large)
    other = write(tmp_path / "other", LARGE[::-1])
    before = large.stat()
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(large)
    assert digests.sha256(large) == sha256(LARGE[::-1])


def test_a_file_that_is_still_being_written_is_not_remembered(
    large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(time, "time", lambda: large.stat().st_mtime + 0.5)
    FileDigests(tmp_path / "cache").sha256(large)
    assert not (tmp_path / "cache").exists()


def test_a_small_file_leaves_no_trace(tmp_path: Path):
    small = write(tmp_path / "config.json", b"{}")
    assert FileDigests(tmp_path / "cache").sha256(small) == sha256(b"{}")
    assert not (tmp_path / "cache").exists()


def test_a_damaged_memory_is_not_believed(large: Path, tmp_path: Path):
    digests = FileDigests(tmp_path / "cache")
    digests.sha256(large)
    (remembered,) = (tmp_path / "cache").iterdir()
    for damage in (b"", b"garbage", b"\xff\xfe", b"A" * 64):
        remembered.write_bytes(damage)
        assert digests.sha256(large) == sha256(LARGE)


def test_no_path_is_in_the_cache(large: Path, tmp_path: Path):
    FileDigests(tmp_path / "cache").sha256(large)
    (remembered,) = (tmp_path / "cache").iterdir()
    assert large.name not in remembered.name + remembered.read_text()


def test_a_cache_that_cannot_be_written_is_done_without(large: Path, tmp_path: Path):
    blocked = write(tmp_path / "blocked", b"a file where the folder should be")
    assert FileDigests(blocked).sha256(large) == sha256(LARGE)


@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize("content", [b"{}", LARGE], ids=["small", "large"])
def test_no_name_is_believed_to_be_a_digest(tmp_path: Path, content: bytes, verify: bool):
    blob = write(tmp_path / "models--org--name" / "blobs" / ("a" * 64), content)
    link = tmp_path / "models--org--name" / "snapshots" / "c0ffee" / "model.safetensors"
    link.parent.mkdir(parents=True)
    link.symlink_to(blob)
    digests = FileDigests(tmp_path / "cache", verify=verify)
    assert digests.sha256(blob) == digests.sha256(link) == sha256(content)


def test_a_blob_is_read_once_for_all_links_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    blob = write(tmp_path / "models--org--name" / "blobs" / ("a" * 64), LARGE)
    digests = FileDigests(tmp_path / "cache")
    digests.sha256(blob)
    link = tmp_path / "model.safetensors"
    link.symlink_to(blob)
    monkeypatch.setattr("goldenseed.environment.file_digests._read", lambda _: pytest.fail("read"))
    assert digests.sha256(link) == sha256(LARGE)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for_and_a_device_not_read(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    for name in ("pipe", "device"):
        with pytest.raises(GoldenseedError, match="is not a regular file"):
            FileDigests(tmp_path / "cache").sha256(tmp_path / name)


def test_a_file_that_would_take_hours_is_refused(tmp_path: Path):
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2**42)
    with pytest.raises(GoldenseedError, match="more than the 274,877,906,944 that are read"):
        FileDigests(tmp_path / "cache").sha256(tmp_path / "sparse")


def test_a_missing_file_is_an_error_or_a_reason(tmp_path: Path):
    digests = FileDigests(tmp_path / "cache")
    with pytest.raises(GoldenseedError, match="cannot be read"):
        digests.sha256(tmp_path / "nothing")
    found = digests.of([("model_file.x", tmp_path / "nothing")])
    assert str(found["model_file.x"]).startswith("unreadable: cannot be read")


def test_the_cache_lies_where_the_desktops_rules_say(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere/cache")
    assert cache_folder() == Path("/somewhere/cache/goldenseed/file-digests")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == Path.home() / ".cache/goldenseed/file-digests"


def test_a_copy_is_another_file(large: Path, tmp_path: Path):
    digests = FileDigests(tmp_path / "cache")
    copy = Path(shutil.copy2(large, tmp_path / "copy"))
    assert digests.sha256(large) == digests.sha256(copy)
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_a_user_without_a_home_has_a_cache_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch,
):
    def nobody(_: int) -> None:
        raise KeyError

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    assert cache_folder().is_relative_to("/nonexistent")
