"""Limits on the pairs of a set: the gates' names, and their opposites where images must differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING

from harness.comparison.gates import Gate, gate_names, parse_gate, parse_limit
from harness.comparison.names import METRICS, advice, look_up, offered
from harness.errors import GoldenseedError

if TYPE_CHECKING:
    from harness.suites.expansion import Kind, Limit, SetSpec, Side

_OPPOSITE = {"min": "max", "max": "min"}
_SHARED = 2


def parse_set_limit(kind: Kind, side: Side, name: str) -> Gate:
    """Read the name of a limit.

    Where images have to be alike (``within`` of a consistent set) it is a gate's:
    ``max_phash_distance``, ``min_ssim``. Where they have to differ (``between`` sets, and in a
    diverse set) it is the opposite: ``min_phash_distance``, ``max_ssim``.

    Raises:
        GoldenseedError: an unknown metric (the message names the nearest ones), or a direction
            that asks for the opposite of what the place is for.

    """
    if kind == "consistency" and side == "within":
        return parse_gate(name)
    direction, _, rest = name.partition("_")
    if direction not in _OPPOSITE or (rest not in METRICS and rest not in offered()):
        names = [_opposite(each) for each in gate_names()]
        raise GoldenseedError(f"there is no limit {name!r}", fix=advice(name, names))
    metric = look_up(rest)
    expected = _opposite(metric.gate)
    if name != expected:
        raise GoldenseedError(
            f"the limit {name!r} would fail the images that are farthest apart, and these have to "
            "differ",
            fix=f"use {expected}",
        )
    return Gate(metric.name, "max" if metric.higher_is_better else "min")


def check_sets(sets: Sequence[SetSpec]) -> None:
    """Check every limit: its name and value, that it can fail, and that no other excludes it.

    Raises:
        GoldenseedError: the first fault, with its line; the path is for the caller to add.

    """
    for each in sets:
        for side, name, limit in _limits(each):
            try:
                gate = parse_set_limit(each.kind, side, name)
                _refuse_without_effect(gate, parse_limit(gate, limit.value))
            except GoldenseedError as error:
                raise GoldenseedError(error.what, line=limit.line, fix=error.fix) from None
    for alike, apart in product(_of_kind(sets, "consistency"), _of_kind(sets, "diversity")):
        _check_together(alike, apart)


def _refuse_without_effect(gate: Gate, limit: float) -> None:
    metric = look_up(gate.metric)
    wrong = metric.best if gate.name != metric.gate else metric.worst
    if gate.passes(wrong, limit):
        raise GoldenseedError(
            f"the limit {gate.name} {limit:g} never fails", fix="tighten it, or remove it"
        )


def _limits(each: SetSpec) -> Iterator[tuple[Side, str, Limit]]:
    for name, limit in each.within.items():
        yield "within", name, limit
    for name, limit in each.between.items():
        yield "between", name, limit


def _of_kind(sets: Sequence[SetSpec], kind: Kind) -> list[SetSpec]:
    return [each for each in sets if each.kind == kind and each.statistic == "worst"]


def _check_together(alike: SetSpec, apart: SetSpec) -> None:
    """Refuse a pair of cases that has to be both more alike and farther apart than possible.

    Only limits on the worst pair bind every pair; a mean binds none.
    """
    members = set(alike.cases)
    if not any(len(members & set(group)) >= _SHARED for group in apart.groups):
        return
    for name, limit in alike.within.items():
        other = apart.within.get(_opposite(name))
        if other is None:
            continue
        if not parse_gate(name).passes(other.value, limit.value):
            raise GoldenseedError(
                f"{_opposite(name)} {other.value:g} of the set `{apart.id}` excludes {name} "
                f"{limit.value:g} of `{alike.id}` on line {limit.line}: both hold for the same "
                "pairs",
                line=other.line,
                fix="change one of the two limits, or the cases of one of the two sets",
            )


def _opposite(name: str) -> str:
    direction, _, rest = name.partition("_")
    return f"{_OPPOSITE[direction]}_{rest}"
