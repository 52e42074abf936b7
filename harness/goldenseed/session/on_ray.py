"""Cases made by the actors of a Ray cluster, while pytest goes through them here as ever.

pytest collects, selects, reports and ends the session as without Ray. Only the making and judging
of a case happens elsewhere: all are handed out when collection is over, and each item waits for its
own answer. So a run on Ray has the same record, report and exit code as one without.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldenseed.backends.cluster.crew import Crew, Task
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256
from goldenseed.environment.keys import EnvironmentValue
from goldenseed.runs.record import CaseRecord
from goldenseed.session.options import Options
from goldenseed.session.ray_actor import Answer, CaseActor, Setup
from goldenseed.session.worker import Worker
from goldenseed.suite.recipes import model_key
from goldenseed.tools.relations.making import Tried

if TYPE_CHECKING:
    from goldenseed.baselines.store import BaselineStore
    from goldenseed.suite.cases import Case
    from goldenseed.tools.relations.members import Member


class RayWorker(Worker):
    """A worker whose cases are made by the actors of a cluster."""

    def __init__(self, crew: Crew, store: BaselineStore, **given: Any) -> None:
        super().__init__(store=store, **given)
        self._crew = crew
        self._accepted = store
        self._known: dict[str, Mapping[str, EnvironmentValue]] = {}
        self.warned: Counter[str] = Counter()
        self._later: dict[Path, dict[str, Case]] = {}

    def expect(
        self,
        cases: Sequence[tuple[Case, str]],
        members: Sequence[Member],
        held_back: Callable[[Case], bool],
    ) -> None:
        """Be told what is going to be run, as ``Worker.expect``: it is begun at once.

        What a pilot holds back is begun once the first of it is run, all of its suite together.
        """
        now = []
        for case, name in cases:
            if held_back(case):
                self._later.setdefault(case.suite.path, {})[name] = case
            else:
                now.append((case, name))
        self._crew.begin([*self._tasks(now), *map(self._relation, members)])

    def run(self, case: Case, name: str) -> tuple[CaseRecord, Exception | None]:
        """Wait for the record of a case, as ``Worker.run``."""
        if name in self._later.get(case.suite.path, ()):
            later = self._later.pop(case.suite.path)
            self._crew.begin(self._tasks((each, called) for called, each in later.items()))
        (task,) = self._tasks([(case, name)])
        try:
            answer: Answer = self._crew.answer(task)
        except GoldenseedError as error:
            return self.pending(case).failed("worker_crashed", str(error)), None
        self._hear(answer)
        assert isinstance(answer.found, CaseRecord)  # noqa: S101 - of a case
        return answer.found, None

    def close(self) -> list[str]:
        """Let the actors go."""
        said = self._crew.said
        self._crew.close()
        return [said]

    def relate(self, member: Member) -> Tried:
        """Wait for what became of a relation, as ``Worker.relate``."""
        try:
            answer = self._crew.answer(self._relation(member))
        except GoldenseedError as error:
            found = member.record(self.path_of(member.case))
            return Tried(found.model_copy(update={"state": "error", "why": str(error)}))
        self._hear(answer)
        assert isinstance(answer.found, Tried)  # noqa: S101 - of a relation
        return answer.found

    def _tasks(self, cases: Iterable[tuple[Case, str]]) -> Iterator[Task]:
        for case, name in cases:
            try:
                entry = self._accepted.entry(case.suite.name, case.id)
            except GoldenseedError:
                entry = None  # the actor says what is wrong with it
            place, profiles = self.path_of(case), frozenset(entry.profiles if entry else ())
            given = (place, case.id, name)
            yield Task(f"{place}::{name}", "run", given, model_key(case.model), profiles)

    def _relation(self, member: Member) -> Task:
        place, key = self.path_of(member.case), model_key(member.case.model)
        return Task(f"{place}::{member.name}", "relate", (place, member.name), key)

    def _hear(self, answer: Answer) -> None:
        """Take over what an actor's worker knows, as if it were this one's."""
        if answer.environment:
            digest = json_sha256(dict(answer.environment))
            self.environment = self._known.setdefault(digest, answer.environment)
            self.profile = answer.profile
        self.locks.hear(answer.differences)
        self.resuming.hear(answer.resumed)
        self.warned.update(answer.warnings)


def ray_worker(options: Options, *, root: Path, folder: Path, **given: Any) -> RayWorker:
    """Return the worker of a session whose images are made on the cluster that its options name.

    Raises:
        GoldenseedError: Ray is not installed, no cluster answers, or its actors are no good.

    """
    setup = Setup.here(root, folder, device=options.first_device, options=options)
    crew = Crew(options.ray, options.ray_actors, CaseActor, setup)
    return RayWorker(crew, root=root, folder=folder, **given)
