"""What one call returns, if that is not one image: one case, judged element by element."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from conftest import Project

SUITE = """\
suite: film
model: {factory: film:build}
gates: {fail: {max_mean_difference: 4}}
cases:
  - {id: a, seeds: [1]}
"""
FILM = """
import json, types
import numpy as np

def frames(generator):
    told = json.load(open("told.json"))
    grid = np.indices((16, 16)).sum(0)
    found = [
        np.stack([(grid * (3 + k) + 40 * c) % 256 for c in range(3)], -1) / 255
        for k in range(told["frames"])
    ]
    found = [each.astype("float32") for each in found]
    if "moved" in told:
        found[told["moved"]][4:8] = 0.5
    if "nan" in told:
        found[told["nan"]][3, 3] = np.nan
    if "larger" in told:
        found[told["larger"]] = np.full((24, 16, 3), 0.25, "float32")
    return types.SimpleNamespace(frames=[found])

def build():
    return frames
"""


@pytest.fixture
def film(project: Project) -> Project:
    """A project whose one case makes as many frames as a file says."""
    project.suite.unlink()
    (project.path / "film.suite.yaml").write_text(SUITE)
    (project.path / "film.py").write_text(FILM)
    tell(project, frames=5)
    return project


def tell(project: Project, **told: int) -> None:
    (project.path / "told.json").write_text(json.dumps(told))


def case_of(project: Project) -> dict[str, Any]:
    (case,) = project.record()["cases"]
    return case


def entry_of(project: Project) -> dict[str, Any]:
    text = (project.path / "baselines" / "film" / "a[seed=1].json").read_text()
    (profile,) = json.loads(text)["profiles"].values()
    return profile


def stored(project: Project, index: int) -> Path:
    """Return the accepted PNG of one frame."""
    digest = entry_of(project)["accepted"][0]["elements"][index]["sha256"]
    return project.path / "baselines" / "images" / digest[:2] / f"{digest}.png"


def test_frames_are_accepted_together_and_are_identical_when_made_again(film: Project):
    film.run().assert_outcomes(failed=1)
    assert case_of(film)["verdict"] == "new"
    assert film.command("accept", "latest", "--reason", "as they should be").returncode == 0
    (accepted,) = entry_of(film)["accepted"]
    assert [each["name"] for each in accepted["elements"]] == [f"frames[{n}]" for n in range(5)]
    film.run().assert_outcomes(passed=1)
    case = case_of(film)
    assert case["verdict"] == "identical"
    assert case["pixels_sha256"] == accepted["pixels_sha256"]
    assert {each["verdict"] for each in case["elements"]} == {"identical"}
    assert "5 elements, frames[0] 16x16 RGB" in film.command("show", "film::a[seed=1]").stdout


def test_the_worst_frame_decides_and_is_named(film: Project):
    film.accept_all()
    tell(film, frames=5, moved=3)
    result = film.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*1 of 5 elements differs*frames?3? decides*", "*frames?3?: mean difference * > *4*"]
    )
    case = case_of(film)
    assert case["verdict"] == "drift"
    assert [each["verdict"] for each in case["elements"]] == [
        *["identical"] * 3,
        "drift",
        "identical",
    ]
    assert case["metrics"] == case["elements"][3]["metrics"]
    assert case["image"] == case["elements"][3]["file"]
    assert case["baseline"]["image"] == case["elements"][3]["baseline"]
    assert {each.get("element") for each in case["reasons"] if each["code"] == "gate"} == {
        "frames[3]"
    }
    folder = film.path / "reports" / "latest"
    assert "frames&#91;3&#93;&#58; mean difference" in (folder / "summary.md").read_text()
    page = (folder / "index.html").read_text()
    assert "5 elements (frames[0] … frames[4]): 1 drift, 4 identical" in page
    assert "Distance of each element to the accepted one" in page
    assert page.count('alt="frames[') == 5
    assert 'alt="Accepted frames[3] of' in page
    for each in case["elements"]:
        assert (folder / each["file"]).is_file()
        assert (folder / each["baseline"]).is_file()


@pytest.mark.parametrize("frames", [4, 7])
def test_a_sequence_of_another_length_is_incomparable_and_both_lengths_are_named(
    film: Project, frames: int
):
    film.accept_all()
    tell(film, frames=frames)
    result = film.run()
    result.stdout.fnmatch_lines(
        [f"*elements 5 (frames?0? … frames?4?) → {frames} (frames?0? … frames?{frames - 1}?)*"]
    )
    case = case_of(film)
    assert case["verdict"] == "incomparable"
    assert [each["code"] for each in case["reasons"]] == ["elements_changed"]
    assert film.command("accept", "latest", "--reason", "longer").returncode == 0
    film.run().assert_outcomes(passed=1)


def test_one_frame_alone_is_one_image_and_no_sequence(film: Project):
    tell(film, frames=1)
    film.accept_all()
    assert "elements" not in case_of(film)
    assert "elements" not in entry_of(film)["accepted"][0]
    tell(film, frames=2)
    film.run()
    case = case_of(film)
    assert case["verdict"] == "incomparable"
    (reason,) = case["reasons"]
    assert (reason["limit"], reason["value"]) == ("1", "2 (frames[0], frames[1])")


def test_a_frame_of_another_size_is_incomparable_and_named(film: Project):
    film.accept_all()
    tell(film, frames=5, larger=2)
    film.run().stdout.fnmatch_lines(["*frames?2?: size 16x16 → 16x24*"])
    assert case_of(film)["verdict"] == "incomparable"
    assert film.command("accept", "latest", "--reason", "of two sizes").returncode == 0
    film.run().assert_outcomes(passed=1)


def test_no_frames_and_a_frame_with_nan_are_errors(film: Project):
    tell(film, frames=0)
    film.run().stdout.fnmatch_lines(["*returned no images*"])
    tell(film, frames=3, nan=1)
    film.run().stdout.fnmatch_lines(["*returned NaN in * of frames?1?*"])
    assert case_of(film)["verdict"] == "error"


def exchanged(path: Path) -> None:
    Image.new("RGB", (16, 16), "teal").save(path)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("harm", [Path.unlink, exchanged, truncated, fifo])
@pytest.mark.parametrize("told", [{}, {"moved": 1}])
def test_an_accepted_frame_that_is_not_sound_is_an_error_that_names_its_file(
    film: Project, harm: Any, told: dict[str, int]
):
    film.accept_all()
    path = stored(film, 1)
    harm(path)
    tell(film, frames=5, **told)
    result = film.run()
    result.assert_outcomes(failed=1)
    assert case_of(film)["verdict"] == "error"
    assert path.name in result.stdout.str()


def test_all_frames_are_accepted_or_none(film: Project):
    film.run()
    folder = film.path / "reports" / "latest"
    truncated(folder / case_of(film)["elements"][2]["file"])
    done = film.command("accept", "latest", "--reason", "as they should be")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert not list((film.path / "baselines").rglob("*.png"))
    assert not list((film.path / "baselines").rglob("a*.json"))


def test_an_entry_whose_elements_were_edited_is_an_error_with_its_line(film: Project):
    film.accept_all()
    path = film.path / "baselines" / "film" / "a[seed=1].json"
    entry = json.loads(path.read_text())
    (profile,) = entry["profiles"].values()
    elements = profile["accepted"][0]["elements"]
    elements[0], elements[1] = elements[1], elements[0]
    path.write_text(json.dumps(entry, indent=2))
    film.run().stdout.fnmatch_lines(["*a?seed=1?.json:*the elements do not fit*"])


def test_rejected_frames_stay_rejected(film: Project):
    film.run()
    assert film.command("reject", "latest", "film::a[seed=1]", "--reason", "torn").returncode == 0
    film.run()
    assert case_of(film)["verdict"] == "rejected"


def test_two_runs_are_compared_frame_by_frame(film: Project):
    film.accept_all()
    first = film.record()["run_id"]
    tell(film, frames=5, moved=4)
    film.run()
    done = film.command("diff", f"reports/{first}", "reports/latest", "--report", "out")
    assert done.returncode == 1
    assert "1 drift" in done.stdout
    (case,) = json.loads((film.path / "out" / "run.json").read_text())["cases"]
    assert [each["verdict"] for each in case["elements"]] == [*["identical"] * 4, "drift"]
    assert all((film.path / "out" / each["file"]).is_file() for each in case["elements"])


def test_every_frame_has_to_hold_a_content_limit(film: Project):
    film.edit("gates:", "content: {min_sharpness: 5}\ngates:", film.path / "film.suite.yaml")
    film.accept_all()
    film.run().assert_outcomes(passed=1)
    tell(film, frames=5, larger=2)  # a frame of one colour
    result = film.run()
    result.stdout.fnmatch_lines(["*frames?2?: content: sharpness 0 < min_sharpness 5*"])
    assert case_of(film)["content"]["sharpness"] == 0


def test_what_takes_one_image_says_that_it_is_given_several(film: Project):
    film.accept_all()
    done = film.command("calibrate", "film.suite.yaml", "-n", "2")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr + done.stdout
    assert "elements" in done.stderr + done.stdout
    done = film.command("selfcheck", "film.suite.yaml")
    assert "Traceback" not in done.stderr + done.stdout
    assert "elements" in done.stderr + done.stdout


def test_the_trace_ends_in_every_frame(film: Project):
    film.accept_all()
    found = [each for each in case_of(film)["trace"] if each["stage"] == "pixels"]
    assert [each["index"] for each in found] == list(range(5))
    folder = film.path / "reports" / "latest"
    for stage, element in zip(found, case_of(film)["elements"], strict=True):
        with Image.open(folder / element["file"]) as image:
            assert hashlib.sha256(np.asarray(image).tobytes()).hexdigest() == stage["sha256"]


def test_a_set_says_that_it_takes_cases_of_one_image(film: Project):
    sets = """\
  - {id: b, seeds: [2]}
consistency:
  - {id: same, cases: [a, b], within: {max_phash_distance: 4}}
"""
    suite = film.path / "film.suite.yaml"
    suite.write_text(suite.read_text() + sets)
    result = film.run("--golden-update=missing")
    result.stdout.fnmatch_lines(["*is 5 elements (frames?0?, *), and one image is wanted*"])


def test_a_case_is_not_given_several_images_as_one(film: Project):
    film.run("--golden-update=missing")
    suite = film.path / "film.suite.yaml"
    suite.write_text(
        suite.read_text() + "  - {id: b, seeds: [2], inputs: {image: {case: 'a[seed=1]'}}}\n"
    )
    film.run("-k", "b").stdout.fnmatch_lines(["*of which 5 elements are accepted (frames?0?, *)*"])
