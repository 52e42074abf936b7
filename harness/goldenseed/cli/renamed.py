"""``goldenseed accept RUN --renamed``: baselines move to the names that their cases have now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from goldenseed.baselines.candidate import Signature
from goldenseed.baselines.contents import Name
from goldenseed.baselines.places import Places
from goldenseed.baselines.renaming import rename
from goldenseed.baselines.store import BaselineStore
from goldenseed.cli.common import fits, project_here
from goldenseed.cli.deciding import commit_files
from goldenseed.cli.output import say
from goldenseed.core.errors import GoldenseedError
from goldenseed.review.commit import Committing, message_of_renames
from goldenseed.runs.orphans import find_orphans
from goldenseed.runs.record import RunRecord
from goldenseed.runs.renames import Recognised, recognise


def accept_renamed(
    record: RunRecord,
    patterns: Sequence[str] | None,
    store: BaselineStore,
    *,
    by: str,
    reason: str,
    reports: Path,
    commit: bool,
    dry_run: bool,
) -> None:
    """Move what is accepted for cases that ``record`` has under another name; say what was moved.

    The history in ``reports`` goes on under the new names.

    ``patterns`` choose cases by what they were called, or are called now; where it is in doubt
    which is which, both names are needed.

    Raises:
        GoldenseedError: nothing was renamed, a pattern fits nothing, or as ``rename``.

    """
    signature = Signature.checked(by, reason, None)
    committing = Committing.checked(store.root) if commit and not dry_run else None
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
    files = rename(Places(store.root), pairs, signature, record.run_id, dry_run=dry_run)
    for old, new in pairs:
        say(f"{'would rename' if dry_run else 'renamed'} {'::'.join(old)} → {'::'.join(new)}")
    if dry_run:
        say("nothing was written: --dry-run")
        return
    _tell_history(reports, pairs, signature.at)
    if committing is not None:
        commit_files(committing, files, message_of_renames(record, pairs, by, reason))


def _tell_history(reports: Path, pairs: Sequence[tuple[Name, Name]], at: datetime) -> None:
    """Let the history go on under the new names; what keeps it from that is only said."""
    from goldenseed.history.keeping import follow

    try:
        said = follow(reports, [(old, new, at) for old, new in pairs])
    except GoldenseedError as error:
        said = f"the history does not know of it: {error}"
    if said:
        say(f"note: {said}", err=True)


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
