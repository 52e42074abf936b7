"""Which of the changes between two sides move a suite's images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from goldenseed.bisect.atoms import Atoms
from goldenseed.bisect.both_sides import flickering, made_ends, notes_of, shown_by_tables
from goldenseed.bisect.dates import neighbours
from goldenseed.bisect.outcomes import Ends, Parting
from goldenseed.bisect.releases import Released, first_bad_release
from goldenseed.bisect.requirements import Sides, read_addresses, read_demands
from goldenseed.bisect.resolver import Resolver
from goldenseed.bisect.search import Changes, Found, Outcome, OutOfBudget, find
from goldenseed.bisect.shared import as_packages, demands_of
from goldenseed.bisect.sides import Side
from goldenseed.bisect.suspects import suspicion
from goldenseed.bisect.trials import Trials
from goldenseed.bisect.tried import Tried
from goldenseed.core.errors import GoldenseedError

_MOST = 6
"""How many answers one case is given."""
_IN_VAIN = 3
"""After how many mixtures in turn that do not run it goes along the dates of releases."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What moves some cases that move alike."""

    cases: tuple[str, ...]
    """Those for which it was searched with the first of them."""
    parting: Parting
    found: Found
    good: Side
    bad: Side
    """Between which it was found: the sides, or two days between them."""
    partly: str | None = None
    """Up to what the images of a confirmation were made, where one cannot be made to its end."""
    beside: bool = False
    """Whether the cases still move, so, with the culprits of the answers before left out."""
    releases: tuple[Released, ...] = ()
    """Of each culprit the release with which it came, where there are several between."""
    addresses: Mapping[str, str] = field(default_factory=dict)
    """Of culprits that are packages: where these say that their changes are told."""

    def told_of(self, addresses: Mapping[str, str]) -> Mapping[str, str]:
        """Return those of the culprits among addresses of packages."""
        names = sorted(frozenset().union(*self.found.culprits) & addresses.keys())
        return {name: addresses[name] for name in names}


@dataclass(frozen=True, slots=True)
class Report:
    """What a search came to."""

    good: Side
    bad: Side
    changes: tuple[str, ...]
    """Everything in which the sides differ."""
    answers: tuple[Answer, ...]
    unmoved: tuple[str, ...]
    """Cases that are the same on both sides."""
    flaky: tuple[str, ...]
    """Cases of which one environment gave two images."""
    tried: tuple[Tried, ...]
    notes: tuple[str, ...] = ()

    @property
    def moved(self) -> bool:
        """Whether any image is another one, or flickers."""
        return bool(self.answers or self.flaky)


