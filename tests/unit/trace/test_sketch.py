"""Norms and sketches: what they say, and that nothing but the values decides their bits."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from goldenseed.trace import writer as sketch
from goldenseed.trace.digesting import kept, records
from goldenseed.trace.sketch import from_text, relative_distance
from goldenseed.trace.stages import Stage, StageRecord
from goldenseed.trace.writer import BUCKETS

Array = np.ndarray[Any, np.dtype[Any]]
DTYPES = ("float16", "float32", "float64", "complex64", "complex128")


def splitmix64(index: int) -> int:
    """The finaliser as its authors write it, on unsigned numbers."""
    word = (1 << 64) - 1
    mixed = (index + 1) * 0x9E3779B97F4A7C15 & word
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & word
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & word
    return mixed ^ mixed >> 31


def cells(count: int) -> Array:
    return np.array([splitmix64(index) & 511 for index in range(count)])


def measure(values: Array) -> tuple[float | None, str | None]:
    (found,) = sketch.measure([values])
    return found


def buckets(values: Array) -> Array:
    _, text = measure(values)
    assert text is not None
    return from_text(text)


def as_released_before(values: Array) -> tuple[float, Array]:
    """Norm and sketch by the formula of the first releases, whose traces are in the baselines."""
    wide = values.astype(np.float64)
    sums = np.bincount(cells(wide.size), wide, 2 * BUCKETS)
    return math.sqrt(wide @ wide), sums[:BUCKETS] - sums[BUCKETS:]


def record(values: Array) -> StageRecord:
    (found,) = records([kept(Stage.DENOISING_STEP, 0, None, values)])
    return found


def normal(seed: int, size: int | tuple[int, ...], dtype: str = "float32") -> Array:
    return np.random.default_rng(seed).standard_normal(size).astype(dtype)


def drawn(seed: int) -> Array:
    """Values of any kind: of any dtype, size and scale, with or without some that stand out."""
    random = np.random.default_rng(seed)
    dtype = DTYPES[seed % len(DTYPES)]
    size = int(2 ** random.uniform(0, 17))
    most = {"float16": 3, "float32": 30, "complex64": 30}.get(dtype, 250)
    values = random.standard_normal(size) * 10.0 ** random.uniform(-most, most)
    if seed % 3 == 0:
        values *= np.exp(3 * random.standard_normal(size))
    if dtype.startswith("complex"):
        values = values + 1j * random.permutation(values)
    with np.errstate(over="ignore"):
        values = values.astype(dtype)
    return values[np.isfinite(values)]


def test_the_published_hash_gives_every_bucket_and_sign():
    values = normal(1, 3000, "float64")
    expected = np.zeros(BUCKETS)
    for index, value in enumerate(values.tolist()):
        mixed = splitmix64(index)
        expected[mixed % BUCKETS] += -value if mixed >> 8 & 1 else value
    np.testing.assert_allclose(buckets(values), expected, atol=1e-12)


def test_no_cell_is_so_full_that_its_sum_could_be_rounded():
    for number in (*range(300), 2**14, 2**20):
        found = sketch.hashed.__wrapped__(number)
        assert np.bincount(found, minlength=2 * BUCKETS).max() < 2 ** (52 - sketch._BITS)


def test_hashes_beyond_those_remembered_are_the_same_hashes(monkeypatch: pytest.MonkeyPatch):
    values = normal(3, 3 * sketch._CHUNK + 5)
    expected = measure(values)
    monkeypatch.setattr(sketch, "_REMEMBERED", 1)
    assert measure(values) == expected


def test_what_is_remembered_is_bounded():
    assert sketch._REMEMBERED * sketch.hashed(0).nbytes == 8 * 2**20
    assert sketch.hashed.cache_info().maxsize == sketch._REMEMBERED


def in_another_order(random: np.random.Generator, values: Array) -> Callable[[Array], Any]:
    """Give the elements, and their hashes with them, in random order and random chunks."""
    order = random.permutation(values.view(values.real.dtype).size)
    hashes = np.concatenate([sketch.hashed(n) for n in range(order.size // sketch._CHUNK + 1)])

    def chunks(rows: Array) -> Any:
        assert rows.shape == (1, order.size)
        for part in np.split(order, np.sort(random.integers(0, order.size, size=5))):
            for some in np.array_split(part, part.size // sketch._CHUNK + 1):
                yield rows[:, some], hashes[some]

    return chunks


@pytest.mark.parametrize("seed", range(60))
def test_the_order_of_summation_changes_no_bit(seed: int, monkeypatch: pytest.MonkeyPatch):
    values = drawn(seed)
    expected = measure(values)
    random = np.random.default_rng(seed)
    monkeypatch.setattr(sketch, "_chunks", in_another_order(random, values))
    for _ in range(3):
        assert measure(values) == expected


@pytest.mark.parametrize("seed", range(60))
def test_norms_do_not_depend_on_the_elements_order(seed: int):
    values = drawn(seed)
    assert measure(np.random.default_rng(seed).permutation(values))[0] == measure(values)[0]


@pytest.mark.parametrize("seed", range(60))
def test_old_and_new_sketches_of_one_tensor_agree_as_the_docstring_says(seed: int):
    values = normal(seed, 1000 + 37 * seed, ("float16", "float32", "float64")[seed % 3])
    if seed % 2:
        values[seed] *= 300  # one value outweighs all others
    norm, found = measure(values)[0], buckets(values)
    before, old = as_released_before(values)
    # What the old sum rounded, what float32 on disk rounds, and the bound.
    rounded = 2.0**-53 * values.size + (0.0 if values.dtype == "float64" else 2.0**-24)
    bound = 2.0**-40 * math.sqrt(values.size) + rounded
    assert np.linalg.norm(found - old) <= bound * before
    assert norm == pytest.approx(before, rel=values.size * 2.0**-45)


def test_many_at_once_are_measured_as_each_alone():
    arrays = [drawn(seed) for seed in range(40)]
    arrays += [normal(seed, 500 * (1 + seed % 2)) for seed in range(200)]
    arrays += [np.arange(5), np.full(500, math.nan, "float32"), np.zeros(1000, "float32")]
    assert sketch.measure(arrays) == [measure(each) for each in arrays]


def test_the_order_is_c_order_whatever_the_layout_in_memory():
    values = normal(1, (2, 4, 8, 8))
    assert measure(values) == measure(np.asfortranarray(values)) == measure(values.reshape(-1))


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool"])
def test_integers_and_nothing_have_neither(dtype: str):
    assert measure(np.ones(5, dtype)) == (None, None)
    assert measure(np.ones(0, "float32")) == (None, None)


@pytest.mark.parametrize("scale", [5e-324, 1e-310, 1e-160, 1e160, 1e300])
def test_float64_at_the_ends_of_its_range_has_norm_and_sketch(scale: float):
    values = np.full(4, 3 * scale)
    norm, _ = measure(values)
    assert norm == pytest.approx(6 * scale, rel=1e-6, abs=2.0**-1001)
    assert np.abs(buckets(values)).sum() == pytest.approx(12 * scale, rel=1e-6, abs=2.0**-1058)


def test_denormals_and_zeros_of_float32_are_numbers_like_all():
    tiny = np.full(3, 1e-42, "float32")
    assert measure(tiny)[0] == pytest.approx(float(tiny[0]) * math.sqrt(3))
    assert measure(np.zeros(3, "float32")) == measure(-np.zeros(3, "float32"))
    assert measure(np.zeros(3))[0] == 0.0


def test_a_norm_beyond_float64_is_none():
    assert measure(np.full(4, 1.7e308))[0] is None


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_spoil_their_bucket_alone(bad: float):
    values = normal(4, 2000)
    sound = buckets(values)
    values[77] = bad
    norm, _ = measure(values)
    spoiled = splitmix64(77) % BUCKETS
    found = buckets(values)
    assert norm is None
    assert not math.isfinite(found[spoiled])
    np.testing.assert_allclose(
        np.delete(found, spoiled), np.delete(sound, spoiled), rtol=1e-5, atol=1e-6
    )


def test_infinities_of_both_signs_have_the_same_bits_in_every_order():
    values = np.array([math.inf] * 600 + [-math.inf] * 600 + [math.nan], "float32")
    assert measure(values) == measure(values.copy())
    assert np.isnan(buckets(values)).any()


def test_text_that_is_no_sketch_is_refused():
    with pytest.raises(ValueError, match="12 bytes"):
        from_text("AAAAAAAAAAAAAAAA")


def test_the_estimate_spreads_as_the_docstring_says():
    squares = []
    for seed in range(400):
        values = normal(seed, 4096)
        squares.append((buckets(values) ** 2).sum() / (values.astype("float64") ** 2).sum())
    assert np.mean(squares) == pytest.approx(1.0, abs=0.02)
    assert np.std(squares) == pytest.approx(np.sqrt(2 / BUCKETS), rel=0.15)


@pytest.mark.parametrize("size", [1e-6, 1e-3, 1.0])
def test_distances_over_seven_orders_are_found_within_four_deviations(size: float):
    values = normal(9, (16, 16, 8), "float64")
    moved = values + size * normal(10, (16, 16, 8), "float64")
    true = float(np.linalg.norm(moved - values) / np.linalg.norm(values))
    assert relative_distance(record(values), record(moved)) == pytest.approx(true, rel=4 * 0.044)


def test_one_element_that_moved_is_seen():
    values = np.ones(10_000, "float32")
    moved = values.copy()
    moved[1234] += 1e-3
    assert relative_distance(record(values), record(moved)) == pytest.approx(1e-5, rel=0.01)


def test_equal_bits_are_at_distance_zero():
    values = np.array([math.nan, 1.0])
    assert relative_distance(record(values), record(values)) == 0.0


@pytest.mark.parametrize(
    "other", [np.ones((3, 2)), np.full((2, 3), math.inf)], ids=["shape", "infinity"]
)
def test_nothing_is_said_where_nothing_can_be(other: Array):
    assert relative_distance(record(np.ones((2, 3))), record(other)) is None
