"""Drafts in a store: put once, found by name, verified whenever they are read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from goldenseed.baselines.drafts import Draft, draft_named, drafts_in, put_draft, store_of_drafts
from goldenseed.baselines.object_cache import ObjectCache
from goldenseed.baselines.remote import Remote
from goldenseed.baselines.transports import FolderTransport
from goldenseed.core.errors import GoldenseedError

MORNING, NOON = "20261129T080000Z-aaaa", "20261129T120000Z-bbbb"


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    (tmp_path / "store").mkdir()
    transport = FolderTransport(tmp_path / "store", offline_variables=("GOLDENSEED_OFFLINE",))
    return Remote(transport, ObjectCache(tmp_path / "cache", 10**9))


def put(remote: Remote, folder: Path, run_id: str, data: bytes) -> Draft:
    (folder / "made.zip").write_bytes(data)
    return put_draft(remote, run_id, folder / "made.zip")


def test_a_draft_is_found_by_its_run_its_digest_or_as_the_latest(remote: Remote, tmp_path: Path):
    noon = put(remote, tmp_path, NOON, b"noon")
    morning = put(remote, tmp_path, MORNING, b"morning")
    assert drafts_in(remote) == (morning, noon)
    for name in ("latest", "20261129T12", NOON, noon.sha256[:8]):
        assert draft_named(remote, name) == noon
    assert remote.sound(morning.name).read_bytes() == b"morning"


@pytest.mark.parametrize("name", ["", "20261128", "../../etc"])
def test_a_draft_that_is_not_there_is_named(remote: Remote, tmp_path: Path, name: str):
    put(remote, tmp_path, NOON, b"noon")
    with pytest.raises(GoldenseedError, match="has no draft"):
        draft_named(remote, name)


def test_of_two_drafts_of_a_run_neither_is_guessed(remote: Remote, tmp_path: Path):
    both = [put(remote, tmp_path, NOON, data) for data in (b"signed", b"not signed")]
    with pytest.raises(GoldenseedError, match="begins 2 drafts") as caught:
        draft_named(remote, NOON)
    assert all(each.sha256[:12] in caught.value.what for each in both)


def test_a_draft_is_put_once_and_never_written_again(remote: Remote, tmp_path: Path):
    first = put(remote, tmp_path, NOON, b"noon")
    before = (tmp_path / "store" / first.name).stat()
    assert put(remote, tmp_path, NOON, b"noon") == first
    after = (tmp_path / "store" / first.name).stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)


def test_an_altered_draft_is_not_read(remote: Remote, tmp_path: Path):
    draft = put(remote, tmp_path, NOON, b"noon")
    (tmp_path / "store" / draft.name).write_bytes(b"midnight")
    assert remote.sound(draft.name).read_bytes() == b"noon", "the copy is what was put"
    shutil.rmtree(tmp_path / "cache")
    with pytest.raises(GoldenseedError, match="holds something else under this name"):
        remote.sound(draft.name)


def test_a_damaged_copy_is_fetched_again(remote: Remote, tmp_path: Path):
    draft = put(remote, tmp_path, NOON, b"noon")
    (tmp_path / "cache" / draft.name).write_bytes(b"no")
    assert remote.sound(draft.name).read_bytes() == b"noon"


def test_what_is_no_draft_is_left_out(remote: Remote, tmp_path: Path):
    strangers = (f"drafts/{NOON}/notes.txt", f"drafts/..x/{'a' * 64}.zip", "drafts/a.zip")
    for name in strangers:
        (tmp_path / "store" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "store" / name).write_bytes(b"x")
    assert drafts_in(remote) == ()


def test_offline_copies_are_listed_and_others_not(
    remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    kept, other = (put(remote, tmp_path, each, each.encode()) for each in (MORNING, NOON))
    (tmp_path / "cache" / other.name).unlink()
    monkeypatch.setenv("GOLDENSEED_OFFLINE", "1")
    assert drafts_in(remote) == (kept,)
    with pytest.raises(GoldenseedError, match="GOLDENSEED_OFFLINE keeps it from being read"):
        remote.sound(other.name)


def test_a_project_without_a_store_has_no_drafts(tmp_path: Path):
    with pytest.raises(GoldenseedError, match="this project has none"):
        store_of_drafts(tmp_path / "baselines")
