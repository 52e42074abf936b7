"""Verifying what a run left of a candidate before an entry names it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from goldenseed.baselines.candidate import Candidate, Measurement, Signature
from goldenseed.baselines.entry import AcceptedElement, AcceptedImage, RejectedImage
from goldenseed.baselines.places import Places
from goldenseed.core.elements import (
    MOST,
    RETURNED_LIMIT,
    content_sha256,
    decoded,
    kind_of,
    sequence_sha256,
    values_sha256,
)
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256, read_regular, sha256_hex
from goldenseed.trace.files import digest_of, read_trace
from goldenseed.trace.stages import Stage, ends_of, stages_sha256
from goldenseed.trace.written import WRITTEN

if TYPE_CHECKING:
    from PIL import Image

    from goldenseed.core.elements import Content

_PROFILE = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_KEPT_BYTES = 256 * 2**20


class Keeps(Protocol):
    """Whatever keeps what was verified."""

    def keep(self, sha256: str, content: Content, size: int) -> None:
        """Keep a picture or tensor of ``size`` bytes, or do not."""


class Kept:
    """What was verified and is about to be written, as far as it fits in memory.

    The rest is read and verified once more.
    """

    def __init__(self, limit_bytes: int = _KEPT_BYTES) -> None:
        self._room = limit_bytes
        self._contents: dict[str, Content] = {}

    def keep(self, sha256: str, content: Content, size: int) -> None:
        """Keep a picture or tensor of ``size`` bytes, unless there is no room for it."""
        if size <= self._room and sha256 not in self._contents:
            self._room -= size
            self._contents[sha256] = content

    def take(self, candidate: Candidate, sha256: str) -> Content:
        """Return it; what is not kept is verified again, with the errors of that."""
        found = self._contents.pop(sha256, None)
        return verified_element(candidate, sha256) if found is None else found


def verified_element(candidate: Candidate, sha256: str) -> Content:
    """Decode the picture or tensor of that digest, as ``verified_image`` does; same errors."""
    if not candidate.elements:
        return verified_image(candidate)
    element = next(each for each in candidate.elements if each.sha256 == sha256)
    found = decoded(element.file, element.mode)
    said = (sha256, (element.size, element.mode))
    if (content_sha256(found), kind_of(found)) != said:
        raise _altered(
            candidate, f"{element.name} is not the one that the run's record names", element.file
        )
    return found


def _verified(
    candidate: Candidate, kept: Keeps
) -> tuple[tuple[tuple[int, int], str], tuple[str, ...]]:
    """Verify all of the candidate; return size and mode of the first, and the bytes' digests."""
    if not candidate.elements:
        image = verified_image(candidate)
        data = image.tobytes()
        kept.keep(candidate.pixels_sha256, image, len(data))
        return (image.size, image.mode), (sha256_hex(data),)
    _check_sayings(candidate)
    found = sequence_sha256((each.name, each.sha256) for each in candidate.elements)
    if found != candidate.pixels_sha256:
        raise _altered(candidate, "its elements are not those that its pixels_sha256 stands for")
    if len(candidate.elements) > MOST:
        raise _altered(candidate, f"it has {len(candidate.elements):,} elements")
    values = []
    for each in candidate.elements:
        content = verified_element(candidate, each.sha256)
        data = content.tobytes()
        kept.keep(each.sha256, content, len(data))
        values.append(sha256_hex(data))
    return (candidate.elements[0].size, candidate.elements[0].mode), tuple(values)


def verified_image(candidate: Candidate) -> Image.Image:
    """Decode the candidate's image and check everything its run's record says of it.

    Raises:
        GoldenseedError: the image is missing, damaged, or not the one the run recorded by its
            pixels, size and mode, the recipe does not fit its digest, or the profile is no
            profile's name.

    """
    from goldenseed.core import pixels  # reading entries needs no image library

    _check_sayings(candidate)
    image = pixels.decode(candidate.image)
    for what, found, said in (
        ("the pixels have the digest", pixels.pixels_sha256(image), candidate.pixels_sha256),
        ("the image has the size", image.size, candidate.size or image.size),
        ("the image has the mode", image.mode, candidate.mode or image.mode),
    ):
        if found != said:
            raise _altered(candidate, f"{what} {found}, and the run's record says {said}")
    return image


def _check_sayings(candidate: Candidate) -> None:
    """Check what the record says that needs no picture: profile and recipe."""
    if not _PROFILE.fullmatch(candidate.profile):
        raise GoldenseedError(
            f"{candidate.name}: {candidate.profile!r} is no profile's name",
            fix="a profile is written in lower case, as in cpu-x86_64-avx512",
        )
    if json_sha256(candidate.recipe) != candidate.recipe_sha256:
        raise _altered(candidate, "the recipe does not fit the recipe_sha256 of the run's record")


