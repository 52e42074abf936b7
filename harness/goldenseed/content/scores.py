"""Content scores as data: which there are, what they are given, and the limits suites set on them.

Free of numpy and Pillow: limits are checked at collection, long before an image exists.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.offers import Offers, advice
from goldenseed.images.gates import Direction, within
from goldenseed.images.weights import check_extra
from goldenseed.suite.cases import Limit

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image


@dataclass(frozen=True, kw_only=True)
class Score:
    """A number that says something of one image, as suites and reports know it.

    It is plain data, and ``measure`` is only imported when an image is scored; a package that
    offers one keeps it in a module that imports nothing heavy::

        # in pyproject.toml: [project.entry-points."goldenseed.content"]
        #                    hand_count = "hands:HAND_COUNT"
        HAND_COUNT = goldenseed.Score(name="hand_count", low=0, measure="hands.counting:hand_count")
    """

    name: str
    """Lower case; suites write ``min_<name>`` and ``max_<name>``."""
    measure: str
    """``module:function``, which takes a ``Scene`` and returns a number, never NaN."""
    low: float = -math.inf
    """The least value there can be."""
    high: float = math.inf
    """The greatest value there can be."""
    needs_model: bool = False
    """Whether a limit has to name a model's folder: ``{value: 0.25, model: models/clip}``."""
    extra: str = ""
    """What ``measure`` needs besides the core dependencies: an extra of this package."""


@dataclass(frozen=True, eq=False)
class Scene:
    """One image with what it was made from."""

    image: Image
    """8-bit L, LA, RGB or RGBA."""
    prompt: str | None = None
    model: Path | None = None
    """The folder of the score's model, where it needs one."""

    @cached_property
    def rgb(self) -> Image:
        """The image in RGB; what is transparent is seen over white."""
        from PIL import Image

        if not self.image.mode.endswith("A"):
            return self.image.convert("RGB")
        behind = Image.new("RGBA", self.image.size, (255, 255, 255, 255))
        return Image.alpha_composite(behind, self.image.convert("RGBA")).convert("RGB")

    @cached_property
    def pixels(self) -> npt.NDArray[np.uint8]:
        """``rgb`` as uint8, height x width x 3."""
        import numpy as np

        return np.asarray(self.rgb)

    @cached_property
    def grey(self) -> npt.NDArray[np.uint8]:
        """The brightness (ITU-R 601) of ``rgb`` as uint8, height x width."""
        import numpy as np

        return np.asarray(self.rgb.convert("L"))


_OWN = "goldenseed.content.built_in"

SCORES: Mapping[str, Score] = MappingProxyType(
    {
        score.name: score
        for score in (
            Score(name="sharpness", low=0, measure=f"{_OWN}:sharpness"),
            Score(name="clipped_fraction", low=0, high=1, measure=f"{_OWN}:clipped_fraction"),
            Score(name="skin_fraction", low=0, high=1, measure=f"{_OWN}:skin_fraction"),
            Score(
                name="face_confidence",
                low=0,
                measure=f"{_OWN}:face_confidence",
                extra="opencv",
            ),
            Score(name="faces", low=0, measure=f"{_OWN}:face_count", extra="opencv"),
            Score(name="face_size", low=0, high=1, measure=f"{_OWN}:face_size", extra="opencv"),
            Score(
                name="clip_score",
                low=-1,
                high=1,
                measure=f"{_OWN}:clip_score",
                needs_model=True,
                extra="learned",
            ),
            Score(
                name="pick_score",
                measure=f"{_OWN}:pick_score",
                needs_model=True,
                extra="learned",
            ),
        )
    }
)


def _fault(score: Score) -> str:
    if not all(isinstance(each, int | float) for each in (score.low, score.high)):
        return f"has no numbers: low is {score.low!r}, high {score.high!r}"
    if not score.low < score.high:
        return f"has no range: low is {score.low}, high is {score.high}"
    return ""


OFFERS = Offers("goldenseed.content", "content score", Score, SCORES, _fault)
"""The scores there are: these, and those of other packages, each an entry point to a ``Score``."""


@dataclass(frozen=True)
class ContentLimit:
    """A score and the side on which its limit lies."""

    score: Score
    direction: Direction

    @property
    def name(self) -> str:
        """The limit as suites write it: ``min_sharpness``."""
        return f"{self.direction}_{self.score.name}"


