"""What a self-check says of gates: which are blind, dead or within the tolerance, which to set.

The tests are the wrong images that differ from the right ones. A gate is

- *blind* if it fails fewer than one in ten of them, and blind to a kind of wrong image if it fails
  none of that kind;
- *dead* if it never decides: whatever it fails, the gates that stay fail too;
- *within the tolerance* if it fails a right image that nothing but rounding moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from goldenseed.images.gates import parse_gate
from goldenseed.images.metrics import look_up
from goldenseed.tools.selfcheck.check import WRONG_IMAGES, SelfCheck, Trial

BLIND_BELOW = 0.1
"""A gate that fails a smaller share of the wrong images than this one is blind."""

_Place = tuple[str, str]
"""Case and wrong image."""


@dataclass(frozen=True, slots=True)
class Share:
    """How many of the wrong images were caught."""

    caught: int
    tests: int


@dataclass(frozen=True, slots=True)
class TooTight:
    """A gate within the tolerance."""

    gate: str
    limit: float
    tolerance: float
    """How far the tolerance goes on the gate's metric."""
    cases: int


@dataclass(frozen=True, slots=True)
class Room:
    """On one metric: how far the tolerance goes, and where the faintest wrong image begins."""

    gate: str
    metric: str
    tolerance: float | None
    """None where nothing is known of the tolerance on this metric."""
    faintest: float
    """The value of the wrong image that is the least far away on this metric."""
    wrong: str
    case: str

    @property
    def separates(self) -> bool:
        """Whether a limit at the tolerance fails every wrong image."""
        return self.tolerance is not None and not parse_gate(self.gate).passes(
            self.faintest, self.tolerance
        )


@dataclass(frozen=True, slots=True)
class Findings:
    """What follows from a self-check."""

    tests: int
    table: Mapping[str, Mapping[str | None, Share]]
    """Wrong image → gate → share; the gate None stands for all gates together."""
    gates: Mapping[str, Share]
    """Gate → share over all wrong images."""
    blind: tuple[str, ...]
    blind_to: Mapping[str, tuple[str, ...]]
    """Gate → the wrong images of which it fails none, for the gates that are not blind."""
    dead: tuple[str, ...]
    within_tolerance: tuple[TooTight, ...]
    rooms: tuple[Room, ...]
    proposed: Mapping[str, float]
    """The tightest gates that keep the tolerance out; empty where no tolerance is known."""


def findings(check: SelfCheck) -> Findings:
    """Draw the conclusions of a self-check."""
    tests = tuple(trial for trial in check.trials if not trial.no_test)
    catches = {gate: _caught_by(gate, tests) for gate in check.limits}
    in_force = {gate: sum(_has(each, gate) for each in tests) for gate in check.limits}
    table = {name: _row(name, tests, check) for name in WRONG_IMAGES}
    blind = tuple(
        gate
        for gate in check.limits
        if in_force[gate] and len(catches[gate]) < BLIND_BELOW * in_force[gate]
    )
    return Findings(
        tests=len(tests),
        table=table,
        gates={gate: Share(len(catches[gate]), in_force[gate]) for gate in check.limits},
        blind=blind,
        blind_to={
            gate: unseen
            for gate in check.limits
            if gate not in blind and (unseen := _unseen(gate, table))
        },
        dead=_dead(catches),
        within_tolerance=tuple(_within_tolerance(check)),
        rooms=tuple(_rooms(check, tests)),
        proposed=_proposed(check),
    )


def _has(trial: Trial, gate: str) -> bool:
    return any(result.gate == gate for result in trial.gates)


def _fails(trial: Trial, gate: str) -> bool:
    return any(result.gate == gate and not result.passed for result in trial.gates)


def _caught_by(gate: str, tests: tuple[Trial, ...]) -> frozenset[_Place]:
    return frozenset((each.case, each.wrong) for each in tests if _fails(each, gate))


