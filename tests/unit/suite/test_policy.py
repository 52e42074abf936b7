"""``policy:``: every deviation is an error at its line that names the rule and where it stands."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.cases import Suite
from goldenseed.suite.loading import load_suite
from goldenseed.suite.policy_schema import PromptRule

Read = Callable[..., Suite]
CASE = "  - {id: a, prompt: a red ball, seeds: [1, 2]}\n"
POLICY_AT, CALL_AT, CASE_AT = 3, 4, 6


@pytest.fixture
def read(tmp_path: Path) -> Read:
    (tmp_path / "suites" / "toy").mkdir(parents=True)
    (tmp_path / "suites" / "style.safetensors").touch()
    for folder in ("other", "llm"):
        (tmp_path / "suites" / folder).mkdir()

    def read(policy: str, *, call: str = "{}", case: str = CASE, model: str = "") -> Suite:
        path = tmp_path / "suites" / "toy.suite.yaml"
        path.write_text(
            f"suite: toy\nmodel: {{source: toy{model}}}\npolicy: {policy}\n"
            f"defaults: {{call: {call}}}\ncases:\n{case}"
        )
        return load_suite(path)

    return read


KEPT = {
    "{models: [toy]}": {},
    "{models: ['t*']}": {},
    "{models: ['?oy', other]}": {"model": ", components: {unet: other}"},
    "{dtypes: [float32]}": {},
    "{schedulers: [own]}": {},
    "{schedulers: [DDIMScheduler]}": {"model": ", scheduler: {class: DDIMScheduler}"},
    "{adapters: []}": {},
    "{adapters: [style.*]}": {"model": ", adapters: [{source: style.safetensors}]"},
    "{sizes: [64x32]}": {"call": "{width: 64, height: 32}"},
    "{steps: {min: 1, max: 30}}": {"call": "{num_inference_steps: 30}"},
    "{guidance: {max: 8}}": {"call": "{guidance_scale: 8}"},
    "{negative_prompt: [blurry, text]}": {"call": "{negative_prompt: 'text, blurry'}"},
    "{seeds: {min: 1, max: 2, at_least: 2}}": {},
    "{call: {eta: 0, strength: null}}": {"call": "{eta: 0.0, strength: null}"},
    "{prompts: {templates: ['a {colour} {thing}'], words: {colour: [red, blue]}}}": {},
}
DEVIATIONS: list[tuple[str, dict[str, str], int, str]] = [
    ("{models: [sd, sdxl]}", {}, 2, 'the model "toy" is none of sd, sdxl (`models`, line 3)'),
    (
        "{models: [toy]}",
        {"model": ", components: {unet: other}"},
        2,
        'the model of `unet`, "other" is none of toy',
    ),
    (
        "{models: [toy]}",
        {"case": "  - {id: a, prompt: {model: llm, template: a}, seeds: [1]}\n"},
        CASE_AT,
        'the language model "llm" is none of toy',
    ),
    (
        "{adapters: [other.*]}",
        {"model": ", embeddings: [{source: style.safetensors, token: <s>}]"},
        2,
        'the embedding "style.safetensors" is none of other.*',
    ),
    (
        "{dtypes: [float32]}",
        {"model": ", components: {unet: {source: other, dtype: float16}}"},
        2,
        "the dtype float16 is none of float32",
    ),
    ("{dtypes: [float16]}", {}, CASE_AT, "the dtype float32 is none of float16"),
    ("{schedulers: [DDIMScheduler]}", {}, CASE_AT, "the model's own scheduler is none of DDIM"),
    (
        "{schedulers: [own]}",
        {"model": ", scheduler: {class: DDIMScheduler}"},
        2,
        "the scheduler DDIMScheduler is none of own",
    ),
    (
        "{adapters: []}",
        {"model": ", adapters: [{source: style.safetensors}]"},
        2,
        'the adapter "style.safetensors" is none of the allowed ones',
    ),
    (
        "{sizes: [64x32]}",
        {"call": "{width: 32, height: 64}"},
        CALL_AT,
        "the size 32x64 is none of 64x32",
    ),
    ("{sizes: [64x32]}", {}, CASE_AT, "it does not say its width and height"),
    ("{steps: {max: 30}}", {"call": "{num_inference_steps: 31}"}, CALL_AT, "is 31, at most 30"),
    ("{steps: {min: 4}}", {"call": "{num_inference_steps: 3}"}, CALL_AT, "is 3, at least 4"),
    ("{steps: {max: 30}}", {}, CASE_AT, "it does not say its `num_inference_steps`"),
    ("{guidance: {max: 8}}", {"call": "{guidance_scale: 8.5}"}, CALL_AT, "is 8.5, at most 8"),
    (
        "{guidance: {max: 8}}",
        {"call": "{guidance_scale: 8.0000001}"},
        CALL_AT,
        "is 8.0000001, at most 8 is",
    ),
    (
        "{negative_prompt: [blurry]}",
        {"call": "{negative_prompt: []}"},
        CALL_AT,
        'the negative prompt does not hold "blurry"',
    ),
    (
        "{seeds: {max: 9223372036854775806}}",
        {"case": "  - {id: a, prompt: a red ball, seeds: [9223372036854775807]}\n"},
        CASE_AT,
        "the seed is 9223372036854775807, at most 9223372036854775806 is allowed",
    ),
    ("{negative_prompt: [blurry]}", {}, CASE_AT, 'the negative prompt does not hold "blurry"'),
    ("{seeds: {max: 1}}", {}, CASE_AT, "the seed is 2, at most 1 is allowed"),
    ("{seeds: {at_least: 3}}", {}, CASE_AT, "has 2 seeds a prompt, at least 3 are needed"),
    ("{call: {eta: 0}}", {"call": "{eta: 1}"}, CALL_AT, "`eta` is 1, 0 is needed"),
    ("{call: {eta: 0}}", {}, CASE_AT, "`eta` is not said, 0 is needed"),
    (
        "{prompts: {templates: ['a {colour} {thing}'], words: {colour: [blue]}}}",
        {},
        CASE_AT,
        'the prompt "a red ball" is made by no template',
    ),
    (
        "{prompts: {templates: ['a red']}}",
        {},
        CASE_AT,
        "made by no template",
    ),
    ("{prompts: {templates: ['{x}']}}", {"case": "  - {id: a, seeds: [1]}\n"}, 6, "no prompt"),
]


@pytest.mark.parametrize("policy", KEPT)
def test_a_suite_that_keeps_to_its_policy_loads(read: Read, policy: str):
    assert len(read(policy, **KEPT[policy]).cases) == 2


@pytest.mark.parametrize(("policy", "keys", "line", "said"), DEVIATIONS)
def test_a_deviation_is_said_with_line_and_rule(
    read: Read, policy: str, keys: dict[str, str], line: int, said: str
):
    with pytest.raises(GoldenseedError) as caught:
        read(policy, **keys)
    rule = policy.strip("{").partition(":")[0]
    assert said in str(caught.value)
    assert f"(`{rule}`, line {POLICY_AT})" in str(caught.value)
    assert caught.value.line == line


def test_what_an_alternative_sets_is_said_at_its_line(read: Read):
    case = """\
  - id: a
    prompt: a red ball
    seeds: [1]
    vary:
      scheduler:
        good: {class: DDIMScheduler}
        other: {class: EulerDiscreteScheduler}
      call.num_inference_steps: {few: 4, many: 40}
