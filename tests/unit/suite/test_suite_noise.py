"""What `noise` and `determinism` may be in a suite file, and what is said where they are wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import sha256_hex
from goldenseed.suite.cases import Suite
from goldenseed.suite.model import Determinism, NoiseSpec

Load = Callable[[str | bytes], Suite]

TEXT = """\
suite: shapes
model: {source: toy}
cases:
  - {id: apple, prompt: a red apple, seeds: [3]}
  - {id: pear, prompt: a pear, seeds: [3], noise: portable}
"""


def noises(suite: Suite) -> list[str]:
    return [case.noise.kind for case in suite.cases]


def test_the_noise_is_that_of_a_generator_on_the_cpu_unless_said_otherwise(load: Load):
    assert noises(load(TEXT)) == ["cpu", "portable"]


def test_the_noise_of_a_case_goes_before_that_of_the_suite(load: Load):
    assert noises(load(TEXT + "noise: device\n")) == ["device", "portable"]


def test_a_noise_file_is_known_by_its_place_and_its_content(load: Load, folder: Path):
    (folder / "apple.npy").write_bytes(b"noise")
    found = load(TEXT + "noise: {file: apple.npy}\n").cases[0].noise
    wanted = NoiseSpec("file", "apple.npy", folder / "apple.npy", sha256_hex(b"noise"))
    assert found == wanted


def test_portable_means_float64_and_portable_noise(load: Load):
    suite = load(TEXT + "determinism: portable\n")
    assert suite.determinism == Determinism(portable=True)
    assert suite.model.dtype == "float64"
    assert noises(suite) == ["portable", "portable"]


def test_portable_takes_noise_from_a_file_too(load: Load, folder: Path):
    (folder / "apple.npy").write_bytes(b"noise")
    suite = load(TEXT + "determinism: portable\nnoise: {file: apple.npy}\n")
    assert noises(suite) == ["file", "portable"]


WRONG = [
    ("noise: gpu", 6, '`noise` is "gpu"', "write cpu"),
    ("noise: [cpu]", 6, '`noise` is ["cpu"]', "write cpu"),
    ("noise: {files: a.npy}", 6, "unknown key `files` in `noise`", "`file`"),
    ("noise: {}", 6, "neither stored nor between two seeds", "write `{file: FILE}`"),
    ("noise: {between: [1, 2]}", 6, "neither stored nor between", "at: 0.25"),
    ("noise: {at: 0.5}", 6, "neither stored nor between", "at: 0.25"),
    ("noise: {between: [1, 2], at: 1.5}", 6, "noise.at", "1"),
    ("noise: {between: [1], at: 0.5}", 6, "noise.between", ""),
    ("noise: {between: [1, -1], at: 0.5}", 6, "noise.between", ""),
    ("noise: {file: a.npy, between: [1, 2], at: 0.5}", 6, "neither stored nor", "write"),
    ("noise: {file: a.npy}", 6, "there is no file `a.npy` beside", "put the file at"),
    ("noise: {file: ../a.npy}", 6, "..", "into the suite's folder"),
    ("noise: {file: toy}", 6, "there is no file `toy` beside", "put the file at"),
    ("noise: {file: lora/old.bin}", 6, "neither .npy nor .safetensors", "numpy.save"),
    ("determinism: portabel", 6, '`determinism` is "portabel"', "write portable"),
    ("determinism: {sdpa: fast}", 6, '`determinism.sdpa` is "fast"', "write flash"),
    ("determinism: {cpu_isa: sse2}", 6, '`determinism.cpu_isa` is "sse2"', "avx2"),
    ("determinism: {thread: 2}", 6, "unknown key `thread` in `determinism`", "write `threads`"),
    ("determinism: portable\nnoise: cpu", 7, '`noise` is "cpu", whose numbers', "write portable"),
]


@pytest.mark.parametrize(("wrong", "line", "what", "fix"), WRONG, ids=[row[0] for row in WRONG])
def test_what_is_wrong_is_said_with_line_and_fix(
    load: Load, wrong: str, line: int, what: str, fix: str
):
    with pytest.raises(GoldenseedError) as caught:
        load(TEXT + wrong + "\n")
    assert caught.value.line == line
    assert what in caught.value.what
    assert fix in str(caught.value)


def test_a_portable_suite_refuses_a_narrower_dtype_at_its_line(load: Load):
    text = TEXT.replace("{source: toy}", "\n  source: toy\n  dtype: float32")
    with pytest.raises(GoldenseedError, match="needs float64") as caught:
        load(text + "determinism: portable\n")
    assert caught.value.line == 4


def test_a_portable_suite_refuses_the_noise_of_a_machine_at_the_case(load: Load):
    with pytest.raises(
        GoldenseedError, match=r"cases\[1\]\.noise.*depend on the machine"
    ) as caught:
        load(TEXT.replace("noise: portable", "noise: device") + "determinism: portable\n")
    assert caught.value.line == 5


def test_a_noise_file_beyond_what_is_read_is_refused(load: Load, folder: Path):
    with (folder / "huge.npy").open("wb") as file:
        file.truncate(64 * 1024 * 1024 + 1)
    with pytest.raises(GoldenseedError, match=r"has 67,108,865 bytes"):
        load(TEXT + "noise: {file: huge.npy}\n")
