"""What other packages offer through entry points: loaded when asked for by name, never trusted."""

from __future__ import annotations

import difflib
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from numbers import Real
from typing import Any, Generic, Protocol, TypeVar

from goldenseed.core.errors import GoldenseedError


class Offered(Protocol):
    """Plain data with the place of a function that is imported when it is called."""

    @property
    def name(self) -> str: ...  # noqa: D102 - the name it is asked for by

    @property
    def measure(self) -> str: ...  # noqa: D102 - ``module:function``

    @property
    def extra(self) -> str: ...  # noqa: D102 - what it needs besides the core dependencies


T = TypeVar("T", bound=Offered)

_TELLING = 3
"""The fewest letters that say which name was meant."""


@dataclass(frozen=True)
class Offers(Generic[T]):
    """What there is of one kind: built in, and offered by other packages."""

    group: str
    """The entry points' group."""
    what: str
    """What one of them is called in messages: ``metric``."""
    kind: type[T]
    built_in: Mapping[str, T]
    fault: Callable[[T], str]
    """Says what is wrong with one that another package offers, as the rest of a sentence."""

    def foreign(self) -> dict[str, tuple[EntryPoint, ...]]:
        """Return the entry points of other packages by name; none is loaded."""
        found: dict[str, tuple[EntryPoint, ...]] = defaultdict(tuple)
        for each in entry_points(group=self.group):
            if each not in found[each.name]:  # a package that lies on the path twice
                found[each.name] += (each,)
        return dict(found)

    def has(self, name: str) -> bool:
        """Whether there is one called ``name``."""
        return name in self.built_in or name in self.foreign()

    def find(self, name: str) -> T:
        """Return what is called ``name``; one of another package is loaded now.

        Raises:
            GoldenseedError: there is none (the message names the nearest ones), two packages offer
                one of that name, or what is offered cannot be loaded or used.

        """
        if name in self.built_in:
            return self.built_in[name]
        entries = self.foreign().get(name, ())
        if not entries:
            raise GoldenseedError(
                f"there is no {self.what} {name!r}", fix=advice(name, self.built_in)
            )
        if len(entries) > 1:
            raise GoldenseedError(
                f"several packages offer a {self.what} called {name!r}: "
                f"{' and '.join(map(_origin, entries))}",
                fix="remove all of these packages but one",
            )
        return self._loaded(entries[0])

    def passed_over(self, names: Iterable[str]) -> tuple[str, ...]:
        """Say which of ``names`` another package offers too, although they are built in."""
        own = [name for name in dict.fromkeys(names) if name in self.built_in]
        foreign = self.foreign() if own else {}
        return tuple(
            f"the {self.what} {name!r} of {_origin(entry)} is not used: goldenseed has one of that "
            "name; remove that package, or have it choose another"
            for name in own
            for entry in foreign.get(name, ())
        )

    def _loaded(self, entry: EntryPoint) -> T:
        what = f"the {self.what} {entry.name!r} of {_origin(entry)}"
        try:
            found = entry.load()
        except (Exception, SystemExit) as error:  # other people's code, raising what it likes
            raise GoldenseedError(
                f"{what} cannot be loaded: {type(error).__name__}: {error}",
                fix="repair or remove that package",
            ) from error
        if not isinstance(found, self.kind):
            fault = f"is a {type(found).__name__}, not a goldenseed.{self.kind.__name__}"
        elif found.name != entry.name:
            fault = f"calls itself {found.name!r}"
        else:
            fault = self.fault(found)
        if fault:
            raise GoldenseedError(f"{what} {fault}", fix="repair or remove that package")
        assert isinstance(found, self.kind)  # noqa: S101 - what was looked at first
        return found

    def is_foreign(self, one: T) -> bool:
        """Whether another package brought ``one``."""
        return self.built_in.get(one.name) is not one

    def function(self, one: T, place: str) -> Callable[[Any], Any]:
        """Import the function of ``one`` at ``place``, ``module:function``.

        Raises:
            GoldenseedError: it is not there, or cannot be imported.

        """
        module, _, name = place.partition(":")
        try:
            found: Callable[[Any], Any] = getattr(import_module(module), name)
        except (Exception, SystemExit) as error:
            if not (self.is_foreign(one) or one.extra):
                raise
            raise self._missing(one, place, error) from error
        return found

    def call(self, one: T, place: str, given: object) -> Any:
        """Call the function of ``one`` at ``place``.

        Raises:
            GoldenseedError: it cannot be imported or, of another package, it raised.

        """
        function = self.function(one, place)
        try:
            return function(given)
        except (GoldenseedError, MemoryError):
            raise
        except ImportError as error:
            raise self._missing(one, place, error) from error
        except (Exception, SystemExit) as error:
            if not self.is_foreign(one):
                raise
            raise GoldenseedError(
                f"the {self.what} {one.name!r} ({place}) failed: {type(error).__name__}: {error}",
                fix="repair or remove the package that offers it, or do not ask for this "
                f"{self.what}",
            ) from error

    def number(self, one: T, given: object, low: float, high: float) -> float:
        """Compute ``one``: a number from ``low`` to ``high``.

        Raises:
            GoldenseedError: as ``call``, or what came back is no such number.

        """
        value = self.call(one, one.measure, given)
        fault = ""
        if isinstance(value, bool) or not isinstance(value, Real) or math.isnan(value):
            fault = "which is no number"
        elif self.is_foreign(one) and not low <= float(value) <= high:
            fault = f"which is not from {low:g} to {high:g}, as it says of itself"
        if fault:
            raise GoldenseedError(
                f"the {self.what} {one.name!r} ({one.measure}) returned {value!r}, {fault}",
                fix=f"repair what computes it, or do not ask for this {self.what}",
            )
        return float(value)

    def _missing(self, one: T, place: str, error: BaseException) -> GoldenseedError:
        return GoldenseedError(
            f"the {self.what} {one.name!r} ({place}) cannot be imported: {error}",
            fix=f"pip install 'pytest-goldenseed[{one.extra}]'"
            if one.extra
            else "repair or remove the package that offers it",
        )


def _origin(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version} ({entry.value})" if entry.dist else entry.value


def advice(name: str, known: Iterable[str]) -> str:
    """Say which of the ``known`` names was probably meant by ``name``; all of them if none is near.

    A name that only differs by hyphens, case or a part left out or added counts as near.
    """
    names = sorted(known)
    plain = name.lower().replace("-", "_")
    tells = len(plain) >= _TELLING
    near = [each for each in names if tells and (plain in each or each in plain)]
    near += [each for each in difflib.get_close_matches(plain, names, n=3) if each not in near]
    return f"did you mean {', '.join(near)}?" if near else f"use one of {', '.join(names)}"
