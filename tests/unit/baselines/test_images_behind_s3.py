"""Images in a bucket of a real S3 server on loopback, by fsspec, and what may go wrong there."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import fsspec
import pytest
from baselines_world import World
from moto.server import ThreadedMotoServer

from goldenseed.baselines.drafts import Draft, drafts_in, put_draft
from goldenseed.baselines.object_cache import ObjectCache
from goldenseed.baselines.remote import Remote
from goldenseed.baselines.setting import remote_of
from goldenseed.baselines.store import BaselineStore
from goldenseed.baselines.transports import FsspecTransport
from goldenseed.core.errors import GoldenseedError

BUSY = b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\nConnection: close\r\n\r\n<html>busy</html>"
SETTINGS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class Between:
    """Passes connections on to a server on loopback, or does to them what a net may do."""

    def __init__(self, port: int) -> None:
        self.server = port
        self.faults: list[str] = []
        """What happens to the next connections: ``drop``, ``stall`` or ``busy``."""
        self.always = ""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):  # closed: the test is over
            while True:
                client, _ = self.listener.accept()
                self.open.append(client)
                fault = self.faults.pop(0) if self.faults else self.always
                if fault == "drop":
                    client.close()
                elif fault == "busy":
                    client.recv(65536)
                    client.sendall(BUSY)
                    client.close()
                elif fault != "stall":
                    server = socket.create_connection(("127.0.0.1", self.server))
                    self.open.append(server)
                    for pair in ((client, server), (server, client)):
                        threading.Thread(target=_pass_on, args=pair, daemon=True).start()

    def close(self) -> None:
        for each in (self.listener, *self.open):
            each.close()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    yield server.get_host_and_port()[1]
    server.stop()


@pytest.fixture
def between(server: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Between]:
    between = Between(server)
    for name in [each for each in os.environ if each.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{between.port}")
    yield between
    between.close()


@pytest.fixture
def bucket(between: Between, tmp_path: Path) -> Any:
    """A bucket of its own for each test."""
    system = fsspec.filesystem("s3", skip_instance_cache=True, use_listings_cache=False)
    system.mkdir(name_of(tmp_path))
    return system


def name_of(folder: Path) -> str:
    return f"b{abs(hash(str(folder)))}"


def store_in(folder: Path, cache: str = "cache", seconds: float = 60.0) -> BaselineStore:
    transport = FsspecTransport(f"s3://{name_of(folder)}/golden", seconds)
    remote = Remote(transport, ObjectCache(folder / cache, 10**9))
    return BaselineStore(folder / "baselines", remote=remote)


@pytest.fixture
def world(bucket: Any, tmp_path: Path) -> World:
    world = World(tmp_path)
    world.store = store_in(tmp_path)
    return world


def key_of(world: World, digest: str) -> str:
    return f"{name_of(world.folder)}/golden/images/{digest[:2]}/{digest}.png"


def test_image_and_trace_come_back_from_the_bucket(world: World, bucket: Any):
    candidate = world.traced(world.candidate())
    world.accept(candidate)
    assert bucket.exists(key_of(world, candidate.pixels_sha256))
    elsewhere = store_in(world.folder, "elsewhere")
    assert elsewhere.image(candidate.pixels_sha256).size == (24, 16)
    assert len(elsewhere.trace(world.profile().accepted[0].trace_sha256 or "")) == 2


def test_the_setting_names_a_bucket(tmp_path: Path):
    (tmp_path / "pyproject.toml").write_text('[tool.goldenseed]\nimages = "s3://bucket/golden/"\n')
    remote = remote_of(tmp_path / "baselines")
    assert remote is not None
    assert remote.url == "s3://bucket/golden"


@pytest.mark.parametrize("data", [b"", b"<html>busy</html>"])
def test_an_altered_object_is_named_and_left_as_it_is(world: World, bucket: Any, data: bytes):
    candidate = world.candidate()
    world.accept(candidate)
    key = key_of(world, candidate.pixels_sha256)
    bucket.pipe_file(key, data)
    with pytest.raises(GoldenseedError, match="holds something else under this name"):
        store_in(world.folder, "elsewhere").image(candidate.pixels_sha256)
    with pytest.raises(GoldenseedError, match="holds something else under this name"):
        world.accept(world.candidate(case="other"))
    assert bucket.cat_file(key) == data


def test_an_object_that_was_taken_away_is_named(world: World, bucket: Any):
    candidate = world.candidate()
    world.accept(candidate)
    bucket.rm_file(key_of(world, candidate.pixels_sha256))
    with pytest.raises(GoldenseedError, match="is not in the store s3://"):
        store_in(world.folder, "elsewhere").image(candidate.pixels_sha256)


def test_a_bucket_that_is_not_there_takes_nothing(between: Between, tmp_path: Path):
    world = World(tmp_path)
    world.store = store_in(tmp_path)
    with pytest.raises(GoldenseedError, match=r"in the store s3://.* bucket does not exist"):
        world.accept(world.candidate())
    assert world.files() == {}


def test_lost_connections_are_taken_up_again(world: World, between: Between):
    candidate = world.candidate()
    world.accept(candidate)
    between.faults = ["drop", "drop"]
    assert store_in(world.folder, "elsewhere").image(candidate.pixels_sha256).size == (24, 16)
    assert between.faults == []


def test_a_server_that_never_answers_is_waited_for_once(world: World, between: Between):
    candidate, other = world.candidate(), world.candidate("blue", case="other")
    world.accept(candidate, other)
    between.always = "stall"
    store = store_in(world.folder, "elsewhere", 2.0)
    for each in (candidate, other):
        with pytest.raises(GoldenseedError, match="cannot be read in the store s3://") as caught:
            store.image(each.pixels_sha256)
        assert each.pixels_sha256 in str(caught.value.path)


def test_a_wrong_answer_is_no_image(world: World, between: Between):
    candidate = world.candidate()
    world.accept(candidate)
    between.always = "busy"
    with pytest.raises(GoldenseedError, match="holds something else under this name"):
        store_in(world.folder, "elsewhere").image(candidate.pixels_sha256)


def test_offline_copies_serve_and_what_is_missing_is_named(
    world: World, monkeypatch: pytest.MonkeyPatch, between: Between
):
    candidate = world.candidate()
    world.accept(candidate)
    monkeypatch.setenv("GOLDENSEED_OFFLINE", "1")
    between.always = "drop"
    assert store_in(world.folder).image(candidate.pixels_sha256).size == (24, 16)
    with pytest.raises(GoldenseedError, match="cache, and GOLDENSEED_OFFLINE keeps it") as caught:
        store_in(world.folder, "elsewhere").image(candidate.pixels_sha256)
    assert candidate.pixels_sha256 in str(caught.value.path)


def test_two_writers_put_the_same_image_once(world: World, bucket: Any):
    candidates = [world.candidate(case=f"case-{number}") for number in range(2)]

    def accept(number: int) -> None:
        folder = world.folder / f"checkout-{number}"
        transport = FsspecTransport(f"s3://{name_of(world.folder)}/golden")
        remote = Remote(transport, ObjectCache(folder / "cache", 10**9))
        store = BaselineStore(folder / "baselines", remote=remote)
        store.accept([candidates[number]], by="ada", reason="it looks right")

    with ThreadPoolExecutor(2) as both:
        list(both.map(accept, range(2)))
    assert len(bucket.find(f"{name_of(world.folder)}/golden")) == 1


def test_two_writers_put_the_same_draft_once(world: World, bucket: Any):
    (world.folder / "made.zip").write_bytes(b"a run" * 1000)
    url = f"s3://{name_of(world.folder)}/golden"

    def put(number: int) -> Draft:
        cache = ObjectCache(world.folder / f"cache-{number}", 10**9)
        return put_draft(Remote(FsspecTransport(url), cache), "run", world.folder / "made.zip")

    assert drafts_in(Remote(FsspecTransport(url), ObjectCache(world.folder / "cache", 1))) == ()
    with ThreadPoolExecutor(2) as both:
        one, other = both.map(put, range(2))
    found = drafts_in(Remote(FsspecTransport(url), ObjectCache(world.folder / "cache", 1)))
    assert (found, other) == ((one,), one)


def test_the_second_to_write_an_object_does_not_write_over_it(world: World, bucket: Any):
    transport = FsspecTransport(f"s3://{name_of(world.folder)}/golden")
    transport.create({"images/a.png": b"first"})
    transport.create({"images/a.png": b"second"})
    assert transport.read("images/a.png") == b"first"


def test_what_fsspec_does_not_know_is_named(tmp_path: Path):
    remote = Remote(FsspecTransport("nowhere://a/b"), ObjectCache(tmp_path, 1))
    with pytest.raises(GoldenseedError, match=r"cannot be opened: .*nowhere"):
        remote.fetched(f"images/{'ab' * 32}.png")
