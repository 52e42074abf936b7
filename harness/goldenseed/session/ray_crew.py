"""The actors of a Ray cluster: started, given tasks, replaced where one is lost."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, Final

from goldenseed.core.errors import GoldenseedError
from goldenseed.session.ray_actor import Answer, CaseActor, Hello, Setup

LOCAL: Final = "local"
"""The address of a cluster that is started here, for this session alone."""
_AHEAD: Final = 2
"""Tasks an actor has at a time: the next one lies ready when one ends."""
_TRIES: Final = 2
"""How often a case is tried whose actor was lost."""
_STARTS_WITHIN: Final = 300
"""Seconds for an actor to begin."""


@dataclass(frozen=True, slots=True)
class Task:
    """One case or relation to be made elsewhere."""

    place: str
    """The suite file, below pytest's root."""
    case_id: str
    name: str
    """The test's."""
    model: str
    """The key of the model that makes it."""
    profiles: frozenset[str]
    """Where it has an accepted image."""
    relation: bool = False


@dataclass
class _Member:
    """An actor, and what it is at."""

    handle: Any
    hello: Hello
    model: str = ""
    tasks: dict[Any, Task] = field(default_factory=dict)


class Crew:
    """The actors of a session; made when the first suite is met, gone when it ends."""

    def __init__(self, address: str, count: str, setup: Setup) -> None:
        self._setup = setup
        self._ray = _connected(address, count)
        self._waiting: dict[str, deque[Task]] = {}
        self._answers: dict[Task, Answer | Exception] = {}
        self._tries: Counter[Task] = Counter()
        self._gpus = self._on_gpus(count)
        self._crew = self._gathered(_count_of(self._ray, count, gpus=self._gpus))
        self._lost = 0

    def begin(self, tasks: Iterable[Task]) -> None:
        """Hand tasks out: of one model to as few actors as keep all of them busy."""
        for task in tasks:
            self._waiting.setdefault(task.model, deque()).append(task)
        self._hand_out()

    def answer(self, task: Task) -> Answer:
        """Wait for what became of a task.

        Raises:
            GoldenseedError: it took its actors down, or none is left.

        """
        known = task in self._answers or any(task in each.tasks.values() for each in self._crew)
        if not known and task not in self._waiting.get(task.model, ()):
            self.begin([task])  # a plugin runs a test once more
        while task not in self._answers:
            self._take_in()
        found = self._answers.pop(task)
        if isinstance(found, Exception):
            raise GoldenseedError(str(found)) from found
        return found

    def close(self) -> None:
        """Let the actors go; a cluster that was started here ends."""
        for each in self._crew:
            self._ray.kill(each.handle)
        self._crew = []
        self._ray.shutdown()

    @property
    def said(self) -> str:
        """Who makes the images, in a line."""
        of = Counter(each.hello.profile for each in self._crew)
        kinds = ", ".join(f"{count} x {profile}" for profile, count in sorted(of.items()))
        lost = f"; {self._lost} lost and replaced" if self._lost else ""
        return f"on Ray: {kinds}{lost}"

    def _hand_out(self) -> None:
        for each in sorted(self._crew, key=lambda member: len(member.tasks)):
            while len(each.tasks) < _AHEAD and (task := self._next(each)) is not None:
                method = each.handle.relate if task.relation else each.handle.run
                given = (
                    (task.place, task.name)
                    if task.relation
                    else (task.place, task.case_id, task.name)
                )
                each.tasks[method.remote(*given)] = task
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
        """Whether a task may be made there: where it is accepted, if there is such a machine."""
        there = {each.hello.profile for each in self._crew} & task.profiles
        return not there or profile in there

    def _take_in(self) -> None:
        """Wait until some task ends; take its answer, or try it again where its actor is lost."""
        of = {ref: each for each in self._crew for ref in each.tasks}
        if not of:
            self._fail_all("no actor is left to make it")
            return
        ended, _ = self._ray.wait(list(of), num_returns=1, timeout=1.0)
        for ref in ended:
            member = of[ref]
            if ref not in member.tasks:
                continue  # it was lost with its actor just now
            try:
                answer = self._ray.get(ref)
            except self._ray.exceptions.RayActorError as error:
                self._replace(member, error)
                continue
            except self._ray.exceptions.RayTaskError as error:
                answer = GoldenseedError(f"{type(error.cause).__name__}: {error.cause}")
            self._answers[member.tasks.pop(ref)] = answer
        self._hand_out()

    def _replace(self, member: _Member, error: Exception) -> None:
        """Put the tasks of a lost actor first again, and start another actor."""
        self._crew.remove(member)
        self._lost += 1
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
        self._crew += self._gathered(1)
        self._hand_out()

    def _fail_all(self, why: str) -> None:
        for tasks in self._waiting.values():
            for task in tasks:
                self._answers[task] = GoldenseedError(why)
            tasks.clear()

    def _on_gpus(self, count: str) -> bool:
        """Whether actors take a GPU each: where there are some, and a CPU was not asked for."""
        gpus = self._ray.cluster_resources().get("GPU", 0)
        wanted = self._setup.options.first_device.partition(":")[0]
        if wanted == "cuda" and not gpus:
            raise GoldenseedError(
                "the cluster has no GPU, and --golden-device asks for one",
                fix="join nodes with GPUs, or leave the device out",
            )
        if wanted == "cuda" and count and int(count) > gpus:
            raise GoldenseedError(
                f"the cluster has {gpus:g} GPUs, and --golden-ray-actors asks for {count}",
                fix="ask for as many as there are: a GPU holds one model",
            )
        return bool(gpus) and wanted in {"cuda", "auto"}

    def _gathered(self, count: int) -> list[_Member]:
        """Start actors, and see that they stand in this run's folder with the same packages."""
        need = {"num_gpus": 1} if self._gpus else {"num_cpus": 1}
        remote = self._ray.remote(CaseActor)
        handles = [remote.options(**need).remote(self._setup) for _ in range(count)]
        token = f".ray-{token_hex(8)}"
        self._setup.folder.mkdir(parents=True, exist_ok=True)
        mark = self._setup.folder / token
        mark.touch()
        try:
            hellos = self._ray.get(
                [each.hello.remote(token) for each in handles], timeout=_STARTS_WITHIN
            )
        except self._ray.exceptions.RayError as error:
            raise GoldenseedError(
                f"an actor does not start: {str(error).strip().splitlines()[-1]}",
                fix="see that every node has this package and what the suites need, at one path",
            ) from error
        finally:
            mark.unlink(missing_ok=True)
        found = [_Member(handle, hello) for handle, hello in zip(handles, hellos, strict=True)]
        _check_alike([*getattr(self, "_crew", ()), *found], self._setup)
        return found


