"""Count sketches: 256 numbers from which the distance of two large tensors can be estimated.

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
eight bits of the result are the bucket, and the ninth bit, if set, makes the sign negative. It is
integer arithmetic: every machine and device gets the same buckets.
"""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    import torch

BUCKETS = 256

_GAMMA = 0x9E3779B97F4A7C15
_FINALISER = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))
_TABLES = 32


class Sketcher:
    """Sketches tensors, and remembers the hashes of as many indices as the last tensors had."""

    def __init__(self) -> None:
        self._cells: dict[tuple[int, str], torch.Tensor] = {}

    def sketches(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the sketch of each row.

        Args:
            rows: shape (tensors, elements), real floating-point numbers, the elements of each
                tensor in C order; NaN and infinities spoil their buckets.

        Returns:
            shape (tensors, 256), float64, on the device of ``rows``.

        """
        import torch

        count, numel = rows.shape
        cells = self._cells_of(numel, rows.device)
        if count > 1:
            starts = torch.arange(count, dtype=cells.dtype, device=rows.device) * (2 * BUCKETS)
            cells = (cells + starts[:, None]).reshape(-1)
        sums = torch.zeros(count * 2 * BUCKETS, dtype=torch.float64, device=rows.device)
        sums.index_add_(0, cells, rows.detach().reshape(-1).to(torch.float64))
        signed = sums.reshape(count, 2, BUCKETS)
        return signed[:, 0] - signed[:, 1]

    def sketch(self, values: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, Any]:
        """Return the sketch of one tensor in memory, shape (elements,): float64, shape (256,).

        Bit for bit what ``sketches`` returns on a CPU: both add in the order of the elements.
        """
        import numpy as np
        import torch

        cells = self._cells_of(values.size, torch.device("cpu")).numpy()
        sums = np.bincount(cells, weights=values, minlength=2 * BUCKETS)
        return sums[:BUCKETS] - sums[BUCKETS:]

    def _cells_of(self, numel: int, device: torch.device) -> torch.Tensor:
        """Return each element's bucket, plus 256 where its sign is negative.

        int64 on a CPU, as NumPy counts; int32 elsewhere.
        """
        key = (numel, str(device))
        if key not in self._cells:
            if len(self._cells) == _TABLES:
                self._cells.clear()
            self._cells[key] = _cells(numel, device)
        return self._cells[key]


def _cells(count: int, device: torch.device) -> torch.Tensor:
    import torch

    # int64 wraps like the unsigned numbers of splitmix64; a shift has to drop the sign's copies.
    mixed = torch.arange(1, count + 1, dtype=torch.int64, device=device) * _signed(_GAMMA)
    for shift, factor in _FINALISER:
        mixed ^= (mixed >> shift) & ((1 << (64 - shift)) - 1)
        mixed *= _signed(factor)
    cells = mixed & (2 * BUCKETS - 1)
    return cells if device.type == "cpu" else cells.to(torch.int32)


def _signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word


def to_text(buckets: torch.Tensor, *, wide: bool) -> str:
    """Write a sketch as base64 of its little-endian float64 (``wide``) or float32 buckets.

    Rounding to float32 adds about 3e-8 of the norm to a distance, which is below what the
    arithmetic of float32 itself does to an image.
    """
    return array_to_text(buckets.cpu().numpy(), wide=wide)


def array_to_text(buckets: np.ndarray[Any, Any], *, wide: bool) -> str:
    """Write a sketch as ``to_text`` does."""
    values = buckets.astype("<f8" if wide else "<f4")
    return base64.b64encode(values.tobytes()).decode("ascii")


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
