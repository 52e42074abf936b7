"""What the store is given: an image of a run, and what a calibration found of a case."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from goldenseed.baselines.entry import ExactImage, MeasuredTolerance
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import pretty_json
from goldenseed.trace.stages import Stage
from goldenseed.trace.written import WrittenPrompt

_SAYS_NOTHING = re.compile(r"[\W_]*(why|reason|text)?[\W_]*", re.IGNORECASE)
"""What stands for a reason in printed commands and in help: ``…``, ``<why>``, ``TEXT``."""

RecordedStage = tuple[Stage, int, str | None, str]
"""Stage, index, source and digest of what a run's record lists of a trace."""


@dataclass(frozen=True)
class CandidateElement:
    """One picture or tensor of those that a call returned, as the run's record has it."""

    name: str
    file: Path
    """In the run's folder."""
    sha256: str
    size: tuple[int, int]
    mode: str


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
    size: tuple[int, int] | None = None
    """Width and height by the run's record, in pixels; None where nothing says them."""
    mode: str | None = None
    """Pillow's mode by the run's record; None where nothing says it."""
    stages: tuple[RecordedStage, ...] | None = None
    """The trace's stages by the run's record; None where nothing says them."""
    elements: tuple[CandidateElement, ...] = ()
    """What the call returned, where that is not one picture; ``image`` is then one of them."""
    archive_sha256: str | None = None
    """The digest of the verified archive that the run lies in; None where it lies in none."""

    returned: tuple[tuple[Path, str], ...] = ()
    """The files in which its pictures were returned, each with the SHA-256 of its bytes."""
    written: WrittenPrompt | None = None
    """The prompt, where a language model wrote it."""

    @property
    def name(self) -> str:
        """Suite, case and profile, for messages."""
        return f"{self.suite}::{self.case} in {self.profile}"

    @property
    def pictures(self) -> tuple[tuple[str, str], ...]:
        """Digest and mode of every picture and tensor, once each."""
        if not self.elements:
            return ((self.pixels_sha256, self.mode or ""),)
        return tuple(dict.fromkeys((each.sha256, each.mode) for each in self.elements))


@dataclass(frozen=True)
class Decision:
    """What somebody decided of one image, and why."""

    candidate: Candidate
    reason: str
    accepts: bool
    """Whether the image is accepted; else it is rejected."""


@dataclass(frozen=True)
class Signature:
    """Who changes what is accepted, why and when."""

    by: str
    reason: str
    at: datetime

    @classmethod
    def checked(cls, by: str, reason: str, now: datetime | None) -> Signature:
        """Return a signature in UTC to the second.

        GoldenseedError for a name or a reason that is empty or an unedited placeholder. ``now``
        must have a time zone (else ValueError); None takes the clock's time.
        """
        at = datetime.now(UTC) if now is None else now
        if at.tzinfo is None:
            raise ValueError(f"a time with a time zone is needed, not {at}")
        for what, text in (("name of who does it", by), ("reason", reason)):
            pretty_json(text)  # refuses what no UTF-8 file can hold
            if _SAYS_NOTHING.fullmatch(text):
                state = f"{text.strip()!r} says nothing" if text.strip() else "is empty"
                raise GoldenseedError(
                    f"the {what} {state}", fix=f"give a {what}: others will ask for it later"
                )
        return cls(by.strip(), reason.strip(), at.astimezone(UTC).replace(microsecond=0))


def refuse_rivals(candidates: Iterable[Candidate]) -> None:
    """Raise GoldenseedError if two different images would each replace what one profile accepts."""
    rivals: defaultdict[str, set[str]] = defaultdict(set)
    for candidate in candidates:
        rivals[candidate.name].add(candidate.pixels_sha256)
    for name, digests in rivals.items():
        if len(digests) > 1:
            raise GoldenseedError(
                f"{name}: {len(digests)} different images are to be accepted at once",
                fix="choose one of them, or accept them without replacing what is accepted",
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
