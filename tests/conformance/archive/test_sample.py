"""The sample of the documentation verifies, and its certificate is what is written today."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sample import DOCS, PAGE, PUBLIC, SAMPLE

from goldenseed.archive.certificate import certificate_html
from goldenseed.archive.trust import Trust, read_trusted
from goldenseed.archive.verify import verify

LARGEST = 200_000
CHANGES = ("Checked on ", "the run was judged by release ")
"""What a line has in it that is another each day and with each release."""


def test_the_sample_verifies_and_its_certificate_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(DOCS)
    found = verify(Path(SAMPLE.name), trusted=Trust(read_trusted(PUBLIC)))
    assert found.verified
    assert SAMPLE.stat().st_size < LARGEST
    page = certificate_html(found, datetime.now(UTC).date())
    assert [*lasting(page)] == [*lasting(PAGE.read_text())]


def lasting(page: str) -> Iterator[str]:
    return (line for line in page.splitlines() if not any(each in line for each in CHANGES))
