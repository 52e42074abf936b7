"""Accepting and rejecting as changes to entries: data in, data out, all computed before writing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from goldenseed.baselines.candidate import Candidate, Signature
from goldenseed.baselines.entry import (
    AcceptedImage,
    BaselineEntry,
    ExactImage,
    MeasuredTolerance,
    ProfileBaseline,
    RejectedImage,
)
from goldenseed.baselines.places import Places
from goldenseed.baselines.reading import ENTRY_LIMIT_BYTES, read_entry
from goldenseed.baselines.rejections import Rejections, overruled, rejections_of
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import pretty_json, write_all


class Outcome(StrEnum):
    """What accepting or rejecting an image came to."""

    FIRST = "first"
    """Nothing was accepted in this profile before."""
    ADDED = "added"
    """Accepted beside what was accepted before."""
    REPLACED = "replaced"
    """Accepted in place of what was accepted before."""
    REJECTED = "rejected"
    """Put on the reject list."""
    MEASURED = "measured"
    """What was measured of the case was added."""
    TRACED = "traced"
    """Accepted already, but without a trace, which was added."""
    ARCHIVED = "archived"
    """Accepted already from this run, but not from its archive, whose digest was added."""
    UNCHANGED = "unchanged"
    """It already was so; nothing was written."""


@dataclass(frozen=True)
class Change:
    """One profile's baseline after a change, and what the change did."""

    baseline: ProfileBaseline
    outcome: Outcome
    no_longer_accepted: tuple[AcceptedImage, ...] = ()
    """What was accepted before and is not any more."""


def accepted(baseline: ProfileBaseline, image: AcceptedImage, *, add: bool) -> Change:
    """Accept ``image``: in place of all that was accepted, or beside it if ``add``.

    The same pixels made from the same recipe are accepted already: then nothing changes, so that
    accepting a whole run again never drops the alternatives of a case nor who accepted it first.
    The same pixels from another recipe take the place of the old ones even if ``add``. A trace that
    was lacking is added, and the archive of the run. No image may be given that is rejected.

    The images of the recipe that was accepted last come first: the first stands for the case where
    only one can.
    """
    known = next((old for old in baseline.accepted if _same(old, image)), None)
    if known is not None:
        return _completed(baseline, known, image)
    kept = tuple(
        old for old in baseline.accepted if add and old.pixels_sha256 != image.pixels_sha256
    )
    remaining = {old.pixels_sha256 for old in (*kept, image)}
    ordered = sorted((*kept, image), key=lambda old: old.recipe_sha256 != image.recipe_sha256)
    return Change(
        ProfileBaseline(
            accepted=tuple(ordered),
            rejected=baseline.rejected,
            overruled=baseline.overruled,
            tolerance=baseline.tolerance if add else None,
            exact=baseline.exact if add else None,
        ),
        _acceptance(baseline, kept),
        no_longer_accepted=tuple(
            old for old in baseline.accepted if old.pixels_sha256 not in remaining
        ),
    )


def measured(
    baseline: ProfileBaseline,
    tolerance: MeasuredTolerance,
    modes: Sequence[AcceptedImage] = (),
    exact: ExactImage | None = None,
) -> Change:
    """Keep what was measured, in place of what was measured before, and accept its modes.

    Without an exact image the one that was kept for the same recipe stays.

    Raises:
        GoldenseedError: nothing that was made from the recipe is accepted.

    """
    for mode in modes:
        baseline = accepted(baseline, mode, add=True).baseline
    if tolerance.recipe_sha256 not in {image.recipe_sha256 for image in baseline.accepted}:
        raise GoldenseedError(
            "what was measured belongs to no accepted image",
            fix="accept an image of the case first",
        )
    before = baseline.exact
    kept = before if before and before.recipe_sha256 == tolerance.recipe_sha256 else None
    update = {"tolerance": tolerance, "exact": exact or kept}
    return Change(baseline.model_copy(update=update), Outcome.MEASURED)


def rejected(baseline: ProfileBaseline, image: RejectedImage) -> Change:
    """Reject ``image``, which also ends its acceptance; rejecting twice changes nothing."""
    if any(old.pixels_sha256 == image.pixels_sha256 for old in baseline.rejected):
        return Change(baseline, Outcome.UNCHANGED)
    kept = tuple(old for old in baseline.accepted if old.pixels_sha256 != image.pixels_sha256)
    return Change(
        baseline.model_copy(update={"accepted": kept, "rejected": (*baseline.rejected, image)}),
        Outcome.REJECTED,
        no_longer_accepted=tuple(old for old in baseline.accepted if old not in kept),
    )


def _completed(baseline: ProfileBaseline, known: AcceptedImage, image: AcceptedImage) -> Change:
    """Add to what is accepted already what ``image`` knows and it does not."""
    update: dict[str, str | None] = {}
    outcome = Outcome.UNCHANGED
    if known.archive_sha256 is None and image.archive_sha256 and known.run_id == image.run_id:
        update, outcome = {"archive_sha256": image.archive_sha256}, Outcome.ARCHIVED
    if known.trace_sha256 is None and image.trace_sha256 is not None:
        update |= {"trace_sha256": image.trace_sha256, "stages_sha256": image.stages_sha256}
        outcome = Outcome.TRACED
    completed = known.model_copy(update=update)
    accepted = tuple(completed if old is known else old for old in baseline.accepted)
    return Change(baseline.model_copy(update={"accepted": accepted}), outcome)


def _same(old: AcceptedImage, new: AcceptedImage) -> bool:
    return (old.pixels_sha256, old.recipe_sha256) == (new.pixels_sha256, new.recipe_sha256)


