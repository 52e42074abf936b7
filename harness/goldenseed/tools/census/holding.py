"""Every gate, content limit, set and relation in force for each case of a suite, and its past."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from goldenseed.baselines.store import BaselineStore
from goldenseed.history.asked import chosen
from goldenseed.history.database import History
from goldenseed.history.points import Point
from goldenseed.images.gates import DEFAULT, Gate
from goldenseed.runs.made import limits_of
from goldenseed.suite.cases import Case, Limit, SetSpec, Suite
from goldenseed.tools.relations.members import Member, members_of

Kind = Literal["gate", "content", "consistency", "diversity", "relation"]
Pasts = Mapping[str, Sequence[Point]]
"""By the name of a case or a relation: its points, in the order of time."""


@dataclass(frozen=True, slots=True)
class Holder:
    """One thing that holds a case."""

    kind: Kind
    name: str
    """A gate, a content limit, a set's id or a relation's."""
    limit: str
    """``0.95``, or what has to hold, in words."""
    source: str
    """``suite``, ``case`` or ``default``."""
    line: int | None = None
    """Where it stands in the suite file; None of a default."""
    last_failed: datetime | None = None
    recorded: int | None = None
    """In how many runs of the history it was measured; None where the history has nothing of it."""


@dataclass(frozen=True, slots=True)
class Held:
    """A case, and what holds it."""

    case: Case
    accepted: tuple[str, ...]
    """The profiles in which something is accepted for it."""
    holders: tuple[Holder, ...]

    @property
    def compared(self) -> bool:
        """Whether anything is held against it: a gate needs an image that is accepted."""
        alone = any(each.kind != "gate" for each in self.holders)
        return bool(self.accepted) or alone

    @property
    def by_default(self) -> bool:
        """Whether its only gate is the one that no suite set."""
        return {each.source for each in self.holders if each.kind == "gate"} == {DEFAULT}


def census(suite: Suite, store: BaselineStore, pasts: Pasts) -> tuple[Held, ...]:
    """Return what holds each case, in the order of the suite.

    Raises GoldenseedError where a baseline's entry cannot be read, or a relation is at fault.
    """
    members: dict[str, list[Member]] = {}
    for each in members_of(suite):
        members.setdefault(each.case.id, []).append(each)
    return tuple(_held(case, store, pasts, members.get(case.id, ())) for case in suite.cases)


def _held(case: Case, store: BaselineStore, pasts: Pasts, members: Sequence[Member]) -> Held:
    entry = store.entry(case.suite.name, case.id)
    profiles = entry.profiles.items() if entry else ()
    points = pasts.get(case.id, ())
    return Held(
        case=case,
        accepted=tuple(name for name, each in profiles if each.accepted),
        holders=(
            *_gates(case, points),
            *_content(case, points),
            *(_set(each) for each in case.suite.sets if case.id in each.cases),
            *(_relation(each, pasts) for each in members),
        ),
    )


def _gates(case: Case, points: Sequence[Point]) -> Iterator[Holder]:
    for name, limit in limits_of(case).items():
        gate = Gate.named(name)
        found = [(p, p.value(gate.metric)) for p in points] if gate else []
        values = [(each, value) for each, value in found if value is not None]
        yield _limited("gate", name, limit, [(each.at, value) for each, value in values])


def _content(case: Case, points: Sequence[Point]) -> Iterator[Holder]:
    for each in case.answers:
        yield Holder("content", f"asked {each.question!r}", each.expected, each.source, each.line)
    for name, limit in case.content.items():
        gate = Gate.named(name)
        measure = f"content.{gate.metric}" if gate else name
        values = [(p.at, p.values[measure]) for p in points if measure in p.values]
        yield _limited("content", name, limit, values)


def _limited(
    kind: Kind, name: str, limit: Limit, values: Sequence[tuple[datetime, float]]
) -> Holder:
    """Describe a limit by what it is and by the values of earlier runs, with their times."""
    gate = Gate.named(name)
    broken = [at for at, value in values if gate and not gate.passes(value, limit.value)]
    last = max(broken, default=None)
    line = limit.line or None
    return Holder(kind, name, f"{limit.value:g}", limit.source, line, last, len(values))


def _set(found: SetSpec) -> Holder:
    sides = (("within", found.within), ("between", found.between))
    limits = [f"{side} {n} {each.value:g}" for side, of in sides for n, each in of.items()]
    return Holder(found.kind, found.id, ", ".join(limits), "suite", found.line)


def _relation(member: Member, pasts: Pasts) -> Holder:
    points = pasts.get(member.name, ())
    failed = [each.at for each in points if not each.passed]
    return Holder(
        "relation",
        f"{member.spec.id}[{member.what}]",
        member.spec.hold.words,
        "suite",
        member.spec.line,
        max(failed, default=None),
        len(points),
    )


def pasts_of_suite(history: History, suite: Suite) -> Pasts:
    """Return the past of the cases and relations of a suite, of all profiles."""
    series = chosen(history, lambda each: each.suite == suite.name)
    found = history.points(list(series.values()), measured_by(suite))
    pasts: dict[str, list[Point]] = {}
    for each, number in series.items():
        pasts.setdefault(each.case, []).extend(found[number])
    return {name: sorted(points, key=lambda each: each.at) for name, points in pasts.items()}


def measured_by(suite: Suite) -> tuple[str, ...]:
    """Return what the history is asked for: the metrics and scores of all limits."""
    gates = [Gate.named(name) for each in suite.templates for name in each.limits]
    scores = [Gate.named(name) for each in suite.templates for name in each.content]
    found = [each.metric for each in gates if each]
    found += [f"content.{each.metric}" for each in scores if each]
    return tuple(dict.fromkeys([*found, "peak_difference"]))
