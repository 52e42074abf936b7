"""Recognising cases that are called otherwise now: the same recipe, and baselines by another name.

An image of an ordinary test has no recipe that tells it from others: it is known by its pixels.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from goldenseed.baselines.contents import Name
from goldenseed.baselines.entry import BaselineEntry
from goldenseed.baselines.renaming import moved
from goldenseed.baselines.store import BaselineStore
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.names import SUITE_SUFFIX
from goldenseed.runs.orphans import Orphans, Project
from goldenseed.runs.record import RunRecord
from goldenseed.suite.cases import Suite
from goldenseed.suite.recipes import recipe_of, recipe_sha256


@dataclass(frozen=True, slots=True)
class Rename:
    """One case whose baselines are kept under what it was called before."""

    old: Name
    new: Name


@dataclass(frozen=True, slots=True)
class Doubt:
    """Baselines of a case that may be called one of several names now."""

    old: Name
    new: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class Recognised:
    """What became of the names of baselines that belong to nothing."""

    renames: tuple[Rename, ...] = ()
    doubts: tuple[Doubt, ...] = ()

    @property
    def names(self) -> frozenset[Name]:
        """The old names of all of them."""
        return frozenset((*(a.old for a in self.renames), *(a.old for a in self.doubts)))

    def document(self) -> list[dict[str, Any]]:
        """Return them for programs: what each was called, and what it may be called now."""
        doubts = (*(Doubt(each.old, (each.new,)) for each in self.renames), *self.doubts)
        return [
            {"from": "::".join(each.old), "to": ["::".join(new) for new in each.new]}
            for each in doubts
        ]


def recognise(
    run: RunRecord,
    store: BaselineStore,
    project: Project,
    orphans: Iterable[Orphans],
    *,
    among: Collection[Name] = (),
) -> Recognised:
    """Find what the orphans are called now, by the run and by the suites of the project.

    A case is another's new name only if nothing is accepted for it yet in a profile of the old.
    Of several that would fit, one with the same id, or else of the same suite, is taken. ``among``
    are the only names to be looked at, old and new, as far as there are any on that side.

    Raises:
        GoldenseedError: an entry cannot be read.

    """
    olds = _entries(store, (name for each in orphans for name in each.names))
    fitting: dict[Name, list[Name]] = {}
    if olds:
        by_key: defaultdict[str, dict[Name, None]] = defaultdict(dict)
        for name, key in _present(run, store, project):
            by_key[key][name] = None
        for old, entry in olds.items():
            found = dict.fromkeys(n for key in _keys(entry) for n in by_key.get(key, ()))
            fitting[old] = [new for new in found if new != old and _free(store, new, entry)]
    return _paired(_only(fitting, among))


def _entries(store: BaselineStore, names: Iterable[Name]) -> dict[Name, BaselineEntry]:
    found = ((name, store.entry(*name)) for name in names)
    return {name: entry for name, entry in found if entry is not None}


def _keys(entry: BaselineEntry) -> Iterator[str]:
    """Yield what what is accepted is known by: its recipe, and the recipe with its pixels."""
    for profile in entry.profiles.values():
        for image in profile.accepted:
            yield image.recipe_sha256
            yield f"{image.recipe_sha256} {image.pixels_sha256}"


def _present(run: RunRecord, store: BaselineStore, project: Project) -> Iterator[tuple[Name, str]]:
    """Yield the cases there are, each with what it is known by."""
    met = set()
    for case in run.cases:
        name = case.suite, case.id
        if case.path.endswith(SUITE_SUFFIX):
            met.add(name)
            yield name, case.recipe_sha256
        elif case.pixels_sha256 is not None:
            yield name, f"{case.recipe_sha256} {case.pixels_sha256}"
    with suppress(GoldenseedError):  # then the run alone tells
        for suite in project.suites.values():
            yield from _recipes(suite, {*store.cases(suite.name)}, met)


def _recipes(
    suite: Suite, stored: Collection[str], met: Collection[Name]
) -> Iterator[tuple[Name, str]]:
    """Yield the recipes of the suite's cases that did not run and that nothing is accepted for."""
    for case in suite.cases:
        if case.id not in stored and (suite.name, case.id) not in met:
            with suppress(GoldenseedError):  # an input cannot be read, which running it will tell
                yield (suite.name, case.id), recipe_sha256(recipe_of(case))


def _free(store: BaselineStore, new: Name, old: BaselineEntry) -> bool:
    """Whether nothing is accepted or rejected for ``new`` in a profile that ``old`` has."""
    entry = store.entry(*new)
    return entry is None or not set(entry.profiles) & set(old.profiles) or moved(entry, old)


def _only(
    fitting: Mapping[Name, Sequence[Name]], among: Collection[Name]
) -> dict[Name, list[Name]]:
    olds = set(fitting) & set(among) or set(fitting)
    every = {new for news in fitting.values() for new in news}
    news = every & set(among) or every
    return {old: [n for n in each if n in news] for old, each in fitting.items() if old in olds}


def _paired(fitting: Mapping[Name, Sequence[Name]]) -> Recognised:
    """Take for each the nearest name, where there is one, and no other has it as its nearest."""
    renames: list[Rename] = []
    doubts: list[Doubt] = []
    left = {old: list(news) for old, news in fitting.items() if news}
    for alike in (_same_case, _same_suite, _any):
        close = {o: [n for n in news if alike(o, n)] for o, news in left.items()}
        close = {o: news for o, news in close.items() if news}
        wanted = Counter(new for news in close.values() for new in news)
        for old, news in close.items():
            if len(news) == 1 and wanted[news[0]] == 1:
                renames.append(Rename(old, news[0]))
            else:
                doubts.append(Doubt(old, tuple(left[old])))
        others = {o: [n for n in news if n not in wanted] for o, news in left.items()}
        left = {o: news for o, news in others.items() if news and o not in close}
    return Recognised(tuple(sorted(renames, key=lambda each: each.old)), tuple(doubts))


def _same_case(old: Name, new: Name) -> bool:
    return old[1] == new[1]


def _same_suite(old: Name, new: Name) -> bool:
    return old[0] == new[0]


def _any(_old: Name, _new: Name) -> bool:
    return True
