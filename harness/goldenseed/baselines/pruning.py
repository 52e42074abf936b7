"""Taking out of the baselines what nothing needs: planned as data, then deleted in a safe order."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from goldenseed.baselines.changes import entry_text
from goldenseed.baselines.contents import Contents, Name, Stranger
from goldenseed.baselines.entry import BaselineEntry, ProfileBaseline
from goldenseed.baselines.places import Places, writing
from goldenseed.core.files import write_all
from goldenseed.core.removing import remove_empty, remove_files


@dataclass(frozen=True, slots=True)
class Pruned:
    """What an entry of something that is gone loses, and what is left of it."""

    name: Name
    path: Path
    gone: dict[str, ProfileBaseline]
    """Profile → what is taken out; without its rejections where they stay."""
    left: BaselineEntry | None
    """None where the whole entry is deleted."""


@dataclass(frozen=True)
class PrunePlan:
    """All that would be deleted, and what would not, with the reason."""

    entries: tuple[Pruned, ...]
    files: tuple[Path, ...]
    """Images, traces and environments that no entry names then."""
    kept: tuple[tuple[Name, str], ...]
    """Entries of something that is gone which stay, or in part, each with why."""
    strangers: tuple[Stranger, ...]

    @property
    def empty(self) -> bool:
        """Whether nothing would be deleted."""
        return not self.entries and not self.files


def plan_pruning(places: Places, gone: Collection[Name], profiles: Collection[str]) -> PrunePlan:
    """Plan to take the entries ``gone`` out as far as they are of one of ``profiles``.

    A rejection counts in every profile, so it goes with the last of them.

    Raises:
        GoldenseedError: an entry cannot be read, so that nobody knows what it names.

    """
    contents = Contents.read(places)
    left = dict(contents.entries)
    pruned: list[Pruned] = []
    kept: list[tuple[Name, str]] = []
    for name in sorted(gone):
        entry = contents.entries.get(name)
        if entry is None:
            continue
        if name in contents.linked:
            kept.append((name, "it lies behind a symbolic link"))
            continue
        others = sorted(set(entry.profiles) - set(profiles))
        if others:
            kept.append((name, f"it is also of {', '.join(others)}, which was not run"))
        step = _pruned(places, name, entry, profiles)
        if step is None:
            continue
        pruned.append(step)
        if step.left is None:
            del left[name]
        else:
            left[name] = step.left
    return PrunePlan(tuple(pruned), contents.unnamed(places, left), tuple(kept), contents.strangers)


def prune_baselines(places: Places, gone: Collection[Name], profiles: Collection[str]) -> PrunePlan:
    """Delete what ``plan_pruning`` plans, one writer at a time; return what was deleted.

    Entries go first, and what they name after that, so that a process killed at any moment leaves
    no entry without its image; the next one takes out what is left.

    Raises:
        GoldenseedError: as ``plan_pruning``, the lock cannot be had, or a file cannot be deleted.

    """
    with writing(places):
        plan = plan_pruning(places, gone, profiles)
        entries = plan.entries
        write_all({each.path: entry_text(each.left) for each in entries if each.left is not None})
        remove_files(each.path for each in entries if each.left is None)
        remove_files(plan.files)
        remove_empty(path.parent for path in (*(each.path for each in entries), *plan.files))
    return plan


def _pruned(
    places: Places, name: Name, entry: BaselineEntry, profiles: Collection[str]
) -> Pruned | None:
    path = places.entry(*name)
    if set(entry.profiles) <= set(profiles):
        return Pruned(name, path, dict(entry.profiles), None)
    gone = {
        profile: baseline.model_copy(update={"rejected": (), "overruled": ()})
        for profile, baseline in entry.profiles.items()
        if profile in profiles and baseline.accepted
    }
    if not gone:
        return None
    left: dict[str, ProfileBaseline] = {}
    for profile, baseline in entry.profiles.items():
        if profile not in gone:
            left[profile] = baseline
        elif baseline.rejected or baseline.overruled:
            update = {"accepted": (), "tolerance": None, "exact": None}
            left[profile] = baseline.model_copy(update=update)
    return Pruned(name, path, gone, entry.model_copy(update={"profiles": left}))
