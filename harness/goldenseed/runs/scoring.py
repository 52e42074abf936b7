"""The content limits of a case held against what was made of it, picture by picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from goldenseed.core.errors import GoldenseedError
from goldenseed.runs.record import CaseRecord
from goldenseed.suite.cases import Limit
from goldenseed.verdict.model import CONTENT, Reason

if TYPE_CHECKING:
    from PIL.Image import Image

    from goldenseed.content.scores import Broken


def with_content(
    record: CaseRecord,
    pictures: Iterable[tuple[str | None, Image]],
    prompt: str | None,
    limits: Mapping[str, Limit],
) -> CaseRecord:
    """Complete ``record`` with the scores that ``limits`` are set on.

    The verdict stays: it says if an image is the same, and these say if it is good. A limit that
    does not hold, or a score that cannot be computed, makes the case fail, with its own reason.
    Each of several pictures has to hold every limit; on record is the value nearest to breaking it,
    and of each limit the worst picture that breaks it.
    """
    if not limits:
        return record
    from goldenseed.content.scores import score_image

    values: dict[str, float] = {}
    worst: dict[tuple[str, str], Reason] = {}
    reasons: list[Reason] = []
    try:
        seen = 0
        for seen, (name, image) in enumerate(pictures, 1):  # noqa: B007 - how many is asked below
            found, broken = score_image(image, prompt, limits)
            for score, value in found.items():
                upper = f"max_{score}" in limits
                values[score] = (max if upper else min)(values.get(score, value), value)
            for each in broken:
                below = each.value < each.limit.value
                key = each.score, "min" if below else "max"
                by = abs(each.value - each.limit.value)
                known = worst.get(key)
                if known is None or by > abs(float(known.value or 0) - each.limit.value):
                    worst[key] = _broken(each, name)
        reasons = [*worst.values()]
        if not seen:
            what = f"{', '.join(limits)}: the call returned no picture to score"
            reasons = [Reason(code=CONTENT, detail=what)]
    except GoldenseedError as error:
        reasons = [Reason(code=CONTENT, detail=str(error))]
    return record.model_copy(
        update={
            "content": values,
            "content_limits": {name: limit.value for name, limit in limits.items()},
            "reasons": (*record.reasons, *reasons),
            "passed": record.passed and not reasons,
        }
    )


def _broken(found: Broken, element: str | None) -> Reason:
    return Reason(
        code=CONTENT,
        metric=found.score,
        direction="min" if found.value < found.limit.value else "max",
        value=found.value,
        limit=found.limit.value,
        source=found.limit.source,
        element=element,
    )
