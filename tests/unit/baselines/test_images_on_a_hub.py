"""Images in a repository of a hub, by huggingface_hub, and what may go wrong there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from baselines_world import World
from hub_double import REPOSITORY, TOKEN, Hub
from huggingface_hub import constants

from goldenseed.baselines.drafts import drafts_in, put_draft
from goldenseed.baselines.hub import HubTransport
from goldenseed.baselines.object_cache import ObjectCache
from goldenseed.baselines.remote import Remote
from goldenseed.baselines.setting import remote_of
from goldenseed.baselines.store import BaselineStore
from goldenseed.baselines.transports import FsspecTransport
from goldenseed.core.errors import GoldenseedError

URL = f"hf://datasets/{REPOSITORY}"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    hub = Hub()
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for name in ("HF_HUB_OFFLINE", "GOLDENSEED_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    yield hub
    hub.close()


class Reading:
    """Makes stores that read a hub."""

    def __init__(self, hub: Hub, folder: Path) -> None:
        self.hub, self.folder = hub, folder

    def remote(self, url: str = URL, cache: str = "cache", seconds: float = 60.0) -> Remote:
        transport = HubTransport(url, seconds, {"endpoint": self.hub.url})
        return Remote(transport, ObjectCache(self.folder / cache, 10**9))

    def store(
        self, url: str = f"{URL}/golden", cache: str = "elsewhere", **more: float
    ) -> BaselineStore:
        return BaselineStore(self.folder / "baselines", remote=self.remote(url, cache, **more))


@pytest.fixture
def reading(hub: Hub, tmp_path: Path) -> Reading:
    return Reading(hub, tmp_path)


@pytest.fixture
def world(reading: Reading) -> World:
    world = World(reading.folder)
    world.store = reading.store(cache="cache")
    return world


def test_all_that_is_accepted_at_once_is_one_commit_and_comes_back(
    world: World, hub: Hub, reading: Reading
):
    one, other = world.traced(world.candidate()), world.candidate("blue", case="other")
    world.accept(one, other)
    assert len(hub.commits) == 2
    assert sorted({each.rpartition(".")[2] for each in hub.files}) == ["gz", "png"]
    assert all(each.startswith("golden/") for each in hub.files)
    elsewhere = reading.store()
    assert elsewhere.image(other.pixels_sha256).size == (24, 16)
    assert len(elsewhere.trace(world.profile().accepted[0].trace_sha256 or "")) == 2
    assert hub.tokens == {f"Bearer {TOKEN}"}


def test_a_commit_can_be_read_and_not_written(world: World, hub: Hub, reading: Reading):
    candidate = world.candidate()
    world.accept(candidate)
    pinned = reading.remote(f"{URL}/golden").pinned()
    assert pinned == f"{URL}@{hub.head}/golden"
    hub.add(dict.fromkeys(hub.files, b"another"))
    reader = reading.store(pinned)
    assert reader.image(candidate.pixels_sha256).size == (24, 16)
    with pytest.raises(GoldenseedError, match="it is at a commit, which never changes"):
        reader.accept([world.candidate("blue")], by="ada", reason="it looks right")


def test_the_second_to_write_an_object_does_not_write_over_it(
    world: World, hub: Hub, reading: Reading
):
    candidate = world.candidate()
    place = f"golden/images/{candidate.pixels_sha256[:2]}/{candidate.pixels_sha256}.png"
    theirs = candidate.image.read_bytes()
    hub.before_commit = lambda: hub.add({place: theirs})
    world.accept(candidate)
    assert len(hub.commits) == 2, "the one of the other writer, and none after it"
    hub.before_commit = lambda: hub.add({"README.md": b"# Golden"})
    world.accept(world.candidate("blue", case="other"))
    assert {"README.md", place} < set(hub.files)
    assert hub.files[place] == theirs


def test_an_object_that_was_written_since_the_listing_is_seen(
    world: World, hub: Hub, reading: Reading
):
    candidate = world.candidate()
    reader = reading.store()
    with pytest.raises(GoldenseedError, match="is not in the store hf://"):
        reader.image(candidate.pixels_sha256)
    world.accept(candidate)
    assert reader.image(candidate.pixels_sha256).size == (24, 16)


def test_altered_objects_are_named_and_left(world: World, hub: Hub, reading: Reading):
    candidate = world.candidate()
    world.accept(candidate)
    hub.add({each: data[:40] for each, data in hub.files.items()})
    reader = reading.store()
    with pytest.raises(GoldenseedError, match="holds something else under this name"):
        reader.image(candidate.pixels_sha256)
    before = len(hub.commits)
    with pytest.raises(GoldenseedError, match="holds something else under this name"):
        world.accept(world.candidate(case="other"))
    assert len(hub.commits) == before


@pytest.mark.parametrize("url", ["hf://datasets/zoo/nowhere", f"{URL}@other", f"{URL}@{'a' * 40}"])
def test_what_is_not_there_is_no_missing_object(reading: Reading, url: str):
    with pytest.raises(GoldenseedError, match="no such repository or revision") as caught:
        reading.remote(url).fetched(f"images/ab/{'ab' * 32}.png")
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("fault", ["refuse", "busy"])
def test_a_hub_that_answers_otherwise_is_named_without_the_token(
    world: World, hub: Hub, fault: str
):
    hub.fault = fault
    with pytest.raises(GoldenseedError, match="in the store hf://") as caught:
        world.accept(world.candidate())
    assert not {TOKEN, "sig=abc"} & {
        each for each in (TOKEN, "sig=abc") if each in str(caught.value)
    }
    assert world.files() == {}


def test_a_hub_that_never_answers_is_waited_for_once(world: World, hub: Hub, reading: Reading):
    candidate = world.candidate()
    world.accept(candidate)
    hub.fault = "stall"
    store = reading.store(seconds=0.5)
    for _ in range(2):
        with pytest.raises(GoldenseedError, match=r"did not answer within 0\.5 seconds"):
            store.image(candidate.pixels_sha256)


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "GOLDENSEED_OFFLINE"])
def test_offline_the_hub_is_not_asked(
    world: World, hub: Hub, reading: Reading, variable: str, monkeypatch: pytest.MonkeyPatch
):
    candidate = world.candidate()
    world.accept(candidate)
    monkeypatch.setenv(variable, "1")
    hub.asked.clear()
    assert reading.store(cache="cache").image(candidate.pixels_sha256).size == (24, 16)
    with pytest.raises(GoldenseedError, match=f"cache, and {variable} keeps it from being read"):
        reading.store().image(candidate.pixels_sha256)
    assert hub.asked == []


def test_drafts_lie_on_a_hub(reading: Reading, tmp_path: Path):
    (tmp_path / "made.zip").write_bytes(b"a run")
    assert drafts_in(reading.remote()) == ()
    draft = put_draft(reading.remote(), "20261129T080000Z-aaaa", tmp_path / "made.zip")
    reader = reading.remote(cache="elsewhere")
    assert drafts_in(reader) == (draft,)
    assert reader.sound(draft.name).read_bytes() == b"a run"


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        (URL, HubTransport),
        (f"{URL}@main/golden/", HubTransport),
        ("hf://zoo/golden", HubTransport),
        ("hf://buckets/zoo/golden", FsspecTransport),
    ],
)
def test_the_setting_names_a_repository(tmp_path: Path, url: str, kind: type):
    (tmp_path / "pyproject.toml").write_text(f'[tool.goldenseed]\nimages = "{url}"\n')
    remote = remote_of(tmp_path / "baselines")
    assert remote is not None
    assert remote.url == url.rstrip("/")
    assert type(vars(remote)["_transport"]) is kind
