"""From limits to values: scores one image, and trusts no result."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from numbers import Real
from typing import TYPE_CHECKING

from goldenseed.content.scores import SCORES, Scene, Score, parse_limit_name
from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.cases import Limit

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Broken:
    """A limit that an image does not keep."""

    score: str
    value: float
    limit: Limit


def score_image(
    image: Image, prompt: str | None, limits: Mapping[str, Limit]
) -> tuple[dict[str, float], tuple[Broken, ...]]:
    """Return the scores that ``limits`` ask for, by name, and the limits that do not hold.

    ``limits`` is keyed by the limit's name, ``min_sharpness``. A score with two limits is computed
    once.

    Raises:
        GoldenseedError: a limit that ``parse_limit_name`` refuses, an image that is not 8-bit L,
            LA, RGB or RGBA, a package or model that is missing, or a score of another package that
            raises or returns no number.

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
        if not content.holds(values[score.name], limit.value):
            broken.append(Broken(score.name, values[score.name], limit))
    return values, tuple(broken)


def value_of(score: Score, scene: Scene) -> float:
    """Compute one score.

    Raises:
        GoldenseedError: as ``score_image``.

    """
    module, _, function = score.measure.partition(":")
    try:
        value = getattr(import_module(module), function)(scene)
    except (GoldenseedError, MemoryError):
        raise
    except ImportError as error:
        fix = f"pip install 'pytest-goldenseed[{score.extra}]'" if score.extra else None
        raise GoldenseedError(
            f"the content score {score.name!r} cannot be computed: {error}",
            fix=fix or "repair or remove the package that offers it",
        ) from error
    except Exception as error:
        if SCORES.get(score.name) is score:
            raise
        raise GoldenseedError(
            f"the content score {score.name!r} ({score.measure}) failed: "
            f"{type(error).__name__}: {error}",
            fix="repair or remove the package that offers it",
        ) from error
    if isinstance(value, bool) or not isinstance(value, Real) or math.isnan(value):
        raise GoldenseedError(
            f"the content score {score.name!r} ({score.measure}) returned {value!r}, "
            "which is no number",
            fix="repair what computes it, or remove its limit",
        )
    return float(value)
