"""Sets of cases whose images are held against each other: consistent ones, and diverse ones."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType

from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.cases import (
    Kind,
    Limit,
    Prompt,
    SetSpec,
    Template,
    named_images,
)
from goldenseed.suite.document import Document, Problem
from goldenseed.suite.inputs import InputCase, input_files
from goldenseed.suite.schema import SuiteFile
from goldenseed.suite.sections import ConsistencySection, DiversitySection

_FEWEST = 2
_SHOWN_IDS = 5
_WILD = ("*", "?")
MOST_LOOKS = 2_000_000
"""How often a pattern may be held against a case, in all sets of a suite: about two seconds."""


def resolve_sets(
    document: Document, section: SuiteFile, templates: Sequence[Template]
) -> tuple[tuple[SetSpec, ...], list[Problem]]:
    """Resolve every set of a suite file and say what is wrong, but for the names of the limits."""
    if not section.consistency and not section.diversity:
        return (), []
    resolver = _Resolver(document, templates)
    sets = (
        *resolver.sets("consistency", section.consistency),
        *resolver.sets("diversity", section.diversity),
    )
    resolver.look_between(sets)
    return sets, resolver.problems


def matches(pattern: str, case: str) -> bool:
    """Whether a case id is meant: whole, without its bracket, or by ``*`` and ``?``."""
    if pattern in (case, case.partition("[")[0]):
        return True
    # ids have brackets, which stand for themselves
    return fnmatch.fnmatchcase(case, pattern.replace("[", "[[]"))


def unknown_cases(templates: Sequence[Template]) -> Iterator[Problem]:
    """Find inputs that name a case of this suite which it does not have."""
    named = [
        each
        for template in templates
        for _, each in input_files(template.inputs)
        if isinstance(each, InputCase) and each.of_suite is None
    ]
    known = {name for each in templates for name, _, _ in named_images(each)} if named else set()
    for each in named:
        if each.case not in known:
            near = get_close_matches(each.case, known, n=1)
            fix = f"write `{near[0]}`" if near else "name a case as pytest shows it: `one[seed=1]`"
            yield Problem(each.line, f"the suite has no case `{each.case}`", fix)


class Patterns:
    """Finds the cases that patterns mean, and says which mean none."""

    def __init__(self, document: Document, templates: Sequence[Template]) -> None:
        self.problems: list[Problem] = []
        self._document = document
        self._prompts = {
            case: prompt for each in templates for case, prompt, _seed in named_images(each)
        }
        self._without_bracket: dict[str, set[str]] = {}
        for case in self._prompts:
            self._without_bracket.setdefault(case.partition("[")[0], set()).add(case)
        self._looks = 0

    def members(
        self, patterns: Sequence[str], place: tuple[str | int, ...]
    ) -> tuple[tuple[str, ...], bool]:
        """Return the cases in the suite's order, and whether every pattern means one."""
        meant: set[str] = set()
        unknown = False
        for index, pattern in enumerate(patterns):
            found = self._meant(pattern, (*place, index))
            meant |= found
            if not found:
                unknown = True
                some = ", ".join(f"`{case}`" for case in list(self._prompts)[:_SHOWN_IDS])
                what = f"no case is meant by `{pattern}`"
                self._say((*place, index), what, f"the cases begin with {some}")
        return tuple(case for case in self._prompts if case in meant), not unknown

    def _meant(self, pattern: str, place: tuple[str | int, ...]) -> set[str]:
        """Find the cases that ``matches`` finds; only a pattern has to be held against each."""
        if any(sign in pattern for sign in _WILD):
            self._look(len(self._prompts), place)
            return {case for case in self._prompts if matches(pattern, case)}
        found = self._without_bracket.get(pattern, set()) | ({pattern} & self._prompts.keys())
        self._look(len(found), place)
        return found

    def _look(self, times: int, place: tuple[str | int, ...]) -> None:
        self._looks += times
        if self._looks > MOST_LOOKS:
            raise GoldenseedError(
                f"the suite's sets look at more than {MOST_LOOKS:,} cases, {len(self._prompts):,} "
                "for each pattern",
                path=self._document.path,
                line=self._document.line_of(place),
                fix="use fewer sets and patterns, or split the suite",
            )

    def _say(self, place: tuple[str | int, ...], what: str, fix: str) -> None:
        self.problems.append(Problem(self._document.line_of(place), what, fix))


