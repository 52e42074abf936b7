"""Two pictures judged without a suite: gates and metrics, no baseline, no tolerance."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path

from PIL import Image
from pydantic import BaseModel, ConfigDict

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular
from goldenseed.core.pixels import MODES, check_file, opened
from goldenseed.images.gates import Direction, Gate, check
from goldenseed.images.measure import measured
from goldenseed.images.metrics import DEFAULT_METRICS
from goldenseed.images.pair import Pair
from goldenseed.images.picture_files import (
    LARGEST_FILE,
    StoredPicture,
    check_whole,
    in_one_mode,
    read_checked,
    read_picture,
    same_pixels,
)
from goldenseed.images.terms import Region, Terms, mask_of, terms_of


class Outcome(StrEnum):
    """What became of two pictures. The noise is unknown here, so there is no ``match``."""

    IDENTICAL = "identical"
    """Every pixel is the same."""
    WITHIN = "within_gates"
    """Something differs, and every gate holds."""
    BEYOND = "beyond_gate"
    """At least one gate fails."""
    INCOMPARABLE = "incomparable"
    """No distance is defined: another size, orientation, or 16 bits."""
    MISSING = "missing"
    """Only one of the two folders has the file."""
    ERROR = "error"
    """One of the two cannot be read, or a metric failed."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class GateOutcome(_Frozen):
    """What one gate made of the pair."""

    gate: str
    """The gate's name, for example `min_ssim`."""
    value: float | None
    """What was measured; null for infinity."""
    limit: float
    """What was allowed."""
    passed: bool
    """Whether the gate holds."""

    @property
    def metric(self) -> str:
        """What was measured."""
        return self._gate.metric

    @property
    def direction(self) -> Direction:
        """On which side of the value the limit lies."""
        return self._gate.direction

    @property
    def _gate(self) -> Gate:
        return Gate.named(self.gate) or Gate(self.gate, "max")


class ImageComparison(_Frozen):
    """Two pictures compared."""

    name: str
    """The file's name below both folders; of two single images, that of the second."""
    outcome: Outcome
    """What became of them."""
    metrics: dict[str, float] = {}
    """What was measured, finite values only; empty where nothing had to be."""
    gates: tuple[GateOutcome, ...] = ()
    """Every gate in force; empty where nothing was measured."""
    notes: tuple[str, ...] = ()
    """What a reader has to know: conversions, colour profiles, the reason of an error."""

    @property
    def passed(self) -> bool:
        """Whether the pictures are identical or within the gates."""
        return self.outcome in {Outcome.IDENTICAL, Outcome.WITHIN}


class ComparisonDocument(_Frozen):
    """What `goldenseed compare --json` prints."""

    schema_version: int = 1
    """The version of this form."""
    a: str
    """The first image or folder: what is held against."""
    b: str
    """The second image or folder: what is judged."""
    limits: dict[str, float]
    """Every gate in force with its limit."""
    mask: str | None = None
    """The file of the mask."""
    ignore: tuple[tuple[int, int, int, int], ...] = ()
    """Left, top, width and height of every region that was ignored."""
    counts: dict[Outcome, int]
    """How many pairs came out how."""
    not_looked_at: dict[str, int] = {}
    """How many files of two folders are no pictures that can be read, by their ending."""
    pairs: tuple[ImageComparison, ...]
    """Every pair, in the order of the names."""


Source = Path | Image.Image


def compare(
    a: Path | str | Image.Image,
    b: Path | str | Image.Image,
    *,
    metrics: Iterable[str] = DEFAULT_METRICS,
    gates: Mapping[str, float] | Path | str | None = None,
    mask: Path | str | None = None,
    ignore: Iterable[Region] = (),
) -> ImageComparison:
    """Judge the picture ``b`` against ``a``, without a suite.

    Of equal files one is checked whole, and of equal pixels nothing is measured. Alpha is one more
    channel; metrics that cannot take it see both pictures on black and on white.

    Args:
        a: a file or an image in L, LA, RGB, RGBA or I;16.
        b: likewise.
        metrics: what is measured besides what the gates need.
        gates: limits by gate, ``{"min_ssim": 0.95}``, or a file of them; None allows one level.
        mask: a file of the pictures' size, white where pixels count.
        ignore: regions that do not count, each left, top, width, height.

    Raises:
        GoldenseedError: gates or metrics that do not exist, or a mask or a picture that cannot be
            read; a metric that failed.

    """
    terms = terms_of(metrics=metrics, gates=gates, mask=mask, ignore=ignore)
    first, second = (Path(each) if isinstance(each, str) else each for each in (a, b))
    name = second.name if isinstance(second, Path) else "image"
    return _judge(name, first, second, terms)


def judge_pair(name: str, a: Source, b: Source, terms: Terms) -> ImageComparison:
    """Judge picture ``b`` against ``a``; what a user can mend becomes the outcome ``error``."""
    try:
        return _judge(name, a, b, terms)
    except GoldenseedError as error:
        return ImageComparison(name=name, outcome=Outcome.ERROR, notes=(str(error),))


