"""What is not the libraries' own: functions and classes of others in the places of theirs."""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dis import get_instructions
from functools import partial
from types import CodeType, FrameType, FunctionType
from typing import Any, Final

from goldenseed.backends.diffusers.written import written

LIBRARIES: Final = frozenset(
    {
        "accelerate",
        "contextlib",
        "diffusers",
        "functools",
        "goldenseed",
        "huggingface_hub",
        "peft",
        "torch",
        "transformers",
        "typing",
        "typing_extensions",
    }
)
"""Top-level packages of whose methods a pipeline is made, and the harness around it."""
_IMPORTED: Final = LIBRARIES | {
    "PIL",
    "bs4",
    "flash_attn",
    "ftfy",
    "kernels",
    "numpy",
    "packaging",
    "regex",
    "requests",
    "safetensors",
    "scipy",
    "sentencepiece",
    "tokenizers",
    "torchsde",
    "torchvision",
    "tqdm",
    "xformers",
    "yaml",
}
"""Those whose functions the modules of the libraries import as well."""
_DIGITS: Final = 8
_HOOKED: Final = ("accelerate.hooks", "diffusers.hooks")
"""What puts its own ``forward`` on a part that has one of its hooks."""


def listed(names: Iterable[str]) -> str | None:
    """Write names and how often each is there, ``a x 2, b x 1``, sorted; None for none."""
    counts = Counter(names)
    return ", ".join(f"{name} x {count}" for name, count in sorted(counts.items())) or None


def plain_function(called: Any) -> Any:
    """Return what a bound method or a partial calls in the end."""
    while True:
        if isinstance(called, partial):
            called = called.func
        elif inspect.ismethod(called):
            called = called.__func__
        else:
            return called


def home_of(called: Any) -> str:
    """Return the module in which a function's code was written, whatever ``wraps`` says of it."""
    function = plain_function(called)
    written = getattr(function, "__globals__", {}).get("__name__")
    return str(written or getattr(function, "__module__", None) or "builtins")


def is_foreign(called: Any, owner: str = "") -> bool:
    """Say whether a function is neither the libraries' nor of ``owner``'s package; all it wraps."""
    function = plain_function(called)
    while isinstance(function, FunctionType):
        if home_of(function).partition(".")[0] not in {*LIBRARIES, owner.partition(".")[0]}:
            return True
        function = plain_function(getattr(function, "__wrapped__", None))
    return False


def name_of(called: Any) -> str:
    """Name a function by its module, its own name and the digest of its code: ``m.f@0123abcd``."""
    function = plain_function(called)
    code = getattr(function, "__code__", None)
    if code is None:
        cls = type(function)
        written = f"@{code_sha256(cls.__call__)}" if hasattr(cls.__call__, "__code__") else ""
        return f"{cls.__module__}.{cls.__qualname__}{written}"
    return f"{home_of(function)}.{code.co_qualname}@{code_sha256(function)}"


def code_sha256(function: Any) -> str:
    """Digest what a function does: its source, its defaults and what it closes over.

    ``s0123abcd`` is the same under every Python; ``0123abcd`` is of bytecode, where the source of
    a part of it is not there, as of what was typed in or made by ``exec``.
    """
    digest, mark = hashlib.sha256(), "s"
    for text in _told_by(function, 0):
        digest.update(text.encode("utf-8", "surrogatepass") + b"\n")
        mark = "" if text == _COMPILED else mark
    return mark + digest.hexdigest()[:_DIGITS]


_DEEPEST: Final = 3
_COMPILED: Final = "bytecode"
"""Stands before what another Python compiles otherwise."""


def _told_by(function: Any, depth: int) -> Iterator[str]:
    function = plain_function(function)
    if not isinstance(function, FunctionType) or depth > _DEEPEST:
        yield type(function).__qualname__
        return
    if depth and home_of(function).partition(".")[0] in LIBRARIES:
        yield f"{home_of(function)}.{function.__qualname__}"
        return
    source = written(function.__code__)
    if source is None:
        yield _COMPILED
        yield from _code(function.__code__)
    else:
        yield source
    cells = _closed_over(function)
    for value in (
        *(function.__defaults__ or ()),
        *(function.__kwdefaults__ or {}).values(),
        *cells,
    ):
        if isinstance(value, bool | int | float | str | type(None)):
            yield repr(value)
        else:
            yield from _told_by(value, depth + 1)


