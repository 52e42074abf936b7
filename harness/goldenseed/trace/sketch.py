"""Norms and count sketches: 256 numbers from which the distance of two large tensors is estimated.

Every element is added, with a sign, to one of 256 buckets; which bucket and which sign follows from
the element's index alone. Sketching is linear, so the sketch of a difference is the difference of
the sketches, and its squared norm is an unbiased estimate of the squared distance of the tensors.

Its relative standard deviation is at most sqrt(2 / 256) = 8.8 % for the squared distance, which is
4.4 % for the distance. Source: M. Charikar, K. Chen, M. Farach-Colton, "Finding frequent items in
data streams", ICALP 2002 (the sketch); N. Alon, Y. Matias, M. Szegedy, "The space complexity of
approximating the frequency moments", 1996, and M. Thorup, Y. Zhang, "Tabulation based 4-universal
hashing with applications to second moment estimation", SODA 2004 (the variance, 2 / buckets).

The hash is the finaliser of splitmix64 (G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom
number generators", OOPSLA 2014) of ``(index + 1) * 0x9E3779B97F4A7C15`` modulo 2**64. The lowest
eight bits of the result are the bucket, and the ninth bit, if set, makes the sign negative.

Norm and sketch are functions of the values alone, to the last bit, on every machine and in whatever
order they are summed: each value is scaled by a power of two that follows from the largest
magnitude and rounded to an integer, and the sums of integers are exact (the idea of J. Demmel,
H. D. Nguyen, "Parallel reproducible summation", IEEE Trans. Comput. 2015, with one bin for all).
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

BUCKETS = 256

_GAMMA = 0x9E3779B97F4A7C15
_FINALISER = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))
_CHUNK = 2**15
"""Elements that are summed at once. No cell gets 2**13 of them, so that float64 holds its sum of
integers of ``_BITS`` bits; and the sum of their squares, rounded to twice ``_SQUARE_BITS``, fits
int64."""
_BITS = 40
_SQUARE_BITS = 23
_REMEMBERED = 128
"""How many chunks' hashes are remembered: 8 MiB, enough for tensors of 4,194,304 elements."""
_LOWEST = -980
"""Magnitudes below 2**-980 are scaled as that is, lest the scale overflow."""


def measure(values: Array) -> tuple[float | None, str | None]:
    """Return the norm and the sketch of values of any shape, taken in C order.

    Sketched are the values rounded to multiples of 2**-40 of the power of two above the largest
    magnitude (2**-80 for float64): the sketch of n values is off by that of n errors of at most
    2**-40 of the largest each, together at most sqrt(n) 2**-40 of the norm. That is far below what
    float32 itself rounds away, 2**-25 of each value. The norm is off by at most n 2**-45 of itself,
    and by so much only where one value outweighs all others together.

    Args:
        values: real or complex floating-point numbers, of which each part counts as an element. Of
            other dtypes, and of no values, there is neither norm nor sketch.

    Returns:
        The Euclidean norm, None where it or a value is not finite; and the sketch as base64 of 256
        little-endian float32, or float64 for float64, in which NaN and infinities spoil their
        buckets. float64 below 2**-1060 counts as zero.

    """
    import numpy as np

    if values.dtype.kind not in "fc" or not values.size:
        return None, None
    flat = np.ascontiguousarray(values).reshape(-1)
    flat = flat.view(flat.real.dtype)
    wide = flat.itemsize > 4  # noqa: PLR2004 - bytes of a float32
    flat = flat.astype(np.float64 if wide else np.float32, copy=False)
    low, high = float(flat.min()), float(flat.max())
    with np.errstate(invalid="ignore", over="ignore"):
        if math.isfinite(low) and math.isfinite(high):
            norm, buckets = _measured(flat, max(high, -low), wide=wide)
        else:
            sound = np.isfinite(flat)
            top = float(np.abs(flat[sound]).max(initial=0))
            _, buckets = _measured(np.where(sound, flat, 0), top, wide=wide)
            buckets += _plain_sums(np.where(sound, 0, flat))
            buckets[np.isnan(buckets)] = np.nan  # one of its many bit patterns
            norm = math.nan
        text = base64.b64encode(buckets.astype("<f8" if wide else "<f4").tobytes()).decode("ascii")
    return (norm if math.isfinite(norm) else None), text


def _measured(flat: Array, top: float, *, wide: bool) -> tuple[float, Array]:
    """Return norm and buckets of finite values of magnitudes up to ``top``."""
    import numpy as np

    exponent = max(math.frexp(top)[1], _LOWEST)
    squares, (high, low) = 0, np.zeros((2, 2 * BUCKETS), dtype=np.int64)
    for chunk, cells in _chunks(flat):
        scaled = chunk.astype(np.float64)
        scaled *= 2.0 ** (_BITS - exponent)
        whole = np.rint(scaled)
        high += np.bincount(cells, whole, 2 * BUCKETS).astype(np.int64)
        if wide:
            rest = np.rint((scaled - whole) * 2.0**_BITS)
            low += np.bincount(cells, rest, 2 * BUCKETS).astype(np.int64)
        scaled *= scaled
        scaled *= 2.0 ** (2 * (_SQUARE_BITS - _BITS))
        squares += int(scaled.astype(np.int64).sum())
    buckets = _signed(high) * 2.0 ** (exponent - _BITS)
    if wide:
        buckets += _signed(low) * 2.0 ** (exponent - 2 * _BITS)
    return math.sqrt(squares) * 2.0 ** (exponent - _SQUARE_BITS), buckets


def _plain_sums(flat: Array) -> Array:
    import numpy as np

    sums = np.zeros(2 * BUCKETS)
    for chunk, cells in _chunks(flat):
        sums += np.bincount(cells, chunk, 2 * BUCKETS)
    return _signed(sums)


def _signed(sums: Array) -> Array:
    signed: Array = sums[:BUCKETS] - sums[BUCKETS:]
    return signed


def _chunks(flat: Array) -> Iterator[tuple[Array, Array]]:
    """Yield the values chunk by chunk, with the cell of each: bucket, plus 256 where it counts -1.

    The hash of an index is the same for tensors of all sizes, so all share what is remembered.
    """
    for number, start in enumerate(range(0, flat.size, _CHUNK)):
        chunk = flat[start : start + _CHUNK]
        cells = _cells(number) if number < _REMEMBERED else _cells.__wrapped__(number)
        yield chunk, cells[: chunk.size]


@lru_cache(maxsize=_REMEMBERED)
def _cells(number: int) -> Array:
    import numpy as np

    first = number * _CHUNK + 1
    mixed = np.arange(first, first + _CHUNK, dtype=np.uint64) * np.uint64(_GAMMA)
    for shift, factor in _FINALISER:
        mixed ^= mixed >> np.uint64(shift)
        mixed *= np.uint64(factor)
    return (mixed & np.uint64(2 * BUCKETS - 1)).astype(np.int16)


def from_text(text: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Read a sketch back: shape (256,), float64.

    Raises:
        ValueError: it is not base64 of 256 float32 or float64 numbers.

    """
    import numpy as np

    data = base64.b64decode(text, validate=True)
    types = {4 * BUCKETS: "<f4", 8 * BUCKETS: "<f8"}
    if len(data) not in types:
        raise ValueError(f"a sketch of {len(data)} bytes")
    return np.frombuffer(data, dtype=types[len(data)]).astype(np.float64)


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
