"""Prompts that a language model writes, and questions to an image, as a suite file has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.between import BetweenPrompts
from goldenseed.suite.cases import Suite
from goldenseed.suite.prompts import PromptSpec
from goldenseed.suite.recipes import recipe_differences, recipe_of, recipe_sha256

Load = Callable[[str], Suite]
SUITE = """\
suite: toy
model: {source: toy}
content: {answers: [{model: lora, question: Is it red?, expect: [yes it is, "yes"]}]}
cases:
  - id: one
    prompt: {model: lora, template: "draw {what}", fill: {what: a drill}, max_new_tokens: 9}
    seeds: [1, 2]
  - id: two
    prompts: {plain: a red ball, written: {model: lora, template: a, seed: 3, top_p: 0.9}}
    seeds: [1]
    content: {answers: [{model: lora, question: Is it red?, expect: "no", min_probability: 0.5}]}
"""


def test_a_template_is_filled_and_all_of_it_is_in_the_recipe(load: Load, folder: Path):
    case = load(SUITE).cases[0]
    assert isinstance(case.prompt, PromptSpec)
    assert (case.prompt.told, case.prompt.folder) == ("draw a drill", folder / "lora")
    assert case.text is None
    assert recipe_of(case)["prompt"] == {
        "model": "lora",
        "template": "draw {what}",
        "fill": {"what": "a drill"},
        "max_new_tokens": 9,
    }


def test_prompts_by_name_mix_texts_and_written_ones(load: Load):
    suite = load(SUITE)
    assert [each.prompt if each.text else "written" for each in suite.cases[2:]] == [
        "a red ball",
        "written",
    ]
    assert len(suite.prompt_specs) == 2
    written = recipe_of(suite.cases[3])["prompt"]
    assert written == {
        "model": "lora", "template": "a", "max_new_tokens": 60, "seed": 3, "top_p": 0.9,
    }  # fmt: skip


BETWEEN = """\
suite: toy
model: {source: toy}
cases:
  - {id: one, prompt: {between: [a cat, a dog], at: 0.25}, seeds: [1]}
  - {id: two, seeds: [1], prompts: {cat: a cat, half: {between: [a cat, a dog], at: 0.5}}}
"""


def test_a_prompt_between_two_is_in_the_recipe_as_it_is_written(load: Load):
    one, cat, half = load(BETWEEN).cases
    assert one.prompt == BetweenPrompts(("a cat", "a dog"), 0.25)
    assert (one.text, cat.text) == (None, "a cat")
    assert recipe_of(half)["prompt"] == {"between": ["a cat", "a dog"], "at": 0.5}
    assert [each.field for each in recipe_differences(recipe_of(one), recipe_of(half))] == [
        "prompt.at"
    ]


@pytest.mark.parametrize(
    ("instead", "line", "said"),
    [
        ("{between: [a cat, a dog]}", 4, r"`cases\[0\].prompt` has no `at`"),
        ("{between: [a cat], at: 0.5}", 4, "between"),
        ("{between: [a cat, a dog, a cow], at: 0.5}", 4, "between"),
        ("{between: [a cat, ''], at: 0.5}", 4, "between"),
        ("{between: [a cat, a dog], at: 1.5}", 4, "at"),
        ("{between: [a cat, a dog], at: half}", 4, "at"),
        ("{between: [a cat, a dog], att: 0.5, at: 1}", 4, "unknown key `att`(.|\n)*write `at`"),
        ("{betwen: [a cat, a dog], at: 0.5}", 4, "unknown key `betwen`"),
    ],
)
def test_what_lies_between_no_two_prompts_is_refused(
    load: Load, instead: str, line: int, said: str
):
    text = BETWEEN.replace("{between: [a cat, a dog], at: 0.25}", instead)
    with pytest.raises(GoldenseedError, match=f"yaml:{line}: (.|\n)*{said}"):
        load(text)


def test_a_change_of_the_template_is_named_by_its_field(load: Load):
    old, new = (recipe_of(load(each).cases[0]) for each in (SUITE, SUITE.replace("draw", "paint")))
    assert [each.field for each in recipe_differences(old, new)] == ["prompt.template"]


def test_a_case_s_question_stands_in_the_place_of_the_suite_s(load: Load):
    cases = load(SUITE).cases
    assert [each.expected for each in cases[0].answers] == ["'yes it is' or 'yes'"]
    [own] = cases[2].answers
    assert (own.expected, own.source) == ("'no', at least 0.5 probable", "case")
    assert own.line == 11


def test_safety_is_in_a_recipe_only_where_it_can_change_pixels(load: Load):
    digests = {
        wanted: recipe_sha256(recipe_of(load(f"safety: {wanted}\n{SUITE}").cases[0]))
        for wanted in ("required", "record", "off")
    }
    plain = recipe_sha256(recipe_of(load(SUITE).cases[0]))
    assert [name for name, digest in digests.items() if digest != plain] == ["off"]


@pytest.mark.parametrize(
    ("where", "instead", "line", "said"),
    [
        ("seed: 3, ", "", 9, "`top_p` asks for tokens that are drawn, and there is no `seed`"),
        ("fill: {what: a drill}", "chat: false", 6, "`{what}` in the template is filled by"),
        ("a drill}", "a drill, when: dawn}", 6, "the template has no place `{when}`"),
        ("prompt: {model: lora", "prompt: {model: llm", 6, "no folder `llm`"),
        ("prompt: {model: lora", "prompt: {model: ../lora", 6, "leaves its"),
        ("written: {model: lora", "written: {model: llm", 9, "no folder `llm`"),
        ("max_new_tokens: 9", "max_new_tokens: 0", 6, "at least 1"),
        ("max_new_tokens: 9", "max_new_tokens: 100000", 6, "at most 4,096"),
        ("max_new_tokens: 9", "system: be brief", 6, "`system` is a part of a chat"),
        ("max_new_tokens: 9", "chat: true, continues: true", 6, "continues no template"),
        ("top_p: 0.9", "temperature: 0", 9, "temperature` is 0"),
        ("{model: lora, question: Is it red?, expect: [", "{model: x, question: a, expect: [",
         3, "no folder `x`"),
        ('expect: "no"', "expect: []", 11, "expect` is empty"),
        ('expect: "no"', "expect: [a], template: now", 11, "no place for the question"),
        ('"no", min_probability: 0.5', '"no", min_probability: 2', 11, "at most 1"),
        ("suite: toy", "suite: toy\nsafety: on", 2, "safety` is"),
    ],
)  # fmt: skip
def test_each_fault_is_named_with_its_line(
    load: Load, where: str, instead: str, line: int, said: str
):
    assert where in SUITE
    with pytest.raises(GoldenseedError) as caught:
        load(SUITE.replace(where, instead, 1))
    assert f"toy.suite.yaml:{line}: " in str(caught.value)
    assert said in str(caught.value), str(caught.value)


def test_a_question_that_is_asked_twice_is_refused(load: Load):
    twice = SUITE.replace("answers: [{model: lora, question: Is it red?, expect: [yes",
                          "answers: [{model: lora, question: Is it red?, expect: a}, "
                          "{model: lora, question: Is it red?, expect: [yes")  # fmt: skip
    with pytest.raises(GoldenseedError, match="is asked twice here"):
        load(twice)
