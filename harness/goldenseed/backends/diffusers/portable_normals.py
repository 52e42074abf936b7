"""Normally distributed numbers whose bits are the same on every machine and in every release.

torch's and NumPy's own normal generators go through ``log``, ``exp``, ``sin`` and ``cos``, whose
last bit depends on the mathematical library and the instruction set (measured: torch's CPU
generator gives other values under ``ATEN_CPU_CAPABILITY=default`` than under ``avx2``). Here every
number follows from its seed by integer arithmetic and by addition, subtraction, multiplication,
division and square root of float64, each a NumPy call of its own. IEEE 754 requires these five to
be correctly rounded, so there is one right answer and no room for another; a fused multiply-add,
which rounds once where two roundings are written, cannot span two calls.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Doubles = np.ndarray[Any, np.dtype[np.float64]]

_MASK = 2**64 - 1

# Wichura's AS 241 (PPND16), Applied Statistics 37 (1988): the inverse of the normal distribution
# with a relative error of about 1e-16. Coefficients from the highest power down.
_CENTRE = (
    (
        2509.0809287301226727,
        33430.575583588128105,
        67265.770927008700853,
        45921.953931549871457,
        13731.693765509461125,
        1971.5909503065514427,
        133.14166789178437745,
        3.387132872796366608,
    ),
    (
        5226.495278852545925,
        28729.085735721942674,
        39307.89580009271061,
        21213.794301586595867,
        5394.1960214247511077,
        687.1870074920579083,
        42.313330701600911252,
        1.0,
    ),
)
_NEAR_TAIL = (
    (
        7.7454501427834140764e-4,
        0.0227238449892691845833,
        0.24178072517745061177,
        1.27045825245236838258,
        3.64784832476320460504,
        5.7694972214606914055,
        4.6303378461565452959,
        1.42343711074968357734,
    ),
    (
        1.05075007164441684324e-9,
        5.475938084995344946e-4,
        0.0151986665636164571966,
        0.14810397642748007459,
        0.68976733498510000455,
        1.6763848301838038494,
        2.05319162663775882187,
        1.0,
    ),
)
_FAR_TAIL = (
    (
        2.01033439929228813265e-7,
        2.71155556874348757815e-5,
        0.0012426609473880784386,
        0.026532189526576123093,
        0.29656057182850489123,
        1.7848265399172913358,
        5.4637849111641143699,
        6.6579046435011037772,
    ),
    (
        2.04426310338993978564e-15,
        1.4215117583164458887e-7,
        1.8463183175100546818e-5,
        7.868691311456132591e-4,
        0.0148753612908506148525,
        0.13692988092273580531,
        0.59983220655588793769,
        1.0,
    ),
)
_CENTRE_REACHES = 0.425
_NEAR_TAIL_REACHES = 5.0
_ATANH = tuple(1.0 / odd for odd in range(27, 0, -2))
"""1/27 … 1/3, 1/1: atanh(s)/s in powers of s², which for s² < 0.0295 leaves less than 1e-22."""
_LN_2 = 0.6931471805599453
_SQRT_HALF = 0.7071067811865476


def portable_normals(seed: int, draw: int, shape: Sequence[int]) -> Doubles:
    """Return standard normal float64 values of ``shape``, filled in row-major order.

    Args:
        seed: from 0 to 2**64 - 1.
        draw: which tensor of the image this is, from 0; each has a stream of its own.
        shape: the first two dimensions of a batch of images count like any other.

    The bits come from Philox4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
    2011) with the key (seed, draw), through NumPy's bit generator, whose stream NumPy promises to
    keep (NEP 19); the conversion is Wichura's AS 241. Values reach from about -8.2 to 8.2.

    """
    import numpy as np

    key = np.array([seed & _MASK, draw & _MASK], dtype=np.uint64)
    words = np.random.Philox(key=key).random_raw(math.prod(shape))
    # 52 bits and a half: exact in float64, never 0 and never 1.
    uniform = ((words >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
    return normal_quantiles(uniform).reshape(tuple(shape))


def normal_quantiles(uniform: Doubles) -> Doubles:
    """Return the normal quantiles of probabilities above 0 and below 1; any shape, float64."""
    import numpy as np

    centred = uniform - 0.5
    square = 0.180625 - centred * centred
    # Outside its own range each branch is computed all the same, and not taken.
    inside = np.abs(centred) <= _CENTRE_REACHES
    centre = centred * _ratio(_CENTRE, np.where(inside, square, 0.0))
    tail = np.where(inside, 0.25, np.minimum(uniform, 1.0 - uniform))
    depth = np.sqrt(-_logarithm(tail))
    near = depth <= _NEAR_TAIL_REACHES
    outer = np.where(near, _ratio(_NEAR_TAIL, depth - 1.6), _ratio(_FAR_TAIL, depth - 5.0))
    return np.where(inside, centre, np.where(centred < 0.0, -outer, outer))


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], at: Doubles) -> Doubles:
    above, below = coefficients
    return _polynomial(above, at) / _polynomial(below, at)


def _polynomial(coefficients: tuple[float, ...], at: Doubles) -> Doubles:
    """Evaluate by Horner's rule, a product and a sum at a time, highest power first."""
    total = at * 0.0 + coefficients[0]
    for coefficient in coefficients[1:]:
        total = total * at
        total = total + coefficient
    return total


def _logarithm(values: Doubles) -> Doubles:
    """Return natural logarithms of positive values, with an error of a few units in the last place.

    ``log(m · 2^e) = e · log 2 + 2 · atanh((m - 1) / (m + 1))``, m between √½ and √2.
    """
    import numpy as np

    mantissa, exponent = np.frexp(values)
    small = mantissa < _SQRT_HALF
    mantissa = np.where(small, mantissa * 2.0, mantissa)
    exponent = np.where(small, exponent - 1, exponent).astype(np.float64)
    ratio = (mantissa - 1.0) / (mantissa + 1.0)
    series = _polynomial(_ATANH, ratio * ratio)
    return exponent * _LN_2 + 2.0 * ratio * series
