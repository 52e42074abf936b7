"""How a verdict reaches pytest: an exception it can show, a warning, records on the item."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable
from types import TracebackType

import pytest
from _pytest._code.code import (
    ExceptionChainRepr,
    ReprEntryNative,
    ReprFileLocation,
    ReprTraceback,
)

from goldenseed.runs.record import CaseRecord
from goldenseed.suite.cases import Case
from goldenseed.verdict.model import Verdict


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


CASE = pytest.StashKey[Case]()

RECORDS = pytest.StashKey[list[CaseRecord]]()
"""Where an item keeps the records of what it judged, for its report to carry."""


class GoldenWarning(pytest.PytestWarning):
    """A case moved beyond the tolerance but stayed inside its gates."""


class GoldenFailure(AssertionError):  # noqa: N818 - pytest's word for a test that did not pass
    """A verdict that does not pass; its text is what the user reads."""

    @property
    def line(self) -> str:
        """The verdict and the first reason: ``NEW: nothing was ever accepted for this case``."""
        first, *reasons = str(self).splitlines()
        verdict = first.partition(" ")[0]
        many = 2 if verdict == Verdict.ERROR.upper() else 1  # what failed, and how
        return ": ".join([verdict, *(each.strip() for each in reasons[:many])])


def shown_once(
    item: pytest.Item, excinfo: pytest.ExceptionInfo[BaseException], longrepr: object
) -> object:
    """Have pytest's short summary say a failure in one line: under CI it repeats the whole text."""
    failure = excinfo.value
    if not isinstance(failure, GoldenFailure):
        return longrepr
    if isinstance(longrepr, str):  # of a case: its text alone, in a form that xdist carries
        entries = [ReprEntryNative([f"{longrepr}\n"])]
        place, line, _ = item.location
        where = ReprFileLocation(path=place, lineno=(line or 0) + 1, message=failure.line)
        trace = ReprTraceback(entries, None, style="native")
        return ExceptionChainRepr([(trace, where, None)])
    crash = getattr(longrepr, "reprcrash", None)
    if crash is not None:
        crash.message = failure.line
    return longrepr


def settle(item: pytest.Item, record: CaseRecord, text_of: Callable[[CaseRecord], str]) -> None:
    """Keep ``record`` with its item; warn or raise ``GoldenFailure`` as the verdict demands."""
    __tracebackhide__ = True
    records = item.stash.setdefault(RECORDS, [])
    records.append(record)
    if not record.passed:
        raise GoldenFailure(text_of(record))
    if record.verdict is Verdict.WARN:
        text = text_of(record)
        try:
            warnings.warn(GoldenWarning(text), stacklevel=2)
        except GoldenWarning:  # under -W error
            records[-1] = record.model_copy(update={"passed": False})
            raise GoldenFailure(text) from None


def show_traceback(item: pytest.Item, error: BaseException) -> None:
    """Add the traceback of what lay behind a verdict to the report, if the user asked for such."""
    if item.config.option.tbstyle == "long" or item.config.option.fulltrace:
        item.add_report_section("call", "traceback", "".join(traceback.format_exception(error)))