def _judge(name: str, a: Source, b: Source, terms: Terms) -> ImageComparison:
    if isinstance(a, Path) and isinstance(b, Path):
        files = read_regular(a, LARGEST_FILE), read_regular(b, LARGEST_FILE)
        for data, path in zip(files, (a, b), strict=True):
            check_file(data, str(path))
        equal = files[0] == files[1]
        if equal:
            check_whole(files[0], name=str(a))
        if equal or same_pixels(*files):
            _check_mask(files[0], str(a), terms)
            return ImageComparison(name=name, outcome=Outcome.IDENTICAL)
        pictures = read_checked(files[0], name=str(a)), read_checked(files[1], name=str(b))
    else:
        pictures = _picture(a), _picture(b)
    notes = _notes(*pictures)
    obstacle = _obstacle(*pictures)
    if obstacle:
        return ImageComparison(name=name, outcome=Outcome.INCOMPARABLE, notes=(obstacle, *notes))
    first, second, common = in_one_mode(pictures[0].image, pictures[1].image)
    if common:
        modes = " and ".join(picture.image.mode for picture in pictures)
        notes = (*notes, f"{modes} were compared as {common}")
    mask = mask_of(first.size, file=terms.mask, ignore=terms.ignore)
    if "I;16" in {first.mode, second.mode}:
        return _whole(name, first, second, notes)
    samples = pictures[1].samples, pictures[0].samples
    known = None if common or samples[0] is None or samples[1] is None else (samples[0], samples[1])
    pair = Pair(second, first, samples=known)
    if pair.equal:
        return ImageComparison(name=name, outcome=Outcome.IDENTICAL, notes=notes)
    return _by_distance(name, pair, terms, notes, mask)


def _check_mask(data: bytes, name: str, terms: Terms) -> None:
    """Look at the mask of equal pictures too: one that cannot be used is said the first time."""
    if terms.mask or terms.ignore:
        with opened(data, name=name) as (_, image, _complaints):
            size = image.size
        mask_of(size, file=terms.mask, ignore=terms.ignore)


def _whole(name: str, a: Image.Image, b: Image.Image, notes: tuple[str, ...]) -> ImageComparison:
    if a.mode == b.mode and a.tobytes() == b.tobytes():
        return ImageComparison(name=name, outcome=Outcome.IDENTICAL, notes=notes)
    what = "16-bit images differ, and their distance cannot be measured"
    return ImageComparison(name=name, outcome=Outcome.INCOMPARABLE, notes=(what, *notes))


def _by_distance(
    name: str, pair: Pair, terms: Terms, notes: tuple[str, ...], mask: Image.Image | None
) -> ImageComparison:
    if mask is not None:
        pair = Pair.of(pair.current, pair.accepted, mask)
    if pair.equal:
        notes = (*notes, "they differ only where pixels are ignored")
    metrics = measured(pair, terms.names)
    results = check(metrics, terms.limits)
    return ImageComparison(
        name=name,
        outcome=Outcome.WITHIN if all(result.passed for result in results) else Outcome.BEYOND,
        metrics={each: value for each, value in metrics.items() if math.isfinite(value)},
        gates=tuple(
            GateOutcome(
                gate=result.gate,
                value=result.value if math.isfinite(result.value) else None,
                limit=result.limit,
                passed=result.passed,
            )
            for result in results
        ),
        notes=notes,
    )


def _picture(source: Source) -> StoredPicture:
    if isinstance(source, Path):
        return read_picture(source)
    if source.mode not in MODES:
        raise GoldenseedError(
            f"the image has the mode {source.mode!r}", fix="convert it to L, LA, RGB or RGBA"
        )
    return StoredPicture(source)


def _obstacle(a: StoredPicture, b: StoredPicture) -> str | None:
    if a.image.size != b.image.size:
        sizes = (f"{each.image.width}x{each.image.height}" for each in (a, b))
        return "other size: " + " and ".join(sizes)
    if a.orientation != b.orientation:
        return (
            f"other EXIF orientation: {a.orientation} and {b.orientation}; "
            "pixels are compared as stored, so save both upright"
        )
    if a.image.mode != b.image.mode and "I;16" in {a.image.mode, b.image.mode}:
        return f"other depth: {a.image.mode} and {b.image.mode}"
    return None


def _notes(a: StoredPicture, b: StoredPicture) -> tuple[str, ...]:
    return tuple(_all_notes(a, b))


def _all_notes(a: StoredPicture, b: StoredPicture) -> Iterable[str]:
    for side, picture in (("A", a), ("B", b)):
        if picture.converted_from:
            yield f"{side} holds {picture.converted_from}, converted to {picture.image.mode}"
        if picture.complaint:
            yield f"{side} has broken metadata, which decides no pixel: {picture.complaint}"
    if differing := [
        name
        for name in sorted({*a.colours, *b.colours})
        if a.colours.get(name) != b.colours.get(name)
    ]:
        yield (
            f"other colour information ({', '.join(differing)}): pixels are compared as stored, so "
            "equal pixels may look different"
        )
    if a.orientation == b.orientation != 1:
        yield f"both have EXIF orientation {a.orientation}: compared as stored"
