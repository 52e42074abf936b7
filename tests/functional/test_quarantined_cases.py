"""A case in quarantine: run, judged and told of, and no failure of the session until its day."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project


def day(days: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


def quarantine(project: Project, until: str) -> None:
    """Change the picture of a case and let it fail until a day."""
    project.edit(
        "    prompt: a red apple\n    seeds: [1, 2]",
        "    prompt: a red apple\n    seeds: [1, 2]\n    call: {guidance_scale: 9.0}\n"
        f"    quarantine: {{owner: Ada, reason: flickers since the new driver, until: {until}}}",
    )


@pytest.fixture
def moved(project: Project) -> Project:
    project.accept_all()
    return project


def test_until_its_day_it_fails_nothing_and_nothing_is_hidden(moved: Project):
    quarantine(moved, day(1))
    result = moved.run("--junitxml=junit.xml", "-rx")
    result.assert_outcomes(passed=2, xfailed=2)
    assert result.ret == 0
    said = result.stdout.str()
    words = f"in quarantine until {day(1)} (Ada: flickers since the new driver)"
    assert "2 incomparable, 2 identical" in said or "2 identical, 2 incomparable" in said
    assert f"fails {words}" in said
    record = moved.record()
    (first, *_) = [case for case in record["cases"] if case["id"] == "red-apple[seed=1]"]
    assert (first["verdict"], first["passed"]) == ("incomparable", False)
    assert first["quarantine"] == {
        "owner": "Ada",
        "reason": "flickers since the new driver",
        "until": day(1),
        "over": False,
    }
    root = ET.parse(moved.path / "junit.xml").getroot()
    properties = [each.get("value") for each in root.iter("property")]
    assert properties.count(words) == 2
    assert properties.count("incomparable") == 2
    assert "2 fail in quarantine" in moved.command("runs").stdout
    summary = (moved.path / "reports/latest/summary.md").read_text()
    assert "2 fail in quarantine" in summary
    assert moved.command("pending").stdout.splitlines()[0].endswith("2 cases wait for a decision")
    moved.run("--runxfail", "tiny.suite.yaml::red-apple[seed=1]").assert_outcomes(failed=1)


def test_from_its_day_on_it_fails_and_says_so(moved: Project):
    quarantine(moved, day(0))
    result = moved.run("-k", "red-apple")
    result.assert_outcomes(failed=2)
    said = f"its quarantine ended on {day(0)} (Ada: flickers since the new driver)"
    assert said in result.stdout.str()
    assert moved.record()["cases"][0]["quarantine"]["over"] is True
