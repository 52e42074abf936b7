"""Values of the environment are what JSON can hold."""

from __future__ import annotations

import json
import math

import pytest

from goldenseed.environment.keys import plain


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_what_json_has_no_number_for_becomes_its_text(value: float):
    assert plain(value) == str(value)
    assert json.loads(json.dumps(plain(value), allow_nan=False)) == str(value)


@pytest.mark.parametrize("value", [None, True, 3, 0.5, "text"])
def test_plain_values_stay_as_they_are(value: object):
    assert plain(value) is value
