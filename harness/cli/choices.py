"""Which changes and which cases of a suite are meant."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

from harness.errors import GoldenseedError
from harness.probe.changes import all_changes

if TYPE_CHECKING:
    from harness.probe.change import Change
    from harness.suites.expansion import Case, Suite


def choose_changes(patterns: str | None) -> tuple[Change, ...]:
    """Return the changes of the names or patterns, parted by commas; all for None.

    ``threads=2`` is ``threads-2``. Raises ``GoldenseedError`` for a name that no change has.
    """
    known = all_changes()
    if patterns is None:
        return known
    chosen: set[str] = set()
    for pattern in filter(None, (each.strip().replace("=", "-") for each in patterns.split(","))):
        fitting = {each.name for each in known if fnmatch.fnmatchcase(each.name, pattern)}
        if not fitting:
            raise GoldenseedError(
                f"there is no change {pattern!r}",
                fix=f"use some of {', '.join(each.name for each in known)}",
            )
        chosen |= fitting
    return tuple(each for each in known if each.name in chosen)


def choose_suite_cases(
    suite: Suite, patterns: list[str] | None, *, at_most: int | None = None
) -> tuple[Case, ...]:
    """Return the cases of the ids or patterns; without any the first ``at_most``, or all.

    Raises ``GoldenseedError`` for a pattern that no case fits.
    """
    if not patterns:
        return suite.cases[:at_most]
    chosen: set[str] = set()
    for pattern in patterns:
        literal = pattern.replace("[", "[[]")
        fitting = {
            case.id
            for case in suite.cases
            if pattern in {case.id, case.case_id} or fnmatch.fnmatchcase(case.id, literal)
        }
        if not fitting:
            raise GoldenseedError(
                f"no case fits {pattern!r}",
                path=suite.path,
                fix=f"its cases begin with {', '.join(c.id for c in suite.cases[:5])}",
            )
        chosen |= fitting
    return tuple(case for case in suite.cases if case.id in chosen)
