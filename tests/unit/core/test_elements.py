from __future__ import annotations

import hashlib
import io
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from goldenseed.core.elements import (
    content_sha256,
    decoded,
    encoded,
    kind_of,
    relative_distance,
    sequence_sha256,
)
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.pixels import pixels_sha256

NUMBERS = np.arange(12, dtype=np.float32).reshape(2, 2, 3)


def test_the_digest_of_a_sequence_is_as_documented():
    text = b"goldenseed-sequence-1\0frames[0]\0" + b"ab\nframes[1]\0cd\n"
    found = sequence_sha256([("frames[0]", "ab"), ("frames[1]", "cd")])
    assert found == hashlib.sha256(text).hexdigest()


def test_order_names_and_digests_of_elements_all_count():
    one = [("a", "1"), ("b", "2")]
    others = ([("b", "2"), ("a", "1")], [("a", "2"), ("b", "1")], one[:1], [("ab", "12")])
    assert len({sequence_sha256(each) for each in (one, *others)}) == len(others) + 1


def test_a_picture_has_the_digest_that_images_have():
    image = Image.new("RGB", (3, 2), "teal")
    assert content_sha256(image) == pixels_sha256(image)
    assert kind_of(image) == ((3, 2), "RGB")
    assert decoded(encoded(image), "RGB").tobytes() == image.tobytes()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(), (5,), (1, 7, 3)])
def test_a_tensor_comes_back_bit_for_bit(tmp_path: Path, dtype: str, shape: tuple[int, ...]):
    values = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    path = tmp_path / "a.npy"
    path.write_bytes(encoded(values))
    found = decoded(path, dtype)
    assert isinstance(found, np.ndarray)
    assert (found.dtype, found.shape, found.tobytes()) == (values.dtype, shape, values.tobytes())
    assert content_sha256(found) == content_sha256(values)


def test_the_shape_and_dtype_of_a_tensor_count():
    others = (NUMBERS, NUMBERS.reshape(2, 6), NUMBERS.astype(np.float64), NUMBERS + 1)
    assert len({content_sha256(each) for each in others}) == len(others)


def pickled() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{}], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def saved(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY",
        encoded(NUMBERS)[:-1],
        encoded(NUMBERS) + b"\0",
        b"\x93NUMPY\x02\x00" + encoded(NUMBERS)[8:],
        saved(np.arange(3)),
        saved(NUMBERS.astype(">f4")),
        saved(np.asfortranarray(NUMBERS)),
        encoded(NUMBERS).replace(b"(2, 2, 3)", b"(-2,2, 3)"),
        encoded(NUMBERS).replace(b"(2, 2, 3)", b"(9**99,) "),
        encoded(NUMBERS).replace(b"(2, 2, 3)", b"((((((((("),
        pickled(),
    ],
)
def test_what_is_no_whole_tensor_is_an_error(data: bytes):
    with pytest.raises(GoldenseedError, match=r"^a\.npy: ") as caught:
        decoded(data, "float32", name="a.npy")
    assert caught.value.fix


def test_a_relative_distance_is_that_of_the_norms():
    assert relative_distance(NUMBERS, NUMBERS) == 0
    assert relative_distance(NUMBERS * 1.5, NUMBERS) == pytest.approx(0.5)
    assert relative_distance(NUMBERS, NUMBERS * 0) == math.inf
    with pytest.raises(ValueError, match="shapes"):
        relative_distance(NUMBERS, NUMBERS.reshape(-1))
