"""Which worker takes which case, and which case a lost worker was at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import sha256_hex
from goldenseed.suite.loading import load_suite

RUNNING = "running"
"""The folder of the marks, inside the run's folder."""


@contextmanager
def marked(folder: Path, name: str) -> Iterator[bool]:
    """Leave a mark called ``name`` in ``folder`` while the block runs.

    Yields whether the mark was there: then a process died in this very block. pytest-xdist gives a
    test that took its worker down to the next worker, with ``--dist loadgroup`` at least (3.8.0,
    ``LoadScopeScheduling.remove_node``), until none is left to run the other tests. A mark that
    cannot be written is done without.
    """
    mark = folder / sha256_hex(name.encode())
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

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[str, str | None] = {}

    def group_of(self, nodeid: str) -> str | None:
        """Return the key of the model that the case needs; None for a test of another kind."""
        place = nodeid.partition("::")[0]
        if place not in self._known:
            self._known[place] = self._read(place)
        return self._known[place]

    def _read(self, place: str) -> str | None:
        if not place.endswith(".suite.yaml"):
            return None
        try:
            return load_suite(self._root / place).model_key
        except GoldenseedError:
            return None


def group_scheduler(config: Any, log: Any, group_of: Callable[[str], str | None]) -> Any:
    """Return xdist's own scheduler of ``--dist loadgroup``, told the groups of golden cases.

    xdist tells them by a suffix of the node id, which pytest 9.2 no longer lets it write
    (pytest-xdist issue 1386): then every case would go to any worker. A test that took its worker
    down is not given to the next one, as xdist 3.8.0 does until no worker is left.
    """
    from xdist.scheduler import LoadGroupScheduling

    class GroupScheduling(LoadGroupScheduling):  # type: ignore[misc]  # xdist is not typed for us
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid) or str(super()._split_scope(nodeid))

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
