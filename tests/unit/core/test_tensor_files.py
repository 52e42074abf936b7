"""Files of tensors: one reader, whatever they are for."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.tensor_files import Tensor, parsed_tensor

RNG = np.random.default_rng(0)


def npy(values: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=True)
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["a.npy", "A.NPY", "a.safetensors", "A.SafeTensors"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "int32", "uint8"])
def test_values_come_back_as_they_were_saved(name: str, dtype: str):
    values = RNG.integers(0, 99, (2, 3, 4)).astype(dtype)
    data = npy(values) if name.lower().endswith("npy") else save({"x": values})
    found = parsed_tensor(Path(name), data)
    assert found.values().dtype == values.dtype
    assert np.array_equal(found.values(), values)


def test_bfloat16_widens_to_the_float32_of_the_same_value():
    import torch
    from safetensors.torch import save as save_torch

    values = torch.tensor([[1.5, -2.0], [1e-30, 3e38]], dtype=torch.bfloat16)
    found = parsed_tensor(Path("a.safetensors"), save_torch({"x": values}))
    assert found.values().dtype == np.float32
    assert np.array_equal(found.values(), values.float().numpy())


@pytest.mark.parametrize("dtype", [">f4", ">i8", "<f2"])
def test_the_order_of_bytes_and_of_axes_is_no_part_of_the_values(dtype: str):
    values = np.asfortranarray(RNG.integers(0, 99, (3, 5))).astype(dtype)
    found = parsed_tensor(Path("a.npy"), npy(values))
    plain = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"))
    assert found == Tensor(plain.dtype.name, (3, 5), plain.tobytes())


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(dtype: str, bad: float):
    with pytest.raises(GoldenseedError, match="holds NaN or infinite values"):
        parsed_tensor(Path("a.npy"), npy(np.array([1, bad], dtype)))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.zeros((0, 4), np.float32), "holds no numbers: its shape is [0, 4]"),
        (np.array(["a"]), "holds str"),
        (np.zeros(2, "c8"), "holds complex64 values"),
        (np.zeros(2, [("a", "f4")]), "holds void32 values"),
        (np.zeros(2, "M8[s]"), "holds datetime64[s] values"),
        (np.array([None]), "cannot be read as .npy"),
    ],
)
def test_what_no_pipeline_takes_is_refused(values: Any, said: str):
    with pytest.raises(GoldenseedError) as caught:
        parsed_tensor(Path("a.npy"), npy(values))
    assert said in str(caught.value)


def with_header(header: str) -> bytes:
    text = header.encode("latin-1")
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(64)


@pytest.mark.parametrize(
    "header",
    [
        "(",
        "\0",
        "{" * 5000,
        "[" * 9000,
        "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "9" * 5000 + ",)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (10000000000,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1.5,)}",
        "{'descr': [('a', '<f4', (2**9,))], 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 1: 2}",
        "{'descr': 'O', 'fortran_order': False, 'shape': (1,)}",
        "'descr'",
        "f''",
    ],
)
def test_whatever_a_header_leads_numpy_to_is_one_error(header: str):
    with pytest.raises(GoldenseedError, match=r"a\.npy: (cannot be read as \.npy: .|holds )"):
        parsed_tensor(Path("a.npy"), with_header(header))


def test_an_archive_of_arrays_is_not_one():
    buffer = io.BytesIO()
    np.savez(buffer, a=np.zeros(2))
    with pytest.raises(GoldenseedError, match="holds several arrays"):
        parsed_tensor(Path("a.npy"), buffer.getvalue())


def test_one_of_several_has_to_be_named():
    data = save({"x": np.zeros(2), "y": np.ones(2)})
    assert parsed_tensor(Path("a.safetensors"), data, "y").values().tolist() == [1, 1]
    with pytest.raises(GoldenseedError, match=r"holds 2 tensors: x, y\n  fix: keep one"):
        parsed_tensor(Path("a.safetensors"), data, if_several="keep one")
    with pytest.raises(GoldenseedError, match="has no tensor 'z'"):
        parsed_tensor(Path("a.safetensors"), data, "z")


def test_a_header_that_promises_more_than_there_is_makes_no_room_for_it():
    header = b"{'descr':'<f4','fortran_order':False,'shape':(99999999999,)}".ljust(117) + b"\n"
    data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with pytest.raises(GoldenseedError, match=r"promises 399,999,999,996 bytes, and the file has"):
        parsed_tensor(Path("noise.npy"), data)
