from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goldenseed.bisect.atoms import Atoms
from goldenseed.bisect.search import Found, Outcome, OutOfBudget, find

MANY = 40
"""How many packages differ."""


class Simulated:
    """Environments that are never built: which sets of changes give which image is known."""

    def __init__(
        self,
        culprits: Iterable[str],
        *,
        crashes: Iterable[frozenset[str]] = (),
        budget: int = 1000,
    ) -> None:
        self.culprits = frozenset(culprits)
        self.crashes = tuple(crashes)
        self.tried: list[frozenset[str]] = []
        self.budget = budget

    def __call__(self, changes: frozenset[str]) -> Outcome:
        if changes not in self.tried:
            if len(self.tried) >= self.budget:
                raise OutOfBudget("the budget is spent")
            self.tried.append(changes)
        if any(each <= changes and changes != self.everything for each in self.crashes):
            return Outcome.FAILED
        return Outcome.AFTER if self.culprits <= changes else Outcome.BEFORE

    everything: frozenset[str] = frozenset()

    def search(self, atoms: Atoms) -> Found:
        self.everything = frozenset(atoms.forced)
        for each in self.tried:
            assert atoms.closed(each) == each
        found = find(atoms, self)
        assert all(atoms.closed(each) == each for each in self.tried)
        return found


def names(count: int) -> list[str]:
    return [f"p{n:02}" for n in range(count)]


def plain(count: int, suspected: Iterable[str] = ()) -> Atoms:
    suspicious = set(suspected)
    weights = {name: 20.0 if name in suspicious else 0.2 for name in names(count)}
    return Atoms({name: frozenset() for name in names(count)}, weights)


def test_a_suspected_culprit_among_forty_takes_two_environments_beside_the_sides():
    simulated = Simulated({"p23"})
    found = simulated.search(plain(MANY, suspected=["p23"]))
    assert found.culprits == (frozenset({"p23"}),)
    assert found.confirmed
    assert len(simulated.tried) + 2 <= 6


@pytest.mark.parametrize("culprit", ["p00", "p17", "p39"])
def test_an_unsuspected_culprit_among_forty_is_found_in_twelve_environments(culprit: str):
    simulated = Simulated({culprit})
    found = simulated.search(plain(MANY))
    assert found.culprits == (frozenset({culprit}),)
    assert found.confirmed
    assert len(simulated.tried) + 2 <= 12


def test_what_is_going_to_be_tried_is_told_beforehand_so_that_it_can_be_made_at_once():
    for culprits in ({"p23"}, {"p05", "p30"}):
        simulated, told = Simulated(culprits), list[frozenset[str]]()
        confirmed: list[frozenset[str]] = []

        def confirm(changes: frozenset[str]) -> Outcome:
            confirmed.append(changes)  # noqa: B023 - called in this round only
            return simulated(changes)  # noqa: B023

        found = find(plain(MANY), simulated, confirm=confirm, ahead=told.extend)
        assert found.confirmed
        assert {*told} <= {*confirmed}
        assert {frozenset(culprits), frozenset(names(MANY)) - culprits} <= {*told}


def test_one_behind_a_change_that_spoils_every_mixture_is_tried_alone():
    simulated = Simulated({"p07"}, crashes=[frozenset({"p00"})])
    found = simulated.search(plain(8))
    assert found.culprits == (frozenset({"p07"}),)
    assert found.alone is Outcome.AFTER
    assert found.without is Outcome.FAILED


def test_a_wrong_suspect_costs_little():
    simulated = Simulated({"p31"})
    found = simulated.search(plain(MANY, suspected=["p02"]))
    assert found.culprits == (frozenset({"p31"}),)
    assert len(simulated.tried) + 2 <= 12


def test_two_that_move_pixels_only_together_are_called_so():
    simulated = Simulated({"p05", "p30"})
    found = simulated.search(plain(MANY))
    assert {each for group in found.culprits for each in group} == {"p05", "p30"}
    assert found.interaction
    assert found.confirmed


def test_two_of_which_each_moves_something_are_no_interaction():
    atoms = plain(4)

    def attempt(changes: frozenset[str]) -> Outcome:
        moved = changes & {"p00", "p03"}
        return (Outcome.BEFORE, Outcome.THIRD, Outcome.AFTER)[len(moved)]

    found = find(atoms, attempt)
    assert {each for group in found.culprits for each in group} == {"p00", "p03"}
    assert not found.interaction
    assert {outcome for _, outcome in found.singly} == {Outcome.THIRD}


