"""The mean SSIM compiled by Numba: scikit-image's value to 1e-12 in a twentieth of the time.

With u = x + y and v = x - y, four filters do where the textbook has five::

    2 X Y   = (U² - V²) / 2        2 cov(x, y)   = (var u - var v) / 2
    X² + Y² = (U² + V²) / 2        var x + var y = (var u + var v) / 2

where X, Y, U and V are x, y, u and v under the Gaussian window and var u = E[u²] - U². Each of the
four is computed doubled. u, v and their squares are whole numbers below 2^18: float32 holds them,
and the sums of two with which a symmetric window begins, exactly. All that follows is float64.

An image is filtered in stripes of which the last eleven rows are kept, so that everything stays in
a core's first cache. Importing this module imports Numba and compiles, or loads from its cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from numba import types

if TYPE_CHECKING:
    import numpy.typing as npt

    Samples = npt.NDArray[np.uint8]
    Lines = npt.NDArray[np.float32]
    Kept = npt.NDArray[np.float64]

REACH = 5
"""Half of the window: sigma 1.5, cut at 3.5 sigma."""

_WINDOW = 2 * REACH + 1
_BELL = np.exp(-0.5 * (np.arange(REACH + 1) / 1.5) ** 2)
_W0, _W1, _W2, _W3, _W4, _W5 = (float(weight) for weight in _BELL / (2 * _BELL.sum() - _BELL[0]))
_C1, _C2 = 2 * (0.01 * 255) ** 2, 2 * (0.03 * 255) ** 2

_MOST_CHANNELS = 4
_STRIPE = 96
"""Samples of a row that are filtered at once; no power of two, which would crowd the cache."""
_LINE = _STRIPE + 2 * REACH * _MOST_CHANNELS
_FIELD = _WINDOW * _STRIPE
"""Numbers that are kept of each of u, v, u² and v²."""

_U64 = np.uint64
"""The type of an index: Numba asks of a signed one whether it counts from the end."""


_IMAGE = types.Array(types.uint8, 2, "C", readonly=True)
_SAMPLES = types.Array(types.uint8, 1, "C", readonly=True)
_LINES, _KEPT = types.float32[::1], types.float64[::1]
_INDEX, _COUNT, _VALUE = types.uint64, types.int64, types.float64


def compiled(signature: Any) -> Callable[[Any], Any]:
    """Compile for these types at once; keep the code on disk where there is a place for it."""

    def compile_now(function: Any) -> Any:
        # LLVM may reorder sums: without that it cannot use all lanes of a register.
        options = {"fastmath": {"contract", "reassoc", "nsz", "arcp"}, "error_model": "numpy"}
        try:
            return numba.njit(signature, cache=True, **options)(function)
        except RuntimeError:  # neither the package's folder nor the user's cache can be written
            return numba.njit(signature, **options)(function)

    return compile_now


@compiled(types.boolean(_SAMPLES, _SAMPLES))
def _differ(x: Samples, y: Samples) -> Any:
    difference = np.uint8(0)
    for step in range(x.size):
        i = _U64(step)
        difference |= x[i] ^ y[i]
    return difference != 0


@compiled(types.void(_SAMPLES, _SAMPLES, _LINES))
def _expand(x: Samples, y: Samples, lines: Lines) -> None:
    """Write u, v, u² and v², each into a line of its own."""
    for step in range(x.size):
        i = _U64(step)
        a, b = np.float32(x[i]), np.float32(y[i])
        u, v = a + b, a - b
        lines[i] = u
        lines[i + _U64(_LINE)] = v
        lines[i + _U64(2 * _LINE)] = u * u
        lines[i + _U64(3 * _LINE)] = v * v


@compiled(types.void(_LINES, _KEPT, _INDEX))
def _filter_row(line: Lines, filtered: Kept, channels: Any) -> None:
    """Filter a line whose samples of one channel lie ``channels`` apart."""
    far2, far3, far4 = channels + channels, _U64(3) * channels, _U64(4) * channels
    far5 = _U64(5) * channels
    for step in range(filtered.size):
        i = _U64(step)
        middle = far5 + i
        filtered[i] = (
            _W0 * np.float64(line[middle])
            + _W1 * np.float64(line[middle - channels] + line[middle + channels])
            + _W2 * np.float64(line[middle - far2] + line[middle + far2])
            + _W3 * np.float64(line[middle - far3] + line[middle + far3])
            + _W4 * np.float64(line[middle - far4] + line[middle + far4])
            + _W5 * np.float64(line[middle - far5] + line[middle + far5])
        )


@compiled(_VALUE(_KEPT, types.UniTuple(_INDEX, _WINDOW), _INDEX))
def _filtered_column(kept: Kept, rows: Any, i: Any) -> Any:
    """Filter one column; ``rows`` is where the rows of the window begin, the topmost first."""
    return (
        _W0 * kept[rows[5] + i]
        + _W1 * (kept[rows[4] + i] + kept[rows[6] + i])
        + _W2 * (kept[rows[3] + i] + kept[rows[7] + i])
        + _W3 * (kept[rows[2] + i] + kept[rows[8] + i])
        + _W4 * (kept[rows[1] + i] + kept[rows[9] + i])
        + _W5 * (kept[rows[0] + i] + kept[rows[10] + i])
    )


@compiled(_VALUE(_KEPT, _INDEX, _INDEX))
def _lost_in_row(kept: Kept, top: Any, count: Any) -> Any:
    """Return the sum of 1 - SSIM over ``count`` samples, for the window whose first row is ``top``.

    Row r is kept at place r modulo the window's rows.
    """
    places, row = _U64(_WINDOW), _U64(_STRIPE)
    rows = (
        top % places * row,
        (top + _U64(1)) % places * row,
        (top + _U64(2)) % places * row,
        (top + _U64(3)) % places * row,
        (top + _U64(4)) % places * row,
        (top + _U64(5)) % places * row,
        (top + _U64(6)) % places * row,
        (top + _U64(7)) % places * row,
        (top + _U64(8)) % places * row,
        (top + _U64(9)) % places * row,
        (top + _U64(10)) % places * row,
    )
    lost = 0.0
    for step in range(count):
        i = _U64(step)
        u_mean = _filtered_column(kept, rows, i)
        v_mean = _filtered_column(kept, rows, i + _U64(_FIELD))
        u_square, v_square = u_mean * u_mean, v_mean * v_mean
        u_variance = _filtered_column(kept, rows, i + _U64(2 * _FIELD)) - u_square
        v_variance = _filtered_column(kept, rows, i + _U64(3 * _FIELD)) - v_square
        value = (u_square - v_square + _C1) * (u_variance - v_variance + _C2)
        lost += 1 - value / ((u_square + v_square + _C1) * (u_variance + v_variance + _C2))
    return lost


@compiled(_VALUE(_IMAGE, _IMAGE, _COUNT))
def lost_similarity(x: Samples, y: Samples, channels: Any) -> Any:
    """Return the sum of 1 - SSIM over all samples but those within ``REACH`` pixels of the edges.

    ``x`` and ``y`` are height x (width * channels), with up to four interleaved channels; both
    sides are at least 11 pixels.
    """
    height, samples = x.shape
    reach = 2 * REACH * channels
    lines, kept = np.empty(4 * _LINE, np.float32), np.empty(4 * _FIELD, np.float64)
    lost = 0.0
    for left in range(0, samples - reach, _STRIPE):
        count = min(_STRIPE, samples - reach - left)
        right = left + count + reach
        top, bottom = 0, height
        while top < bottom and not _differ(x[top, left:right], y[top, left:right]):
            top += 1
        while top < bottom and not _differ(x[bottom - 1, left:right], y[bottom - 1, left:right]):
            bottom -= 1
        if top == bottom:
            continue
        top, bottom = max(0, top - 2 * REACH), min(height, bottom + 2 * REACH)
        for row in range(top, bottom):
            _expand(x[row, left:right], y[row, left:right], lines)
            for field in range(4):
                line = lines[field * _LINE : field * _LINE + count + reach]
                to = field * _FIELD + row % _WINDOW * _STRIPE
                _filter_row(line, kept[to : to + count], _U64(channels))
            if row >= top + 2 * REACH:
                lost += _lost_in_row(kept, _U64(row - 2 * REACH), _U64(count))
    return lost
