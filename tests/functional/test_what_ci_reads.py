"""What a CI job shows of a session: pytest's list of failures, and JUnit XML."""

from __future__ import annotations

import html
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from test_session import PIXELS_OFF

if TYPE_CHECKING:
    from conftest import Project

NAMES = ("red-apple[seed=1]", "red-apple[seed=2]", "colours[red,seed=0]", "colours[blue,seed=0]")

ATTRIBUTES = {
    "testsuites": {"name", "time", "tests", "failures", "errors"},
    "testsuite": {
        *("name", "tests", "failures", "errors", "skipped"),
        *("time", "timestamp", "hostname"),
    },
    "testcase": {"name", "classname", "time"},
    "properties": set(),
    "property": {"name", "value"},
    "failure": {"message"},
    "error": {"message"},
    "skipped": {"message", "type"},
    "system-out": set(),
}
CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"testcase", "properties"},
    "testcase": {"properties", "failure", "error", "skipped", "system-out"},
    "properties": {"property"},
}
"""The xunit2 structure, and the properties that pytest itself adds to a test case."""


def check_structure(element: ET.Element) -> None:
    assert set(element.attrib) <= ATTRIBUTES[element.tag], element.attrib
    tags = [child.tag for child in element]
    assert set(tags) <= CHILDREN.get(element.tag, set()), tags
    assert tags.count("properties") == 0 or tags.index("properties") == 0
    for child in element:
        check_structure(child)


def properties(case: ET.Element) -> dict[str, str]:
    found = case.iterfind("properties/property")
    return {each.attrib["name"]: each.attrib["value"] for each in found}


def cases_of(project: Project) -> dict[str, ET.Element]:
    root = ET.parse(project.path / "junit.xml").getroot()
    check_structure(root)
    return {each.attrib["name"]: each for each in root.iter("testcase")}


def short_summary(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if line.startswith("FAILED ")]


def test_the_list_of_failures_gives_the_reason_and_not_the_name_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    project.accept_all()
    project.edit("guidance_scale: 3.0", "guidance_scale: 4.0")
    monkeypatch.setenv("CI", "1")  # where pytest cuts nothing
    result = project.run("-k", "apple and 1", "-o", "console_output_style=classic")
    (line,) = short_summary(result)
    node, _, reason = line.removeprefix("FAILED ").partition(" - ")
    assert node == "tiny.suite.yaml::red-apple[seed=1]"
    assert reason.startswith("INCOMPARABLE call.guidance_scale 3.0 → 4.0; likely cause: guid")
    accept = [each for each in result.outlines if "goldenseed accept" in each and "::red" in each]
    assert len(accept) == 1, accept  # the text is there once
    text = result.stdout.str()
    assert text.count("first divergence: ") == 1


def test_one_line_a_failure_where_tracebacks_are_one_line(project: Project):
    result = project.run("-k", "apple and 1", "--tb=line")
    assert any(
        line.endswith("tiny.suite.yaml:8: NEW nothing was ever accepted for this case")
        for line in result.outlines
    ), result.outlines


def test_a_golden_image_of_a_test_is_listed_by_its_reason(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CI", "1")
    (project.path / "test_it.py").write_text(
        "from PIL import Image\n"
        "def test_it(golden_image):\n    golden_image.check(Image.new('RGB', (8, 8)))\n"
    )
    (line,) = short_summary(project.run("test_it.py"))
    assert line == "FAILED test_it.py::test_it - NEW nothing was ever accepted for this case"


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "two workers"])
def test_junit_xml_says_of_each_case_what_decided_it(project: Project, workers: tuple[str, ...]):
    project.accept_all()
    project.conftest(PIXELS_OFF.format(rows=2, levels=3))
    project.edit("id: colours\n", "id: colours\n    gates: {fail: {max_peak_difference: 2}}\n")
    result = project.run("--junitxml=junit.xml", *workers)
    result.assert_outcomes(passed=2, failed=2)
    found = cases_of(project)
    assert set(found) == set(NAMES)
    run = project.record()["run_id"]
    warned, failed = (properties(found[name]) for name in (NAMES[0], NAMES[2]))
    assert warned["golden_case"] == f"tiny::{NAMES[0]}"
    assert (warned["golden_verdict"], failed["golden_verdict"]) == ("warn", "drift")
    assert failed["golden_metric"] == "peak_difference"
    assert float(failed["golden_value"]) > float(failed["golden_limit"]) == 2
    assert failed["golden_reason"].startswith("DRIFT peak difference 3 > max_peak_difference 2 ")
    for name in ("image", "baseline", "difference"):
        assert (project.path / failed[f"golden_{name}"]).is_file()
        assert f"reports/{run}/" in failed[f"golden_{name}"]
    assert {properties(each)["golden_run"] for each in found.values()} == {run}
    (text,) = found[NAMES[0]].iterfind("system-out")
    assert (text.text or "").startswith(f"WARN tiny.suite.yaml::{NAMES[0]}\n")
    (failure,) = found[NAMES[2]].iterfind("failure")
    assert failure.attrib["message"] == failed["golden_reason"]
    assert f"'tiny::{NAMES[2]}' --reason" in (failure.text or "")


