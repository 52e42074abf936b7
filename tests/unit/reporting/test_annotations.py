from __future__ import annotations

import json
from pathlib import Path

import pytest

from goldenseed.reporting.annotations import (
    annotations_of,
    code_quality,
    github_lines,
    repository_prefix,
)
from goldenseed.reporting.view import run_view
from goldenseed.runs.record import RunRecord
from tests.unit.reporting.recorded import HOSTILE_PROMPTS, case, record, run

SEVERITIES = {"info", "minor", "major", "critical", "blocker"}


def lines(found: RunRecord) -> list[str]:
    return list(github_lines(annotations_of(run_view(found)), "reports/x/index.html"))


def read(line: str) -> tuple[str, dict[str, str], str]:
    """Read a command as actions/runner does: ``ActionCommand.TryParseV2``."""
    head, _, data = line.removeprefix("::").partition("::")
    command, _, given = head.partition(" ")
    pairs = (each.split("=", 1) for each in given.split(",") if each)
    return command, {name: unescaped(value) for name, value in pairs}, unescaped(data)


def unescaped(text: str) -> str:
    for code, character in (("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        text = text.replace(code, character)
    return text


def test_a_failing_case_is_an_error_at_the_suite_s_line():
    (line,) = lines(run(case("drift")))
    drift = case("drift")
    command, place, text = read(line)
    assert (command, place["file"], place["line"]) == ("error", drift.path, str(drift.line))
    assert place["title"] == f"golden drift: {drift.suite}::{drift.id}"
    assert text.startswith("DRIFT ssim ")


def test_a_case_that_passes_with_a_warning_is_a_warning_and_others_are_nothing():
    (line,) = lines(run(case("identical"), case("match"), case("warn")))
    assert read(line)[0] == "warning"


def test_a_failure_that_is_expected_is_a_warning():
    (line,) = lines(run(case("drift", xfail="known")))
    assert read(line)[0] == "warning"


def test_a_broken_set_and_an_environment_off_its_lock_are_said_too():
    titles = [read(line)[1]["title"] for line in lines(record())]
    assert "golden set broken: consistency apples" in titles
    assert "golden lock" in titles


def test_of_many_ten_are_written_and_the_last_counts_the_rest():
    found = run(
        *(case("drift", id=f"d[seed={n}]") for n in range(300)),
        *(case("error", id=f"e[seed={n}]") for n in range(25)),
        *(case("warn", id=f"w[seed={n}]") for n in range(10)),
    )
    written = [read(line) for line in lines(found)]
    errors = [each for each in written if each[0] == "error"]
    assert [len(errors), len(written)] == [10, 20]
    assert errors[-1][2] == "and 316 more golden annotations, in reports/x/index.html"
    titles = "".join(place["title"] for _, place, _ in errors[:-1])
    assert "golden drift" in titles
    assert "golden error" in titles


@pytest.mark.parametrize("text", [*HOSTILE_PROMPTS, "::error::owned", "a%0A::stop-commands::x", ""])
def test_no_text_begins_a_command_or_ends_one(text: str):
    hostile = case("error", id=f"{text}\n::set-output name=a::b", path=f"a,b:c\n{text}", error=text)
    written = lines(run(hostile))
    assert len(written) == 1
    assert len(written[0].splitlines()) == 1
    command, place, data = read(written[0])
    assert (command, sorted(place)) == ("error", ["file", "line", "title"])
    assert data.isprintable()
    assert place["title"].isprintable()


def test_code_quality_has_the_fields_that_gitlab_reads():
    found = code_quality(annotations_of(run_view(record()), "golden/"))
    assert json.loads(json.dumps(found)) == found
    for each in found:
        assert set(each) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert each["severity"] in SEVERITIES
        assert each["location"]["path"].startswith("golden/")
        assert each["location"]["lines"]["begin"] >= 1
    by_verdict = {each["description"].split()[1].rstrip(":"): each["severity"] for each in found}
    assert by_verdict["rejected"] == "blocker"
    assert by_verdict["warn"] == "info"


def test_fingerprints_are_the_same_from_run_to_run_and_no_two_cases_share_one():
    first = annotations_of(run_view(record()))
    again = [each.model_copy(update={"line": 99, "metrics": {}}) for each in record().cases]
    second = annotations_of(run_view(record().model_copy(update={"cases": tuple(again)})))
    known = sorted(each.fingerprint for each in first)
    assert sorted(each.fingerprint for each in second) == known
    assert len(set(known)) == len(known)


def test_every_case_that_stands_out_is_in_the_code_quality_report():
    found = run(*(case("drift", id=f"d[seed={n}]") for n in range(300)))
    assert len(code_quality(annotations_of(run_view(found)))) == 300


def test_paths_are_as_the_repository_has_them(tmp_path: Path):
    (tmp_path / "repository/.git").mkdir(parents=True)
    root = tmp_path / "repository/models/tests"
    root.mkdir(parents=True)
    assert repository_prefix(root) == "models/tests/"
    assert repository_prefix(tmp_path / "repository") == ""
