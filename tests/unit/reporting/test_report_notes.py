"""Notes above the cases of a report."""

from __future__ import annotations

from pathlib import Path

from sample_report import case, run

from goldenseed.reporting.html import render


def test_notes_are_shown_above_the_cases_as_text(tmp_path: Path):
    page = render(run(case()), tmp_path, notes=["A  one", "<b>B</b>  \x1b[31mtwo"])
    assert "A  one\n&lt;b&gt;B&lt;/b&gt;  ⟨U+001B⟩[31mtwo" in page
    assert page.index("A  one") < page.index('id="cases"')


def test_a_run_without_notes_has_no_place_for_them(tmp_path: Path):
    assert '<pre class="notes"' not in render(run(case()), tmp_path)