def _row(name: str, tests: tuple[Trial, ...], check: SelfCheck) -> dict[str | None, Share]:
    own = [each for each in tests if each.wrong == name]
    row: dict[str | None, Share] = {None: Share(sum(each.caught for each in own), len(own))}
    for gate in check.limits:
        held = [each for each in own if _has(each, gate)]
        row[gate] = Share(sum(_fails(each, gate) for each in held), len(held))
    return row


def _unseen(gate: str, table: Mapping[str, Mapping[str | None, Share]]) -> tuple[str, ...]:
    return tuple(name for name, row in table.items() if row[gate].tests and not row[gate].caught)


def _dead(catches: Mapping[str, frozenset[_Place]]) -> tuple[str, ...]:
    """Drop, weakest first and of equals the later, each gate whose catch the others have."""
    order = list(catches)
    staying = [gate for gate in order if catches[gate]]
    dead = []
    for gate in sorted(staying, key=lambda each: (len(catches[each]), -order.index(each))):
        others = frozenset[_Place]().union(*(catches[each] for each in staying if each != gate))
        if catches[gate] <= others:
            staying.remove(gate)
            dead.append(gate)
    return tuple(gate for gate in order if gate in dead)


def _within_tolerance(check: SelfCheck) -> list[TooTight]:
    """Hold each case's gates against its tolerance, and against an image that rounding moved."""
    found: dict[str, dict[str, TooTight]] = {}
    for right in check.right:
        for name, limit in right.limits.items():
            gate = parse_gate(name)
            reach = right.reach.get(gate.metric)
            if reach is not None and not gate.passes(reach, limit.value):
                tight = TooTight(name, limit.value, reach, 1)
                found.setdefault(name, {})[right.case.id] = tight
    for trial in check.rounded:
        for result in trial.gates:
            if not result.passed:
                tight = TooTight(result.gate, result.limit, result.value, 1)
                found.setdefault(result.gate, {}).setdefault(trial.case, tight)
    return [_worst(gate, list(cases.values())) for gate, cases in found.items()]


def _worst(gate_name: str, found: list[TooTight]) -> TooTight:
    loose = max if parse_gate(gate_name).direction == "max" else min
    worst = loose(found, key=lambda each: each.tolerance)
    return TooTight(gate_name, worst.limit, worst.tolerance, sum(each.cases for each in found))


def _rooms(check: SelfCheck, tests: tuple[Trial, ...]) -> list[Room]:
    """For each metric of gates or tolerance: the tolerance, and the faintest wrong image."""
    names = [parse_gate(gate).metric for gate in check.limits]
    names += _tolerance_metrics(check)
    rooms = []
    for name in dict.fromkeys(names):
        metric = look_up(name)
        measured = [each for each in tests if name in each.metrics]
        if not measured:
            continue
        faintest = max if metric.higher_is_better else min
        trial = faintest(measured, key=lambda each, name=name: each.metrics[name])  # type: ignore[misc]
        tolerance = _reach(check, name)
        rooms.append(
            Room(metric.gate, name, tolerance, trial.metrics[name], trial.wrong, trial.case)
        )
    return rooms


def _tolerance_metrics(check: SelfCheck) -> list[str]:
    return list(dict.fromkeys(name for right in check.right for name in right.reach))


def _reach(check: SelfCheck, metric: str) -> float | None:
    """Return how far any case's tolerance goes on ``metric``; None if not known for all."""
    known = [right.reach[metric] for right in check.right if metric in right.reach]
    if len(known) < len(check.right) or not known:
        return None
    return min(known) if look_up(metric).higher_is_better else max(known)


def _proposed(check: SelfCheck) -> dict[str, float]:
    """Return the tightest gates that keep the tolerance out: at its edge, on each metric it has."""
    reaches = {name: _reach(check, name) for name in _tolerance_metrics(check)}
    return {look_up(name).gate: reach for name, reach in reaches.items() if reach is not None}
