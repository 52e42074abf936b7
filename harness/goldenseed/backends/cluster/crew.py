"""The actors of a Ray cluster: started, given tasks, replaced where one is lost."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, Final

from goldenseed.backends.cluster.actor import Actor, Hello, Station
from goldenseed.backends.cluster.joining import joined, on_gpus, places
from goldenseed.core.errors import GoldenseedError

_AHEAD: Final = 2
"""Tasks an actor has at a time: the next one lies ready when one ends."""
_TRIES: Final = 2
"""How often a task is tried whose actor was lost."""
_STARTS_WITHIN: Final = 300.0
"""Seconds for an actor to begin."""


@dataclass(frozen=True, slots=True)
class Task:
    """Something to be done by an actor; two of one name and method are the same."""

    name: str
    method: str
    """The actor's."""
    arguments: tuple[Any, ...] = field(default=(), compare=False)
    """What it is given."""
    model: str = field(default="", compare=False)
    """The key of the model that it needs."""
    profiles: frozenset[str] = field(default=frozenset(), compare=False)
    """Kinds of machine on which it should be done, where the cluster has one."""


@dataclass
class _Member:
    """An actor, and what it is at."""

    handle: Any
    hello: Hello
    model: str = ""
    tasks: dict[Any, Task] = field(default_factory=dict)


