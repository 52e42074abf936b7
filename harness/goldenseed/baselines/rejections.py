"""Rejections: refusing to accept what is on a reject list, and overruling one by name."""

from __future__ import annotations

from collections.abc import Sequence

from goldenseed.baselines.candidate import Candidate, Signature
from goldenseed.baselines.entry import BaselineEntry, OverruledRejection, RejectedImage
from goldenseed.core.errors import GoldenseedError

Rejections = tuple[tuple[str, RejectedImage], ...]
"""Rejections of the same pixels, each with the profile that has it."""


def rejections_of(entry: BaselineEntry | None, pixels_sha256: str) -> Rejections:
    """Return who rejected these pixels, in whichever profile: it counts in all of them."""
    return tuple(
        (profile, image)
        for profile, baseline in (entry.profiles if entry else {}).items()
        for image in baseline.rejected
        if image.pixels_sha256 == pixels_sha256
    )


def overruled(entry: BaselineEntry, rejections: Rejections, signature: Signature) -> BaselineEntry:
    """Take the rejections off their lists; who rejected, when and why stays as history."""
    profiles = dict(entry.profiles)
    for profile, image in rejections:
        baseline = profiles[profile]
        past = OverruledRejection(
            **image.model_dump(),
            overruled_at=signature.at,
            overruled_by=signature.by,
            overruled_because=signature.reason,
        )
        update = {
            "rejected": tuple(each for each in baseline.rejected if each is not image),
            "overruled": (*baseline.overruled, past),
        }
        profiles[profile] = baseline.model_copy(update=update)
    return entry.model_copy(update={"profiles": profiles})


def in_words(rejections: Rejections) -> str:
    """Say who rejected an image, where, when and why."""
    return "; ".join(
        f"rejected by {image.rejected_by} on {image.rejected_at:%Y-%m-%d} in {profile}: "
        f"{image.reason}"
        for profile, image in rejections
    )


def refuse(rejected: Sequence[tuple[Candidate, Rejections]]) -> None:
    """Raise GoldenseedError if there is a candidate that is rejected, naming who, when and why."""
    if not rejected:
        return
    raise GoldenseedError(
        "; ".join(f"{each.name} was {in_words(rejections)}" for each, rejections in rejected),
        fix="to take a rejection back, name that case by its id and add --overrule-rejection: "
        "goldenseed accept RUN SUITE::CASE --overrule-rejection --reason WHY",
    )