def parse_limit_name(name: str) -> ContentLimit:
    """Read a limit's name: ``min_<score>`` or ``max_<score>``; both make sense for every score.

    Raises GoldenseedError for an unknown limit, or another package's score that cannot be loaded.
    """
    direction, _, rest = name.partition("_")
    if direction not in {"min", "max"} or not OFFERS.has(rest):
        known = (*SCORES, *OFFERS.foreign())
        limits = (f"{way}_{each}" for each in known for way in ("min", "max"))
        raise GoldenseedError(f"there is no content limit {name!r}", fix=advice(name, limits))
    return ContentLimit(OFFERS.find(rest), "min" if direction == "min" else "max")


def check_limits(limits: Mapping[str, Limit]) -> None:
    """Check the limits of one case, and that they go together; a GoldenseedError has the line."""
    for name, limit in limits.items():
        try:
            _check_one(parse_limit_name(name), limit)
        except GoldenseedError as error:
            raise GoldenseedError(error.what, line=limit.line, fix=error.fix) from None
        opposite = limits.get(f"max_{name.removeprefix('min_')}")
        if name.startswith("min_") and opposite and opposite.value < limit.value:
            raise GoldenseedError(
                f"{name} is {limit.value:g} and max_{name[4:]} is {opposite.value:g}: "
                "no image can keep both",
                line=limit.line,
                fix="lower the one or raise the other",
            )


def _check_one(limit: ContentLimit, given: Limit) -> None:
    score = limit.score
    check_extra(f"the content score {score.name!r}", score.extra)
    if OFFERS.is_foreign(score):
        OFFERS.function(score, score.measure)
    if not score.low <= given.value <= score.high:
        raise GoldenseedError(
            f"the limit of {limit.name} is {given.value:g}, which {score.name} never reaches",
            fix=f"use a number {_range(score)}",
        )
    if score.needs_model and given.model is None:
        raise GoldenseedError(
            f"{limit.name} needs a model",
            fix=f"write `{limit.name}: {{value: {given.value:g}, model: FOLDER}}`",
        )
    if given.model is not None and not score.needs_model:
        raise GoldenseedError(
            f"{limit.name} has a `model`, and {score.name} uses none",
            fix=f"write `{limit.name}: {given.value:g}`",
        )


def _range(score: Score) -> str:
    if math.isfinite(score.high):
        return f"from {score.low:g} to {score.high:g}"
    return f"from {score.low:g} upwards" if math.isfinite(score.low) else "that is finite"


@dataclass(frozen=True)
class Broken:
    """A limit that an image does not keep."""

    score: str
    value: float
    limit: Limit


def score_image(
    image: Image, prompt: str | None, limits: Mapping[str, Limit]
) -> tuple[dict[str, float], tuple[Broken, ...]]:
    """Return the scores that ``limits`` (``min_sharpness``) ask for, and the limits broken.

    Raises GoldenseedError for an unknown limit, an image that is not 8-bit L, LA, RGB or RGBA, a
    package or model that is missing, or another package's score that fails.
    """
    if limits and image.mode not in {"L", "LA", "RGB", "RGBA"}:
        raise GoldenseedError(
            f"the content of an image of mode {image.mode!r} cannot be scored",
            fix="generate 8-bit images, or remove the limits under `content`",
        )
    values: dict[str, float] = {}
    broken = []
    for name, limit in limits.items():
        content = parse_limit_name(name)
        score = content.score
        if score.name not in values:
            values[score.name] = value_of(score, Scene(image, prompt, limit.model))
        if not within(values[score.name], content.direction, limit.value):
            broken.append(Broken(score.name, values[score.name], limit))
    return values, tuple(broken)


def plain_scores(scene: Scene) -> dict[str, float]:
    """Return the scores that need nothing but the image: neither a model nor an extra."""
    own = (score for score in SCORES.values() if not (score.needs_model or score.extra))
    return {score.name: value_of(score, scene) for score in own}


def value_of(score: Score, scene: Scene) -> float:
    """Compute one score; raises as ``score_image``."""
    return OFFERS.number(score, scene, score.low, score.high)