class Crew:
    """The actors of a session; ``close`` lets them go, as does a failure to start them."""

    def __init__(self, address: str, count: str, actor: type[Actor], station: Station) -> None:
        """Join the cluster at ``address`` and start ``count`` actors there, as many as fit if "".

        Raises:
            GoldenseedError: no cluster answers, it has no room, or its actors are no good.

        """
        self._actor, self._station = actor, station
        self._waiting: dict[str, deque[Task]] = {}
        self._answers: dict[Task, object] = {}
        self._known: set[Task] = set()
        self._tries: Counter[Task] = Counter()
        self._crew: list[_Member] = []
        self._joining: dict[Any, tuple[Any, str, float]] = {}
        self._lost = 0
        self._refused: list[GoldenseedError] = []
        self._ray: Any = None
        self._ray = joined(address, count)
        try:
            self._gpus = on_gpus(self._ray, station.device)
            self._start(places(self._ray, count, gpus=self._gpus))
            self._gather()
        except BaseException:
            self.close()
            raise

    def begin(self, tasks: Iterable[Task]) -> None:
        """Hand tasks out: of one model to as few actors as keep all of them busy."""
        for task in tasks:
            self._known.add(task)
            self._waiting.setdefault(task.model, deque()).append(task)
        self._hand_out()

    def answer(self, task: Task) -> Any:
        """Wait for what an actor's method returned, of a task that may not have begun yet.

        Raises:
            GoldenseedError: it failed, it took its actors down, or none is left.

        """
        if task not in self._known:
            self.begin([task])  # a plugin runs a test once more
        while task not in self._answers:
            self._take_in()
        self._known.discard(task)
        found = self._answers.pop(task)
        if isinstance(found, Exception):
            raise GoldenseedError(str(found)) from found
        return found

    def close(self) -> None:
        """Let the actors go; a cluster that was started here ends."""
        for _, token, _ in self._joining.values():
            (self._station.folder / token).unlink(missing_ok=True)
        handles = [each.handle for each in self._crew]
        handles += [handle for handle, _, _ in self._joining.values()]
        self._crew, self._joining = [], {}
        try:
            for each in handles:
                with suppress(self._ray.exceptions.RayError, ConnectionError):  # it went before
                    self._ray.kill(each)
        finally:
            self._ray.shutdown()

    @property
    def size(self) -> int:
        """How many actors there are, those that are starting among them."""
        return len(self._crew) + len(self._joining)

    @property
    def said(self) -> str:
        """Who makes the images, in a line."""
        of = Counter(each.hello.profile for each in self._crew)
        kinds = ", ".join(f"{count} x {profile}" for profile, count in sorted(of.items()))
        told = [f"on Ray: {kinds or 'no actor is left'}"]
        starting = len(self._joining)
        if replaced := self._lost - len(self._refused) - starting:
            told.append(f"{replaced} lost and replaced")
        if starting:
            told.append(f"{starting} lost, and another was starting")
        if self._refused:
            told.append(f"{len(self._refused)} lost and not replaced: {self._refused[-1].what}")
        return "; ".join(told)

    def _hand_out(self) -> None:
        # One for each before a second for any: who has nothing to do comes first.
        for ahead in range(1, _AHEAD + 1):
            for each in self._crew:
                if len(each.tasks) < ahead and (task := self._next(each)) is not None:
                    method = getattr(each.handle, task.method)
                    each.tasks[method.remote(*task.arguments)] = task
                    each.model = task.model

    def _next(self, member: _Member) -> Task | None:
        """Return the task that an actor should take: of its own model, else of the fullest one."""
        own = member.hello.profile
        held = Counter(each.model for each in self._crew if each is not member)
        models = sorted(
            (model for model, tasks in self._waiting.items() if tasks),
            key=lambda model: (
                model != member.model,
                held[model] > 0,
                -len(self._waiting[model]),
            ),
        )
        for model in models:
            tasks = self._waiting[model]
            for task in tasks:
                if self._fits(task, own):
                    tasks.remove(task)
                    return task
        return None

    def _fits(self, task: Task, profile: str) -> bool:
        """Whether a task may be done there: on a kind that it wants, if there is such a machine."""
        there = {each.hello.profile for each in self._crew} & task.profiles
        return not there or profile in there

    def _take_in(self) -> None:
        """Wait until a task ends or an actor has started, and take it in."""
        of = {ref: each for each in self._crew for ref in each.tasks}
        if not of and not self._joining:
            why = f": {self._refused[-1].what}" if self._refused else ""
            self._fail_all(f"no actor is left to make it{why}")
            return
        ended, _ = self._ray.wait([*of, *self._joining], num_returns=1, timeout=1.0)
        self._greet([ref for ref in ended if ref in self._joining])
        for ref in ended:
            if ref not in of or ref not in of[ref].tasks:
                continue  # it was an actor's greeting; or was lost with its actor just now
            member = of[ref]
            try:
                answer = self._ray.get(ref)
            except self._ray.exceptions.RayTaskError as error:
                answer = GoldenseedError(f"{type(error.cause).__name__}: {error.cause}")
            except self._ray.exceptions.RayError as error:
                self._replace(member, error)
                continue
            self._answers[member.tasks.pop(ref)] = answer
        self._hand_out()

    def _replace(self, member: _Member, error: Exception) -> None:
        """Put the tasks of a lost actor first again, and let another actor start."""
        self._crew.remove(member)
        self._lost += 1
        self._ray.kill(member.handle)  # of one that only does not answer the GPU would stay taken
        for ref, task in list(member.tasks.items()):  # what it had ended before is not lost
            try:
                self._answers[task] = self._ray.get(ref, timeout=0)
            except self._ray.exceptions.RayError:
                break
            del member.tasks[ref]
        # An actor goes by the order of its tasks: the first was under way, the next only waited.
        running = next(iter(member.tasks.values()), None)
        for task in reversed(member.tasks.values()):
            self._tries[task] += task is running
            if self._tries[task] < _TRIES:
                self._waiting.setdefault(task.model, deque()).appendleft(task)
            else:
                what = f"the actor {member.hello.node} was lost while it ran this, twice: {error}"
                self._answers[task] = GoldenseedError(what.splitlines()[0])
        member.tasks.clear()
        self._start(1)

    def _fail_all(self, why: str) -> None:
        for tasks in self._waiting.values():
            for task in tasks:
                self._answers[task] = GoldenseedError(why)
            tasks.clear()

    def _gather(self) -> None:
        """Wait until all have started; here one that does not is an error."""
        while self._joining:
            self._greet(self._ray.wait(list(self._joining), timeout=1.0)[0])
            if self._refused:
                raise self._refused[0]

    def _start(self, count: int) -> None:
        """Let actors start; ``_greet`` takes them in once they say where they are."""
        need = {"num_gpus": 1} if self._gpus else {"num_cpus": 1}
        remote = self._ray.remote(self._actor).options(**need)
        self._station.folder.mkdir(parents=True, exist_ok=True)
        for _ in range(count):
            token = f".ray-{token_hex(8)}"
            (self._station.folder / token).touch()
            handle = remote.remote(self._station)
            until = time.monotonic() + _STARTS_WITHIN
            self._joining[handle.hello.remote(token)] = handle, token, until

    def _greet(self, ended: Sequence[Any]) -> None:
        """Take in actors that have started, if they stand in this run's folder and are alike.

        What is wrong with one that was to replace another is remembered: the others go on.
        """
        late = [ref for ref, (_, _, until) in self._joining.items() if time.monotonic() > until]
        for ref in dict.fromkeys([*ended, *late]):
            handle, token, _ = self._joining.pop(ref)
            (self._station.folder / token).unlink(missing_ok=True)
            try:
                hello = self._ray.get(ref, timeout=0)
                _check_alike(self._crew, hello, self._station)
            except self._ray.exceptions.RayError as error:
                self._refused.append(_not_started(error))
            except GoldenseedError as error:
                self._refused.append(error)
            else:
                self._crew.append(_Member(handle, hello))
                continue
            self._ray.kill(handle)


def _not_started(error: Exception) -> GoldenseedError:
    late = isinstance(error, TimeoutError)
    why = f"not in {_STARTS_WITHIN:g} s" if late else str(error).strip().splitlines()[-1]
    return GoldenseedError(
        f"an actor does not start: {why}",
        fix="see that every node has this package and what the suites need, at one path",
    )


def _check_alike(crew: Sequence[_Member], new: Hello, station: Station) -> None:
    """Refuse an actor that is elsewhere, or has other packages than the first."""
    if not new.sees_run:
        raise GoldenseedError(
            f"the actor {new.node} does not see the run's folder",
            path=station.folder,
            fix="put the project on a file system that all nodes share, at one path",
        )
    first = crew[0].hello if crew else new
    keys = {*first.packages, *new.packages}
    other = sorted(k for k in keys if first.packages.get(k) != new.packages.get(k))
    if other:
        said = ", ".join(
            f"{key.partition('.')[2]} {first.packages.get(key)} and {new.packages.get(key)}"
            for key in other[:3]
        )
        raise GoldenseedError(
            f"the actors {first.node} and {new.node} have other packages: {said}",
            fix="give all nodes the same environment; images of both in one run would be "
            "compared as if it were one",
        )
