"""Tracebacks of an interrupt that came where the code has no line."""

from __future__ import annotations

import sys
import types

import pytest

from goldenseed.session.failure import give_lines


def lineless_entry() -> types.TracebackType:
    """Return what CPython makes of an interrupt before a function's first line."""

    def function(value: int) -> tuple[types.FrameType, list[int]]:
        return sys._getframe(), [
            value for _ in range(1)
        ]  # `value` is a cell: MAKE_CELL comes first

    frame, _ = function(1)
    return types.TracebackType(None, frame, 0, -1)


def interrupted() -> pytest.ExceptionInfo[BaseException]:
    behind = ValueError("what was being handled").with_traceback(lineless_entry())
    error = KeyboardInterrupt().with_traceback(here(lineless_entry()))
    error.__context__ = behind
    return pytest.ExceptionInfo.from_exception(error)


def here(below: types.TracebackType) -> types.TracebackType:
    frame = sys._getframe()
    return types.TracebackType(below, frame, frame.f_lasti, frame.f_lineno)


@pytest.mark.skipif(
    lineless_entry().tb_lineno is not None, reason="this CPython gives every instruction a line"
)
def test_pytest_can_show_an_interrupt_that_came_where_there_is_no_line():
    excinfo = interrupted()
    with pytest.raises(TypeError):
        excinfo.getrepr(funcargs=True)

    excinfo = interrupted()
    give_lines(excinfo.value)

    shown = str(excinfo.getrepr(funcargs=True))
    assert "def function(value: int)" in shown
    assert "KeyboardInterrupt" in shown
    assert "what was being handled" in shown


def test_a_traceback_with_all_its_lines_stays_as_it_is():
    with pytest.raises(ZeroDivisionError) as excinfo:
        1 / 0  # noqa: B018 - for its traceback
    before = excinfo.value.__traceback__
    give_lines(excinfo.value)
    assert excinfo.value.__traceback__ is before
