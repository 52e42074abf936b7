"""A sweep over seeds and settings by its command: made, kept, ranked, gone on with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

if TYPE_CHECKING:
    from conftest import Project

CASE = "tiny.suite.yaml::red-apple[seed=1]"


def swept(project: Project, *arguments: str) -> tuple[dict[str, Any], Path]:
    """Run a sweep; return what it says and its run's folder."""
    result = project.command("sweep", *arguments, "--json")
    assert result.returncode == 0, result.stderr
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer, project.path / "reports" / answer["run"]


def test_seeds_and_settings_become_a_run_with_scores_and_sheets(project: Project) -> None:
    answer, run = swept(
        project, CASE, "--seeds", "0:5", "--vary", "guidance_scale=2,3", "--by", "max_sharpness"
    )
    assert (answer["asked"], answer["made"], answer["kept"]) == (10, 10, 10)
    best = answer["best"]
    values = [each["scores"]["sharpness"] for each in best]
    assert values == sorted(values, reverse=True)
    assert {each["axes"]["guidance_scale"] for each in best} == {2, 3}
    assert all({"diversity", "skin_fraction"} <= each["scores"].keys() for each in best)
    sheets = {Path(each).name for each in answer["sheets"]}
    assert sheets == {"by-seed-001.webp", "by-likeness-001.webp", "by-sharpness-001.webp"}
    with Image.open(run / "sheets" / "by-seed-001.webp") as sheet:
        assert sheet.size == (8 * 164 + 4, 2 * 194 + 4)
    record = json.loads((run / "run.json").read_text())
    assert record["complete"]
    assert {case["verdict"] for case in record["cases"]} == {"new"}
    assert all(case["trace"] for case in record["cases"])
    groups = record["verb"]["alike"]
    assert groups.keys() == {case["id"] for case in record["cases"]}
    assert min(groups.values()) == 0
    assert (run / "index.html").exists()
    added = project.command("seeds", "add", answer["run"], "--case", best[0]["case"])
    assert "1 added" in added.stdout


def test_the_image_of_a_sweep_is_that_of_the_suite(project: Project) -> None:
    project.accept_all()
    answer, _ = swept(project, CASE, "--seeds", "1:3")
    accepted = {case["id"]: case["pixels_sha256"] for case in project.record()["cases"]}
    made = {each["seed"]: each["pixels_sha256"] for each in answer["best"]}
    assert made == {1: accepted["red-apple[seed=1]"], 2: accepted["red-apple[seed=2]"]}


def test_it_ends_once_enough_are_kept(project: Project) -> None:
    everything, _ = swept(project, CASE, "--seeds", "0:8", "--no-trace")
    values = sorted(each["scores"]["sharpness"] for each in everything["best"])
    limit = values[3]  # five of eight hold it
    answer, run = swept(
        project, CASE, "--seeds", "0:8", "--keep", f"min_sharpness={limit:.9f}", "--enough", "2"
    )
    assert answer["kept"] == 2
    assert answer["made"] < 8
    record = json.loads((run / "run.json").read_text())
    failing = [case for case in record["cases"] if case["reasons"]]
    assert len(failing) == answer["made"] - 2
    assert all(reason["code"] == "content" for case in failing for reason in case["reasons"])


def test_a_sweep_that_was_killed_goes_on(project: Project) -> None:
    whole, run = swept(project, "a blue ball", "--suite", "tiny.suite.yaml", "--seeds", "random:6")
    record = json.loads((run / "run.json").read_text())
    # As a process leaves it that was killed while it wrote its fourth line.
    lines = [json.dumps(case) for case in record["cases"][:4]]
    (run / "cases.jsonl").write_text("\n".join(lines)[:-40])
    cut = {**record, "cases": [], "finished": None, "complete": False, "verb": None}
    (run / "run.json").write_text(json.dumps(cut))
    (run / record["cases"][1]["image"]).unlink()
    asked = ("a blue ball", "--suite", "tiny.suite.yaml", "--seeds", "random:6")
    result = project.command("sweep", *asked, "--resume", whole["run"], "--json")
    assert "2 of 6 images are there" in result.stderr
    again = json.loads(result.stdout)
    assert [each["pixels_sha256"] for each in again["best"]] == [
        each["pixels_sha256"] for each in whole["best"]
    ]
    other = project.command("sweep", CASE, "--seeds", "random:6", "--resume", whole["run"])
    assert other.returncode == 2
    assert "is finished" in other.stderr or "another sweep: case" in other.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("a red apple",), "needs --suite"),
        ((" ", "--suite", "tiny.suite.yaml"), "prompt is empty"),
        ((CASE, "--seeds", "-1"), "names no seeds"),
        ((CASE, "--seeds", "0:100000000"), "too many"),
        ((CASE, "--seeds", "0:2", "--vary", "eta"), "names no argument"),
        ((CASE, "--seeds", "0:2", "--vary", "eta=1", "--vary", "eta=2"), "varied twice"),
        ((CASE, "--seeds", "0:2", "--keep", "sharp=1"), "is no limit"),
        ((CASE, "--seeds", "0:2", "--keep", "min_sharpnes=1"), "did you mean min_sharpness"),
        ((CASE, "--seeds", "0:2", "--by", "max_beauty"), "there is no content limit"),
        ((CASE, "--seeds", "0:2", "--score", "clip_score"), "is no score with its model"),
        ((CASE, "--seeds", "0:2", "--resume", "nowhere"), "no run is called"),
        (("tiny.suite.yaml::plum", "--seeds", "0:2"), "no case fits"),
        ((CASE, "--seeds", "0:4", "--vary", "foo=1"), "none of the first 3 images could be made"),
    ],
)
def test_what_makes_no_sense_is_said(
    project: Project, arguments: tuple[str, ...], said: str
) -> None:
    refused = project.command("sweep", *arguments)
    assert refused.returncode == 2
    assert said in refused.stderr
