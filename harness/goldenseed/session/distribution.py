"""Which worker takes which case, and which case a lost worker was at."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from goldenseed.suite.cases import Suite

RUNNING = "running"
_PILOT = " (pilot)"
"""How the name of a group ends that holds a pilot's cases."""


@contextmanager
def marked(folder: Path, name: str) -> Iterator[bool]:
    """Leave a mark called ``name`` in ``folder`` while the block runs, if it can be written.

    Yields whether it was there: then a process died in this very block. pytest-xdist gives a test
    that took its worker down to the next worker, with ``--dist loadgroup`` at least (3.8.0,
    ``LoadScopeScheduling.remove_node``), until none is left to run the other tests.
    """
    mark = folder / sha256(name.encode()).hexdigest()
    died_here_before = mark.exists()
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        mark.touch()
    try:
        yield died_here_before
    finally:
        with suppress(OSError):
            mark.unlink()


class ModelGroups:
    """Says which cases share a model, by the node id alone: the controller collects nothing."""

    def __init__(self, config: Any) -> None:
        self._config = config
        self._known: dict[str, Mapping[str, str]] = {}
        self._room: dict[str, int] = {}
        self._suites: dict[str, Suite] = {}
        self._pilots: dict[str, frozenset[str]] = {}

    def group_of(self, nodeid: str) -> str | None:
        """Return the key of the model that the case needs; None for a test of another kind.

        Of pilots of several models each is a group of its own, which no other has to wait behind.
        """
        place, _, name = nodeid.partition("::")
        if place not in self._known:
            self._known[place] = self._read(place) if place.endswith(".suite.yaml") else {}
        # What pytest-repeat and xdist add stands behind the one bracket of a case's id.
        case = f"{name.partition(']')[0]}]"
        key = self._known[place].get(case)
        return f"{key}{_PILOT}" if key and case in self._pilots.get(place, ()) else key

    def may_take(self, slot: int, group: str) -> bool:
        """Whether there is a device for the group on the worker of that slot."""
        group = group.removesuffix(_PILOT)
        return group not in self._room or slot < self._room[group]

    def draw(self, nodeids: Iterable[str]) -> None:
        """Be told what is run, of which the pilots of several models are drawn."""
        from goldenseed.suite.pilot import drawn

        selected: dict[str, list[str]] = {}
        for nodeid in nodeids:
            place, _, name = nodeid.partition("::")
            if self.group_of(nodeid) is not None:
                selected.setdefault(place, []).append(f"{name.partition(']')[0]}]")
        for place, names in selected.items():
            suite = self._suites[place]
            if suite.pilot is None:
                continue
            cases = [case for case in suite.cases if case.id in frozenset(names)]
            chosen = drawn(cases, suite.pilot.cases)
            if len({self._known[place][name] for name in chosen}) > 1:
                self._pilots[place] = chosen

    def _read(self, place: str) -> Mapping[str, str]:
        """Return the model's key for every case of a suite by its id."""
        from goldenseed.backends.devices import VISIBLE, places, wanted_for
        from goldenseed.core.errors import GoldenseedError
        from goldenseed.session.options import read_options
        from goldenseed.suite.loading import load_suite
        from goldenseed.suite.recipes import cases_by_model

        try:
            suite = load_suite(self._config.rootpath / place)
            wanted = wanted_for(suite, read_options(self._config).device)
            found = places(wanted, os.environ.get(VISIBLE))
        except GoldenseedError:
            return {}  # the worker says it, and has collected no case
        by_model = cases_by_model(suite)
        self._suites[place] = suite
        if found:
            self._room.update(dict.fromkeys(by_model, len(found)))
        own = {case.id: key for key, cases in by_model.items() for case in cases}
        return own | _relations(suite)


def _relations(suite: Suite) -> dict[str, str]:
    """Return the model's key for every relation of a suite by its name."""
    if not suite.relations:
        return {}
    from goldenseed.core.errors import GoldenseedError
    from goldenseed.suite.recipes import model_key
    from goldenseed.tools.relations.members import members_of

    try:
        return {each.name: model_key(each.case.model) for each in members_of(suite)}
    except GoldenseedError:
        return {}  # the worker says it


def group_scheduler(config: Any, log: Any) -> Any:
    """Return xdist's own scheduler of ``--dist loadgroup``, told the groups of golden cases.

    xdist tells them by a suffix of the node id, which pytest 9.2 no longer lets it write
    (pytest-xdist issue 1386): then every case would go to any worker. A test that took its worker
    down is not given to the next one, as xdist 3.8.0 does until no worker is left. Workers for
    which there is no device are given other tests only.
    """
    from xdist.scheduler import LoadGroupScheduling

    groups = ModelGroups(config)

    class GroupScheduling(LoadGroupScheduling):  # type: ignore[misc]  # xdist is not typed for us
        def _split_scope(self, nodeid: str) -> str:
            return groups.group_of(nodeid) or str(super()._split_scope(nodeid))

        def schedule(self) -> None:
            if self.collection is None and self.registered_collections:
                groups.draw(next(iter(self.registered_collections.values())))
            # Where there are more workers than units xdist sends the last ones home.
            in_order = sorted(self.assigned_work.items(), key=_slot)  # type: ignore[has-type]
            self.assigned_work = dict(in_order)
            super().schedule()

        def _assign_work_unit(self, node: Any) -> None:
            slot = _slot((node, None))
            free = [unit for unit in self.workqueue if groups.may_take(slot, unit)]
            if not free:
                node.shutdown()
                return
            first = next((unit for unit in free if unit.endswith(_PILOT)), free[0])
            self.workqueue.move_to_end(first, last=False)
            super()._assign_work_unit(node)

        def remove_node(self, node: Any) -> str | None:
            workload = self.assigned_work.pop(node)
            left = [
                (unit, nodeid)
                for unit in workload.values()
                for nodeid, ended in unit.items()
                if not ended
            ]
            if not left:
                return None
            unit, crashed = left[0]
            unit[crashed] = True
            self.workqueue.update({n: u for n, u in workload.items() if not all(u.values())})
            for other in self.assigned_work:
                self._reschedule(other)
            return str(crashed)

    return GroupScheduling(config, log)


def _slot(item: tuple[Any, Any]) -> int:
    """Return the slot that the plugin gave a worker of xdist."""
    return int(item[0].workerinput["goldenseed_slot"])
