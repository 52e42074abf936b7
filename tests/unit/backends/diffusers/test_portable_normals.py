"""The portable noise: its bits are pinned, and they are normally distributed."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from goldenseed.backends.diffusers.portable_normals import normal_quantiles, portable_normals


def philox4x64(counter: tuple[int, ...], key: tuple[int, int]) -> tuple[int, ...]:
    """Philox4x64-10 as its authors publish it, in plain integers."""
    mask = 2**64 - 1
    c, (k0, k1) = list(counter), key
    for _ in range(10):
        high0, low0 = divmod(0xD2E7470EE14C6C93 * c[0], 2**64)
        high1, low1 = divmod(0xCA5A826395121157 * c[2], 2**64)
        c = [high1 ^ c[1] ^ k0, low1, high0 ^ c[3] ^ k1, low0]
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & mask, (k1 + 0xBB67AE8584CAA73B) & mask
    return tuple(c)


def test_the_reference_here_gives_the_authors_known_answer():
    zero = philox4x64((0, 0, 0, 0), (0, 0))
    assert zero[0] == 0x16554D9ECA36314C


def test_the_bits_are_those_of_philox_with_seed_and_draw_as_its_key():
    seed, draw = 2**63 - 1, 3
    words = [word for block in (1, 2) for word in philox4x64((block, 0, 0, 0), (seed, draw))]
    uniform = np.array([((word >> 12) + 0.5) * 2.0**-52 for word in words])
    assert portable_normals(seed, draw, (8,)).tolist() == normal_quantiles(uniform).tolist()


def test_the_values_are_what_they_were_in_the_first_release():
    found = portable_normals(7, 0, (2, 3))
    assert [float(value).hex() for value in found.ravel()] == FIRST_RELEASE


FIRST_RELEASE = [
    "0x1.22e119f4c4f13p+0",
    "-0x1.13578de716137p-1",
    "-0x1.9cf751ecde01bp-3",
    "-0x1.ea51f19bc2cdfp-3",
    "-0x1.62de1a82988fcp+0",
    "0x1.078c187aa266ep-1",
]


def test_the_values_do_not_depend_on_numpys_instruction_set():
    code = (
        "import hashlib\n"
        "from goldenseed.backends.diffusers.portable_normals import portable_normals\n"
        "print(hashlib.sha256(portable_normals(3, 1, (1, 4, 128, 128)).tobytes()).hexdigest())"
    )
    digests = set()
    for disabled in (None, "X86_V4 AVX512_ICL AVX512_SPR", "X86_V3 X86_V4 AVX512_ICL AVX512_SPR"):
        extra = {"NPY_DISABLE_CPU_FEATURES": disabled} if disabled else {}
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **extra},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(done.stdout)
    assert len(digests) == 1


def test_each_draw_and_each_seed_has_a_stream_of_its_own():
    streams = [portable_normals(seed, draw, (64,)) for seed in (0, 1) for draw in (0, 1)]
    values = [value for stream in streams for value in stream.tolist()]
    assert len(set(values)) == len(values)


def test_a_larger_tensor_begins_like_a_smaller_one():
    assert portable_normals(5, 0, (2, 8))[0].tolist() == portable_normals(5, 0, (8,)).tolist()


def test_the_distribution_is_normal():
    from scipy.stats import kstest

    assert kstest(portable_normals(1, 0, (200_000,)).ravel(), "norm").pvalue > 0.01


def test_quantiles_agree_with_scipys_to_the_last_bits():
    from scipy.special import ndtri

    steps = 2.0 ** -np.arange(2.0, 52.0)
    uniform = np.concatenate([np.linspace(0.001, 0.999, 4001), steps, 1.0 - steps])
    expected = ndtri(uniform)
    assert np.allclose(normal_quantiles(uniform), expected, rtol=2e-15, atol=1e-16)


def test_the_outermost_values_are_finite_and_mirror_each_other():
    lowest = 0.5 * 2.0**-52
    low, high = normal_quantiles(np.array([lowest, 1.0 - lowest]))
    assert low == -high
    assert math.isclose(low, -8.209536151601387, rel_tol=1e-12)


@pytest.mark.parametrize("uniform", [0.3, 0.02, 2.0**-40])
def test_one_value_follows_from_correctly_rounded_arithmetic_alone(uniform: float):
    assert float(normal_quantiles(np.array([uniform]))[0]) == exactly_rounded(uniform)


def exactly_rounded(uniform: float) -> float:
    """The same formula, every operation done exactly with fractions and rounded once."""
    from goldenseed.backends.diffusers import portable_normals as module

    def rounded(value: Fraction) -> float:
        return value.numerator / value.denominator

    def polynomial(coefficients: tuple[float, ...], at: float) -> float:
        total = coefficients[0]
        for coefficient in coefficients[1:]:
            product = rounded(Fraction(total) * Fraction(at))
            total = rounded(Fraction(product) + Fraction(coefficient))
        return total

    def ratio(pair: tuple[tuple[float, ...], tuple[float, ...]], at: float) -> float:
        above, below = (polynomial(coefficients, at) for coefficients in pair)
        return rounded(Fraction(above) / Fraction(below))

    centred = uniform - 0.5
    if abs(centred) <= 0.425:
        square = rounded(Fraction(0.180625) - Fraction(rounded(Fraction(centred) ** 2)))
        return rounded(Fraction(centred) * Fraction(ratio(module._CENTRE, square)))
    mantissa, exponent = math.frexp(uniform)
    if mantissa < module._SQRT_HALF:
        mantissa, exponent = mantissa * 2, exponent - 1
    s = rounded(Fraction(mantissa - 1.0) / Fraction(mantissa + 1.0))
    series = polynomial(module._ATANH, rounded(Fraction(s) ** 2))
    tail = rounded(Fraction(2.0 * s) * Fraction(series))
    whole = rounded(Fraction(exponent) * Fraction(module._LN_2))
    depth = math.sqrt(-rounded(Fraction(whole) + Fraction(tail)))
    pair, start = (module._NEAR_TAIL, 1.6) if depth <= 5 else (module._FAR_TAIL, 5.0)
    return -ratio(pair, rounded(Fraction(depth) - Fraction(start)))
