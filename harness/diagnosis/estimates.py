"""What can be told of two tensors from their sketches: a scale, a likeness, a guidance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.generation.sketch import from_text
from harness.generation.stages import Stage, StageRecord, Trace

if TYPE_CHECKING:
    import numpy as np

    Buckets = np.ndarray[Any, np.dtype[np.float64]]

_ALIKE = 1e-3
"""How far, relative to the whole, a mixture may miss and still be one."""
_UNEXPLAINED = 0.1
"""What share of a difference a factor may leave unexplained."""


def likeness(a: StageRecord, b: StageRecord) -> float | None:
    """Estimate the cosine of the angle between two tensors; None without sketches.

    Of two independent tensors it is 0 with a standard deviation of 1 / 16.
    """
    import numpy as np

    first, second = _buckets(a), _buckets(b)
    if first is None or second is None:
        return None
    norms = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / norms if norms else None


def common_factor(a: StageRecord, b: StageRecord) -> float | None:
    """Return k where ``b = k * a`` to within a tenth of their difference; None without such a k."""
    import numpy as np

    first, second = _buckets(a), _buckets(b)
    if first is None or second is None or not first.any() or not second.any():
        return None
    factor = float(first @ second / (first @ first))
    missed = float(np.linalg.norm(second - factor * first))
    return factor if missed < _UNEXPLAINED * np.linalg.norm(second - first) else None


def guidance_of(trace: Trace) -> float | None:
    """Estimate the guidance scale of the first step from what went into the guidance and came out.

    ``guided = unconditional + scale * (conditional - unconditional)`` (J. Ho, T. Salimans,
    "Classifier-free diffusion guidance", 2022, in diffusers' notation) is linear, and so is a
    sketch. None where there are not two predictions, or the result is no such mixture.
    """
    import numpy as np

    rows = [each for each in trace if each.stage is Stage.DENOISER_OUTPUT]
    guided = next((each for each in trace if each.stage is Stage.GUIDED_OUTPUT), None)
    if len(rows) != 2 or guided is None:  # noqa: PLR2004 - with and without the prompt
        return None
    # One call with both puts the unconditional one first, two calls put it last.
    together = rows[0].source != rows[1].source
    without, with_prompt = (_buckets(each) for each in (rows if together else rows[::-1]))
    mixed = _buckets(guided)
    if without is None or with_prompt is None or mixed is None:
        return None
    direction = with_prompt - without
    if not direction.any():
        return None
    scale = float((mixed - without) @ direction / (direction @ direction))
    missed = np.linalg.norm(mixed - without - scale * direction)
    return scale if missed < _ALIKE * np.linalg.norm(mixed) else None


def _buckets(record: StageRecord) -> Buckets | None:
    import numpy as np

    found = None if record.sketch is None else from_text(record.sketch)
    return found if found is not None and np.isfinite(found).all() else None
