"""Images and traces in a store beyond git: put there before the entry, verified, kept nearby."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from baselines_world import CASE, SUITE, World
from PIL import Image

from goldenseed.baselines.object_cache import ObjectCache
from goldenseed.baselines.remote import Remote
from goldenseed.baselines.setting import remote_of
from goldenseed.baselines.store import BaselineStore
from goldenseed.baselines.transports import FolderTransport
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import sha256_hex
from goldenseed.core.pixels import encode_png


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world whose images lie in a store."""
    (tmp_path / "store").mkdir()
    world = World(tmp_path)
    world.store = with_store(tmp_path)
    return world


def with_store(folder: Path) -> BaselineStore:
    cache = ObjectCache(folder / "cache", 10**9)
    return BaselineStore(
        folder / "baselines", remote=Remote(FolderTransport(folder / "store"), cache)
    )


def files_below(folder: Path) -> list[str]:
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*.*") if each.is_file())


def only_image(world: World) -> Path:
    return next((world.folder / "store" / "images").rglob("*.png"))


def test_what_is_accepted_lies_in_the_store_and_its_entry_in_the_folder(world: World):
    candidate = world.traced(world.candidate())
    world.accept(candidate)
    digest = candidate.pixels_sha256
    assert candidate.trace is not None
    trace = candidate.trace.name
    assert files_below(world.folder / "store") == [
        f"images/{digest[:2]}/{digest}.png",
        f"traces/{trace[:2]}/{trace}",
    ]
    kept = [each for each in world.files() if not each.startswith("environments/")]
    assert kept == [f"{SUITE}/{CASE}.json"]


def test_a_machine_without_copies_reads_image_and_trace_from_the_store(world: World):
    candidate = world.traced(world.candidate())
    world.accept(candidate)
    shutil.rmtree(world.folder / "cache")
    assert world.store.image(candidate.pixels_sha256).getpixel((0, 0)) == (255, 0, 0)
    assert len(world.store.trace(world.profile().accepted[0].trace_sha256 or "")) == 2


def test_copies_do_without_the_store(world: World):
    candidate = world.candidate()
    world.accept(candidate)
    shutil.rmtree(world.folder / "store")
    assert with_store(world.folder).image(candidate.pixels_sha256).size == (24, 16)


def test_a_store_that_is_gone_is_named(world: World):
    candidate = world.candidate()
    world.accept(candidate)
    shutil.rmtree(world.folder / "store")
    shutil.rmtree(world.folder / "cache")
    with pytest.raises(GoldenseedError, match=r"cannot be read in the store file:.*is not there"):
        world.store.image(candidate.pixels_sha256)


def test_an_object_that_is_missing_is_named_with_its_store(world: World):
    candidate = world.candidate()
    world.accept(candidate)
    only_image(world).unlink()
    shutil.rmtree(world.folder / "cache")
    with pytest.raises(GoldenseedError, match=r"images/.*\.png: is not in the store file:"):
        world.store.image(candidate.pixels_sha256)


@pytest.mark.parametrize("data", [b"", b"<html>wait</html>", encode_png(Image.new("RGB", (2, 2)))])
def test_an_altered_object_is_named_and_no_copy_of_it_kept(world: World, data: bytes):
    candidate = world.candidate()
    world.accept(candidate)
    only_image(world).write_bytes(data)
    shutil.rmtree(world.folder / "cache")
    with pytest.raises(GoldenseedError, match="holds something else under this name"):
        world.store.image(candidate.pixels_sha256)
    assert not (world.folder / "cache").exists()


def test_an_altered_object_is_not_written_again_and_nothing_is_accepted(world: World):
    first = world.candidate()
    world.accept(first)
    only_image(world).write_bytes(b"another")
    before = world.files()
    with pytest.raises(GoldenseedError, match="holds something else"):
        world.accept(world.candidate(case="other"))
    assert only_image(world).read_bytes() == b"another"
    assert world.files() == before


def test_nothing_is_accepted_where_the_store_refuses(world: World):
    shutil.rmtree(world.folder / "store")
    with pytest.raises(GoldenseedError, match="cannot be read in the store"):
        world.accept(world.candidate())
    assert world.files() == {}


def test_a_store_that_loses_what_it_took_is_named(world: World):
    class Forgetful(FolderTransport):
        def create(self, objects: Mapping[str, bytes]) -> None:
            pass

    cache = ObjectCache(world.folder / "cache", 10**9)
    remote = Remote(Forgetful(world.folder / "store"), cache)
    world.store = BaselineStore(world.folder / "baselines", remote=remote)
    with pytest.raises(GoldenseedError, match="took it and does not have it"):
        world.accept(world.candidate())
    assert world.files() == {}


def test_a_stored_object_is_never_written_again(world: World):
    world.accept(world.candidate())
    before = only_image(world).stat()
    world.accept(world.candidate(case="other"))
    after = only_image(world).stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)


