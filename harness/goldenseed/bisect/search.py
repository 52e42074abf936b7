"""The search for the changes that move an image: pure, whatever it is that tries them.

Changes are laid out in one line, the most suspicious first. A prefix of the line is tried, chosen
so that the suspicion before and after its end is alike; once the shortest prefix is known that
makes the image the bad one, its last change is to blame. If that change alone does not do it, the
others it needs are looked for among those before it, in the same way. That is delta debugging
(Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002) by halves, as
Junker's QuickXplain does it ("Preferred Explanations and Relaxations", 2004).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from goldenseed.bisect.atoms import Atoms

Changes = frozenset[str]


class Outcome(StrEnum):
    """What an image is in one environment, against those of the good and the bad side."""

    BEFORE = "as before"
    AFTER = "as after"
    THIRD = "a third image"
    FAILED = "cannot tell: it fails"
    UNRESOLVABLE = "cannot tell: does not resolve"
    FLAKY = "flickers"

    @property
    def tells(self) -> bool:
        """Whether anything follows from it."""
        return self in {Outcome.BEFORE, Outcome.AFTER, Outcome.THIRD}


_MUTE = "what lies between them cannot be tried"
_NOTHING_LEFT = "the changes found so far do not do it, and no others are left"

Try = Callable[[Changes], Outcome]
"""Tries a set of changes on the good side."""


class OutOfBudget(Exception):  # noqa: N818 - an ordinary end of a search
    """No more may be tried; raised by whoever tries."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the search came to."""

    culprits: tuple[frozenset[str], ...] = ()
    """Groups of changes, each of them needed; more than one where several are."""
    along: frozenset[str] = frozenset()
    """What they force along, which by itself does not do it."""
    alone: Outcome | None = None
    """The culprits on the good side, with what they force along; None where not tried."""
    without: Outcome | None = None
    """Everything but them on the good side; None where not tried."""
    singly: tuple[tuple[frozenset[str], Outcome], ...] = ()
    """Of several culprits: what each does alone."""
    suspects: tuple[frozenset[str], ...] = ()
    """Where the search could not end: among these is one that is needed."""
    reason: str | None = None
    """Why it could not end."""

    stuck: bool = False
    """Whether that was because what lies between could not be tried."""

    @property
    def confirmed(self) -> bool:
        """Whether the culprits alone make it bad, and everything but them is good."""
        return self.alone is Outcome.AFTER and self.without is Outcome.BEFORE

    @property
    def interaction(self) -> bool:
        """Whether several changes move the image only together: none of them does alone."""
        return len(self.culprits) > 1 and all(o is Outcome.BEFORE for _, o in self.singly)


def find(
    atoms: Atoms,
    attempt: Try,
    *,
    confirm: Try | None = None,
    ahead: Callable[[Sequence[Changes]], object] = len,
    patience: int | None = None,
) -> Found:
    """Find a smallest set of changes that makes the image the bad one.

    With none of them it is the good one, with all of them the bad one. What is found is tried with
    ``confirm``, where ``attempt`` is a shorter way to tell; ``ahead`` is told what ``confirm`` is
    going to try, none of which waits for another. After ``patience`` sets in turn that
    cannot tell, the search is stuck; None goes on while there are any.
    """
    line = list(atoms.order)
    culprits: list[frozenset[str]] = []
    try:
        while True:
            base = atoms.closed(_joined(culprits))
            if culprits and attempt(base) is Outcome.AFTER:
                break
            low, high, over = _shortest(atoms, line, base, attempt, patience)
            if high - low > 1 and over is None and patience is None:
                alone, over = _one_of(
                    atoms, line[low:high], base | atoms.closed(_joined(line[:low])), attempt
                )
                if alone is not None:
                    culprits.append(alone)
                    line = line[:low]
                    continue
            if high - low != 1:
                why = over or (_MUTE if high else _NOTHING_LEFT)
                rest = tuple(line[low:high])
                return Found(tuple(culprits), suspects=rest, reason=why, stuck=over is None)
            culprits.append(line[high - 1])
            line = line[: high - 1]
        return _confirmed(atoms, culprits, confirm or attempt, ahead)
    except OutOfBudget as over:
        return Found(tuple(culprits), suspects=tuple(line), reason=str(over))


def _joined(groups: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*groups)


def _shortest(
    atoms: Atoms,
    line: Sequence[frozenset[str]],
    base: Changes,
    attempt: Try,
    patience: int | None,
) -> tuple[int, int, str | None]:
    """Return how long a prefix does not make it bad, and the shortest known that does.

    They are neighbours unless what lies between could not be tried; third is why no more may be.
    """

    def halfway(low: int, high: int, between: Sequence[int]) -> int:
        weights = [atoms.weight(group) for group in line[low:high]]
        half = sum(weights) / 2
        # Ties go to the shorter prefix: fewer changes resolve more easily.
        return min(between, key=lambda k: (abs(sum(weights[: k - low]) - half), k))

    def tried(length: int) -> Outcome:
        return attempt(base | atoms.closed(_joined(line[:length])))

    return narrowed(0, len(line), halfway, tried, patience)


def narrowed(
    low: int,
    high: int,
    choose: Callable[[int, int, Sequence[int]], int | None],
    attempt: Callable[[int], Outcome],
    patience: int | None = None,
) -> tuple[int, int, str | None]:
    """Bring two numbers together, of which ``low`` is not bad and ``high`` is.

    ``choose`` is given both and the numbers between that were not tried in vain, and returns one of
    these or None for none. Third is why no more may be tried, None where there is nothing left, or
    after ``patience`` in vain in turn.
    """
    mute, in_vain = set[int](), 0
    while True:
        between = [k for k in range(low + 1, high) if k not in mute]
        chosen = choose(low, high, between) if between and in_vain != patience else None
        if chosen is None:
            return low, high, None
        try:
            outcome = attempt(chosen)
        except OutOfBudget as over:
            return low, high, str(over)
        if outcome is Outcome.AFTER:
            high = chosen
        elif outcome.tells:
            low = chosen
        else:
            mute.add(chosen)
        in_vain = 0 if outcome.tells else in_vain + 1


def _one_of(
    atoms: Atoms, groups: Sequence[frozenset[str]], base: Changes, attempt: Try
) -> tuple[frozenset[str] | None, str | None]:
    """Return which group makes it bad by itself, where no prefix of them tells; or why not."""
    try:
        made = (each for each in groups if attempt(base | atoms.closed(each)) is Outcome.AFTER)
        return next(made, None), None
    except OutOfBudget as over:
        return None, str(over)


def _confirmed(
    atoms: Atoms,
    culprits: Sequence[frozenset[str]],
    attempt: Try,
    ahead: Callable[[Sequence[Changes]], object],
) -> Found:
    """Try both ways, and of several culprits each alone; drop those that are not needed."""
    needed = list(culprits)
    for each in culprits:
        rest = [other for other in needed if other != each]
        if rest and attempt(atoms.closed(_joined(rest))) is Outcome.AFTER:
            needed = rest
    names = _joined(needed)
    alone, single = atoms.closed(names), needed if len(needed) > 1 else []
    ahead([*map(atoms.closed, single), alone, atoms.without(names)])
    singly = [(each, attempt(atoms.closed(each))) for each in single]
    found = Found(tuple(needed), along=alone - names, singly=tuple(singly), alone=attempt(alone))
    try:
        without = attempt(atoms.without(names))
    except OutOfBudget as over:
        return replace(found, reason=str(over))
    return replace(found, without=without)
