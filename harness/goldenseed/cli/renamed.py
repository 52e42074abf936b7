"""``goldenseed accept RUN --renamed``: baselines move to the names that their cases have now."""

from __future__ import annotations

from collections.abc import Sequence

from goldenseed.baselines.candidate import Signature
from goldenseed.baselines.contents import Name
from goldenseed.baselines.places import Places
from goldenseed.baselines.renaming import rename
from goldenseed.baselines.store import BaselineStore
from goldenseed.cli.common import fits, project_here
from goldenseed.cli.output import say
from goldenseed.core.errors import GoldenseedError
from goldenseed.runs.orphans import find_orphans
from goldenseed.runs.record import RunRecord
from goldenseed.runs.renames import Recognised, recognise


def accept_renamed(
    record: RunRecord, patterns: Sequence[str] | None, store: BaselineStore, *, by: str, reason: str
) -> None:
    """Move what is accepted for cases that ``record`` has under another name; say what was moved.

    ``patterns`` choose cases by what they were called, or are called now; where it is in doubt
    which is which, both names are needed.

    Raises:
        GoldenseedError: nothing was renamed, a pattern fits nothing, or as ``rename``.

    """
    signature = Signature.checked(by, reason, None)
    project = project_here(store.root)
    orphans = find_orphans(record, store, project)
    found = recognise(record, store, project, orphans)
    if patterns:
        among = _among(found, patterns)
        found = recognise(record, store, project, orphans, among=among)
    for doubt in found.doubts:
        news = " or ".join("::".join(each) for each in doubt.new)
        say(f"left out {'::'.join(doubt.old)}: it may be {news} now: name both")
    if not found.renames:
        raise GoldenseedError(
            f"no case of {record.run_id} has baselines under another name",
            fix="name the old and the new name if one of several is meant"
            if found.doubts
            else "accept its images: goldenseed accept RUN SUITE::CASE --reason WHY",
        )
    pairs = [(each.old, each.new) for each in found.renames]
    rename(Places(store.root), pairs, signature, record.run_id)
    for old, new in pairs:
        say(f"renamed {'::'.join(old)} → {'::'.join(new)}")


def _among(found: Recognised, patterns: Sequence[str]) -> set[Name]:
    """Return the names that are meant, old and new."""
    every = {name for each in found.renames for name in (each.old, each.new)}
    every |= {name for each in found.doubts for name in (each.old, *each.new)}
    chosen: set[Name] = set()
    for pattern in patterns:
        fitting = {n for n in every if fits(pattern, {n[1], "::".join(n)}, n[1])}
        if not fitting:
            raise GoldenseedError(
                f"no case that was renamed fits {pattern!r}",
                fix=f"those that were: {', '.join(sorted('::'.join(each) for each in every))}"
                if every
                else "accept its images: goldenseed accept RUN SUITE::CASE --reason WHY",
            )
        chosen |= fitting
    return chosen