"""
    with pytest.raises(GoldenseedError) as caught:
        read("{schedulers: [DDIMScheduler], steps: {max: 20}}", case=case)
    found = str(caught.value)
    assert found.count(" is none of ") == found.count(", at most 20") == 1
    assert "toy.suite.yaml:12: `a`: the scheduler EulerDiscreteScheduler" in found
    assert "toy.suite.yaml:13: `a`: num_inference_steps is 40" in found


def test_a_file_shared_by_many_is_named_with_its_line(read: Read, tmp_path: Path):
    (tmp_path / "policy.yaml").write_text("# ours\nmodels: [toy]\nsteps: {max: 3}\n")
    kept = read("../policy.yaml", call="{num_inference_steps: 3}")
    assert kept.policy == tmp_path / "policy.yaml"
    with pytest.raises(GoldenseedError, match=r"yaml:4: .* \(`steps`, policy.yaml:3\)"):
        read("../policy.yaml", call="{num_inference_steps: 4}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("steps: {most: 3}\n", r"policy.yaml:1: unknown key `most` in `policy.steps`"),
        ("models: [toy]\nsize: [1x1]\n", r"policy.yaml:2: unknown key `size` in `policy`"),
        ("sizes: [big]\n", "write `512x512`, width first"),
        ("# ours\n", r"policy.yaml:1: is empty\n  fix: write it; a policy begins with a rule"),
        ("models: [toy]\nguidance: {min: 8, max: 1}\n", r"policy.yaml:2: `guidance` is at least 8"),
        (
            "prompts:\n  templates: ['a {colour}']\n  words:\n    color: [red]\n",
            r"policy.yaml:4: no template has a place `{color}`",
        ),
        ("models: [\n", r"policy.yaml:\d"),
    ],
)
def test_what_is_wrong_with_the_file_is_said_in_it(
    read: Read, tmp_path: Path, text: str, said: str
):
    (tmp_path / "policy.yaml").write_text(text)
    with pytest.raises(GoldenseedError, match=said):
        read("../policy.yaml")


@pytest.mark.parametrize(
    "name",
    ["../secrets.txt", "/etc/policy.yaml", "../other/policy.yaml", f"{'a' * 999}policy.yaml"],
)
def test_what_is_no_file_of_a_policy_is_refused(read: Read, name: str):
    with pytest.raises(GoldenseedError, match="yaml:3: ") as caught:
        read(name)
    assert "policy" in str(caught.value)


@given(
    st.lists(st.sampled_from(["{x}", "{y}", "a", "ab", "b ", "\n"]), min_size=1, max_size=5),
    st.text("ab \n", max_size=7),
)
def test_a_template_makes_what_the_regular_expression_of_it_fits(parts: list[str], prompt: str):
    rule = PromptRule(templates=("".join(parts),), words={"y": ("a", "a b", "ba")})
    meant = {"{x}": ".+", "{y}": "(?:a|a b|ba)"}
    assert rule.makes(prompt) == bool(re.fullmatch("".join(meant.get(p, p) for p in parts), prompt))


def test_many_placeholders_take_no_longer_for_a_prompt_that_nothing_makes():
    rule = PromptRule(templates=(" ".join("{x}" for _ in range(30)) + "!",))
    assert not rule.makes("x " * 500)
