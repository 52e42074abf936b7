"""Mutated suite files: whatever comes, it is a suite or a GoldenseedError."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.cases import Suite
from goldenseed.suite.recipes import recipe_of, recipe_sha256

Load = Callable[[str | bytes], Suite]

SUITE = b"""\
suite: shapes
model:
  source: toy
  scheduler: &s {class: DDIMScheduler, eta: 1e-3}
  adapters: [{source: lora/cartoon.safetensors, scale: 0.8}]
lock: shapes.lock.json
determinism: {algorithms: true, float32_precision: ieee, threads: 1}
defaults:
  call: {num_inference_steps: 20, height: 64, width: 64, note: "caf\\u00e9"}
gates:
  fail: {min_ssim: 0.95}
cases:
  - &first
    id: apple
    prompt: a red apple
    seeds: [9999, 1024]
  - <<: *first
    id: ball
    model: {scheduler: *s}
    marks: [slow]
    seeds: {start: 0, count: 8}
"""
PIECES = [
    *(b"\x00", b"\xff", b"\xef\xbb\xbf", b"\t", b"\r", b"\n", b"  ", b"\\ud800", b"\xc2\x85"),
    *(b"&s ", b"*s", b"*first", b"<<: ", b"!!python/name:os.system ", b"!!binary ", b"! ", b"|\n"),
    *(b"- ", b"? ", b": ", b"{", b"}", b"[", b"]", b"'", b'"', b"#", b"---\n", b"...\n", b"%YAML"),
    *(b"-1", b".nan", b"1e999", b"9" * 400, b"null", b"true", b"..", b"/", b"list", b"range"),
]


def mutated(data: bytes, draw: random.Random) -> bytes:
    for _ in range(draw.randint(1, 4)):
        start = draw.randrange(len(data))
        end = min(len(data), start + draw.choice((0, 0, 1, 3, 20)))
        kind = draw.randrange(3)
        if kind == 0:
            piece = draw.choice(PIECES)
        elif kind == 1:
            piece = bytes([draw.randrange(256)])
        else:
            other = draw.randrange(len(data))
            piece = data[other : other + draw.randint(1, 30)]
        data = data[:start] + piece + data[end:]
    return data


@pytest.mark.parametrize("seed", range(10))
def test_a_mutated_file_is_a_suite_or_a_clear_error(load: Load, seed: int):
    draw = random.Random(seed)
    for data in [mutated(SUITE, draw) for _ in range(50)]:
        try:
            suite = load(data)
        except GoldenseedError as error:
            said = str(error)
        else:
            said = "toy.suite.yaml:" + "".join(recipe_sha256(recipe_of(c)) for c in suite.cases[:9])
        assert "toy.suite.yaml:" in said, data


def test_the_file_that_is_mutated_is_a_suite(load: Load):
    assert len(load(SUITE).cases) == 10
