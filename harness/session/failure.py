"""How a verdict reaches pytest: an exception, a warning, and the records on the item."""

from __future__ import annotations

import warnings

import pytest

from harness.runs.record import CaseRecord
from harness.verdict.model import Verdict

RECORDS = pytest.StashKey[list[CaseRecord]]()
"""Where an item keeps the records of what it judged, for its report to carry."""


class GoldenWarning(pytest.PytestWarning):
    """A case moved beyond the noise but stayed inside its gates."""


class GoldenFailure(AssertionError):  # noqa: N818 - pytest's word for a test that did not pass
    """A verdict that does not pass; its text is what the user reads."""


def settle(item: pytest.Item, record: CaseRecord, text: str) -> None:
    """Keep ``record`` with its item; warn or raise ``GoldenFailure`` as the verdict demands."""
    item.stash.setdefault(RECORDS, []).append(record)
    if not record.passed:
        raise GoldenFailure(text)
    if record.verdict is Verdict.WARN:
        warnings.warn(GoldenWarning(text), stacklevel=2)