def _acceptance(before: ProfileBaseline, kept: tuple[AcceptedImage, ...]) -> Outcome:
    if not before.accepted:
        return Outcome.FIRST
    return Outcome.ADDED if len(kept) == len(before.accepted) else Outcome.REPLACED


Proposed = TypeVar("Proposed")


@dataclass(frozen=True)
class Step:
    """What accepting or rejecting one candidate comes to."""

    candidate: Candidate
    path: Path
    """The entry's file."""
    change: Change
    rejects: bool = False
    """Whether the image was to be rejected, whatever came of it."""
    overruled: Rejections = ()
    """Rejections of these pixels that this took back, in whichever profile."""
    accepted_elsewhere: tuple[str, ...] = ()
    """Other profiles that accept these pixels, sorted."""

    @property
    def outcome(self) -> Outcome:
        """What became of the image."""
        return self.change.outcome

    @property
    def replaced(self) -> tuple[AcceptedImage, ...]:
        """What was accepted in the profile before and is not any more."""
        return self.change.no_longer_accepted

    def names_environment(self, environment_sha256: str) -> bool:
        """Say whether what is accepted after the change was made in that environment."""
        return any(
            image.environment_sha256 == environment_sha256
            for image in self.change.baseline.accepted
        )

    def names_trace(self, trace_sha256: str) -> bool:
        """Say whether what is accepted after the change names that trace."""
        return trace_sha256 in self.change.baseline.traces()


@dataclass(frozen=True)
class Plan:
    """The steps, and what every entry's file that they change is to hold."""

    steps: tuple[Step, ...]
    entries: Mapping[Path, bytes]

    def write(self) -> None:
        """Replace each changed entry, atomically; GoldenseedError if one cannot be written."""
        write_all(self.entries)


def make_plan(
    places: Places,
    proposals: Sequence[tuple[Candidate, Proposed]],
    change: Callable[[ProfileBaseline, Proposed], Change],
) -> Plan:
    """Apply ``change`` to the entries of the proposals, one after the other, in memory.

    Whoever signed an accepted image takes back every rejection of it first. The caller holds the
    lock, so that the entries stay as they are read here.

    Raises:
        GoldenseedError: an unsafe name, an entry that cannot be read, or text that is no Unicode.

    """
    steps: list[Step] = []
    entries: dict[Path, BaselineEntry] = {}
    changed: dict[Path, None] = {}
    for candidate, proposed in proposals:
        path = places.entry(candidate.suite, candidate.case)
        before = entries.get(path) or _entry(path, candidate)
        entry = before
        rejections: Rejections = ()
        if isinstance(proposed, AcceptedImage):
            rejections = rejections_of(before, candidate.pixels_sha256)
            by = Signature(proposed.accepted_by, proposed.reason, proposed.accepted_at)
            entry = overruled(before, rejections, by)
        result = change(entry.profiles.get(candidate.profile, ProfileBaseline()), proposed)
        profiles = {**entry.profiles, candidate.profile: result.baseline}
        entries[path] = entry.model_copy(update={"profiles": profiles})
        steps.append(
            Step(
                candidate,
                path,
                result,
                rejects=isinstance(proposed, RejectedImage),
                overruled=rejections,
                accepted_elsewhere=_elsewhere(entry, candidate),
            )
        )
        if rejections or result.outcome is not Outcome.UNCHANGED:
            changed[path] = None
    # Written here already: this refuses what no UTF-8 file can hold, or nobody would read.
    return Plan(tuple(steps), {path: entry_text(entries[path]) for path in changed})


def decided(
    baseline: ProfileBaseline, image: AcceptedImage | RejectedImage, *, add: bool
) -> Change:
    """Accept or reject ``image``, by what it is."""
    if isinstance(image, RejectedImage):
        return rejected(baseline, image)
    return accepted(baseline, image, add=add)


def _entry(path: Path, candidate: Candidate) -> BaselineEntry:
    found = read_entry(path, suite=candidate.suite, case=candidate.case)
    return found or BaselineEntry(suite=candidate.suite, case=candidate.case, profiles={})


def _elsewhere(entry: BaselineEntry, candidate: Candidate) -> tuple[str, ...]:
    """Return the other profiles that accept the candidate's pixels."""
    return tuple(
        sorted(
            profile
            for profile, baseline in entry.profiles.items()
            if profile != candidate.profile and baseline.accepted_with(candidate.pixels_sha256)
        )
    )


def entry_text(entry: BaselineEntry) -> bytes:
    """Write an entry as its file has it; raises GoldenseedError for one that nobody would read."""
    document = entry.model_dump(mode="json", exclude=None if entry.renamed else {"renamed"})
    for profile in document["profiles"].values():
        for name in ("tolerance", "exact", "overruled"):
            if not profile[name]:
                del profile[name]
        for image in profile["accepted"]:
            del image["file_sha256"]
            for name in ("elements", "archive_sha256", "returned", "written"):
                if not image[name]:
                    del image[name]
        for image in (*profile["rejected"], *profile.get("overruled", ())):
            if image["environment_sha256"] is None:
                del image["environment_sha256"]
    text = pretty_json(document)
    if len(text) > ENTRY_LIMIT_BYTES:
        raise GoldenseedError(
            f"the entry of {entry.suite}::{entry.case} would have {len(text):,} bytes, more than "
            f"the {ENTRY_LIMIT_BYTES:,} that are read",
            fix="accept fewer alternatives of the case, or shorten its recipe or the reason",
        )
    return text
