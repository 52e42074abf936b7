"""Inputs of a case: read as defined, in the recipe by their values, refused where in doubt."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.tensor_files import Tensor
from goldenseed.suite.cases import Case
from goldenseed.suite.inputs import input_files
from goldenseed.suite.loading import load_suite
from goldenseed.suite.recipes import recipe_of, recipe_sha256

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (6, 4, 3), dtype=np.uint8)

Load = Callable[..., Case]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model_index.json").write_text("{}")
    Image.fromarray(COLOURS).save(tmp_path / "a.png")

    def load(inputs: str, **suite: str) -> Case:
        more = "".join(f"{key}: {value}\n" for key, value in suite.items())
        path = tmp_path / "toy.suite.yaml"
        path.write_text(
            f"suite: toy\nmodel: {{source: model}}\n{more}cases:\n"
            f"  - id: one\n    seeds: [1]\n    inputs: {inputs}\n"
        )
        return load_suite(path).cases[0]

    return load


def only(case: Case) -> Any:
    ((_, file),) = input_files(case.inputs)
    return file.read()


def test_a_picture_is_read_as_diffusers_reads_one(load: Load, tmp_path: Path):
    from diffusers.utils import load_image

    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    Image.fromarray(COLOURS).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    for name in ("a.png", "turned.jpg"):
        expected = load_image(str(tmp_path / name))
        found = only(load(f"{{image: {name}}}"))
        assert (found.size, found.mode) == (expected.size, expected.mode)
        assert found.tobytes() == expected.tobytes()


def test_the_recipe_holds_the_values_and_not_the_file(load: Load, tmp_path: Path):
    first = recipe_of(load("{image: a.png}"))
    Image.fromarray(COLOURS).save(tmp_path / "other.webp", lossless=True)
    assert recipe_of(load("{image: other.webp}")) == first
    Image.fromarray(255 - COLOURS).save(tmp_path / "a.png")
    assert recipe_sha256(recipe_of(load("{image: a.png}"))) != recipe_sha256(first)


def test_a_case_without_inputs_has_the_recipe_it_ever_had(load: Load):
    assert set(recipe_of(load("{}"))) == {"seed", "call", "model", "noise", "determinism"}


def test_inputs_of_the_case_take_the_place_of_the_defaults_one_by_one(load: Load):
    case = load("{mask: {file: a.png, mode: L}}", defaults="{inputs: {mask: a.png, image: a.png}}")
    assert [(name, file.mode) for name, file in input_files(case.inputs)] == [
        ("mask", "L"),
        ("image", None),
    ]


def test_a_place_in_a_list_may_be_empty_and_counts(load: Load):
    case = load("{image: [[a.png, a.png], [a.png, null]]}")
    assert [name for name, _ in input_files(case.inputs)] == [
        "image[0][0]",
        "image[0][1]",
        "image[1][0]",
    ]
    one = recipe_of(case)["inputs"]["image"][0][0]
    assert recipe_of(case)["inputs"] == {"image": [[one, one], [one, None]]}
    fewer = load("{image: [[a.png, a.png], [a.png]]}")
    assert recipe_sha256(recipe_of(fewer)) != recipe_sha256(recipe_of(case))


def test_lists_and_lists_of_lists_keep_their_order(load: Load):
    case = load("{image: [[a.png, {file: a.png, mode: L}], a.png]}")
    assert [name for name, _ in input_files(case.inputs)] == [
        "image[0][0]",
        "image[0][1]",
        "image[1]",
    ]
    rows: Any = recipe_of(case)["inputs"]
    assert [rows["image"][0][1]["mode"], rows["image"][1]["mode"]] == ["L", "RGB"]


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "int64"])
def test_a_tensor_is_the_same_from_either_kind_of_file(load: Load, tmp_path: Path, dtype: str):
    values = RNG.integers(0, 9, (2, 3)).astype(dtype)
    np.save(tmp_path / "a.npy", np.asfortranarray(values).astype(f">{values.dtype.str[1:]}"))
    save_file({"x": values, "y": values + 1}, tmp_path / "a.safetensors")
    one, other = load("{e: a.npy}"), load("{e: {file: a.safetensors, key: x}}")
    assert recipe_of(one) == recipe_of(other)
    assert only(one) == only(other) == Tensor(dtype, (2, 3), values.tobytes())
    assert recipe_of(load("{e: {file: a.safetensors, key: y}}")) != recipe_of(one)


def test_a_tensor_of_bfloat16_needs_no_torch(load: Load, tmp_path: Path):
    import torch
    from safetensors.torch import save_file as save

    save({"x": torch.tensor([1.5, -2.0], dtype=torch.bfloat16)}, tmp_path / "b.safetensors")
    assert only(load("{e: b.safetensors}")) == Tensor("bfloat16", (2,), b"\xc0\x3f\x00\xc0")
    save({"x": torch.tensor([1.5, -torch.inf], dtype=torch.bfloat16)}, tmp_path / "b.safetensors")
    with pytest.raises(GoldenseedError, match="holds NaN or infinite values"):
        recipe_of(load("{e: b.safetensors}"))


@pytest.mark.parametrize(
    ("inputs", "what", "fix"),
    [
        ("{image: gone.png}", "no file `gone.png`", "put the file at"),
        ("{image: [a.png, gone.png]}", "no file `gone.png`", "put the file at"),
        ("{image: ../a.png}", "leaves its folder", "into the suite's folder"),
        ("{image: out.png}", "`out.png` is a link that leads out", "the file itself"),
        ("{image: model}", "no file `model`", "put the file at"),
        ("{image: notes.txt}", "is none of .png", "save it as"),
        ("{image: {file: a.png, key: x}}", "has no key", "remove `key`"),
        ("{image: {file: a.npy, mode: L}}", "has no mode", "remove `mode`"),
        ("{image: {file: a.png, mode: CMYK}}", '"CMYK"', "one of L, RGB"),
        ("{image: {path: a.png}}", "unknown key `path`", "`file`"),
        ("{image: 3}", "is 3, text is needed", ""),
        ("{image: []}", "is empty", ""),
        ("{latents: a.npy}", "`latents` is no argument for `inputs`", "`noise`"),
        ("{image: a.png}\n    call: {image: x}", "under `call` and under `inputs`", "keep one"),
    ],
)
def test_what_cannot_be_is_said_with_its_line(
    load: Load, tmp_path: Path, inputs: str, what: str, fix: str
):
    (tmp_path / "notes.txt").touch()
    (tmp_path / "out.png").symlink_to(__file__)
    np.save(tmp_path / "a.npy", np.zeros(2))
    with pytest.raises(GoldenseedError) as caught:
        load(inputs)
    said = str(caught.value)
    assert what in said
    assert fix in said
    assert "toy.suite.yaml:6" in said or "toy.suite.yaml:7" in said


def broken_png(path: Path) -> None:
    path.write_bytes((path.parent / "a.png").read_bytes()[:-20])


def with_alpha(path: Path) -> None:
    Image.fromarray(RNG.integers(0, 256, (4, 4, 4), dtype=np.uint8)).save(path)


def of_16_bits(path: Path) -> None:
    Image.fromarray(np.arange(16, dtype=np.uint16).reshape(4, 4)).save(path)


def bomb(path: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(path)


def animated(path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), c) for c in ("red", "blue")]
    frames[0].save(path, format="WEBP", save_all=True, append_images=frames[1:], lossless=True)


@pytest.mark.parametrize(
    ("make", "what", "fix"),
    [
        (broken_png, "truncated", "restore the file"),
        (with_alpha, "has transparent pixels", "`mode: RGB` drops them"),
        (of_16_bits, "more than 8 bits a channel", "8 bits a channel"),
        (animated, "several frames", "one still image"),
        (bomb, "more pixels than can be read safely", "smaller"),
        (os.mkfifo, "is no file", ""),
    ],
)
def test_a_picture_that_leaves_a_doubt_is_refused(
    load: Load, tmp_path: Path, make: Callable[[Path], None], what: str, fix: str
):
    make(tmp_path / "odd.png")
    with pytest.raises(GoldenseedError) as caught:
        recipe_of(load("{image: odd.png}"))
    assert what.replace("is no file", "odd.png") in str(caught.value)
    assert fix in str(caught.value.fix)


def test_a_pickled_tensor_is_refused(load: Load, tmp_path: Path):
    np.save(tmp_path / "p.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(GoldenseedError, match=r"p\.npy: cannot be read as \.npy") as caught:
        recipe_of(load("{e: p.npy}"))
    assert "numpy.save" in str(caught.value.fix)


def test_alpha_is_kept_or_dropped_as_the_suite_says(load: Load, tmp_path: Path):
    with_alpha(tmp_path / "odd.png")
    pixels = Image.open(tmp_path / "odd.png")
    for mode in ("RGBA", "RGB", "L"):
        found = only(load(f"{{image: {{file: odd.png, mode: {mode}}}}}"))
        assert found.tobytes() == pixels.convert(mode).tobytes()


def test_a_file_that_changes_while_a_run_goes_on_is_an_error(load: Load, tmp_path: Path):
    case = load("{image: a.png}")
    recipe_of(case)
    Image.fromarray(255 - COLOURS).save(tmp_path / "a.png")
    ((_, file),) = input_files(case.inputs)
    with pytest.raises(GoldenseedError, match="changed while the run went on"):
        file.read_as_recorded()
