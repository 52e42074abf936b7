"""Relations: ways of making one image otherwise, in one build, that have to agree with its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod
from types import MappingProxyType
from typing import Literal

from pydantic import JsonValue

from goldenseed.suite.cases import Limit, Template
from goldenseed.suite.document import Document, Problem
from goldenseed.suite.quarantine import Quarantine
from goldenseed.suite.relation_schema import HoldSection, RelationSection
from goldenseed.suite.schema import SuiteFile
from goldenseed.suite.sections import MOST_CASES
from goldenseed.suite.sets import Patterns

EXACT_TIMES = "no_farther_from_exact_than"
"""The key of ``hold`` that is no gate."""


@dataclass(frozen=True, slots=True)
class Hold:
    """How the two images have to agree."""

    verdict: Literal["identical", "match"] | None = None
    """The verdict that the one has to have against the other; None where limits say it."""
    limits: Mapping[str, Limit] = field(default_factory=dict)
    """Gate to limit, where there is no ``verdict``."""
    times: float | None = None
    """How many times as far from the exact image as the reference the other may be, at most."""

    @property
    def words(self) -> str:
        """``identical``, or ``max_peak_difference 1, no_farther_from_exact_than 1.5``."""
        limits = [f"{name} {each.value:g}" for name, each in self.limits.items()]
        times = [] if self.times is None else [f"{EXACT_TIMES} {self.times:g}"]
        return self.verdict or ", ".join([*limits, *times])

    @property
    def document(self) -> str | dict[str, float]:
        """As the suite has it."""
        limits = {name: each.value for name, each in self.limits.items()}
        return self.verdict or limits | ({} if self.times is None else {EXACT_TIMES: self.times})


@dataclass(frozen=True, slots=True, eq=False)
class RelationSpec:
    """An entry of ``relations``, its patterns resolved."""

    id: str
    cases: tuple[str, ...]
    """The ids of the cases, in the order of the suite."""
    alternatives: tuple[Mapping[str, JsonValue], ...]
    """Every combination of what is done otherwise: key of the table of changes to value."""
    hold: Hold
    line: int
    lines: Mapping[str, int] = field(default_factory=dict)
    """Where each key of ``vary`` stands."""
    marks: tuple[str, ...] = ()
    quarantine: Quarantine | None = None


def resolve_relations(
    document: Document, section: SuiteFile, templates: Sequence[Template]
) -> tuple[tuple[RelationSpec, ...], list[Problem]]:
    """Resolve the relations and say what is wrong, but for the names of changes and gates."""
    if not section.relations:
        return (), []
    patterns = Patterns(document, templates)
    problems = [*_taken(document, section.relations, templates)]
    found = []
    for index, each in enumerate(section.relations):
        place = ("relations", index)
        cases, _ = patterns.members(each.cases, (*place, "cases"))
        axes = {
            key: value if isinstance(value, list) else [value] for key, value in each.vary.items()
        }
        problems += _axes_faults(document, (*place, "vary"), axes, len(cases))
        if problems:
            continue
        found.append(
            RelationSpec(
                id=each.id,
                cases=cases,
                alternatives=tuple(
                    MappingProxyType(dict(zip(axes, values, strict=True)))
                    for values in product(*axes.values())
                ),
                hold=_hold(document, (*place, "hold"), each.hold),
                line=document.line_of(place),
                lines={key: document.key_line_of((*place, "vary", key)) for key in axes},
                marks=tuple(dict.fromkeys(each.marks)),
                quarantine=Quarantine.of(each.quarantine),
            )
        )
        if found[-1].hold == Hold():
            what = f"the relation `{each.id}` holds nothing"
            fix = "write `identical`, `match`, or a limit such as `max_peak_difference: 1`"
            problems.append(Problem(document.line_of((*place, "hold")), what, fix))
    return tuple(found), [*problems, *patterns.problems]


def _hold(document: Document, place: tuple[str | int, ...], section: HoldSection | str) -> Hold:
    if isinstance(section, str):
        return Hold("identical" if section == "identical" else "match")
    limits = {
        name: Limit(value, "relation", document.key_line_of((*place, name)))
        for name, value in (section.__pydantic_extra__ or {}).items()
    }
    return Hold(limits=MappingProxyType(limits), times=section.no_farther_from_exact_than)


def _taken(
    document: Document, relations: Sequence[RelationSection], templates: Sequence[Template]
) -> Iterator[Problem]:
    """Find names that two relations have, or a relation and a case: pytest tells them by those."""
    names = {each.id.casefold(): ("case", each.line) for each in templates}
    for index, each in enumerate(relations):
        line = document.line_of(("relations", index, "id"))
        known = names.setdefault(each.id.casefold(), ("relation", line))
        if known != ("relation", line):
            what = f"`{each.id}` is the {known[0]} on line {known[1]} too"
            yield Problem(line, what, "rename one of the two")


def _axes_faults(
    document: Document,
    place: tuple[str | int, ...],
    axes: Mapping[str, Sequence[JsonValue]],
    cases: int,
) -> Iterator[Problem]:
    for key, values in axes.items():
        line = document.key_line_of((*place, key))
        if not values:
            yield Problem(line, f"`{key}` has no value", "write at least one")
        if any(value in values[:at] for at, value in enumerate(values)):
            yield Problem(line, f"`{key}` has a value twice", "keep one of the two")
    if cases * prod(map(len, axes.values())) > MOST_CASES:
        what = f"the relation is more than {MOST_CASES:,} images"
        yield Problem(document.line_of(place), what, "name fewer cases, or fewer values")