def verified_trace(candidate: Candidate, values: Sequence[str]) -> tuple[str | None, str | None]:
    """Check that the candidate's trace is the one its run recorded, and ends in ``values``.

    These are the SHA-256 of the bytes of each picture. Returns the trace's digest and that of its
    stages' digests; both None where there is no trace.

    Raises:
        GoldenseedError: it is missing, cut short or altered, its stages are not those of the run's
            record, or the pixels in which it ends are others than the image's.

    """
    if candidate.trace is None:
        if candidate.stages:
            raise _altered(candidate, "the run's record lists a trace's stages and names no file")
        return None, None
    trace = read_trace(candidate.trace)
    recorded = tuple((each.stage, each.index, each.source, each.sha256) for each in trace)
    if candidate.stages is not None and recorded != candidate.stages:
        raise _altered(
            candidate,
            f"the stages of the trace {candidate.trace.name} are not those of the run's record",
        )
    written = {each.sha256 for each in trace if each.source == WRITTEN}
    if candidate.written is not None and written and written != {candidate.written.ids_sha256}:
        raise _altered(candidate, "the prompt on record is not the one that its trace is of")
    ends_in = ends_of(trace, len(values))
    if ends_in != tuple(values):
        other = next((pair for pair in zip(ends_in, values, strict=False) if len({*pair}) > 1), ())
        ends = (
            f"ends in the pixels {other[0][:12]}…, and the image's are {other[1][:12]}…"
            if other
            else "does not say in which pixels it ends"
        )
        raise _altered(candidate, f"the trace {candidate.trace.name} {ends}")
    return digest_of(candidate.trace), stages_sha256(each.digest for each in trace)


def accepted_image(
    candidate: Candidate, signature: Signature, kept: Keeps | None = None
) -> AcceptedImage:
    """Verify the candidate and return what its entry will say of it; raises ``GoldenseedError``.

    Its pictures are then among what is ``kept``.
    """
    (size, mode), values = _verified(candidate, kept or Kept(0))
    trace_sha256, of_stages = verified_trace(candidate, values)
    return AcceptedImage(
        pixels_sha256=candidate.pixels_sha256,
        width=size[0],
        height=size[1],
        mode=mode,
        elements=tuple(
            AcceptedElement(
                name=each.name,
                sha256=each.sha256,
                width=each.size[0],
                height=each.size[1],
                mode=each.mode,
            )
            for each in candidate.elements
        ),
        recipe=dict(candidate.recipe),
        recipe_sha256=candidate.recipe_sha256,
        environment_sha256=json_sha256(candidate.environment),
        in_force=dict(candidate.in_force),
        run_id=candidate.run_id,
        accepted_at=signature.at,
        accepted_by=signature.by,
        reason=signature.reason,
        trace_sha256=trace_sha256,
        stages_sha256=of_stages,
        archive_sha256=candidate.archive_sha256,
        returned=tuple(_returned(candidate)),
        written=candidate.written,
    )


def _returned(candidate: Candidate) -> Iterator[str]:
    """Check that each returned file is the recorded one, and that its picture is one of the case's.

    Where steps of post-processing followed, that is the picture before them, as far as a trace
    tells of it. Yields their digests.
    """
    from goldenseed.core import pixels

    known = {sha256 for sha256, _ in candidate.pictures}
    stages = candidate.stages or ()
    before = {sha256 for stage, _, _, sha256 in stages if stage is Stage.UNPROCESSED}
    for path, sha256 in candidate.returned:
        data = read_regular(path, RETURNED_LIMIT)
        if sha256_hex(data) != sha256:
            raise _altered(candidate, "the returned file is not the one on record", path)
        image = pixels.decode(data, name=str(path))
        is_known = pixels.pixels_sha256(image) in known
        if candidate.recipe.get("postprocess"):
            is_known = not before or values_sha256(image) in before
        if not is_known:
            raise _altered(candidate, "the returned file holds another picture", path)
        yield sha256


def rejected_image(candidate: Candidate, signature: Signature) -> RejectedImage:
    """Verify the candidate and return what its entry will say of it; raises ``GoldenseedError``."""
    _verified(candidate, Kept(0))
    return RejectedImage(
        pixels_sha256=candidate.pixels_sha256,
        run_id=candidate.run_id,
        rejected_at=signature.at,
        rejected_by=signature.by,
        reason=signature.reason,
        environment_sha256=json_sha256(candidate.environment),
    )


def accepted_modes(found: Measurement, by: str) -> tuple[AcceptedImage, ...]:
    """Verify the modes of a measurement likewise, accepted when it was taken."""
    reason = f"a mode of {found.tolerance.images} calibration runs"
    signature = Signature.checked(by, reason, found.tolerance.measured_at)
    return tuple(accepted_image(mode, signature) for mode in found.modes)


def parts_of(places: Places, candidate: Candidate, *, accepts: bool = True) -> Iterator[Path]:
    """Yield every file that accepting or rejecting the candidate may write."""
    yield places.entry(candidate.suite, candidate.case)
    yield places.environment(json_sha256(candidate.environment))
    if accepts:
        yield from (places.element(*picture) for picture in candidate.pictures)
        if candidate.trace is not None:
            yield places.trace(digest_of(candidate.trace))
        yield from (places.returned(sha256) for _, sha256 in candidate.returned)


def measured_parts(places: Places, found: Measurement) -> Iterator[Path]:
    """Yield every file that keeping a measurement may write."""
    for each in (found.unchanged, *found.modes):
        yield from parts_of(places, each)
    yield from (places.environment(json_sha256(each)) for each in found.environments)
    if found.exact_trace is not None:
        yield places.trace(digest_of(found.exact_trace))


def _altered(candidate: Candidate, what: str, file: Path | None = None) -> GoldenseedError:
    return GoldenseedError(
        f"{candidate.name}: {what}",
        path=file or candidate.image,
        fix=f"the folder of run {candidate.run_id} was altered: run the suite again",
    )
