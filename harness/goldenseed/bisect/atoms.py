"""Changes that cannot be parted, in an order in which each prefix can be tried."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Atoms:
    """Changes by name with what each forces along, and how much each is suspected."""

    forced: Mapping[str, frozenset[str]]
    """Of each change those that have to be made with it, one step far."""
    weights: Mapping[str, float]
    """Greater is more suspicious; all above zero."""

    def closed(self, names: Iterable[str]) -> frozenset[str]:
        """Return the names and everything that they force along."""
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            if (name := waiting.pop()) not in found:
                found.add(name)
                waiting += self.forced.get(name, ())
        return frozenset(found)

    def without(self, names: Iterable[str]) -> frozenset[str]:
        """Return the largest set of changes that can be made without any of ``names``."""
        avoided = frozenset(names)
        return frozenset(each for each in self.forced if not self.closed([each]) & avoided)

    def bound(self, name: str) -> frozenset[str]:
        """Return the changes that force each other together with ``name``, itself among them."""
        return frozenset(n for n in self.closed([name]) if name in self.closed([n]))

    @cached_property
    def order(self) -> tuple[frozenset[str], ...]:
        """Groups of changes that cannot be parted, the most suspicious first.

        What a group forces along stands before it, so that every prefix is a set that can be tried.
        """
        ordered: list[frozenset[str]] = []
        done: set[str] = set()
        for name in sorted(self.forced, key=lambda each: (-self.weights[each], each)):
            rest = self.closed([name]) - done
            while rest:
                group = min(
                    (self.bound(each) for each in rest),
                    key=lambda g: (len(self.closed(g) - done), -self.weight(g), sorted(g)),
                )
                ordered.append(group)
                done |= group
                rest -= group
        return tuple(ordered)

    def weight(self, group: Iterable[str]) -> float:
        """Return how much a group is suspected: as its most suspicious change."""
        return max(self.weights[each] for each in group)
