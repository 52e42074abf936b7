"""How a verdict reaches pytest: an exception, a warning, and the records on the item."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable

import pytest

from harness.runs.record import CaseRecord
from harness.suites.expansion import Case
from harness.verdict.model import Verdict

CASE = pytest.StashKey[Case]()
"""The case of a suite that an item runs."""

RECORDS = pytest.StashKey[list[CaseRecord]]()
"""Where an item keeps the records of what it judged, for its report to carry."""


class GoldenWarning(pytest.PytestWarning):
    """A case moved beyond the noise but stayed inside its gates."""


class GoldenFailure(AssertionError):  # noqa: N818 - pytest's word for a test that did not pass
    """A verdict that does not pass; its text is what the user reads."""


def settle(item: pytest.Item, record: CaseRecord, text_of: Callable[[CaseRecord], str]) -> None:
    """Keep ``record`` with its item; warn or raise ``GoldenFailure`` as the verdict demands.

    ``text_of`` says of a record what the user is to read of it.
    """
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
