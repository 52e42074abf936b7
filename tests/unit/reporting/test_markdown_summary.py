from __future__ import annotations

from pathlib import Path

import pytest

from goldenseed.reporting import run_view, write_summary
from goldenseed.reporting import summary_markdown as written
from goldenseed.reporting.markdown import SHOWN_CASES
from goldenseed.runs.record import RunRecord
from tests.unit.reporting.recorded import HOSTILE_PROMPTS, case, record, run


def summary_markdown(found: RunRecord) -> str:
    return written(run_view(found))


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


def test_cases_are_listed_worst_first_and_the_quiet_ones_left_out() -> None:
    sets = rows(summary_markdown(record()))[-1]
    verdicts = [row.split(" | ")[1] for row in rows(summary_markdown(record())) if row != sets]
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


def test_the_last_line_names_the_versions_of_the_recorded_environment() -> None:
    last = summary_markdown(record()).splitlines()[-1]
    names = ("torch", "diffusers", "transformers")
    versions = [f"{name} {record().environment[f'package.{name}']}" for name in names]
    assert versions[1] == "diffusers 0.42.1"
    assert last.endswith(" · ".join(versions))


def test_a_package_that_changed_is_named_with_both_versions() -> None:
    (line,) = [
        line for line in summary_markdown(record()).splitlines() if line.startswith("Environment ")
    ]
    assert "accepted → now: diffusers 0.41.0 → 0.42.1, " in line


def test_an_environment_off_its_lock_is_said() -> None:
    text = summary_markdown(record())
    assert "> the environment differs from the lock of moved in 3 keys" in text
    assert "package.diffusers 0.41.0 → 0.42.1" in text


def test_a_passing_verdict_below_what_is_required_says_why_it_fails() -> None:
    text = summary_markdown(run(case("match", passed=False)))
    assert "match is not enough for what --golden-require asks" in text


def test_the_summary_is_written_beside_the_report(tmp_path: Path) -> None:
    view = run_view(record())
    assert write_summary(view, tmp_path).read_text("utf-8") == written(view)
