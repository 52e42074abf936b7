from __future__ import annotations

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.recipes.fields import Concept
from goldenseed.recipes.infotext import is_infotext, read_infotext
from recipe_pictures import A1111


def stated(text: str) -> dict[Concept | str, str]:
    return {each.concept or each.name: each.value for each in read_infotext(text, "x").stated}


def test_the_parameters_of_a_picture():
    found = stated(A1111)
    assert found[Concept.PROMPT] == "a red apple on a white table"
    assert found[Concept.NEGATIVE] == "blurry, low quality"
    assert found[Concept.SAMPLER] == "Euler"
    assert found["Model hash"] == "6ce0161689"


def test_values_in_quotes_hold_commas_and_colons():
    found = stated(A1111 + ', Lora hashes: "rain: 11, fog: \\"22\\"", TI: "x')
    assert found["Lora hashes"] == 'rain: 11, fog: "22"'


def test_prompts_go_over_lines():
    found = stated("a\nb: c, d\nNegative prompt: e\nf\n" + A1111.rsplit("\n", 1)[1])
    assert (found[Concept.PROMPT], found[Concept.NEGATIVE]) == ("a\nb: c, d", "e\nf")


def test_a_line_of_parameters_has_three_that_are_known():
    assert is_infotext("a cat\nSteps: 1, Seed: 2, Size: 8x8")
    assert not is_infotext("a cat\nSteps: 1, Seed: 2, Weather: 8x8")
    with pytest.raises(GoldenseedError, match="holds no recipe"):
        read_infotext("a cat, Steps: 1", "x")
