"""Tracebacks that pytest can show."""

from __future__ import annotations

from types import TracebackType


def give_lines(error: BaseException | None) -> None:
    """Give each entry of an exception's tracebacks, and of those behind it, a line number.

    CPython may raise a KeyboardInterrupt before the first instruction of a function that belongs to
    a line, as in one whose variables a comprehension uses. ``tb_lineno`` of that entry is None, and
    pytest 9.2's ``TracebackEntry.lineno`` subtracts 1 from it: the session then ends with the exit
    code 1 and a TypeError's traceback (seen with CPython 3.11.7; pytest-xdist#1196 shows the same).
    Such an entry is given the line of its function's ``def``.
    """
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        each.__traceback__ = _with_lines(each.__traceback__)
        waiting += [each.__cause__, each.__context__]


def _with_lines(first: TracebackType | None) -> TracebackType | None:
    """Return a traceback with a line for each entry; what has one stays the same object."""
    if first is None:
        return None
    if _lineless(first):
        first = _at_its_def(first)
    entry = first
    while entry.tb_next is not None:
        if _lineless(entry.tb_next):
            entry.tb_next = _at_its_def(entry.tb_next)
        entry = entry.tb_next
    return first


def _lineless(entry: TracebackType) -> bool:
    line: int | None = entry.tb_lineno  # typeshed knows no None
    return line is None


def _at_its_def(entry: TracebackType) -> TracebackType:
    line = entry.tb_frame.f_code.co_firstlineno
    return TracebackType(entry.tb_next, entry.tb_frame, entry.tb_lasti, line)
