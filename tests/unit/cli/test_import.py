"""``goldenseed import``: what lies in a folder, and what it is held against."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from commands import goldenseed
from goldenseed.core.pixels import encode_png
from goldenseed.runs.folder import load_run
from goldenseed.runs.record import RunRecord
from goldenseed.trace.writer import Writer
from goldenseed.verdict.model import Verdict
from two_runs import Run, picture, rounded


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a run ``reference`` of three cases in two suites, and an empty ``out``."""
    run = Run(tmp_path / "reference")
    run.case("disc", picture())
    run.case("ring", picture(3))
    run.case("disc", picture(5), suite="others")
    run.stored()
    (tmp_path / "out").mkdir()
    return tmp_path


def put(project: Path, name: str, level: int = 0) -> None:
    path = project / "out" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(encode_png(picture(level)))


def told(project: Path, *more: str, engine: str = "trt 10.3") -> tuple[int, str]:
    given = ("import", "out", "--like", "./reference", "--engine", engine, *more)
    said = goldenseed(project, *given)
    return said.returncode, said.stdout + said.stderr


def the_run(project: Path) -> RunRecord:
    (folder,) = [each for each in (project / "reports").iterdir() if each.name != "history.db"]
    return load_run(folder)


def test_pictures_of_several_suites_lie_in_folders_of_their_names(project: Path):
    put(project, "shapes/disc.png")
    put(project, "others/disc.png", 5)
    put(project, "ring.png", 3)
    code, said = told(project)
    assert code == 0, said
    assert "imported 3: 3 new" in said
    run = the_run(project)
    assert [(each.suite, each.id) for each in run.cases] == [
        ("shapes", "disc"),
        ("shapes", "ring"),
        ("others", "disc"),
    ]
    assert run.profile == "engine-trt"
    assert run.environment == {
        "device.type": "engine",
        "platform.machine": "trt",
        "engine.name": "trt",
        "engine.version": "10.3",
    }
    assert run.cases[0].recipe == load_run(project / "reference").cases[0].recipe
    assert run.cases[0].limits == {"max_peak_difference": 4.0}


def test_the_content_limits_of_the_reference_hold_for_the_engine(project: Path):
    run = Run(project / "reference")
    for name in ("disc", "ring"):
        run.case(name, picture(), content_limits={"min_sharpness": 1.0})
    run.stored()
    put(project, "disc.png")
    (project / "out" / "ring.png").write_bytes(encode_png(Image.new("RGB", (32, 32))))
    assert told(project)[0] == 0
    sharp, flat = the_run(project).cases
    assert (sharp.breaks_content, flat.breaks_content) == (False, True)
    assert flat.content == {"sharpness": 0.0}


def test_a_picture_that_may_be_of_two_suites_is_refused(project: Path):
    put(project, "disc.png")
    code, said = told(project)
    assert code == 2
    assert "disc.png: may be of more than one case" in said
    assert "put the files of each suite into a folder of its own, shapes/" in said


def test_what_lacks_and_what_is_of_no_case_is_named(project: Path):
    put(project, "ring.png")
    put(project, "rings.png")
    put(project, "old/ring.png")
    (project / "out" / "ring.txt").write_text("of no interest")
    code, said = told(project)
    assert code == 0
    assert "left out 2 without a picture: shapes::disc, others::disc" in said
    assert "not looked at, since no case is so called: old/ring.png, rings.png" in said


@pytest.mark.parametrize(
    ("engine", "more", "message"),
    [
        ("trt/10", (), "an engine cannot be called 'trt/10'"),
        ("", (), "an engine cannot be called ''"),
        ("trt", ("--environment", "none.json"), "none.json: "),
        ("trt", ("--environment", "list.json"), "holds no environment"),
        ("trt", ("--environment", "deep.json"), "holds no environment"),
        ("trt", ("--environment", "device.json"), "of an engine has no device.type"),
        ("trt", ("--like", "nowhere"), "no run is called 'nowhere'"),
    ],
)
def test_what_is_asked_for_wrongly_is_one_message(
    project: Path, engine: str, more: tuple[str, ...], message: str
):
    put(project, "ring.png")
    for name, value in (("list", []), ("deep", {"a": {}}), ("device", {"device.type": "cpu"})):
        (project / f"{name}.json").write_text(json.dumps(value))
    code, said = told(project, *more, engine=engine)
    assert code == 2
    assert message in said
    assert not (project / "reports").exists()