@dataclass(frozen=True)
class Bisecting:
    """One search."""

    trials: Trials
    resolver: Resolver
    releases: bool = True
    """Whether to go on to the release of a package."""
    patient: bool = True
    """Whether both sides are made twice, to see whether cases flicker."""
    dates: bool = True
    """Whether to go along the dates of releases where mixtures do not run."""

    def report(self) -> Report:
        """Search for the changes that move each of the cases.

        Raises:
            GoldenseedError: a side cannot be built, or cannot make the images.

        """
        trials, everything = self.trials, frozenset(self.trials.changes)
        good, bad = made_ends(trials)
        flaky = flickering(trials, good, bad) if self.patient else ()
        moved = [case for case, ends in trials.ends.items() if ends.moved and case not in flaky]
        unmoved = tuple(case for case, ends in trials.ends.items() if not ends.moved)
        forced = self._forced(good, bad)
        alike = self._alike(moved)
        trials.cases = tuple(cases[0] for cases in alike) or trials.cases
        trials.tables = shown_by_tables(trials)
        answers = [each for cases in alike for each in self._answers(cases, forced, everything)]
        told = read_addresses(trials.environments.of(trials.bad.packages).folders)
        return Report(
            trials.good,
            trials.bad,
            trials.changes,
            tuple(replace(each, addresses=each.told_of(told)) for each in answers),
            tuple(case for case in unmoved if case not in flaky),
            flaky,
            tuple(trials.all_tried),
            notes=tuple(dict.fromkeys(notes_of(trials, good, bad))),
        )

    def _forced(self, good: Tried, bad: Tried) -> Mapping[str, frozenset[str]]:
        """Say what moves together; what a side lacks and shares is the running interpreter's."""
        environments = self.trials.environments
        shared, needed = as_packages(environments.links), demands_of(environments.links)
        demands = [
            {**needed, **read_demands(environments.of(each.packages).folders)}
            for each in (good, bad)
        ]
        forced = Sides(shared.behind(good.packages), shared.behind(bad.packages), *demands).forced()
        suites = self.trials.suites
        found = {**forced, **(suites.forced() if suites else {})}
        changes = self.trials.changes
        return {name: found.get(name, frozenset()) & {*changes} for name in changes}

    def _alike(self, moved: Sequence[str]) -> list[tuple[str, ...]]:
        """Group cases that part alike and are made alike: one of each group is searched with."""
        groups: dict[tuple[Any, ...], list[str]] = {}
        suites = self.trials.suites
        for case in moved:
            ends = self.trials.ends[case]
            made = ends.good.recipe
            key = (
                ends.parting.verdict,
                ends.parting.stage,
                ends.parting.index,
                str(made.get("scheduler")),
                str(made.get("model")),
                frozenset(suites.own.get(case, ())) if suites else None,
            )
            groups.setdefault(key, []).append(case)
        return [tuple(each) for each in groups.values()]

    def _answers(
        self, cases: tuple[str, ...], forced: Mapping[str, frozenset[str]], everything: Changes
    ) -> list[Answer]:
        """Return what moves some cases, and what moves them besides with that left out."""
        trials, case = self.trials, cases[0]
        ends, answers = trials.ends[case], [self._answer(cases, forced, everything)]
        while (found := answers[-1].found).without is Outcome.THIRD and len(answers) < _MOST:
            everything = Atoms(forced, {}).without(frozenset().union(*found.culprits))
            forced = {name: forced[name] for name in everything}
            try:
                pair = trials.attempt(everything).parted(case)
            except OutOfBudget:
                break
            if pair is None or answers[-1].good is not trials.good:
                break
            trials.with_ends(case, Ends.of(pair))
            beside = self._answer(cases, forced, everything)
            answers.append(replace(beside, beside=True))
        if len(answers) > 1:
            trials.with_ends(case, ends)
        return answers

    def _answer(
        self, cases: tuple[str, ...], forced: Mapping[str, frozenset[str]], everything: Changes
    ) -> Answer:
        trials, case = self.trials, cases[0]
        parting = trials.ends[case].parting
        weights = {name: suspicion(name, parting) for name in everything}
        atoms = Atoms(forced, weights)
        search = partial(
            find,
            atoms,
            partial(self._briefly, case),
            confirm=partial(self._outcome, case),
            ahead=trials.ahead,
        )
        found = search(patience=_IN_VAIN if self.dates else None)
        answer = Answer(cases, parting, found, trials.good, trials.bad, self._partly(atoms, found))
        try:
            if found.stuck and self.dates:
                nearer = self._between_dates(answer)
                if nearer is not None:
                    return nearer
                found = search()
                answer = replace(answer, found=found)
            if self.releases and found.culprits:
                came = tuple(first_bad_release(trials, self.resolver, case, found))
                return replace(answer, releases=came)
        except OutOfBudget as over:
            return replace(answer, found=replace(found, reason=str(over)))
        except GoldenseedError as error:  # the index does not answer
            trials.notes = (*trials.notes, f"it is known no nearer: {error.what}")
        return answer

    def _partly(self, atoms: Atoms, found: Found) -> str | None:
        """Say what of a confirmation was no whole image; all of it was tried already."""
        if not found.confirmed:
            return None
        names = frozenset().union(*found.culprits)
        both = [self.trials.attempt(each) for each in (atoms.closed(names), atoms.without(names))]
        return next((each.partial for each in both if each.partial), None)

    def _between_dates(self, answer: Answer) -> Answer | None:
        """Search again between two neighbouring days, where mixtures of the two sides do not run.

        None where that comes to nothing.
        """
        trials, case = self.trials, answer.cases[0]
        good, bad = neighbours(trials, self.resolver, case)
        if (good, bad) == (trials.good, trials.bad):
            return None
        nearer = trials.narrowed(good, bad, (case,))
        narrow = Bisecting(nearer, self.resolver, self.releases, patient=False, dates=False)
        again = narrow.report().answers
        trials.all_tried += nearer.all_tried
        if not again:
            return None
        return replace(again[0], cases=answer.cases, parting=answer.parting)

    def _outcome(self, case: str, changes: Changes) -> Outcome:
        return self.trials.attempt(changes).outcome(case)

    def _briefly(self, case: str, changes: Changes) -> Outcome:
        return self.trials.attempt_briefly(changes, case).outcome(case)
