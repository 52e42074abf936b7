"""Which arguments reach a pipeline's own call otherwise than they were handed to it.

Where somebody's ``__call__`` stands before the library's, that it is there says little: what the
library's call is then given says what was done.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

from goldenseed.backends.diffusers.foreign import is_foreign
from goldenseed.backends.diffusers.tensors import readable
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import canonical_json, sha256_hex
from goldenseed.environment.keys import PASSED_ON, EnvironmentValue

_HOME: Final = "diffusers.pipelines."
_MOST_EVENTS: Final = 20_000
"""Calls and returns after which the library's call is waited for no longer."""
_LONGEST: Final = 500
_ANOTHER: Final = "another "
_ON_RECORD_BY_ITSELF: Final = "callback"
"""How names of arguments begin that are a callback, or say when it is called with what."""


@contextmanager
def passed_on(
    pipeline: Any, arguments: Mapping[str, Any], parameters: Mapping[str, inspect.Parameter]
) -> Iterator[dict[str, EnvironmentValue]]:
    """Note what the library's own call gets otherwise, as ``pipeline.argument.NAME``.

    Only where a foreign ``__call__`` stands before it; what is yielded is filled inside. Seen by
    Python's profiling hook until that call begins, and not at all where a profiler has the hook.
    """
    found: dict[str, EnvironmentValue] = {}
    if not is_foreign(type(pipeline).__call__) or sys.getprofile() is not None:
        yield found
        return
    left = _MOST_EVENTS

    def note(frame: FrameType, event: str, _given: object) -> None:
        nonlocal left
        left -= 1
        own = event == "call" and _is_own_call(frame, pipeline)
        if own:
            found.update(_otherwise(frame, arguments, parameters))
        if own or left <= 0:
            sys.setprofile(None)

    sys.setprofile(note)
    try:
        yield found
    finally:
        sys.setprofile(None)


def _is_own_call(frame: FrameType, pipeline: Any) -> bool:
    return (
        frame.f_code.co_name == "__call__"
        and str(frame.f_globals.get("__name__")).startswith(_HOME)
        and frame.f_locals.get("self") is pipeline
    )


def _otherwise(
    frame: FrameType, arguments: Mapping[str, Any], parameters: Mapping[str, inspect.Parameter]
) -> Iterator[tuple[str, EnvironmentValue]]:
    code, given = frame.f_code, frame.f_locals
    names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    for name in (each for each in names if not each.startswith(_ON_RECORD_BY_ITSELF)):
        default = parameters[name].default if name in parameters else inspect.Parameter.empty
        asked = arguments.get(name, None if default is inspect.Parameter.empty else default)
        if given[name] is asked:
            continue
        told = _told(given[name])
        if told != _told(asked) or str(told).startswith(_ANOTHER):
            yield f"{PASSED_ON}{name}", told


def _told(value: Any) -> EnvironmentValue:
    """Write an argument down: a plain one as it is, a tensor by shape and digest."""
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return value[:_LONGEST]
    if value is None:
        return "none"
    if readable(value):
        return _of_tensor(value)
    try:
        return canonical_json(value).decode()[:_LONGEST]
    except (GoldenseedError, TypeError, ValueError):
        return f"{_ANOTHER}{type(value).__name__}"


def _of_tensor(tensor: Any) -> str:
    import torch

    data = tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
    kind, shape = str(tensor.dtype).removeprefix("torch."), "x".join(map(str, tensor.shape))
    return f"{kind} {shape}:{sha256_hex(data.tobytes())[:8]}"
