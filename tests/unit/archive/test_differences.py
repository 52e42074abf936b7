"""What counts as the same of two records, where another machine computed one of them."""

from __future__ import annotations

import pytest

from goldenseed.archive.differences import differences, same


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (1, 1.0),
        (0.99998936, 0.99998936 * (1 + 1e-8)),
        ("ssim 0.9781 < min_ssim 0.9999", "ssim 0.9782 < min_ssim 0.9999"),
        ("1.3e-05 apart", "1.4e-05 apart"),
        (None, None),
    ],
)
def test_the_same(found: object, wanted: object) -> None:
    assert same(found, wanted)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (True, 1),
        (0.9999, 0.9998),
        (None, 0),
        ("1", 1),
        ("seed 1", "seed 2"),
        ("ssim 0.9781", "ssim 0.9791"),
        ("ssim 0.9781", "psnr 0.9781"),
    ],
)
def test_not_the_same(found: object, wanted: object) -> None:
    assert not same(found, wanted)


def test_each_difference_is_named_by_its_place() -> None:
    found = {"a": [1, {"b": 2}], "c": 3, "left": 1}
    wanted = {"a": [1, {"b": 9}, 4], "d": 5, "left": 2}
    assert {place for place, _, _ in differences(found, wanted, {"left"})} == {
        "a",
        "a.1.b",
        "a.2",
        "c",
        "d",
    }
