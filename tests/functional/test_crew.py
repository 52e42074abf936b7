"""A crew of actors on a real local Ray cluster: lost, not replaced, without room, let go."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from browser import give_up
from goldenseed.backends.cluster import joining
from goldenseed.backends.cluster.actor import Actor, Station
from goldenseed.backends.cluster.crew import Crew, Task
from goldenseed.core.errors import GoldenseedError


class Worker(Actor):
    """Does nothing well, and dies when it is told to."""

    def __init__(self, station: Station) -> None:
        super().__init__(station)
        if (station.folder / "no more").exists():
            raise ValueError("the disk is full")

    def work(self, number: int) -> tuple[int, str | None]:
        return number, os.environ.get("OMP_NUM_THREADS")

    def die(self) -> int:
        died = self._station.folder / "died"
        if died.exists():
            return 0
        died.touch()
        return self.kill()

    def kill(self) -> int:
        os._exit(1)


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Station]:
    if importlib.util.find_spec("ray") is None:
        give_up("needs ray")
    from ray import cloudpickle

    for name in [each for each in os.environ if each.startswith(("RAY_", "OMP_NUM"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield Station.here(Path.cwd(), tmp_path, device="cpu")
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


def work(*numbers: int) -> list[Task]:
    return [Task(f"work {number}", "work", (number,)) for number in numbers]


def test_an_actor_that_cannot_be_replaced_costs_no_task_but_its_own(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = Crew("local", "2", Worker, station)
    try:
        assert not list(station.folder.iterdir())
        check_room(monkeypatch)
        (station.folder / "no more").touch()
        tasks, die = work(*range(40)), Task("die", "die")
        crew.begin([*tasks[:20], die, *tasks[20:]])
        # Of what Ray sets by itself nothing is left to be taken for the machine's.
        assert [crew.answer(each) for each in tasks] == [(number, None) for number in range(40)]
        assert crew.answer(die) == 0
        assert re.match("on Ray: 1 x .*; 1 lost", crew.said)
        with pytest.raises(GoldenseedError, match=r"no actor is left to make it.*disk is full"):
            crew.answer(Task("die again", "kill"))
        assert crew.said.startswith("on Ray: no actor is left; 2 lost and not replaced: an actor")
    finally:
        crew.close()


def check_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster whose two processors are taken has no room, and no GPU."""
    import ray

    monkeypatch.setattr(joining, "_KNOWS_WITHIN", 0.1)
    with pytest.raises(GoldenseedError, match="all 2 CPUs of the cluster are taken"):
        joining.places(ray, "", gpus=False)
    with pytest.raises(GoldenseedError, match="has 2 CPUs, and 3 actors"):
        joining.places(ray, "3", gpus=False)
    with pytest.raises(GoldenseedError, match="the cluster has no GPU"):
        joining.on_gpus(ray, "cuda:0")
    with pytest.raises(GoldenseedError, match="joined a Ray cluster already"):
        joining.joined("local", "1")


def test_a_crew_that_cannot_start_leaves_no_cluster(station: Station) -> None:
    import ray

    (station.folder / "no more").touch()
    with pytest.raises(GoldenseedError, match=r"an actor does not start: .*the disk is full"):
        Crew("local", "1", Worker, station)
    assert not ray.is_initialized()
    assert [each.name for each in station.folder.iterdir()] == ["no more"]
