"""A process of a Ray cluster that makes and judges cases, as a worker of pytest-xdist would."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from goldenseed.backends.cluster.actor import Actor, Station
from goldenseed.backends.protocol import silent
from goldenseed.baselines.setting import store_of_project
from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.keys import EnvironmentValue
from goldenseed.environment.lock import LockDifference
from goldenseed.runs.record import CaseRecord
from goldenseed.session.foreign import ForeignWarnings
from goldenseed.session.lock_check import LockCheck
from goldenseed.session.making_backends import MakingBackends
from goldenseed.session.options import Options
from goldenseed.session.resuming import Resuming, earlier_of
from goldenseed.session.worker import Worker
from goldenseed.suite.cases import Case, Suite
from goldenseed.suite.loading import load_suite
from goldenseed.tools.relations.making import Tried
from goldenseed.tools.relations.members import members_of, named

if TYPE_CHECKING:
    from goldenseed.tools.relations.members import Member

Found = TypeVar("Found", CaseRecord, Tried)


@dataclass(frozen=True, kw_only=True)
class Setup(Station):
    """What the actors of a session are made with besides."""

    options: Options


@dataclass(frozen=True)
class Answer:
    """What became of one case or relation."""

    found: CaseRecord | Tried
    environment: Mapping[str, EnvironmentValue]
    profile: str | None
    differences: tuple[LockDifference, ...] = ()
    resumed: dict[str, object] | None = None
    warnings: Mapping[str, int] = field(default_factory=dict)


class CaseActor(Actor):
    """Makes one image at a time and holds one model."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        options = setup.options
        self._root = setup.root
        self._suites: dict[str, Suite] = {}
        self._cases: dict[tuple[str, str], Case] = {}
        self._foreign = ForeignWarnings()
        self._worker = Worker(
            root=setup.root,
            folder=setup.folder,
            store=store_of_project(options.baselines),
            passing=options.passing,
            backends=MakingBackends(silent, options, None, lambda: None),
            locks=LockCheck(strict=options.environment == "strict"),
            resuming=Resuming(earlier_of(options), options.trace),
        )

    def run(self, place: str, case_id: str, name: str) -> Answer:
        """Make and judge the case of a suite file, ``place`` below the root."""
        self._suite(place)
        case = self._cases[place, case_id]
        return self._answer(lambda: self._worker.run(case, name)[0])

    def relate(self, place: str, name: str) -> Answer:
        """Try the relation of that name."""
        member: Member | None = named(members_of(self._suite(place)), name)
        if member is None:
            raise GoldenseedError(f"{place} has no relation {name}")
        wanted = member
        return self._answer(lambda: self._worker.relate(wanted))

    def _answer(self, do: Callable[[], Found]) -> Answer:
        with warnings.catch_warnings(), self._foreign.collected():
            found = do()
        worker = self._worker
        return Answer(
            found=found,
            environment=dict(worker.environment),
            profile=worker.profile,
            differences=worker.locks.news(),
            resumed=worker.resuming.news(),
            warnings=self._foreign.news(),
        )

    def _suite(self, place: str) -> Suite:
        if place not in self._suites:
            suite = self._suites[place] = load_suite(self._root / place)
            self._cases |= {(place, each.id): each for each in suite.cases}
        return self._suites[place]