class _Resolver(Patterns):
    def sets(
        self, kind: Kind, sections: Sequence[ConsistencySection | DiversitySection]
    ) -> Iterator[SetSpec]:
        first_of: dict[str, int] = {}
        for index, section in enumerate(sections):
            place = (kind, index)
            other = first_of.setdefault(section.id.casefold(), index)
            if other != index:
                line = self._document.line_of((kind, other, "id"))
                what = f"the set `{section.id}` stands here and on line {line}"
                self._say((*place, "id"), what, "rename one of the two")
            yield self._set(kind, place, section)

    def _set(
        self, kind: Kind, place: tuple[str, int], section: ConsistencySection | DiversitySection
    ) -> SetSpec:
        between = section.between if isinstance(section, ConsistencySection) else {}
        if not section.within and not between:
            fix = "add limits under `within`"
            self._say(place, f"the set `{section.id}` has no limits", fix)
        return SetSpec(
            kind=kind,
            id=section.id,
            groups=self._groups(kind, place, section),
            statistic=section.statistic,
            within=self._limits((*place, "within"), section.within),
            between=self._limits((*place, "between"), between),
            line=self._document.line_of(place),
        )

    def _groups(
        self, kind: Kind, place: tuple[str, int], section: ConsistencySection | DiversitySection
    ) -> tuple[tuple[str, ...], ...]:
        members, known = self.members(section.cases, (*place, "cases"))
        if not known:
            return (members,)
        if len(members) < _FEWEST:
            what = f"the set `{section.id}` has one case only, `{members[0]}`: there is no pair"
            self._say((*place, "cases"), what, "name at least two cases")
        if kind == "consistency":
            return (members,)
        by_prompt: dict[Prompt, list[str]] = {}
        for case in members:
            by_prompt.setdefault(self._prompts[case], []).append(case)
        groups = tuple(tuple(group) for group in by_prompt.values() if len(group) >= _FEWEST)
        if not groups and len(members) >= _FEWEST:
            what = f"no two cases of the set `{section.id}` have one prompt"
            self._say((*place, "cases"), what, "name cases of one prompt with several seeds")
        return groups

    def look_between(self, sets: Sequence[SetSpec]) -> None:
        """Find sets that are to be kept apart from nothing, or from themselves."""
        consistent = [each for each in sets if each.kind == "consistency"]
        holders: dict[str, list[int]] = {}
        for index, this in enumerate(consistent):
            for case in this.cases:
                holders.setdefault(case, []).append(index)
        for index, this in enumerate(consistent):
            if not this.between:
                continue
            place = ("consistency", index, "between")
            if len(consistent) == 1:
                what = f"`between` of the set `{this.id}` has no other set to look at"
                self._say(place, what, "add a second set, or remove `between`")
            shared = min((case for case in this.cases if len(holders[case]) > 1), default=None)
            if shared is not None:
                other = next(each for each in holders[shared] if each != index)
                what = (
                    f"`{shared}` is in the set `{this.id}` and in `{consistent[other].id}`, which "
                    f"`between` holds apart"
                )
                self._say(place, what, "keep it in one of the two, or remove `between`")

    def _limits(
        self, place: tuple[str | int, ...], limits: Mapping[str, float]
    ) -> Mapping[str, Limit]:
        return MappingProxyType(
            {
                name: Limit(value, "suite", self._document.key_line_of((*place, name)))
                for name, value in limits.items()
            }
        )
