"""What the store is given: an image of a run, and what a calibration found of a case."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from goldenseed.baselines import stored
from goldenseed.baselines.entry import AcceptedImage, ExactImage, MeasuredTolerance, RejectedImage
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256, pretty_json

if TYPE_CHECKING:
    from PIL import Image


_PROFILE = re.compile(r"[a-z0-9][a-z0-9_.-]*")


@dataclass(frozen=True)
class Candidate:
    """One image of a run, with everything that a baseline keeps of it."""

    suite: str
    case: str
    profile: str
    image: Path
    """The PNG in the run's folder."""
    pixels_sha256: str
    """What the run's record says of the image; verified before anything is written."""
    recipe: Mapping[str, JsonValue]
    recipe_sha256: str
    environment: Mapping[str, str | int | float | bool | None]
    run_id: str
    in_force: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)
    """What the environment had otherwise inside the pipeline's call."""
    trace: Path | None = None
    """The trace in the run's folder; verified before anything is written."""

    @property
    def name(self) -> str:
        """Suite, case and profile, for messages."""
        return f"{self.suite}::{self.case} in {self.profile}"


@dataclass(frozen=True)
class Signature:
    """Who changes what is accepted, why and when."""

    by: str
    reason: str
    at: datetime

    @classmethod
    def checked(cls, by: str, reason: str, now: datetime | None) -> Signature:
        """Return a signature in UTC to the second; GoldenseedError for an empty name or reason.

        ``now`` must have a time zone (else ValueError); None takes the clock's time.
        """
        at = datetime.now(UTC) if now is None else now
        if at.tzinfo is None:
            raise ValueError(f"a time with a time zone is needed, not {at}")
        for what, text in (("name of who does it", by), ("reason", reason)):
            if not text.strip():
                raise GoldenseedError(
                    f"the {what} is empty", fix=f"give a {what}: others will ask for it later"
                )
            pretty_json(text)  # refuses what no UTF-8 file can hold
        return cls(by.strip(), reason.strip(), at.astimezone(UTC).replace(microsecond=0))


def verified_image(candidate: Candidate) -> Image.Image:
    """Decode the candidate's image and check everything its run's record says of it.

    Raises:
        GoldenseedError: the image is missing, damaged or not the one the run recorded, the recipe
            does not fit its digest, or the profile is no profile's name.

    """
    from goldenseed.core import pixels  # reading entries needs no image library

    if not _PROFILE.fullmatch(candidate.profile):
        raise GoldenseedError(
            f"{candidate.name}: {candidate.profile!r} is no profile's name",
            fix="a profile is written in lower case, as in cpu-x86_64-avx512",
        )
    if json_sha256(candidate.recipe) != candidate.recipe_sha256:
        raise _altered(candidate, "the recipe does not fit the recipe_sha256 of the run's record")
    image = pixels.decode(candidate.image)
    found = pixels.pixels_sha256(image)
    if found != candidate.pixels_sha256:
        raise _altered(
            candidate,
            f"the pixels have the digest {found}, the run's record says {candidate.pixels_sha256}",
        )
    return image


def accepted_image(candidate: Candidate, signature: Signature) -> AcceptedImage:
    """Verify the candidate and return what its entry will say of it; raises ``GoldenseedError``."""
    image = verified_image(candidate)
    trace_sha256, stages_sha256 = stored.trace_digests(candidate.trace)
    return AcceptedImage(
        pixels_sha256=candidate.pixels_sha256,
        width=image.width,
        height=image.height,
        mode=image.mode,
        recipe=dict(candidate.recipe),
        recipe_sha256=candidate.recipe_sha256,
        environment_sha256=json_sha256(candidate.environment),
        in_force=dict(candidate.in_force),
        run_id=candidate.run_id,
        accepted_at=signature.at,
        accepted_by=signature.by,
        reason=signature.reason,
        trace_sha256=trace_sha256,
        stages_sha256=stages_sha256,
    )


def rejected_image(candidate: Candidate, signature: Signature) -> RejectedImage:
    """Verify the candidate and return what its entry will say of it; raises ``GoldenseedError``."""
    verified_image(candidate)
    return RejectedImage(
        pixels_sha256=candidate.pixels_sha256,
        run_id=candidate.run_id,
        rejected_at=signature.at,
        rejected_by=signature.by,
        reason=signature.reason,
    )


def refuse_rivals(candidates: Sequence[Candidate]) -> None:
    """Raise GoldenseedError if two different images would each replace what one profile accepts."""
    rivals: defaultdict[str, set[str]] = defaultdict(set)
    for candidate in candidates:
        rivals[candidate.name].add(candidate.pixels_sha256)
    for name, digests in rivals.items():
        if len(digests) > 1:
            raise GoldenseedError(
                f"{name}: {len(digests)} different images are to be accepted at once",
                fix="choose one of them, or add them all as alternatives",
            )


def _altered(candidate: Candidate, what: str) -> GoldenseedError:
    return GoldenseedError(
        f"{candidate.name}: {what}",
        path=candidate.image,
        fix=f"the folder of run {candidate.run_id} was altered: run the suite again",
    )


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was measured of one case, and the images that are its modes."""

    unchanged: Candidate
    """The first unchanged image: says suite, case and profile."""
    tolerance: MeasuredTolerance
    environments: tuple[Mapping[str, str | int | float | bool | None], ...]
    """Where the images were made: those that ``tolerance`` names by their digests."""
    modes: tuple[Candidate, ...] = ()
    """Images to be accepted beside those that are; of an envelope none."""
    exact: ExactImage | None = None
    exact_trace: Path | None = None
    """The trace that ``exact`` names, in the run's folder."""
