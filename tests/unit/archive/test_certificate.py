"""The page that says what was shown: harmless whatever an archive holds, and in plain words."""

from __future__ import annotations

from datetime import date

import pytest

from goldenseed.archive.certificate import certificate_html
from goldenseed.archive.findings import Finding, Level, LevelResult, RunSaid, Verification

DAY = date(2026, 11, 29)
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202eexe\0"
OFFLINE = tuple(LevelResult.of(level, ()) for level in list(Level)[:4])


def test_no_text_of_an_archive_is_more_than_text() -> None:
    findings = [Finding(EVIL, EVIL, EVIL)]
    levels = (LevelResult.of(Level.STRUCTURE, findings), LevelResult.of(Level.FIXITY, (), [EVIL]))
    said = RunSaid(EVIL, EVIL, EVIL)
    page = certificate_html(Verification(EVIL, EVIL, levels, said, (EVIL,)), DAY)
    assert not [each for each in ("<script", "<img", "\0", "\u202e") if each in page]
    assert page.count("⟨U+202E⟩") == page.count("⟨U+0000⟩") > 5


@pytest.mark.parametrize("replayed", [False, True])
def test_what_was_not_done_is_not_claimed(replayed: bool) -> None:
    again = (LevelResult.of(Level.REPLAY, ()),) if replayed else ()
    page = certificate_html(Verification("x", "0" * 64, (*OFFLINE, *again)), DAY)
    assert "<h1>Verified</h1>" in page
    assert ("nothing was generated" in page) is not replayed
    assert ("without torch" in page) is not replayed
    assert "2026-11-29" in page