@pytest.mark.parametrize("family", ["xunit1", "legacy"])
def test_the_other_families_of_junit_xml_have_the_same(project: Project, family: str):
    project.run("-k", "apple and 1", "--junitxml=junit.xml", "-o", f"junit_family={family}")
    (case,) = ET.parse(project.path / "junit.xml").getroot().iter("testcase")
    assert properties(case)["golden_verdict"] == "new"


def test_a_skipped_case_is_not_compared_in_junit_xml(project: Project):
    project.edit("id: colours\n", "id: colours\n    marks: [skip]\n")
    project.run("-k", "colours", "--junitxml=junit.xml")
    for case in cases_of(project).values():
        assert properties(case)["golden_verdict"] == "not compared"


def test_a_warning_is_named_at_the_end_among_whatever_else_was_warned_of(project: Project):
    project.accept_all()
    project.conftest(PIXELS_OFF.format(rows=2, levels=3))
    result = project.run("-k", "apple and 1", "--disable-warnings")
    result.assert_outcomes(passed=1, deselected=3, warnings=1)
    result.stdout.fnmatch_lines(["golden: tiny::red-apple?seed=1?: WARN *"])


def test_printed_commands_name_folders_that_are_not_the_default_ones(project: Project):
    options = ("--golden-reports=out/ci", "--golden-baselines=gold", "--golden-report=single")
    result = project.run("-k", "apple and 1", *options)
    (run,) = [path.name for path in (project.path / "out/ci").glob("2*")]
    command = f"goldenseed accept out/ci/{run} 'tiny::red-apple[seed=1]' --baselines gold --reason"
    result.stdout.fnmatch_lines([f"*accept  {command.replace('[', '?').replace(']', '?')} *"])
    page = (project.path / "out/ci" / run / "index.html").read_text()
    assert f"<code>{command}" in html.unescape(page)
    assert 'id="part-pixels-000"' in page
    assert not (project.path / "out/ci" / run / "data").exists()
    words = ("accept", f"out/ci/{run}", "tiny::red-apple[seed=1]", "--baselines", "gold")
    done = project.command(*words, "--reason", "it is right")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("first tiny::red-apple[seed=1] in ")
    assert len(done.stdout.splitlines()) == 1
    assert (project.path / "gold").is_dir()
    assert not (project.path / "baselines").exists()


def test_in_a_workflow_what_fails_is_annotated_at_its_line(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    (project.path / ".git").mkdir()
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    result = project.run("-k", "apple and 1")
    (line,) = [each for each in result.outlines if each.startswith("::")]
    assert line.startswith("::error file=tiny.suite.yaml,line=8,title=golden new%3A tiny%3A%3Ared")
    (issue,) = json.loads((project.path / "reports/latest/code-quality.json").read_text())
    assert issue["location"] == {"path": "tiny.suite.yaml", "lines": {"begin": 8}}
    assert "1 of 1 fail" in (project.path / "reports/latest/badge.svg").read_text()
    result = project.run("-k", "apple and 1", "--golden-annotations=off")
    assert not [each for each in result.outlines if each.startswith("::")]


@pytest.mark.parametrize(("browser", "code"), [("echo opened %s", 0), ("/nowhere/browser", 2)])
def test_the_page_is_opened_in_the_browser_that_is_named(project: Project, browser: str, code: int):
    """In a process of its own, because Python looks for browsers once a process."""
    project.accept_all()
    page = (project.path / "reports/latest/index.html").resolve()
    program = Path(sys.executable).with_name("goldenseed")
    done = subprocess.run(
        [program, "report", "--open"],
        cwd=project.path,
        env={"BROWSER": browser, "PATH": "/nowhere" if code else os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert (f"opened {page.as_uri()}" in done.stdout) is not bool(code)
    assert ("no browser could be started" in done.stderr) is bool(code)
