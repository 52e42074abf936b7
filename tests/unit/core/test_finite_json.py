"""What is written for programs and pages is JSON, whatever was measured."""

from __future__ import annotations

import json
import math

import pytest

from goldenseed.cli.output import say_json
from goldenseed.core.finite_json import finite_json

ODD = {"a": [1, math.nan, (math.inf, {"b": -math.inf})], "c": "NaN", "d": None}


def strict(text: str) -> object:
    def refuse(word: str) -> None:
        raise ValueError(word)

    return json.loads(text, parse_constant=refuse)


def test_a_number_that_is_not_finite_is_null_or_what_is_asked_for():
    assert strict(finite_json(ODD)) == {"a": [1, None, [None, {"b": None}]], "c": "NaN", "d": None}
    assert strict(finite_json(ODD, str)) == {
        "a": [1, "nan", ["inf", {"b": "-inf"}]],
        "c": "NaN",
        "d": None,
    }


def test_finite_numbers_are_written_as_ever():
    document = {"b": [1.5, 1e-300, True], "a": "ü"}
    assert finite_json(document, indent=1) == json.dumps(document, indent=1)


def test_verbs_say_no_other(capsys: pytest.CaptureFixture[str]):
    say_json(ODD)
    assert strict(capsys.readouterr().out)
