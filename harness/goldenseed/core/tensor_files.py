"""Files of tensors, .npy and .safetensors, read without NumPy's pickles and without torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldenseed.core.errors import GoldenseedError

if TYPE_CHECKING:
    import numpy as np

SUFFIXES = (".safetensors", ".npy")
"""Whatever the case of their letters."""
_BY_SAFETENSORS = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "U8": "uint8",
    "BOOL": "bool",
}
_BFLOAT16_SHIFT = 16
"""Bits: a bfloat16 is the upper half of a float32."""
_NAMED = 9
"""How many tensors of a file a message names."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor as its file has it."""

    dtype: str
    """As torch names it: ``float32``."""
    shape: tuple[int, ...]
    data: bytes
    """Its numbers in C order, little-endian."""

    def values(self) -> np.ndarray[Any, Any]:
        """Return the numbers in ``shape`` and dtype, read-only; bfloat16 as float32."""
        import numpy as np

        if self.dtype == "bfloat16":
            bits = np.frombuffer(self.data, "<u2").astype("<u4") << _BFLOAT16_SHIFT
            return bits.view("<f4").reshape(self.shape)
        return np.frombuffer(self.data, np.dtype(self.dtype).newbyteorder("<")).reshape(self.shape)


def parsed_tensor(
    path: Path, data: bytes, key: str | None = None, *, if_several: str = "name one with `key:`"
) -> Tensor:
    """Return the tensor that ``data``, the content of the file ``path``, holds.

    ``key`` names it in a ``.safetensors`` file; ``if_several`` is the fix where one is needed.

    Raises:
        GoldenseedError: it is no such file, holds several tensors, none of that key, no numbers,
            numbers of a kind that torch and NumPy do not share, or some that are not finite.

    """
    if path.suffix.lower() == ".npy":
        tensor = _of_npy(path, data)
    else:
        tensor = _of_safetensors(path, data, key, if_several)
    if not tensor.data:
        raise GoldenseedError(
            f"holds no numbers: its shape is {list(tensor.shape)}", path=path, fix="save it again"
        )
    if not _is_finite(tensor):
        raise GoldenseedError("holds NaN or infinite values", path=path, fix="save it again")
    return tensor


def _of_safetensors(path: Path, data: bytes, key: str | None, if_several: str) -> Tensor:
    from safetensors import SafetensorError, deserialize

    try:
        found: dict[str, Any] = dict(deserialize(data))  # type: ignore[no-untyped-call]
    except (SafetensorError, ValueError) as error:
        raise GoldenseedError(
            f"cannot be read as .safetensors: {error}", path=path, fix="save it again"
        ) from error
    names = ", ".join(sorted(found)[:_NAMED])
    if key is None and len(found) != 1:
        raise GoldenseedError(f"holds {len(found)} tensors: {names}", path=path, fix=if_several)
    entry = found.get(key) if key is not None else next(iter(found.values()))
    if entry is None:
        raise GoldenseedError(f"has no tensor {key!r}", path=path, fix=f"it holds {names}")
    dtype = _known(path, _BY_SAFETENSORS.get(entry["dtype"]), entry["dtype"])
    return Tensor(dtype, tuple(entry["shape"]), bytes(entry["data"]))


def _of_npy(path: Path, data: bytes) -> Tensor:
    import numpy as np

    try:
        _check_size(data)
        values = np.load(BytesIO(data), allow_pickle=False)
    except Exception as error:  # NumPy reads a header as Python, and raises what that leads to
        raise GoldenseedError(
            f"cannot be read as .npy: {error or type(error).__name__}",
            path=path,
            fix="save it again with numpy.save",
        ) from error
    if not isinstance(values, np.ndarray):
        raise GoldenseedError("holds several arrays", path=path, fix="save one with numpy.save")
    plain = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False)
    dtype = _known(path, plain.dtype.name, values.dtype.name)
    return Tensor(dtype, values.shape, plain.tobytes())


def _check_size(data: bytes) -> None:
    """Refuse a header that promises more numbers than there are, before room is made for them."""
    from numpy.lib import format as npy

    if not data.startswith(npy.MAGIC_PREFIX):
        return
    stream = BytesIO(data)
    version = npy.read_magic(stream)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(stream) if version in {(1, 0), (2, 0)} else ((), False, None)
    promised = math.prod(shape) * dtype.itemsize if dtype is not None else 0
    if promised > len(data):
        raise ValueError(f"its header promises {promised:,} bytes, and the file has {len(data):,}")


def _known(path: Path, dtype: str | None, called: str) -> str:
    if dtype is None or dtype not in _BY_SAFETENSORS.values():
        known = ", ".join(_BY_SAFETENSORS.values())
        raise GoldenseedError(f"holds {called} values", path=path, fix=f"use one of {known}")
    return dtype


def _is_finite(tensor: Tensor) -> bool:
    import numpy as np

    values = tensor.values()
    return values.dtype.kind != "f" or bool(np.isfinite(values).all())