def _check_alike(crew: list[_Member], setup: Setup) -> None:
    first = crew[0].hello
    for each in (member.hello for member in crew):
        if not each.sees_run:
            raise GoldenseedError(
                f"the actor {each.node} does not see the run's folder",
                path=setup.folder,
                fix="put the project on a file system that all nodes share, at one path",
            )
        keys = {*first.packages, *each.packages}
        other = sorted(k for k in keys if first.packages.get(k) != each.packages.get(k))
        if other:
            said = ", ".join(
                f"{key.partition('.')[2]} {first.packages.get(key)} and {each.packages.get(key)}"
                for key in other[:3]
            )
            raise GoldenseedError(
                f"the actors {first.node} and {each.node} have other packages: {said}",
                fix="give all nodes the same environment; images of both in one run would be "
                "compared as if it were one",
            )


def _connected(address: str, count: str) -> Any:
    """Import Ray and join a cluster."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise GoldenseedError(
            f"Ray is not installed: {error}", fix="pip install 'pytest-goldenseed[ray]'"
        ) from error
    how: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    if address == LOCAL:
        how |= {"include_dashboard": False, "num_cpus": int(count) if count else None}
        how["_node_ip_address"] = "127.0.0.1"
    else:
        how["address"] = address
    try:
        ray.init(**how)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise GoldenseedError(
            f"no Ray cluster answers at {address}: {str(error).strip().splitlines()[0]}",
            fix="local starts one here, auto joins the one of this machine, ray://HOST:10001 "
            "another",
        ) from error
    return ray


def _count_of(ray: Any, count: str, *, gpus: bool) -> int:
    there = int(ray.cluster_resources().get("GPU" if gpus else "CPU", 1))
    return min(int(count), there) if count else there
