"""Content limits in a session: the verdict says if an image is the same, they say if it is good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from goldenseed.core.errors import GoldenseedError
from goldenseed.runs.record import CaseRecord
from goldenseed.verdict.model import CONTENT, Reason

if TYPE_CHECKING:
    from PIL.Image import Image

    from goldenseed.suite.cases import Limit


def with_content(
    record: CaseRecord, image: Image, prompt: str | None, limits: Mapping[str, Limit]
) -> CaseRecord:
    """Complete ``record`` with the scores that ``limits`` are set on.

    The verdict stays. A limit that does not hold, or a score that cannot be computed, makes the
    case fail, with a reason of its own.
    """
    if not limits:
        return record
    from goldenseed.content.scores import score_image

    values: dict[str, float] = {}
    try:
        values, broken = score_image(image, prompt, limits)
        reasons = [
            Reason(
                code=CONTENT,
                metric=each.score,
                value=each.value,
                limit=each.limit.value,
                source=each.limit.source,
            )
            for each in broken
        ]
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
