from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from goldenseed.reporting.badge import Badge, badge_of, endpoint, svg
from goldenseed.runs.parts import NotCompared, VerbRecord
from goldenseed.runs.record import RunRecord
from tests.unit.reporting.recorded import HOSTILE_PROMPTS, case, record, run

LEFT_OUT = NotCompared(id="a", suite="s", path="s.suite.yaml", why="skipped")
FOUND = VerbRecord(name="probe", passed=False, outcome="does not repeat itself")


@pytest.mark.parametrize(
    ("found", "message", "state"),
    [
        (run(case(), case("warn", id="b")), "2 pass", "pass"),
        (run(case(), case("drift", id="b")), "1 of 2 fail", "fail"),
        (run(case(), case("drift", id="b", xfail="known")), "1 of 2 pass", "pass"),
        (run(case(), sets=record().sets), "1 of 2 sets broken", "fail"),
        (run(case(), complete=False), "cut short", "unknown"),
        (run(case(), not_compared=(LEFT_OUT,)), "1 pass, 1 not compared", "unknown"),
        (run(), "no cases", "unknown"),
        (run(case(), verb=FOUND), "fails", "fail"),
    ],
)
def test_a_badge_says_how_the_run_ended(found: RunRecord, message: str, state: str):
    assert badge_of(found) == Badge(message, state)


@pytest.mark.parametrize("text", [*HOSTILE_PROMPTS, "5 of 7 fail"])
def test_the_picture_is_sound_and_holds_any_text_as_text(text: str):
    picture = ET.fromstring(svg(Badge(text, "fail")))
    names = {each.tag.rpartition("}")[2] for each in picture.iter()}
    assert names == {"svg", "title", "rect", "g", "text"}
    assert not any(
        name[:2] == "on" or "href" in name for each in picture.iter() for name in each.attrib
    )
    assert float(picture.attrib["width"]) < 400


def test_the_endpoint_is_what_shields_reads():
    assert endpoint(Badge("3 pass", "pass")) == {
        "schemaVersion": 1,
        "label": "golden images",
        "message": "3 pass",
        "color": "brightgreen",
        "isError": False,
    }
