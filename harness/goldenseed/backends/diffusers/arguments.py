"""A case's arguments as a pipeline takes them: tuples, whole numbers as keys, pictures, tensors."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.tensor_files import Tensor
from goldenseed.suite.inputs import InputCase, InputValue

if TYPE_CHECKING:
    from pydantic import JsonValue

_WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]*")

_EMBEDDINGS = ("_embeds", "_embeddings")
_FLOATING = ("float", "bfloat")


def as_python(value: JsonValue, parameter: inspect.Parameter) -> Any:
    """Return ``value`` as the parameter wants it, where a suite file cannot say so.

    A list becomes a tuple where annotation or default speak of a tuple and of no list; keys that
    are whole numbers become such.
    """
    if isinstance(value, dict):
        whole = bool(value) and all(map(_WHOLE_NUMBER.fullmatch, value))
        return {int(key): each for key, each in value.items()} if whole else value
    if isinstance(value, list):
        said = str(parameter.annotation).lower()
        wanted = "tuple" in said and "list" not in said and "sequence" not in said
        if wanted or isinstance(parameter.default, tuple):
            return tuple(value)
    return value


def given_input(name: str, value: InputValue | None, pipeline: Any, device: str) -> Any:
    """Decode the input ``name``: a Pillow image, a tensor on ``device``, or lists of both and None.

    Numbers that are no whole ones are given in the pipeline's dtype.

    Raises:
        GoldenseedError: a file cannot be read, is not what the recipe says any more, or holds whole
            numbers where embeddings are wanted.

    """
    if value is None:
        return None
    if isinstance(value, tuple):
        return [given_input(name, each, pipeline, device) for each in value]
    if isinstance(value, InputCase):
        raise GoldenseedError(
            f"the accepted image of {value.source} was not looked up",
            path=value.suite,
            line=value.line,
            fix="run the suite with pytest, which has the baselines",
        )
    found = value.read_as_recorded()
    if not isinstance(found, Tensor):
        return found
    import torch

    if name.endswith(_EMBEDDINGS) and not found.dtype.startswith(_FLOATING):
        raise GoldenseedError(
            f"holds {found.dtype}, and `{name}` takes floating-point numbers",
            path=value.path,
            fix="save it as float32",
        )
    values = torch.frombuffer(bytearray(found.data), dtype=getattr(torch, found.dtype))
    values = values.reshape(found.shape)
    dtype = getattr(pipeline, "dtype", None) if values.is_floating_point() else None
    return values.to(device=device, dtype=dtype)
