from __future__ import annotations

import numpy as np
import pytest
import torch

from goldenseed.trace.sketch import (
    BUCKETS,
    Sketcher,
    from_text,
    relative_distance,
    to_text,
)
from goldenseed.trace.stages import Stage, StageRecord


def splitmix64(index: int) -> int:
    """The finaliser as its authors write it, on unsigned numbers."""
    word = (1 << 64) - 1
    mixed = (index + 1) * 0x9E3779B97F4A7C15 & word
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & word
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & word
    return mixed ^ mixed >> 31


def sketch(values: torch.Tensor, sketcher: Sketcher | None = None) -> torch.Tensor:
    (found,) = (sketcher or Sketcher()).sketches(values.reshape(1, -1))
    return found


def record(values: torch.Tensor, digest: str) -> StageRecord:
    wide = values.dtype is torch.float64
    return StageRecord(
        stage=Stage.DENOISING_STEP,
        index=0,
        shape=tuple(values.shape),
        dtype=str(values.dtype).removeprefix("torch."),
        sha256=digest * 64,
        norm=float(torch.linalg.vector_norm(values.double())),
        sketch=to_text(sketch(values), wide=wide),
    )


def test_the_published_hash_gives_every_bucket_and_sign():
    values = torch.randn(3000, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = np.zeros(BUCKETS)
    for index, value in enumerate(values.tolist()):
        mixed = splitmix64(index)
        expected[mixed % BUCKETS] += -value if mixed >> 8 & 1 else value
    np.testing.assert_allclose(sketch(values).numpy(), expected, atol=1e-12)


def test_the_order_is_c_order_whatever_the_memory_format():
    values = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    moved = values.to(memory_format=torch.channels_last)
    assert torch.equal(sketch(values), sketch(moved))


def test_remembered_hashes_change_nothing():
    sketcher, values = Sketcher(), torch.arange(100.0)
    for count in range(1, 80):
        sketch(values[:count], sketcher)
    assert torch.equal(sketch(values, sketcher), sketch(values))


def test_many_at_once_are_sketched_as_each_alone():
    rows = torch.randn(7, 500, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    together = Sketcher().sketches(rows)
    assert torch.equal(together, torch.stack([sketch(row) for row in rows]))


@pytest.mark.parametrize("wide", [False, True])
def test_a_sketch_read_back_is_what_was_written(wide: bool):
    buckets = sketch(torch.arange(5000.0))
    found = from_text(to_text(buckets, wide=wide))
    np.testing.assert_allclose(found, buckets.numpy(), rtol=0 if wide else 1e-7)


def test_text_that_is_no_sketch_is_refused():
    with pytest.raises(ValueError, match="12 bytes"):
        from_text("AAAAAAAAAAAAAAAA")


def test_the_estimate_spreads_as_the_docstring_says():
    random, sketcher = torch.Generator().manual_seed(5), Sketcher()
    squares = []
    for _ in range(400):
        values = torch.randn(4096, generator=random)
        estimate = float((sketch(values, sketcher) ** 2).sum())
        squares.append(estimate / float((values.double() ** 2).sum()))
    assert np.mean(squares) == pytest.approx(1.0, abs=0.02)
    assert np.std(squares) == pytest.approx(np.sqrt(2 / BUCKETS), rel=0.15)


@pytest.mark.parametrize("size", [1e-6, 1e-3, 1.0])
def test_distances_over_seven_orders_are_found_within_four_deviations(size: float):
    random = torch.Generator().manual_seed(9)
    values = torch.randn(16, 16, 8, generator=random, dtype=torch.float64)
    moved = values + size * torch.randn(16, 16, 8, generator=random, dtype=torch.float64)
    true = float(torch.linalg.vector_norm(moved - values) / torch.linalg.vector_norm(values))
    found = relative_distance(record(values, "a"), record(moved, "b"))
    assert found == pytest.approx(true, rel=4 * 0.044)


def test_one_element_that_moved_is_seen():
    values = torch.ones(10_000)
    moved = values.clone()
    moved[1234] += 1e-3
    assert relative_distance(record(values, "a"), record(moved, "b")) == pytest.approx(
        1e-5, rel=0.01
    )


def test_equal_bits_are_at_distance_zero():
    values = torch.tensor([float("nan"), 1.0])
    assert relative_distance(record(values, "a"), record(values, "a")) == 0.0


@pytest.mark.parametrize(
    "other",
    [torch.ones(3, 2), torch.tensor([float("inf")] * 6).reshape(2, 3)],
    ids=["shape", "infinity"],
)
def test_nothing_is_said_where_nothing_can_be(other: torch.Tensor):
    assert relative_distance(record(torch.ones(2, 3), "a"), record(other, "b")) is None
