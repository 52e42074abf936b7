from __future__ import annotations

import pytest

from goldenseed.recipes.prompts import plain, tags_of


@pytest.mark.parametrize(
    ("written", "form", "words"),
    [
        ("a (red:1.2) apple", "a1111", "a red apple"),
        ("((a)) [b]", "a1111", "a b"),
        ("((a:1.1) b:0.9)", "a1111", "a b"),
        ("a \\(1990\\)", "a1111", "a (1990)"),
        ("a (b) [c]", "comfyui", "a b [c]"),
        ("{{a}}, [b]", "novelai", "a, b"),
        ("a (b) [c]", "text", "a (b) [c]"),
        ("a (b:1.5)", "text", "a b"),
    ],
)
def test_weights_are_left_out_as_each_program_writes_them(written: str, form: str, words: str):
    assert plain(written, form)[0] == words


@pytest.mark.parametrize("written", ["a red apple", "a \\ b", "8k: ultra, 1:2", "a - b, c+"])
def test_a_prompt_without_weights_stays_to_the_letter(written: str):
    assert plain(written, "text") == (written, "")


def test_what_is_not_followed_is_named():
    assert "between steps" in plain("[a:b:0.5]", "a1111")[1]
    assert "AND or BREAK" in plain("a AND b", "a1111")[1]
    assert "weights" in plain("(a:1.2)", "a1111")[1]
    assert "behind words" in plain("a cat++ and (dog)1.3", "invokeai")[1]


def test_tags_leave_no_comma_behind():
    words, tags = tags_of("a cat, <lora:rain:0.7>, <lora:fog>, night <hypernet:x:1>")
    assert words == "a cat, night"
    assert [(tag.kind, tag.name, tag.scale) for tag in tags] == [
        ("lora", "rain", "0.7"),
        ("lora", "fog", "1"),
        ("hypernet", "x", "1"),
    ]