def test_a_damaged_copy_is_fetched_again(world: World):
    candidate = world.traced(world.candidate())
    world.accept(candidate)
    for copy in (world.folder / "cache").rglob("*.*"):
        copy.write_bytes(copy.read_bytes()[:40])
    accepted = world.profile().accepted[0]
    assert world.store.image(candidate.pixels_sha256).size == (24, 16)
    assert len(world.store.trace(accepted.trace_sha256 or "")) == 2


def test_an_image_in_the_folder_is_read_from_there(world: World):
    candidate = world.candidate()
    BaselineStore(world.store.root).accept([candidate], by="ada", reason="it looks right")
    assert files_below(world.folder / "store") == []
    assert world.store.image(candidate.pixels_sha256).size == (24, 16)


def test_copies_that_were_unused_for_longest_make_room(tmp_path: Path):
    cache = ObjectCache(tmp_path, 250)
    for age, name in ((300, "a/1.png"), (200, "a/2.png"), (100, "a/3.png")):
        os.utime(cache.keep(name, b"x" * 100), (1e9 - age, 1e9 - age))
    assert cache.find("a/1.png") is None
    assert cache.find("a/2.png")
    os.utime(cache.place("a/3.png"), (1e9, 1e9))
    cache.keep("a/4.png", b"x" * 100)
    assert files_below(tmp_path) == ["a/2.png", "a/4.png"]


def test_what_is_in_use_is_kept_whatever_the_limit(tmp_path: Path):
    cache = ObjectCache(tmp_path, 0)
    cache.keep("a/1.png", b"x")
    cache.keep("a/2.png", b"x")
    assert files_below(tmp_path) == ["a/1.png", "a/2.png"]


def setting(folder: Path, text: str) -> Path:
    (folder / "pyproject.toml").write_text(text)
    return folder / "baselines"


def test_the_store_is_named_in_the_project_of_the_baselines(tmp_path: Path):
    baselines = setting(tmp_path, '[tool.goldenseed]\nimages = "file:images"\n')
    remote = remote_of(baselines)
    assert remote is not None
    assert remote.url == f"file:{tmp_path}/images"
    inner = tmp_path / "inner"
    (inner / ".git").mkdir(parents=True)
    assert remote_of(inner / "baselines") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("images = 3", "which is no URL"),
        ('images = "images"', "which is no URL"),
        ('images = "s3://key:secret@bucket"', "has a password"),
        ('images = "simplecache::s3://key:secret@bucket"', "has a password"),
        ('images = "https://secret@host/golden"', "has a user or a token"),
        ('images = "https://host/golden?sig=secret"', "has a query"),
        ('image = "file:a"', "did you mean images"),
        ("images_cache_gb = -1", "images_cache_gb is -1"),
        ("images =", "Invalid value"),
    ],
)
def test_a_setting_that_means_nothing_is_refused(tmp_path: Path, text: str, said: str):
    baselines = setting(tmp_path, f"[tool.goldenseed]\n{text}\n")
    with pytest.raises(GoldenseedError, match=said) as caught:
        remote_of(baselines)
    assert "secret" not in str(caught.value)


def test_without_the_setting_there_is_no_store(tmp_path: Path):
    assert remote_of(setting(tmp_path, "[tool.other]\nname = 'goldenseed'\n")) is None


def test_without_a_place_for_copies_images_are_accepted_and_reading_says_where_one_may_be(
    world: World,
):
    (world.folder / "cache").write_text("no folder")
    candidate = world.candidate()
    world.accept(candidate)
    assert only_image(world).is_file()
    with pytest.raises(GoldenseedError, match="no copy of an object of the store") as caught:
        world.store.image(candidate.pixels_sha256)
    assert "XDG_CACHE_HOME" in str(caught.value)


def test_a_full_cache_is_not_looked_through_for_every_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    cache, looked = ObjectCache(tmp_path, 1000), []
    rglob = Path.rglob
    monkeypatch.setattr(Path, "rglob", lambda *given: looked.append(given) or rglob(*given))
    for number in range(100):
        os.utime(cache.keep(f"a/{number}.png", b"x" * 10), (1e9, 1e9))
    assert len(looked) == 1
    cache.keep("a/last.png", b"x" * 10)
    assert len(looked) == 2
    assert len(list(tmp_path.glob("a/*"))) == 100


def test_a_store_that_refuses_one_object_is_asked_for_the_next(tmp_path: Path):
    class Selective(FolderTransport):
        def read(self, name: str) -> bytes | None:
            if name.endswith("secret.file"):
                raise PermissionError("Forbidden: https://ada:pw@host/a?X-Amz-Signature=abc")
            return super().read(name)

    (tmp_path / "store").mkdir()
    remote = Remote(Selective(tmp_path / "store"), ObjectCache(tmp_path / "cache", 10**9))
    digest = sha256_hex(b"open")
    remote.put(f"images/{digest}.file", lambda: b"open")
    shutil.rmtree(tmp_path / "cache")
    with pytest.raises(GoldenseedError, match="Forbidden: https://…@host/a") as caught:
        remote.fetched("images/secret.file")
    assert not {each for each in ("ada", "pw", "abc") if each in caught.value.what}
    assert remote.fetched(f"images/{digest}.file").read_bytes() == b"open"
