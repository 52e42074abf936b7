"""The images of a sweep made by the actors of a Ray cluster, recorded as if made here."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from goldenseed.backends.cluster.actor import Actor, Station
from goldenseed.backends.cluster.crew import Crew, Task
from goldenseed.backends.protocol import Settings
from goldenseed.backends.registry import Backends
from goldenseed.core.errors import GoldenseedError
from goldenseed.runs.made import pending
from goldenseed.runs.record import CaseRecord, EnvironmentValue
from goldenseed.suite.loading import load_suite
from goldenseed.tools.sweep.sweeping import Here, Scoring

if TYPE_CHECKING:
    from goldenseed.suite.cases import Case
    from goldenseed.tools.sweep.grid import Point

    Environment = Mapping[str, EnvironmentValue]

_AHEAD: Final = 4
"""Images that are begun for each actor before the first of them is waited for."""


@dataclass(frozen=True, slots=True)
class Swept:
    """Which case is swept, told so that another process finds it too."""

    suite: Path
    case_id: str
    """Of a case in the suite."""
    prompt: str | None = None
    """In place of the case's."""

    def case(self) -> Case:
        """Read the suite and return the case; raises as ``load_suite``."""
        suite = load_suite(self.suite)
        found = next(each for each in suite.cases if each.id == self.case_id)
        if self.prompt is None:
            return found
        case_id = f"prompt[seed={found.seed}]"
        return replace(found, case_id="prompt", id=case_id, prompt=self.prompt)


@dataclass(frozen=True, kw_only=True)
class SweepStation(Station):
    """What the actors of a sweep are made with besides."""

    swept: Swept
    scoring: Scoring
    trace: bool


class SweepActor(Actor):
    """Makes and scores images of a sweep."""

    def __init__(self, station: SweepStation) -> None:
        super().__init__(station)
        backend = Backends(Settings(device=station.device, trace=station.trace))
        case = station.swept.case()
        self._here = Here(case, station.scoring, station.folder, backend)

    def made(self, point: Point) -> tuple[CaseRecord, Sequence[Environment]]:
        """Make one image; say where, if that was not said before."""
        return next(self._here.made([point]))


@dataclass
class OnRay:
    """Makes images on a cluster; a few are under way at a time."""

    case: Case
    """The one that is swept."""
    crew: Crew

    def made(self, points: Iterable[Point]) -> Iterator[tuple[CaseRecord, Sequence[Environment]]]:
        """Hand images out and yield their records in the order of ``points``."""
        left = iter(points)
        under_way: deque[tuple[Point, Task]] = deque()
        while True:
            wanted = max(1, _AHEAD * self.crew.size - len(under_way))
            more = [(each, Task(each.id, "made", (each,))) for each in islice(left, wanted)]
            self.crew.begin(task for _, task in more)
            under_way.extend(more)
            if not under_way:
                return
            point, task = under_way.popleft()
            try:
                yield self.crew.answer(task)
            except GoldenseedError as error:
                case = point.of(self.case)
                record = pending(case, case.suite.path.name)
                yield record.failed("worker_crashed", str(error)), ()
