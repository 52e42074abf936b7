"""Sketches read back, and the distance of two tensors estimated from them.

How they are made, and why the estimate is what it is: ``goldenseed.trace.writer``.
"""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any, Protocol

from goldenseed.trace.writer import BUCKETS, hashed

if TYPE_CHECKING:
    import numpy as np


def from_text(text: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Read a sketch back: shape (256,), float64; ``ValueError`` if it is none."""
    import numpy as np

    data = base64.b64decode(text, validate=True)
    types = {4 * BUCKETS: "<f4", 8 * BUCKETS: "<f8"}
    if len(data) not in types:
        raise ValueError(f"a sketch of {len(data)} bytes")
    return np.frombuffer(data, dtype=types[len(data)]).astype(np.float64)


def values_alone(record: Sketched) -> dict[int, float]:
    """Return the values that are alone in their bucket, by index: of short tables nearly all.

    Exact for float32 within 2**-40 of the largest; none of more than 256 values, or of integers.
    """
    count = math.prod(record.shape)
    if record.sketch is None or count > BUCKETS or "complex" in record.dtype:
        return {}
    sums, cells = from_text(record.sketch), hashed(0)[:count].tolist()
    buckets = [cell % BUCKETS for cell in cells]
    return {
        index: float(sums[bucket]) * (1 if cells[index] < BUCKETS else -1)
        for index, bucket in enumerate(buckets)
        if buckets.count(bucket) == 1
    }


class Sketched(Protocol):
    """A record of values, from which their distance to others can be estimated."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The values' shape."""

    @property
    def dtype(self) -> str:
        """As torch names it."""

    @property
    def sha256(self) -> str:
        """The digest of the values."""

    @property
    def norm(self) -> float | None:
        """Euclidean norm."""

    @property
    def sketch(self) -> str | None:
        """The count sketch, as text."""


def relative_distance(a: Sketched, b: Sketched) -> float | None:
    """Estimate ``norm(b - a) / norm(a)`` of the values that two records are of.

    0.0 where they are equal bit for bit. None where nothing can be said: another shape, integers,
    NaN, or a norm of zero. The relative standard deviation of the estimate is 4.4 %.
    """
    import numpy as np

    if a.shape != b.shape:
        return None
    if (a.dtype, a.sha256) == (b.dtype, b.sha256):
        return 0.0
    if a.sketch is None or b.sketch is None or not a.norm:
        return None
    with np.errstate(invalid="ignore", over="ignore"):
        distance = float(np.linalg.norm(from_text(b.sketch) - from_text(a.sketch))) / a.norm
    return distance if math.isfinite(distance) else None
