"""What is accepted for one case: the document behind ``baselines/<suite>/<case>.json``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import (
    AliasChoices,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
)

from goldenseed.trace.written import WrittenPrompt


class ExactImage(BaseModel):
    """A case's image in float64, by its trace: the same on every machine, so it never expires."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trace_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """The stored trace of it: the stages that distances are taken at."""
    distances: dict[str, float]
    """How far the accepted image is from it: metric → relative distance; of several the worst."""
    limits: dict[str, float]
    """How far images may be: the farthest that was made here, and a margin."""
    images: int = Field(ge=1)
    """How many different images the limits are from."""
    recipe_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    made_at: AwareDatetime
    made_by: str


class Pattern(StrEnum):
    """What the images of a calibration have in common."""

    IDENTICAL = "identical"
    """All of them have the same pixels."""
    MODES = "modes"
    """A few images that recur bit for bit; each of them is accepted."""
    ENVELOPE = "envelope"
    """They scatter: no farther than the limits, worst seen plus a margin."""


class MeasuredTolerance(BaseModel):
    """What a calibration saw of a case, which holds until something numeric changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pattern: Pattern
    images: int = Field(ge=2)
    """How many images were made, the harmless changes' among them."""
    harmless: tuple[str, ...] = ()
    """The changes that were called harmless, by the names of ``goldenseed probe --list``."""
    limits: dict[str, float] = Field(default_factory=dict)
    """Of an envelope: metric of the pixels or of the trace → worst seen plus the margin."""
    recipe_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    environment_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Where the unchanged images were made, as it was inside the pipeline's call."""
    harmless_environments: tuple[str, ...] = ()
    """Where those of the harmless changes were made, where that is another fingerprint."""
    measured_at: AwareDatetime
    measured_by: str


Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
ProfileSlug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]*$")]

SCHEMA_VERSION: Final = 1


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AcceptedElement(_Document):
    """One of the pictures and tensors that an accepted call returned."""

    name: str
    """Which it is: ``frames[17]``, ``images[1]``, ``image_embeds``."""
    sha256: Sha256
    """Of a picture the digest of its pixels; see ``goldenseed.core.elements``."""
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    mode: str


class AcceptedImage(_Document):
    """One image that somebody accepted, with who, when and why; or all that one call returned."""

    pixels_sha256: Sha256
    """Where there are ``elements``, the one digest of them all, in order."""
    width: int = Field(ge=1)
    """Where there are ``elements``, width, height and mode of the first."""
    height: int = Field(ge=1)
    mode: str
    elements: tuple[AcceptedElement, ...] = ()
    """What the call returned, where that is not one picture; the file has the key where it is."""
    recipe: dict[str, JsonValue]
    recipe_sha256: Sha256
    environment_sha256: Sha256
    in_force: dict[str, str | int | float | bool | None] = Field(default_factory=dict)
    """What the environment had otherwise inside the pipeline's call; normally empty."""
    run_id: str
    accepted_at: AwareDatetime
    accepted_by: str
    reason: str
    trace_sha256: Sha256 | None = None
    """The stored trace of how the image was made; None if none was recorded."""
    stages_sha256: Sha256 | None = None
    """The digest of that trace's digests, by which the same values are known without its file."""
    archive_sha256: Sha256 | None = None
    """The digest of the archive that it was accepted from; the file has the key where there is."""
    returned: tuple[Sha256, ...] = ()
    """Of the files in which its pictures were returned; the entry has the key where there are."""
    written: WrittenPrompt | None = None
    """The prompt, where a language model wrote it; the file has the key where one did."""
    file_sha256: Sha256 | None = None
    """Written by earlier releases and not believed: bytes can be exchanged together with it."""


class RejectedImage(_Document):
    """One image that somebody declared wrong, with who, when and why."""

    pixels_sha256: Sha256
    run_id: str
    rejected_at: AwareDatetime
    rejected_by: str
    reason: str
    environment_sha256: Sha256 | None = None
    """Where it was made; None where an earlier release, which did not say, rejected it."""


class OverruledRejection(RejectedImage):
    """A rejection that somebody took back, knowing of it: history, which decides nothing."""

    overruled_at: AwareDatetime
    overruled_by: str
    overruled_because: str


class ProfileBaseline(_Document):
    """What is accepted and rejected for a case in one profile."""

    accepted: tuple[AcceptedImage, ...] = ()
    rejected: tuple[RejectedImage, ...] = ()
    overruled: tuple[OverruledRejection, ...] = ()
    """Rejections that were taken back, the latest last; the file has the key where there are."""
    tolerance: MeasuredTolerance | None = Field(
        default=None, validation_alias=AliasChoices("tolerance", "noise")
    )
    """What ``goldenseed calibrate`` measured; None where nobody did. Once written as ``noise``."""
    exact: ExactImage | None = None
    """What ``goldenseed calibrate --exact`` made; None where nobody did."""

    def digests(self) -> tuple[str, ...]:
        """Return the pixel digests of all images named here, the accepted ones first."""
        return (
            *(image.pixels_sha256 for image in self.accepted),
            *(image.pixels_sha256 for image in self.rejected),
        )

    def environments(self) -> tuple[str, ...]:
        """Return the digests of the environments in which the images named here were made."""
        made = dict.fromkeys(each.environment_sha256 for each in self.accepted)
        refused = (*self.rejected, *self.overruled)
        found = (*made, *(each.environment_sha256 for each in refused))
        return tuple(dict.fromkeys(filter(None, found)))

    def traces(self) -> tuple[str, ...]:
        """Return the digests of the traces named here."""
        exact = [self.exact.trace_sha256] if self.exact else []
        return (*(each.trace_sha256 for each in self.accepted if each.trace_sha256), *exact)

    def accepted_with(self, pixels_sha256: str) -> AcceptedImage | None:
        """Return the accepted image of these pixels."""
        return next((each for each in self.accepted if each.pixels_sha256 == pixels_sha256), None)


class Renamed(_Document):
    """That the baselines of a case were kept under another name before, and who moved them."""

    suite: str
    case: str
    """What they were called."""
    run_id: str
    """The run in which the case was seen under its present name."""
    renamed_at: AwareDatetime
    renamed_by: str
    reason: str


class BaselineEntry(_Document):
    """Everything known about one case, by profile."""

    schema_version: Literal[1] = SCHEMA_VERSION
    suite: str
    case: str
    profiles: dict[ProfileSlug, ProfileBaseline]
    renamed: tuple[Renamed, ...] = ()
    """What the case was called before, the latest last; the file has the key where there are."""
