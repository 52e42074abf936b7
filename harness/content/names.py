"""Which content scores there are, and the limits that suites set on them.

Free of numpy and Pillow: limits are checked at collection, long before an image exists.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType

from harness.comparison.available import check_extra
from harness.comparison.gates import Direction, within
from harness.comparison.names import advice
from harness.content.score import Score
from harness.errors import GoldenseedError
from harness.suites.expansion import Limit

GROUP = "goldenseed.content"
"""The entry points through which other packages offer scores; each names a ``Score``."""

_PICTURE = "harness.content.picture"
_FACES = "harness.content.faces"
_PROMPT = "harness.content.prompt"

SCORES = MappingProxyType(
    {
        score.name: score
        for score in (
            Score(name="sharpness", low=0, measure=f"{_PICTURE}:sharpness"),
            Score(name="clipped_fraction", low=0, high=1, measure=f"{_PICTURE}:clipped_fraction"),
            Score(name="skin_fraction", low=0, high=1, measure=f"{_PICTURE}:skin_fraction"),
            Score(
                name="face_confidence",
                low=0,
                measure=f"{_FACES}:face_confidence",
                extra="opencv",
            ),
            Score(name="face_size", low=0, high=1, measure=f"{_FACES}:face_size", extra="opencv"),
            Score(
                name="clip_score",
                low=-1,
                high=1,
                measure=f"{_PROMPT}:clip_score",
                needs_model=True,
                extra="learned",
            ),
            Score(
                name="pick_score",
                measure=f"{_PROMPT}:pick_score",
                needs_model=True,
                extra="learned",
            ),
        )
    }
)
"""Every built-in score."""


@dataclass(frozen=True)
class ContentLimit:
    """A score and the side on which its limit lies."""

    score: Score
    direction: Direction

    @property
    def name(self) -> str:
        """The limit as suites write it: ``min_sharpness``."""
        return f"{self.direction}_{self.score.name}"

    def holds(self, value: float, limit: float) -> bool:
        """Whether ``value`` is on the right side of ``limit``: see ``within``."""
        return within(value, self.direction, limit)


def limit_names() -> tuple[str, ...]:
    """Return the name of every limit on a built-in score."""
    return tuple(f"{direction}_{name}" for name in SCORES for direction in ("min", "max"))


def parse_limit_name(name: str) -> ContentLimit:
    """Read a limit's name: ``min_<score>`` or ``max_<score>``; both make sense for every score.

    A score of another package is loaded only when its name stands in a limit.

    Raises:
        GoldenseedError: an unknown limit (the message names the nearest ones), or one on another
            package's score that cannot be loaded.

    """
    direction, _, rest = name.partition("_")
    offered = {each.name: each for each in entry_points(group=GROUP)}
    if direction not in {"min", "max"} or not (rest in SCORES or rest in offered):
        known = (*limit_names(), *(f"{way}_{each}" for each in offered for way in ("min", "max")))
        raise GoldenseedError(f"there is no content limit {name!r}", fix=advice(name, known))
    score = SCORES.get(rest) or _loaded(offered[rest])
    return ContentLimit(score, "min" if direction == "min" else "max")


def check_limits(limits: Mapping[str, Limit]) -> None:
    """Check the limits of one case, whose values a suite has as numbers already.

    Raises:
        GoldenseedError: an unknown limit, a score whose extra is not installed, a value that the
            score never reaches, a model missing or without use, or a least value above the
            greatest. The error carries the limit's line.

    """
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


def _loaded(entry: EntryPoint) -> Score:
    package = f" of {entry.dist.name} {entry.dist.version}" if entry.dist else ""
    what = f"the content score {entry.name!r}{package} ({entry.value})"
    try:
        found = entry.load()
    except Exception as error:  # other people's code, raising what it likes
        raise GoldenseedError(
            f"{what} cannot be loaded: {type(error).__name__}: {error}",
            fix="repair or remove that package",
        ) from error
    if not isinstance(found, Score) or found.name != entry.name:
        raise GoldenseedError(
            f"{what} is no harness.Score called {entry.name!r}",
            fix="repair or remove that package",
        )
    return found


def scores_of(limits: Iterable[str]) -> dict[str, Score]:
    """Return the scores that limits are set on, by name, each once."""
    found = (parse_limit_name(name).score for name in limits)
    return {score.name: score for score in found}
