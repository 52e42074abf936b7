"""What ``ssim._lost`` computes, compiled by Numba: the same bits in a quarter of the time or less.

Every sum, product and quotient is one that NumPy makes there, in the same order; nothing is fused
or reordered, and tests hold the bits against each other. The fields of an image are whole numbers
below 2^18: float32 holds them, and the sums of two with which a symmetric window begins, exactly.
All that follows is float64. An image is filtered in stripes of which the last eleven rows are kept,
so that everything stays in a core's first cache.

Importing this module imports Numba and compiles, or loads from its cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from numba import types

from goldenseed.images.ssim_window import BELL, C1, C2, REACH, WINDOW

if TYPE_CHECKING:
    import numpy.typing as npt

    Samples = npt.NDArray[np.uint8]
    Lines = npt.NDArray[np.float32]
    Kept = npt.NDArray[np.float64]

_W0, _W1, _W2, _W3, _W4, _W5 = BELL
_C1, _C2 = C1, C2
_WINDOW, _REACH = WINDOW, REACH

_MOST_CHANNELS = 4
_STRIPE = 256
"""Samples of a row that are filtered at once; no power of two, which would crowd the cache."""
_LINE = _STRIPE + 2 * REACH * _MOST_CHANNELS
_FIELD = WINDOW * _LINE
"""Numbers that are kept of each field: the two images, their product, the sum of their squares."""

_U64 = np.uint64
"""The type of an index: Numba asks of a signed one whether it counts from the end."""

_TILE = types.Array(types.uint8, 2, "A", readonly=True)
_SAMPLES = types.Array(types.uint8, 1, "A", readonly=True)
_LINES, _KEPT, _ROWS = types.float32[::1], types.float64[::1], types.UniTuple(types.uint64, WINDOW)


def compiled(signature: Any) -> Callable[[Any], Any]:
    """Compile for these types at once; keep the code on disk where there is a place for it."""

    def compile_now(function: Any) -> Any:
        try:
            return numba.njit(signature, cache=True, error_model="numpy")(function)
        except RuntimeError:  # neither the package's folder nor the user's cache can be written
            return numba.njit(signature, error_model="numpy")(function)

    return compile_now


@compiled(types.void(_SAMPLES, _SAMPLES, _LINES, types.uint64))
def _expand(x: Samples, y: Samples, kept: Lines, at: Any) -> None:
    for step in range(x.size):
        i = _U64(step)
        a, b = np.float32(x[i]), np.float32(y[i])
        kept[at + i] = a
        kept[at + i + _U64(_FIELD)] = b
        kept[at + i + _U64(2 * _FIELD)] = a * b
        kept[at + i + _U64(3 * _FIELD)] = a * a + b * b


@compiled(types.void(_LINES, _ROWS, _KEPT))
def _filter_columns(kept: Lines, rows: Any, out: Kept) -> None:
    for step in range(out.size):
        i = _U64(step)
        out[i] = (
            _W0 * np.float64(kept[rows[5] + i])
            + _W1 * np.float64(kept[rows[4] + i] + kept[rows[6] + i])
            + _W2 * np.float64(kept[rows[3] + i] + kept[rows[7] + i])
            + _W3 * np.float64(kept[rows[2] + i] + kept[rows[8] + i])
            + _W4 * np.float64(kept[rows[1] + i] + kept[rows[9] + i])
            + _W5 * np.float64(kept[rows[0] + i] + kept[rows[10] + i])
        )


@compiled(types.float64(_KEPT, types.uint64, types.uint64))
def _filtered(line: Kept, middle: Any, step: Any) -> Any:
    two, three = step + step, _U64(3) * step
    four, five = _U64(4) * step, _U64(5) * step
    return (
        _W0 * line[middle]
        + _W1 * (line[middle - step] + line[middle + step])
        + _W2 * (line[middle - two] + line[middle + two])
        + _W3 * (line[middle - three] + line[middle + three])
        + _W4 * (line[middle - four] + line[middle + four])
        + _W5 * (line[middle - five] + line[middle + five])
    )


@compiled(types.void(_KEPT, types.uint64, _KEPT))
def _lose(lines: Kept, channels: Any, out: Kept) -> None:
    line = _U64(_LINE)
    for step in range(out.size):
        middle = _U64(step) + _U64(_REACH) * channels
        a = _filtered(lines, middle, channels)
        b = _filtered(lines, middle + line, channels)
        both = a * b
        squares = a * a + b * b
        covariance = _filtered(lines, middle + line + line, channels) - both
        variances = _filtered(lines, middle + _U64(3) * line, channels) - squares
        likeness = (both * 2.0 + _C1) * (covariance * 2.0 + _C2)
        out[step] = 1.0 - likeness / ((squares + _C1) * (variances + _C2))


@compiled(types.void(_TILE, _TILE, types.int64, types.float64[:, ::1]))
def lost(x: Samples, y: Samples, channels: int, out: Kept) -> None:
    """Write 1 - SSIM of every window that lies wholly inside a tile; see ``ssim._tiles``."""
    rows, columns = out.shape
    beside = 2 * _REACH * channels
    kept, lines = np.empty(4 * _FIELD, np.float32), np.empty(4 * _LINE, np.float64)
    line, places = _U64(_LINE), _U64(_WINDOW)
    for left in range(0, columns, _STRIPE):
        count = min(_STRIPE, columns - left)
        for row in range(rows + 2 * _REACH):
            at = _U64(row) % places * line
            right = left + count + beside
            _expand(x[row, left:right], y[row, left:right], kept, at)
            if row < 2 * _REACH:
                continue
            top = _U64(row - 2 * _REACH)
            window = (
                top % places * line,
                (top + _U64(1)) % places * line,
                (top + _U64(2)) % places * line,
                (top + _U64(3)) % places * line,
                (top + _U64(4)) % places * line,
                (top + _U64(5)) % places * line,
                (top + _U64(6)) % places * line,
                (top + _U64(7)) % places * line,
                (top + _U64(8)) % places * line,
                (top + _U64(9)) % places * line,
                (top + _U64(10)) % places * line,
            )
            for field in range(4):
                begin = field * _LINE
                _filter_columns(
                    kept[field * _FIELD :], window, lines[begin : begin + count + beside]
                )
            _lose(lines, _U64(channels), out[row - 2 * _REACH, left : left + count])
