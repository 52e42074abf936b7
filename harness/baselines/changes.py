"""Accepting and rejecting one image as changes to one profile's baseline: data in, data out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.baselines.entry import AcceptedImage, ProfileBaseline, RejectedImage
from harness.baselines.exact_image import ExactImage
from harness.baselines.measured_noise import MeasuredNoise
from harness.errors import GoldenseedError


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
    """What was measured of the case's noise was added."""
    TRACED = "traced"
    """Accepted already, but without a trace, which was added."""
    UNCHANGED = "unchanged"
    """It already was so; nothing was written."""


@dataclass(frozen=True)
class Change:
    """One profile's baseline after a change, and what the change did."""

    baseline: ProfileBaseline
    outcome: Outcome
    no_longer_accepted: tuple[str, ...] = ()
    """Pixel digests that were accepted before and are not any more."""
    no_longer_rejected: bool = False


def accepted(baseline: ProfileBaseline, image: AcceptedImage, *, add: bool) -> Change:
    """Accept ``image``: in place of all that was accepted, or beside it if ``add``.

    The same pixels made from the same recipe are accepted already: then nothing changes, so that
    accepting a whole run again never drops the alternatives of a case nor who accepted it first.
    The same pixels from another recipe take the place of the old ones even if ``add``. A trace is
    added to what was accepted without one.
    """
    known = next((old for old in baseline.accepted if _same(old, image)), None)
    if known is not None:
        return _traced(baseline, known, image)
    kept = tuple(
        old for old in baseline.accepted if add and old.pixels_sha256 != image.pixels_sha256
    )
    remaining = {old.pixels_sha256 for old in (*kept, image)}
    rejected = tuple(old for old in baseline.rejected if old.pixels_sha256 != image.pixels_sha256)
    return Change(
        ProfileBaseline(
            accepted=(*kept, image),
            rejected=rejected,
            noise=baseline.noise if add else None,
            exact=baseline.exact if add else None,
        ),
        _acceptance(baseline, kept),
        no_longer_accepted=tuple(
            old.pixels_sha256 for old in baseline.accepted if old.pixels_sha256 not in remaining
        ),
        no_longer_rejected=len(rejected) < len(baseline.rejected),
    )


def measured(
    baseline: ProfileBaseline,
    noise: MeasuredNoise,
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
    if noise.recipe_sha256 not in {image.recipe_sha256 for image in baseline.accepted}:
        raise GoldenseedError(
            "what was measured belongs to no accepted image",
            fix="accept an image of the case first",
        )
    before = baseline.exact
    kept = before if before and before.recipe_sha256 == noise.recipe_sha256 else None
    update = {"noise": noise, "exact": exact or kept}
    return Change(baseline.model_copy(update=update), Outcome.MEASURED)


def rejected(baseline: ProfileBaseline, image: RejectedImage) -> Change:
    """Reject ``image``, which also ends its acceptance; rejecting twice changes nothing."""
    if any(old.pixels_sha256 == image.pixels_sha256 for old in baseline.rejected):
        return Change(baseline, Outcome.UNCHANGED)
    kept = tuple(old for old in baseline.accepted if old.pixels_sha256 != image.pixels_sha256)
    return Change(
        baseline.model_copy(update={"accepted": kept, "rejected": (*baseline.rejected, image)}),
        Outcome.REJECTED,
        no_longer_accepted=((image.pixels_sha256,) if len(kept) < len(baseline.accepted) else ()),
    )


def _traced(baseline: ProfileBaseline, known: AcceptedImage, image: AcceptedImage) -> Change:
    if known.trace_sha256 is not None or image.trace_sha256 is None:
        return Change(baseline, Outcome.UNCHANGED)
    update = {"trace_sha256": image.trace_sha256, "stages_sha256": image.stages_sha256}
    traced = known.model_copy(update=update)
    accepted = tuple(traced if old is known else old for old in baseline.accepted)
    return Change(baseline.model_copy(update={"accepted": accepted}), Outcome.TRACED)


def _same(old: AcceptedImage, new: AcceptedImage) -> bool:
    return (old.pixels_sha256, old.recipe_sha256) == (new.pixels_sha256, new.recipe_sha256)


def _acceptance(before: ProfileBaseline, kept: tuple[AcceptedImage, ...]) -> Outcome:
    if not before.accepted:
        return Outcome.FIRST
    return Outcome.ADDED if len(kept) == len(before.accepted) else Outcome.REPLACED
