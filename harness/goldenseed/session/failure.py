"""How a verdict reaches pytest: an exception it can show, a warning, records on the item."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import pytest

from goldenseed.runs.record import CaseRecord
from goldenseed.runs.relation_record import RelationRecord
from goldenseed.suite.cases import Case
from goldenseed.tools.relations.making import Tried
from goldenseed.tools.relations.members import Member
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

RELATION = pytest.StashKey[Tried]()
"""Where the item of a relation keeps what became of it, for its report to carry."""

MEMBER = pytest.StashKey[Member]()
"""Of the item of a relation: which."""


class GoldenWarning(pytest.PytestWarning):
    """A case moved beyond the tolerance but stayed inside its gates."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a case that stands out tells its reader."""

    text: str
    line: str
    """The same in one line."""


class GoldenFailure(AssertionError):  # noqa: N818 - pytest's word for a test that did not pass
    """A verdict that does not pass; its text is what the user reads."""

    def __init__(self, said: Said) -> None:
        super().__init__(said.text)
        self.line = said.line


def settle(item: pytest.Item, record: CaseRecord, said_of: Callable[[CaseRecord], Said]) -> None:
    """Keep ``record`` with its item; warn or raise ``GoldenFailure`` as the verdict demands."""
    __tracebackhide__ = True
    records = item.stash.setdefault(RECORDS, [])
    records.append(record)
    if not record.passed:
        raise _failure(record, said_of(record))
    if record.verdict is Verdict.WARN:
        said = said_of(record)
        try:
            warnings.warn(GoldenWarning(said.text), stacklevel=2)
        except GoldenWarning:  # under -W error
            records[-1] = record.model_copy(update={"passed": False})
            raise _failure(record, said) from None


def _failure(record: CaseRecord, said: Said) -> BaseException:
    """Return what ends a test that did not pass: behind a quarantine it fails nothing.

    What somebody rejected is no failure that comes and goes, so a quarantine is not for it. Under
    pytest's ``--runxfail`` nothing is spared.
    """
    return quarantine_or_failure(record, said)


def quarantine_or_failure(record: CaseRecord | RelationRecord, said: Said) -> BaseException:
    """Return an xfail of pytest where a quarantine spares the record, else a failure."""
    quarantine = record.quarantine
    if quarantine is not None and quarantine.over:
        text, line = f"{said.text}\n{quarantine.words}", f"{said.line}; {quarantine.words}"
        return GoldenFailure(Said(text, line))
    if quarantine is not None and record.in_quarantine:
        try:
            pytest.xfail(f"{quarantine.words}: {said.line}")
        except pytest.xfail.Exception as spared:
            return spared
    return GoldenFailure(said)


def show_traceback(item: pytest.Item, error: BaseException) -> None:
    """Add the traceback of what lay behind a verdict to the report, if the user asked for such."""
    if item.config.option.tbstyle == "long" or item.config.option.fulltrace:
        item.add_report_section("call", "traceback", "".join(traceback.format_exception(error)))


def shown(item: pytest.Item, error: pytest.ExceptionInfo[GoldenFailure], line: int) -> Any:
    """Return what pytest shows of a verdict: the text once, and its one line wherever it lists it.

    ``line`` is where the case stands in its file.
    """
    found: Any = error.getrepr(style="native")
    (entry,) = found.reprtraceback.reprentries
    entry.lines[:] = [f"{error.value}\n"]
    found.reprcrash.path, found.reprcrash.lineno = str(item.path), line
    return found


def say_in_one_line(report: pytest.TestReport, error: BaseException) -> None:
    """Let lists of failures give a verdict's one line in place of its text."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None and isinstance(error, GoldenFailure):
        crash.message = error.line
