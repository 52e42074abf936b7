"""What counts as the same of two records, where another machine computed one of them."""

from __future__ import annotations

import pytest

from goldenseed.archive.differences import as_written, differences, same


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


def test_a_key_that_an_older_record_did_not_know_is_no_difference_but_a_gate_is() -> None:
    found = {"verdict": "warn", "baseline": {"profile": "x"}, "limits": {}}
    wanted = {
        "verdict": "warn",
        "baseline": {"profile": "x", "reason": "new"},
        "limits": {"min_ssim": 0.9},
        "added": 1,
    }
    assert [each[0] for each in differences(found, wanted, unsaid=True)] == ["limits.min_ssim"]
    assert len(list(differences(found, wanted))) == 3


def test_what_a_reader_adds_to_a_record_was_not_written_there() -> None:
    read = {"a": 1, "new": None, "list": [{"b": 2, "new": None}]}
    assert as_written(read, {"a": 1, "list": [{"b": 2}]}) == {"a": 1, "list": [{"b": 2}]}


def test_what_a_suite_names_is_the_same_to_the_last_digit() -> None:
    found = {"suite": "sd-1.5", "alternatives": {"lora": "v1.0"}, "detail": "0.12"}
    wanted = {"suite": "sd-1.4", "alternatives": {"lora": "v1.1"}, "detail": "0.13"}
    assert [place for place, *_ in differences(found, wanted)] == ["suite", "alternatives.lora"]
