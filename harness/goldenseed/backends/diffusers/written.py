"""What the source of a function says, in one form under every release of Python."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType
from typing import TypeAlias

_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def written(code: CodeType) -> str | None:
    """Return the syntax of what ``code`` was compiled from; None where its source is not there.

    Comments, layout and docstrings are not in it, and neither is what one release of Python
    compiles otherwise than another. Of several lambdas in one line that have the same arguments,
    all count.
    """
    try:
        lines, _ = inspect.findsource(code)
        functions = _functions("".join(lines))
    except (OSError, TypeError, IndexError, SyntaxError, ValueError, RecursionError):
        return None
    found = [each for each in functions if _is_of(each, code)]
    return "\n".join(map(_dumped, found)) or None


@lru_cache(maxsize=16)
def _functions(source: str) -> tuple[_Function, ...]:
    return tuple(each for each in ast.walk(ast.parse(source)) if isinstance(each, _Function))


def _is_of(node: _Function, code: CodeType) -> bool:
    arguments = node.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    count = code.co_argcount + code.co_kwonlyargcount
    name, first = "<lambda>", node
    if not isinstance(node, ast.Lambda):
        name = node.name
        first = node.decorator_list[0] if node.decorator_list else node  # type: ignore[assignment]
    return (
        first.lineno == code.co_firstlineno
        and name == code.co_name
        and tuple(each.arg for each in named) == code.co_varnames[:count]
    )


def _dumped(node: _Function) -> str:
    body = node.body
    if isinstance(body, list) and ast.get_docstring(node, clean=False) is not None:  # type: ignore[arg-type]
        body = body[1:]
    parts = body if isinstance(body, list) else [body]
    return " ".join((*_told(node.args), *(text for part in parts for text in _told(part))))


def _told(value: object) -> Iterator[str]:
    """Yield a node's kind and what it holds, without the empty fields that a release may add."""
    if isinstance(value, ast.AST):
        yield f"({type(value).__name__}"
        for name, held in ast.iter_fields(value):
            if held is not None and held != [] and name not in {"kind", "type_comment"}:
                yield f"{name}="
                yield from _told(held)
        yield ")"
    elif isinstance(value, list):
        yield "["
        for each in value:
            yield from _told(each)
        yield "]"
    else:
        yield f"{type(value).__name__}:{value!r}"