def test_what_a_culprit_forces_along_is_told_apart_from_it():
    atoms = Atoms(
        {"diffusers": frozenset({"hub"}), "hub": frozenset(), "pillow": frozenset()},
        {"diffusers": 15.0, "hub": 0.2, "pillow": 0.2},
    )
    found = Simulated({"diffusers"}).search(atoms)
    assert found.culprits == (frozenset({"diffusers"}),)
    assert found.along == {"hub"}
    assert found.confirmed


def test_what_a_suspect_forces_along_can_be_the_culprit():
    atoms = Atoms(
        {"diffusers": frozenset({"hub"}), "hub": frozenset(), "pillow": frozenset()},
        {"diffusers": 15.0, "hub": 0.2, "pillow": 0.2},
    )
    found = Simulated({"hub"}).search(atoms)
    assert found.culprits == (frozenset({"hub"}),)
    assert found.confirmed


def test_packages_that_force_each_other_are_one_change():
    atoms = Atoms(
        {"a": frozenset({"b"}), "b": frozenset({"a"}), "c": frozenset()},
        dict.fromkeys("abc", 1.0),
    )
    assert Simulated({"a"}).search(atoms).culprits == (frozenset({"a", "b"}),)


def test_a_crash_tells_nothing_and_the_search_goes_around_it():
    simulated = Simulated({"p09"}, crashes=[frozenset({"p03"})])
    found = simulated.search(plain(16, suspected=["p03"]))
    assert frozenset({"p09"}) in (*found.culprits, *found.suspects)


def test_a_culprit_that_crashes_without_another_is_among_the_suspects_with_the_reason():
    atoms = plain(3)

    def attempt(changes: frozenset[str]) -> Outcome:
        return (
            Outcome.FAILED
            if changes and len(changes) < 3
            else Outcome(Outcome.AFTER if changes else Outcome.BEFORE)
        )

    found = find(atoms, attempt)
    assert len(found.suspects) == 3
    assert found.reason is not None


def test_a_spent_budget_leaves_what_is_known():
    found = Simulated({"p31"}, budget=3).search(plain(MANY))
    assert found.reason == "the budget is spent"
    assert frozenset({"p31"}) in found.suspects
    assert len(found.suspects) < MANY


Drawn = tuple[Atoms, frozenset[str]]


@st.composite
def atoms_and_culprits(draw: st.DrawFn) -> Drawn:
    count = draw(st.integers(1, 20))
    known = names(count)
    forced = {
        name: frozenset(draw(st.lists(st.sampled_from(known), max_size=2))) - {name}
        for name in known
    }
    weights = {name: draw(st.sampled_from([0.2, 1.0, 15.0])) for name in known}
    culprits = draw(st.lists(st.sampled_from(known), min_size=1, max_size=3))
    return Atoms(forced, weights), frozenset(culprits)


@settings(max_examples=300, deadline=None)
@given(atoms_and_culprits())
def test_whatever_is_forced_along_a_smallest_sufficient_set_is_found(drawn: Drawn):
    atoms, culprits = drawn
    found = Simulated(culprits).search(atoms)
    assert found.alone is Outcome.AFTER
    assert not found.suspects
    chosen = found.culprits
    assert culprits <= atoms.closed(frozenset().union(*chosen))
    for each in chosen:  # none of them can be spared
        rest = atoms.closed(frozenset().union(*(g for g in chosen if g != each)))
        assert not culprits <= rest


@settings(max_examples=200, deadline=None)
@given(atoms_and_culprits())
def test_the_line_of_changes_has_each_once_and_only_sets_that_can_be_tried(drawn: Drawn):
    atoms, _ = drawn
    line = atoms.order
    assert sorted(name for group in line for name in group) == sorted(atoms.forced)
    for length in range(len(line) + 1):
        prefix = frozenset().union(*line[:length])
        assert atoms.closed(prefix) == prefix
    for name in atoms.forced:
        rest = atoms.without([name])
        assert name not in rest
        assert atoms.closed(rest) == rest
