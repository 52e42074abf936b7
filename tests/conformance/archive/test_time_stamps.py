"""A time stamp is an authority's word, believed where the caller trusts that authority."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from goldenseed.archive import layout
from goldenseed.archive.findings import Level, LevelResult, Status
from goldenseed.archive.timestamps import read_roots, stamp_archive, stamp_bytes
from goldenseed.archive.trust import Trust, TrustedKey, read_trusted
from goldenseed.archive.verify import verify
from goldenseed.core.errors import GoldenseedError
from time_stamp_authority import answered, serving, write_authority

HERE = Path(__file__).parent
KEYS = read_trusted(HERE / "signer.pub")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("authority")
    write_authority(folder)
    return folder


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, authority: Path) -> Path:
    """An archive with a time stamp; read only."""
    folder = tmp_path_factory.mktemp("stamped") / "bag"
    with zipfile.ZipFile(max(HERE.glob("good-*.zip"))) as packed:
        packed.extractall(folder)
    with serving(partial(answered, authority)) as url:
        stamp_archive(folder, url)
    return folder


@pytest.fixture
def bag(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(good, tmp_path / "bag"))


def _level_3(bag: Path, trust: Trust) -> LevelResult:
    levels = (Level.STRUCTURE, Level.FIXITY, Level.SIGNATURE)
    found = verify(bag, trusted=trust, levels=levels)
    assert found.of(Level.STRUCTURE).status is Status.PASSED
    return found.of(Level.SIGNATURE)


def _codes(result: LevelResult) -> set[str]:
    return {each.code for each in result.findings}


def test_a_trusted_time_stamp_says_when_an_archive_existed(good: Path, authority: Path) -> None:
    found = _level_3(good, Trust(KEYS, read_roots(authority / "root.pem")))
    assert found.status is Status.PASSED
    assert any(each.startswith(f"it existed at {datetime.now(UTC):%Y-%m-}") for each in found.notes)


def test_openssl_agrees(good: Path, authority: Path) -> None:
    def agrees(data: str) -> bool:
        words = ["-data", data, "-in", layout.TIME_STAMP, "-CAfile", str(authority / "root.pem")]
        done = subprocess.run(
            ["openssl", "ts", "-verify", *words], cwd=good, capture_output=True, check=False
        )
        return done.returncode == 0

    assert agrees(layout.TAG_MANIFEST)
    assert not agrees(layout.MANIFEST)


def test_nobody_vouches_for_a_time_stamp_whose_authority_was_not_given(good: Path) -> None:
    found = _level_3(good, Trust(KEYS))
    assert found.status is Status.PASSED
    assert any("so nobody vouches" in each for each in found.notes)


def test_a_time_stamp_of_another_authority_is_not_trusted(good: Path, tmp_path: Path) -> None:
    root = read_roots(write_authority(tmp_path / "other"))
    assert _codes(_level_3(good, Trust(KEYS, root))) == {"stamp_untrusted"}


@pytest.mark.parametrize("trusting", [True, False])
def test_a_time_stamp_of_something_else_is_found(
    trusting: bool, bag: Path, authority: Path
) -> None:
    with serving(partial(answered, authority)) as url:
        (bag / layout.TIME_STAMP).write_bytes(stamp_bytes(url, b"something else"))
    roots = read_roots(authority / "root.pem") if trusting else ()
    assert _codes(_level_3(bag, Trust(KEYS, roots))) == {"stamp_of_other"}


@pytest.mark.parametrize("where", range(9))
def test_a_flipped_bit_of_a_time_stamp_is_found(where: int, bag: Path, authority: Path) -> None:
    data = bytearray((bag / layout.TIME_STAMP).read_bytes())
    data[20 + where * (len(data) - 21) // 8] ^= 1
    (bag / layout.TIME_STAMP).write_bytes(bytes(data))
    found = _level_3(bag, Trust(KEYS, read_roots(authority / "root.pem")))
    assert _codes(found) & {"bad_stamp", "stamp_of_other", "stamp_untrusted"}


def test_an_authority_whose_certificate_had_expired_is_named(bag: Path, tmp_path: Path) -> None:
    root = read_roots(write_authority(tmp_path / "old", until=timedelta(days=-1)))
    query = tmp_path / "query"
    _run(bag, "ts", "-query", "-data", layout.TAG_MANIFEST, "-sha256", "-cert", "-out", str(query))
    (bag / layout.TIME_STAMP).write_bytes(answered(tmp_path / "old", query.read_bytes()))
    assert _codes(_level_3(bag, Trust(KEYS, root))) == {"stamp_expired"}


def _run(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def test_an_authority_that_was_named_has_to_have_stamped(bag: Path, authority: Path) -> None:
    (bag / layout.TIME_STAMP).unlink()
    found = _level_3(bag, Trust(KEYS, read_roots(authority / "root.pem")))
    assert _codes(found) == {"stamp_missing"}


def test_a_key_is_asked_for_the_stamped_time_and_else_for_now(good: Path, authority: Path) -> None:
    known = KEYS[-1]
    ended = (TrustedKey(known.key, "me", valid_before=datetime.now(UTC)),)
    assert _level_3(good, Trust(ended, read_roots(authority / "root.pem"))).findings == ()
    assert _codes(_level_3(good, Trust(ended))) == {"not_trusted"}


def test_a_zip_file_is_stamped_once(tmp_path: Path, authority: Path) -> None:
    path = Path(shutil.copyfile(max(HERE.glob("good-*.zip")), tmp_path / "made.zip"))
    with serving(partial(answered, authority)) as url:
        stamp_archive(path, url)
        trust = Trust(KEYS, read_roots(authority / "root.pem"))
        assert _level_3(path, trust).status is Status.PASSED
        before = path.read_bytes()
        with pytest.raises(GoldenseedError, match="is there already"):
            stamp_archive(path, url)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["made.zip"]


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: b"",
        lambda _: b"<html>",
        lambda _: b"x" * 2_000_000,
        lambda _: b"0\x050\x03\x02\x01\x02",
    ],
)
def test_what_is_no_time_stamp_is_not_kept(answer: object, bag: Path) -> None:
    (bag / layout.TIME_STAMP).unlink()
    with serving(answer) as url, pytest.raises(GoldenseedError, match=r"127\.0\.0\.1"):
        stamp_archive(bag, url)
    assert not (bag / layout.TIME_STAMP).exists()


def test_an_answer_to_another_question_is_not_kept(authority: Path) -> None:
    with serving(partial(answered, authority)) as url:
        earlier = stamp_bytes(url, b"data")
    with serving(lambda _: earlier) as url, pytest.raises(GoldenseedError, match="something else"):
        stamp_bytes(url, b"data")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/", "http://127.0.0.1:1/"])
def test_an_address_that_gives_no_time_stamp_is_named(url: str) -> None:
    with pytest.raises(GoldenseedError, match=url):
        stamp_bytes(url, b"data")


def test_a_file_without_a_root_is_refused(authority: Path) -> None:
    with pytest.raises(GoldenseedError, match="no root"):
        read_roots(authority / "authority.pem")