def test_a_folder_without_a_picture_of_any_case_is_refused(project: Path):
    code, said = told(project)
    assert code == 2
    assert "out: holds a picture of no case of reference: it holds no .png" in said
    put(project, "rings.png")
    code, said = told(project)
    assert code == 2
    assert "it holds rings.png" in said
    said = goldenseed(project, "import", "gone", "--like", "./reference", "--engine", "x").stderr
    assert "gone: is no folder" in said


def test_a_record_s_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path):
    run = Run(tmp_path / "reference")
    run.case("../../disc", picture())
    run.stored()
    (tmp_path / "out").mkdir()
    code, said = told(tmp_path)
    assert code == 2
    assert "leaves its folder" in said


def test_what_an_engine_says_of_itself_is_its_environment(project: Path):
    put(project, "ring.png")
    (project / "engine.json").write_text('{"scheduler.config.shift": 3.0}')
    told(project, "--environment", "engine.json", engine="ONNX-runtime")
    run = the_run(project)
    assert run.environment["scheduler.config.shift"] == 3.0
    assert run.environment["engine.version"] is None
    assert run.profile == "engine-onnx_runtime"


def test_a_picture_that_cannot_be_read_is_an_error_of_its_case(project: Path):
    put(project, "shapes/disc.png")
    (project / "out" / "ring.png").write_bytes(b"no picture")
    code, said = told(project)
    assert code == 1
    assert "imported 2: 1 error, 1 new" in said
    run = the_run(project)
    assert [each.verdict for each in run.cases] == [Verdict.NEW, Verdict.ERROR]
    assert "ring.png" in (run.cases[1].error or "")
    assert run.verb is not None
    assert not run.verb.passed


def test_a_trace_of_an_engine_ends_in_the_picture_s_levels(project: Path):
    put(project, "ring.png", 3)
    trace = Writer()
    trace.add("initial_noise", np.ones(3, "float32"))
    trace.write(project / "out" / "ring.trace.json.gz")
    code, _ = told(project)
    assert code == 0
    (case,) = the_run(project).cases
    assert [each.stage.value for each in case.trace] == ["initial_noise", "pixels"]
    assert case.trace_file is not None


def test_pixels_that_the_reference_ignored_are_ignored(tmp_path: Path):
    run = Run(tmp_path / "reference")
    mask = picture().convert("L").point(lambda _: 255)
    mask.paste(0, (0, 0, 3, 3))
    (tmp_path / "reference").mkdir()
    (tmp_path / "reference" / "mask.png").write_bytes(encode_png(mask))
    masked = {"ignore": [[0, 0, 3, 3]], "image": "mask.png"}
    run.case("disc", picture(), masked=masked, limits={"max_peak_difference": 0.5})
    run.stored()
    (tmp_path / "out").mkdir()
    put(tmp_path, "disc.png")
    assert told(tmp_path)[0] == 0
    (case,) = the_run(tmp_path).cases
    assert case.masked is not None
    assert case.masked.ignore == ((0, 0, 3, 3),)
    (tmp_path / "out" / "disc.png").write_bytes(encode_png(rounded()))
    said = goldenseed(tmp_path, "import", "out", "--like", "./reference", "--engine", "trt")
    run_id = said.stdout.split("run  ")[1].split()[0]
    compared = goldenseed(tmp_path, "diff", "./reference", run_id, "--json")
    (found,) = json.loads(compared.stdout)["cases"]
    assert found["verdict"] == "match"


def test_a_run_of_an_engine_differs_in_what_it_says_and_in_nothing_that_it_does_not(
    project: Path,
):
    put(project, "ring.png", 3)
    run_id = told(project)[1].split("run  ")[1].split()[0]
    said = goldenseed(project, "diff", "./reference", run_id, "--common", "--no-report").stdout
    assert "4 keys differ" in said
    assert "torch.version" not in said