def _closed_over(function: FunctionType) -> list[Any]:
    """Return what a function closes over and does not itself count up: that is no setting."""
    names = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    counted = {each.argval for each in get_instructions(function) if each.opname == "STORE_DEREF"}
    return [cell.cell_contents for name, cell in names if name not in counted and _is_filled(cell)]


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def _code(code: CodeType) -> Iterator[str]:
    yield code.co_code.hex()
    yield repr((code.co_names, code.co_varnames, code.co_freevars))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code(constant)
        else:
            yield repr(constant)


def foreign_methods(cls: type, names: Iterable[str] | None = None) -> Iterator[str]:
    """Yield ``Class.method = function`` for each method of ``cls`` that is not its package's own.

    Of ``names`` alone, where they are given.
    """
    wanted = None if names is None else frozenset(names)
    seen: set[str] = set()
    for base in cls.__mro__:
        for name, value in vars(base).items():
            if name in seen or (wanted is not None and name not in wanted):
                continue
            seen.add(name)
            found = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
            if isinstance(found, FunctionType) and is_foreign(found, base.__module__):
                yield f"{cls.__name__}.{name} = {name_of(found)}"


def replaced_on(target: Any) -> Iterator[str]:
    """Yield ``Class.method = function`` for each method that an object has instead of its class's.

    What offloading puts there is told of elsewhere, and so is what the harness itself does.
    """
    cls = type(target)
    for name, value in vars(target).items():
        own = getattr(cls, name, None)
        if not callable(value) or not isinstance(own, FunctionType) or name == "extra_repr":
            continue  # the last only tells what is printed of a part
        found = plain_function(value)
        while home_of(found).startswith("goldenseed.") and hasattr(found, "__wrapped__"):
            found = plain_function(found.__wrapped__)
        if found is not own and not home_of(found).startswith(_HOOKED):
            yield f"{cls.__name__}.{name} = {name_of(found)}"


def foreign_objects(pipeline: Any) -> Iterator[str]:
    """Yield ``Class.name = Class@code`` for each object of others' classes that it keeps.

    Not its components, whose classes are on record by themselves.
    """
    cls = type(pipeline)
    own = {*_IMPORTED, cls.__module__.partition(".")[0], *sys.stdlib_module_names}
    for name, value in vars(pipeline).items():
        kind = type(value)
        if (
            isinstance(value, type | FunctionType)
            or kind.__module__.partition(".")[0] in own
            or name in pipeline.components
        ):
            continue
        called = vars(kind).get("__call__")
        code = f"@{code_sha256(called)}" if called is not None else ""
        yield f"{cls.__name__}.{name} = {kind.__module__}.{kind.__qualname__}{code}"


def foreign_functions(modules: Iterable[str]) -> Iterator[str]:
    """Yield ``module.function = other`` for each function in them that no library has written."""
    for name in sorted(set(modules)):
        module = sys.modules.get(name)
        if module is None or name.partition(".")[0] not in LIBRARIES:
            continue
        for attribute, value in sorted(vars(module).items()):
            known = isinstance(value, FunctionType | partial) and is_foreign(value)
            top = home_of(value).partition(".")[0] if known else ""
            if known and top not in _IMPORTED and top not in sys.stdlib_module_names:
                yield f"{name}.{attribute} = {name_of(value)}"


_CALLBACKS: Final = ("callback_on_step_end", "callback")


def callback_around(frame: FrameType | None) -> str | None:
    """Name what is called between the steps of the pipeline's call that ``frame`` is within."""
    while frame is not None:
        for name in _CALLBACKS:
            if name in frame.f_code.co_varnames and (found := frame.f_locals.get(name)) is not None:
                return None if home_of(found).startswith("goldenseed.") else name_of(found)
        if frame.f_code.co_name == "__call__" and "prompt" in frame.f_code.co_varnames:
            return None
        frame = frame.f_back
    return None
