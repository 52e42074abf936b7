"""Suite files and what stands beside them: gates, tensors, noise."""

from __future__ import annotations

import contextlib
import io
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from safetensors.numpy import save

from fuzz.models import safetensors_file
from fuzz.mutations import Changes, as_json, edited_bytes, put
from fuzz.pictures import pictures
from goldenseed.backends.diffusers.noise import stored_noise
from goldenseed.core.elements import decoded
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import sha256_hex
from goldenseed.images.terms import read_gates
from goldenseed.suite.inputs import InputFile
from goldenseed.suite.loading import load_suite
from goldenseed.suite.model import NoiseSpec
from goldenseed.suite.recipes import recipe_of

SUITE = b"""\
suite: shapes
model:
  source: m
  scheduler: &s {class: DDIMScheduler, eta: 1e-3}
determinism: {algorithms: true, float32_precision: ieee, threads: 1}
defaults:
  call: {num_inference_steps: 20, height: 64, width: 64, note: "caf\\u00e9"}
gates:
  fail: {min_ssim: 0.95}
content: {min_sharpness: 0.1}
cases:
  - &first
    id: apple
    prompt: a red apple
    seeds: [9999, 1024]
    ignore: [[0, 0, 1, 1]]
  - <<: *first
    id: ball
    model: {scheduler: *s}
    marks: [slow]
    seeds: {start: 0, count: 8}
  - {id: c, prompts: {a: x, b: y}, seeds: [1], gates: {fail: {max_psnr: 1}}}
consistency:
  - {id: s, cases: ["apple*", ball], within: {min_ssim: 0.1}, between: {max_ssim: 0.9}}
  - {id: t, cases: ["c[*"], within: {min_ssim: 0.1}}
"""


WITH_FILES = b"""\
suite: given
model: {source: m, adapters: [{source: a.safetensors, scale: 0.5}]}
noise: {file: n.npy}
defaults:
  inputs: {image: a.png, mask_image: {file: a.png, mode: L}}
cases:
  - id: rows
    seeds: [1]
    prompt: [one, two]
    inputs: {image: [[a.png, {file: a.png, mode: RGBA}], a.png]}
  - id: tensor
    seeds: [1]
    mask: a.png
    ignore: [[0, 0, 1, 1]]
    inputs: {e: n.npy, f: {file: a.safetensors, key: w}}
  - {id: other, seeds: [1], inputs: {image: {case: "given::rows[seed=1]"}}, noise: portable}
"""
WITH_CODE = b"""\
suite: mine
model:
  factory: maker.parts:build
  arguments: {steps: trailing, sizes: [1, 2.5, null], deep: {a: true}}
  dtype: float16
cases:
  - {id: c, seeds: [1], prompt: x, call: {timesteps: {"0": 1, "999": 2}}}
"""


def suite(changes: Changes, folder: Path) -> None:
    (folder / "m").mkdir(exist_ok=True)
    read_suite(put(folder, "x.suite.yaml", edited_text(SUITE, changes)))


def suite_files(changes: Changes, folder: Path) -> None:
    """Read a suite whose cases are given files, as damaged as it is or sound."""
    (folder / "m").mkdir(exist_ok=True)
    of_file = changes[0][1] % 3
    files = {"a.png": pictures()[4], "n.npy": an_array(), "a.safetensors": tensors()}
    for number, (name, data) in enumerate(files.items()):
        damaged = edited_bytes(data, changes) if of_file and changes[0][2] % 3 == number else data
        put(folder, name, damaged)
    text = WITH_FILES if of_file else edited_text(WITH_FILES, changes)
    read_suite(put(folder, "x.suite.yaml", text))


def suite_of_code(changes: Changes, folder: Path) -> None:
    """Read a suite whose model is made by code; the code, damaged too, is found and never run."""
    code = b"raise SystemExit('this must not run')\n"
    put(folder, "maker/__init__.py", code)
    put(folder, "maker/parts.py", edited_bytes(code, changes))
    read_suite(put(folder, "x.suite.yaml", edited_text(WITH_CODE, changes)))


def edited_text(text: bytes, changes: Changes) -> bytes:
    """Edit YAML as text, or what it says: few edits of its bytes leave it YAML."""
    if changes[0][0] % 3:
        return edited_bytes(text, changes)
    return as_json(loaded(text), changes)


@cache
def loaded(text: bytes) -> Any:
    return yaml.safe_load(text)


def read_suite(file: Path) -> None:
    for case in load_suite(file).cases[:20]:
        recipe_of(case)


def gates(changes: Changes, folder: Path) -> None:
    good = b"gates:\n  fail:\n    min_ssim: 0.95\n    max_peak_difference: 3\n"
    read_gates(put(folder, "gates.yaml", edited_bytes(good, changes)))


@cache
def an_array() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((1, 4, 2, 2), dtype=np.float32))
    return buffer.getvalue()


@cache
def tensors() -> bytes:
    return save({"w": np.ones((2, 3), np.float32), "n": np.arange(4)})


def npy(changes: Changes, folder: Path) -> None:
    """Read an array with a damaged header or values, as noise, as an input and as an element."""
    data = edited_bytes(an_array(), changes)
    path = put(folder, "n.npy", data)
    read_both_ways(path, data, None)
    with contextlib.suppress(GoldenseedError):
        decoded(path, "float32")


def safetensors(changes: Changes, folder: Path) -> None:
    """Read tensors whose header was edited as JSON or as bytes, as noise and as an input."""
    header = {"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}
    if changes[0][1] % 2:
        data = safetensors_file(as_json(header, changes))
    else:
        data = edited_bytes(tensors(), changes)
    read_both_ways(
        put(folder, "n.safetensors", data), data, None if changes[0][2] % 4 == 1 else "w"
    )


def read_both_ways(file: Path, data: bytes, key: str | None) -> None:
    with contextlib.suppress(GoldenseedError):
        stored_noise(NoiseSpec("file", file.name, file, sha256_hex(data)))
    InputFile(file.name, file, None, key, file, 1).read_as_recorded()
