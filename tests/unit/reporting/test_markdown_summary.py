from __future__ import annotations

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from goldenseed.core.errors import GoldenseedError
from goldenseed.reporting import run_view, write_summary
from goldenseed.reporting import summary_markdown as written
from goldenseed.reporting.markdown import LONGEST_BYTES, SHOWN_CASES, Published
from goldenseed.reporting.view import RunView
from goldenseed.runs.record import RunRecord
from tests.unit.reporting.recorded import HOSTILE_PROMPTS, case, record, run, stored


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


HOSTILE = "".join(HOSTILE_PROMPTS)
SIZES = {"pull request": 65_536, "job": 1 << 20}


@pytest.fixture(scope="module")
def hostile() -> RunView:
    """10,000 cases of every failing verdict with long and hostile names, messages and remarks."""
    verdicts = ("drift", "error", "incomparable", "rejected", "new", "warn")
    kinds = [case(each, suite=HOSTILE, prompt=HOSTILE * 20) for each in verdicts]
    cases = tuple(
        kinds[number % len(kinds)].model_copy(
            update={
                "id": f"{HOSTILE}[seed={number}]",
                "error": HOSTILE,
                "remarks": (f"{number}{HOSTILE}",),
            }
        )
        for number in range(10_000)
    )
    return run_view(record().model_copy(update={"cases": cases}))


@pytest.mark.parametrize("published", [Published(), Published("https://x.org/r/")])
def test_ten_thousand_cases_with_hostile_names_fit_a_comment(
    hostile: RunView, published: Published
):
    """Both limits are GitHub's: of a comment in characters, of a job's summary in bytes."""
    text = written(hostile, published)
    assert len(text.encode()) <= LONGEST_BYTES < min(SIZES.values())
    rows = [line for line in text.splitlines() if line.startswith(("| <code>", "| <a "))]
    shown = {row.split(" | ")[1] for row in rows}
    assert {"drift", "error", "incomparable", "rejected", "new"} <= shown
    assert "more in the report." in text
    assert "more notes in the report." in text


def test_of_ten_thousand_hostile_cases_nothing_becomes_markup_but_our_own(hostile: RunView):
    text = written(hostile, Published("https://x.org/r/"))
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    tokens = [t for each in parser.parse(text) for t in (each, *(each.children or ()))]
    kinds = {each.type for each in tokens}
    assert not kinds & {"link_open", "image", "em_open", "s_open", "html_block", "code_inline"}
    own = re.compile(
        r"</?(code|a)>|<br>|<a href=\"https://x\.org/r/index\.html(#[\w.~-]+)?\">"
        r"|<img src=\"https://x\.org/r/images/[0-9a-f]{64}\.png\" width=\"72\" alt=\"[a-z]+\">"
    )
    markup = {each.content for each in tokens if each.type == "html_inline"}
    assert not [each for each in markup if not own.fullmatch(each)]
    rows = sum(each.type == "tr_open" for each in tokens)
    assert rows >= 1 + len(hostile.sections) + 1 + 10


def test_where_the_report_can_be_read_cases_and_pictures_are_linked(tmp_path: Path):
    run = stored(tmp_path)
    view = run_view(run, tmp_path)
    text = written(view, Published("https://x.org/r", download="https://x.org/d.zip"))
    drift = next(each for each in view.cases if each.record.verdict == "drift")
    assert f'<a href="https://x.org/r/index.html#{drift.anchor}"><code>' in text
    assert drift.baseline is not None
    picture = f'<img src="https://x.org/r/{drift.baseline.url}" width="72" alt="baseline">'
    assert picture in text
    assert '<a href="https://x.org/d.zip">Download</a>' in text


def test_without_an_address_nothing_is_linked():
    assert "href" not in summary_markdown(record())
    assert "<img" not in summary_markdown(record())


@pytest.mark.parametrize("address", ["javascript:alert(1)", 'https://x.org/"><b>', "reports/x"])
def test_what_is_no_address_is_refused(address: str):
    with pytest.raises(GoldenseedError, match="no address of a report"):
        Published(address)


def test_the_commands_run_the_worst_case_again_and_accept():
    text = summary_markdown(record())
    block = text.split("```sh\n")[1].split("\n```")[0].splitlines()
    assert block[0].startswith("pytest 'moved.suite.yaml::")
    assert block[1].startswith(f"goldenseed accept {record().run_id} SUITE::CASE… --reason")


def test_no_name_ends_the_block_of_commands():
    text = summary_markdown(run(case("drift", id="```\n# owned [seed=1]")))
    (block,) = [line for line in text.splitlines() if line.startswith("pytest ")]
    fences = [line for line in text.splitlines() if line.startswith("````")]
    assert "owned" in block
    assert len(fences) == 2


def test_packages_that_changed_are_listed_first_with_both_releases():
    text = summary_markdown(record())
    assert "Packages, accepted → now: <code>diffusers</code> 0.41.0 → 0.42.1" in text
