"""Who decided what of a case, and when: from its entry, and from what git has of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from goldenseed.baselines.entry import BaselineEntry
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.strict_json import parse

_MOST_COMMITS = 200
"""How far back git is asked for one file."""


@dataclass(frozen=True, slots=True, order=True)
class Decision:
    """One thing that somebody decided of a case."""

    at: datetime
    what: str
    """``accepted``, ``rejected``, ``overruled``, ``measured``, ``renamed``."""
    profile: str
    """Empty where it is of all."""
    by: str
    reason: str
    pixels_sha256: str = ""
    run_id: str = ""
    stands: bool = field(default=True, compare=False)
    """Whether the entry as it is says so still."""


def decisions_of(entry: BaselineEntry, earlier: Iterable[BaselineEntry] = ()) -> list[Decision]:
    """Return every decision that an entry tells of, or told of in an earlier version, by time."""
    now = set(_decisions(entry))
    past = {each for version in earlier for each in _decisions(version)} - now
    gone = (replace(each, stands=False) for each in past)
    return sorted([*now, *gone])


def _decisions(entry: BaselineEntry) -> Iterator[Decision]:
    for profile, baseline in entry.profiles.items():
        for image in baseline.accepted:
            yield Decision(
                image.accepted_at,
                "accepted",
                profile,
                image.accepted_by,
                image.reason,
                image.pixels_sha256,
                image.run_id,
            )
        for past in (*baseline.rejected, *baseline.overruled):
            yield Decision(
                past.rejected_at,
                "rejected",
                profile,
                past.rejected_by,
                past.reason,
                past.pixels_sha256,
                past.run_id,
            )
        for past in baseline.overruled:
            yield Decision(
                past.overruled_at,
                "overruled",
                profile,
                past.overruled_by,
                past.overruled_because,
                past.pixels_sha256,
            )
        if (kept := baseline.tolerance) is not None:
            what = f"{kept.pattern.value} in {kept.images} runs"
            yield Decision(kept.measured_at, "measured", profile, kept.measured_by, what)
    for was in entry.renamed:
        what = f"from {was.suite}::{was.case}: {was.reason}"
        yield Decision(was.renamed_at, "renamed", "", was.renamed_by, what, run_id=was.run_id)


def earlier_versions(paths: Iterable[Path]) -> tuple[BaselineEntry, ...]:
    """Return what git has of entries' files, the newest first; nothing where there is no git.

    A version that cannot be read is left out: it is history, and decides nothing.
    """
    try:
        import git
    except ImportError:
        return ()
    found: list[BaselineEntry] = []
    for path in paths:
        try:
            with git.Repo(path.parent.parent, search_parent_directories=True) as repository:
                place = path.resolve().relative_to(Path(repository.working_dir).resolve())
                commits = repository.iter_commits(paths=place.as_posix(), max_count=_MOST_COMMITS)
                found += _versions(commits, place)
        except (git.GitError, OSError, ValueError):
            continue
    return tuple(found)


def _versions(commits: Iterable[object], place: Path) -> Iterator[BaselineEntry]:
    for commit in commits:
        try:
            blob = commit.tree / place.as_posix()  # type: ignore[attr-defined]
            yield BaselineEntry.model_validate(parse(blob.data_stream.read(), place), strict=False)
        except (KeyError, ValueError, GoldenseedError):  # deleted there, or no entry
            continue
