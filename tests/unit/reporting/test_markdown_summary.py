from __future__ import annotations

from pathlib import Path

import pytest

from goldenseed.reporting import summary_markdown, write_summary
from goldenseed.reporting.markdown import SHOWN_CASES
from tests.unit.reporting.sample_report import HOSTILE_PROMPTS, case, full_run, run


def rows(text: str) -> list[str]:
    """The rows of the table of cases."""
    return [line for line in text.splitlines() if line.startswith("| <code>")]


def test_the_heading_is_the_outcome() -> None:
    text = summary_markdown(run(case(), case("drift", id="b[seed=1]")))
    assert text.startswith("## Golden images: 1 of 2 cases fail\n")


def test_verdicts_are_counted_worst_first() -> None:
    text = summary_markdown(run(case(), case(id="b[seed=1]"), case("drift", id="c[seed=1]")))
    table = [line.split(" | ")[:2] for line in text.splitlines() if line.startswith("| ")][1:3]
    assert table == [["| drift", "1"], ["| identical", "2"]]


def test_cases_are_listed_worst_first_and_the_quiet_ones_left_out(tmp_path: Path) -> None:
    verdicts = [row.split(" | ")[1] for row in rows(summary_markdown(full_run(tmp_path)))]
    assert verdicts == ["drift", "drift", "error", "incomparable", "rejected", "new", "warn"]


def test_a_long_list_is_cut_and_says_how_many_are_left() -> None:
    text = summary_markdown(run(*(case("drift", id=f"c[seed={i}]") for i in range(33))))
    assert (len(rows(text)), "… and 13 more in the report." in text) == (SHOWN_CASES, True)


@pytest.mark.parametrize("prompt", [*HOSTILE_PROMPTS, "a | b", "`x` **y** @somebody #1 www.x.org"])
def test_no_prompt_acts_as_markdown_or_html(prompt: str) -> None:
    (row,) = rows(summary_markdown(run(case("drift", prompt=prompt, id="x[seed=1]"))))
    written = row.split("<code>")[2].split("</code>")[0]
    assert not set(written.replace("&#", "").replace(";", "")) & set("<>|`*_[]@#~\n\x1b\u202e")


def test_a_long_message_is_shortened() -> None:
    (row,) = rows(summary_markdown(run(case("error", error="x" * 5000))))
    assert len(row) < 500


def test_a_run_that_was_cut_short_says_so() -> None:
    assert "**This run was cut short.**" in summary_markdown(run(complete=False, finished=None))


def test_the_last_line_names_the_environment() -> None:
    last = summary_markdown(run(case())).splitlines()[-1]
    assert "torch 2.13.0 · diffusers 0.42.1 · transformers 5.23.0" in last


def test_the_summary_is_written_beside_the_report(tmp_path: Path) -> None:
    record = run(case())
    assert write_summary(record, tmp_path).read_text("utf-8") == summary_markdown(record)
