from __future__ import annotations

import pytest

from goldenseed.suite.nodes import plain_scalar


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        ("-.5", -0.5),
        ("4.", 4.0),
        ("+7", 7),
        ("010", 10),
        ("0x1F", 31),
        ("0o17", 15),
        ("true", True),
        ("FALSE", False),
        ("", None),
        ("~", None),
        ("Null", None),
    ],
)
def test_the_core_schema_of_yaml_1_2_decides_what_is_no_text(text: str, value: object):
    read = plain_scalar(text)
    assert (type(read), read) == (type(value), value)


@pytest.mark.parametrize(
    "text",
    [
        *("no", "on", "Off", "y", "yes", "tRUE", "1:30", "1_000", "2026-11-20", "0b11", "0x", "1e"),
        *("-", "--1", ".", "1.2.3", "nan", "inf", "<<", "=", "٣"),
    ],
)
def test_everything_else_is_text(text: str):
    assert plain_scalar(text) == text


@pytest.mark.parametrize("text", [".nan", ".inf", "-.INF", "1e400", "-1e400", "9" * 5000])
def test_numbers_that_json_cannot_hold_are_refused(text: str):
    with pytest.raises(ValueError, match=r"not a finite number|beyond what a float|too long"):
        plain_scalar(text)
