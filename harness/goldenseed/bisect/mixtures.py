"""Mixtures of two sides: everything in which these differ, and one of them with some of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from goldenseed.bisect.packages import Packages
from goldenseed.bisect.search import Changes
from goldenseed.bisect.sides import Side
from goldenseed.bisect.suspects import FIELD, FILE, ISA, VARIABLE, is_package
from goldenseed.environment.device import VARIABLES as ISA_VARIABLES


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment and what is made in it."""

    packages: Packages
    variables: Mapping[str, str | None]
    """None for one that is not to be set."""
    taken: frozenset[str] = frozenset()
    """Fields and files that are as the bad side has them."""
    changes: Changes | None = None
    """None where it is no mixture of the two sides."""


def changes_between(good: Side, bad: Side, of_suites: Collection[str]) -> tuple[str, ...]:
    """Name everything in which two sides differ: packages, variables, fields, files."""
    names = {*good.variables, *bad.variables}
    variables = (
        f"{VARIABLE}{name}"
        for name in sorted(names)
        if good.variables.get(name) != bad.variables.get(name)
    )
    return (
        *good.packages.differing(bad.packages),
        *variables,
        *([ISA] if good.isa != bad.isa else []),
        *of_suites,
    )


def mixture(good: Side, bad: Side, changes: Changes) -> Setting:
    """Return the good side with these changes made."""
    packages = good.packages.mixed(bad.packages, filter(is_package, changes))
    variables = dict(good.variables)
    for each in changes:
        if each.startswith(VARIABLE):
            name = each.removeprefix(VARIABLE)
            variables[name] = bad.variables.get(name)
    isa = bad.isa if ISA in changes else good.isa
    variables |= ISA_VARIABLES[isa] if isa else {}
    taken = frozenset(each for each in changes if each.startswith((FIELD, FILE)))
    return Setting(packages, variables, taken, changes)
