"""A field that a later release adds must not change the digest of every recipe there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest

from goldenseed.suite.cases import Suite
from goldenseed.suite.model import Determinism
from goldenseed.suite.recipes import recipe_of, recipe_sha256
from goldenseed.suite.schema import DeterminismSection

Load = Callable[[str | bytes], Suite]

TEXT = """\
suite: shapes
model: {source: toy}
cases: [{id: apple, prompt: a red apple, seeds: [3]}]
"""
FIRST_RELEASE = "326ce2cf482d342877f4012c3cc575aff16289db4efa4c9d90dea25413daf528"
OTHER = {
    "algorithms": False,
    "float32_precision": "tf32",
    "cudnn_benchmark": True,
    "reduced_precision_gemm": True,
    "sdpa": "default",
    "attention_backend": "native",
    "attention_processor": "AttnProcessor",
    "threads": 2,
    "cpu_isa": "avx2",
    "portable": True,
}


def test_a_recipe_names_no_field_that_is_at_its_strict_default():
    assert Determinism().relaxed() == {}


def test_the_digest_of_a_plain_recipe_is_what_it_was_in_the_first_release(load: Load):
    assert recipe_sha256(recipe_of(load(TEXT).cases[0])) == FIRST_RELEASE


@pytest.mark.parametrize("name", [each.name for each in fields(Determinism)])
def test_every_field_counts_once_it_is_relaxed(name: str):
    assert replace(Determinism(), **{name: OTHER[name]}).relaxed() == {name: OTHER[name]}


def test_the_schemas_defaults_are_the_strict_ones():
    strict = {each.name: each.default for each in fields(Determinism)}
    del strict["portable"]
    assert DeterminismSection().model_dump() == strict


def test_the_content_of_a_noise_file_counts_and_its_name_does_not(load: Load, folder: Path):
    digests = []
    for name, content in [("a.npy", b"1"), ("b.npy", b"1"), ("b.npy", b"2")]:
        (folder / name).write_bytes(content)
        case = load(TEXT + f"noise: {{file: {name}}}\n").cases[0]
        digests.append(recipe_sha256(recipe_of(case)))
    assert digests[0] == digests[1] != digests[2]


def test_the_default_kernels_of_earlier_releases_change_no_digest(load: Load):
    named = TEXT.replace("cases:", "determinism: {sdpa: math}\ncases:")
    assert recipe_sha256(recipe_of(load(named).cases[0])) == FIRST_RELEASE


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:1", "mps", "xpu:0"])
def test_a_device_of_any_kind_can_be_asked_for_and_is_no_part_of_the_recipe(
    load: Load, device: str
):
    suite = load(TEXT.replace("{source: toy}", f"{{source: toy, device: '{device}'}}"))
    assert suite.model.device == device
    assert recipe_sha256(recipe_of(suite.cases[0])) == FIRST_RELEASE
