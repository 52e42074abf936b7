"""With which release of a package a change came: the releases between two, by halves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from goldenseed.bisect.packages import Package, Packages, exactly
from goldenseed.bisect.resolver import Resolver, Unresolvable
from goldenseed.bisect.search import Changes, Found, Outcome, OutOfBudget, narrowed
from goldenseed.bisect.suspects import is_package
from goldenseed.bisect.trials import Trials


@dataclass(frozen=True, slots=True)
class Released:
    """Two neighbouring releases of a package, of which the later one makes the bad image."""

    package: str
    last_good: str | None
    first_bad: str | None
    untold: tuple[str, ...] = ()
    """Releases between them that could not be tried."""


def first_bad_release(
    trials: Trials, resolver: Resolver, case: str, found: Found
) -> Iterator[Released]:
    """Yield of each culprit that is one package the release with which it came."""
    good, bad = trials.good.packages, trials.bad.packages
    changed = frozenset().union(*found.culprits) | found.along
    for group in found.culprits:
        names = [each for each in group if is_package(each)]
        for name in names[:1] if len(names) == 1 else ():
            old, new = good.each.get(name), bad.each.get(name)
            if old and new and not (old.url or new.url):
                base = good.mixed(bad, filter(is_package, changed - {name}))
                between = releases_between(resolver, name, old.version, new.version)
                if between:
                    attempt = _Attempt(trials, resolver, case, base, changed)
                    yield _narrowed((old, new), between, attempt)


def _narrowed(
    ends: tuple[Package, Package], between: Sequence[str], attempt: Callable[[str], Outcome]
) -> Released:
    """Halve the releases between the ``ends``; the other packages stay where they can."""
    old, new = ends
    name = old.name
    low, high, over = narrowed(
        -1,
        len(between),
        lambda _low, _high, waiting: waiting[len(waiting) // 2],
        lambda chosen: attempt(f"{name}=={between[chosen]}"),
    )
    if over:
        raise OutOfBudget(over)
    return Released(
        name,
        between[low] if low >= 0 else old.version,
        between[high] if high < len(between) else new.version,
        tuple(between[low + 1 : high]),
    )


@dataclass(frozen=True, slots=True)
class _Attempt:
    """Tries a release of a package, all else as it moves the image."""

    trials: Trials
    resolver: Resolver
    case: str
    base: Packages
    changed: Changes

    def __call__(self, pin: str) -> Outcome:
        name, _, version = pin.partition("==")
        wanted = [exactly(name, version), *(each for each in self.base.each if each != name)]
        resolve = partial(self.resolver.resolve, wanted, prefer=self.base)
        packages = self.trials.resolved(pin, resolve)
        if packages is None:
            return Outcome.UNRESOLVABLE
        return self.trials.between(pin, packages, self.case, self.changed).outcome(self.case)


def releases_between(resolver: Resolver, name: str, old: str, new: str) -> tuple[str, ...]:
    """List the final releases between two, oldest first; none where the index does not say.

    uv lists no versions, so it is asked for the newest one below each that was found.
    """
    from packaging.version import InvalidVersion, Version

    try:
        low, high = sorted((Version(old), Version(new)))
    except InvalidVersion:
        return ()
    found: list[str] = []
    below = high
    while True:
        try:
            wanted = f"{name}>{low.public},<{below.public}"
            version = resolver.resolve([wanted], dependencies=False).version(name)
        except Unresolvable:
            break
        if version is None or Version(version) >= below:
            break
        found.append(version)
        below = Version(version)
    return tuple(reversed(found)) if Version(old) < Version(new) else tuple(found)
