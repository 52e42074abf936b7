"""Files that a user's own code returns: kept as they were, and expected to be marked."""

from __future__ import annotations

import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageDraw, PngImagePlugin

from commands import goldenseed
from content_credentials import Authority

if TYPE_CHECKING:
    from conftest import Project

SUITE = """\
suite: service
model: {factory: service:build}
content:
  provenance:
    c2pa: {roots: roots.pem, source: trainedAlgorithmicMedia}
    png_text: {parameters: "Seed: 1"}
cases:
  - {id: apple, prompt: a red apple, seeds: [1]}
  - {id: pair, prompt: two apples, seeds: [1], content: {provenance: {png_text: [parameters]}}}
"""
SERVICE = """
from pathlib import Path

def make(prompt):
    file = Path("answer.png")
    return [file.read_bytes(), file] if prompt.startswith("two") else file.read_bytes()

def build():
    return make
"""


def _picture(text: str = "Steps: 4, Seed: 1") -> bytes:
    image = Image.new("RGB", (32, 32), "white")
    ImageDraw.Draw(image).ellipse((4, 4, 28, 28), fill="red")
    info = PngImagePlugin.PngInfo()
    if text:
        info.add_text("parameters", text)
    data = io.BytesIO()
    image.save(data, "PNG", pnginfo=info)
    return data.getvalue()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def service(project: Project, authority: Authority) -> Project:
    """A project whose images come as marked files, accepted."""
    project.suite.unlink()
    (project.path / "service.suite.yaml").write_text(SUITE)
    (project.path / "service.py").write_text(SERVICE)
    (project.path / "roots.pem").write_bytes(authority.root_pem)
    answer(project, authority.marked(_picture()))
    project.run("--golden-update=missing").assert_outcomes(passed=2)
    return project


def answer(project: Project, data: bytes) -> None:
    (project.path / "answer.png").write_bytes(data)


def _case(project: Project, name: str = "apple") -> dict[str, Any]:
    (case,) = (each for each in project.record()["cases"] if each["id"].startswith(name))
    return case


def test_a_file_is_kept_as_it_was_returned_in_the_run_and_beside_its_baseline(service: Project):
    data = (service.path / "answer.png").read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    service.run().assert_outcomes(passed=2)
    case, pair = _case(service), _case(service, "pair")
    assert case["provenance"]["found"] == {
        "c2pa": "trusted",
        "png_text.parameters": "Steps: 4, Seed: 1",
    }
    assert [each["name"] for each in pair["returned"]] == ["images[0]", "images[1]"]
    (returned,) = case["returned"]
    assert returned["sha256"] == digest
    assert (service.path / "reports/latest" / returned["file"]).read_bytes() == data
    kept = service.path / "baselines/images" / digest[:2] / f"{digest}.file"
    assert kept.read_bytes() == data
    entry = json.loads((service.path / "baselines/service/apple[seed=1].json").read_text())
    (profile,) = entry["profiles"].values()
    assert profile["accepted"][0]["returned"] == [digest]
    assert digest not in goldenseed(service.path, "prune", "--json").stdout


def test_an_upgrade_that_strips_the_mark_fails_a_case_whose_pixels_are_the_same(service: Project):
    answer(service, _picture())
    result = service.run()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        ["*provenance: the file has no C2PA manifest, which says that it was generated*"]
    )
    case = _case(service)
    assert (case["verdict"], case["passed"]) == ("identical", False)
    report = (service.path / "reports/latest/index.html").read_text()
    assert "has no C2PA manifest" in report
    second = (service.path / "reports/latest").resolve()
    runs = (each for each in (service.path / "reports").iterdir() if each.name[0] == "2")
    (first,) = {each.name for each in runs} - {second.name}  # both may begin in one second
    done = goldenseed(service.path, "diff", first, second.name, "--report", "diff")
    assert "paired 2: 2 identical" in done.stdout
    assert "c2pa trusted → none: service::apple[seed=1]" in done.stdout
    compared = json.loads((service.path / "diff/run.json").read_text())["cases"]
    kept = {service.path / "diff" / file["file"] for each in compared for file in each["returned"]}
    assert [each.read_bytes() for each in kept] == [_picture()]


def test_an_archive_holds_the_files_and_a_verifier_looks_at_them_again(service: Project):
    service.run().assert_outcomes(passed=2)
    made = service.path / "made"
    assert goldenseed(service.path, "archive", "create", "--output", "made").returncode == 0
    assert list((made / "data/run/returned").iterdir())
    assert (made / "data/project/roots.pem").is_file()
    (file,) = (made / "data/run/returned").iterdir()
    file.write_bytes(_picture())
    found = json.loads(goldenseed(service.path, "archive", "verify", "made", "--json").stdout)
    judgement = {each["code"] for each in found["levels"][3]["findings"]}
    assert judgement & {"evidence_differs", "content_differs"}


def test_pixels_without_a_file_say_nothing_of_their_origin(service: Project):
    (service.path / "service.py").write_text(
        SERVICE.replace("return [", "return __import__('PIL.Image').Image.open(file) if 1 else [")
    )
    result = service.run()
    result.stdout.fnmatch_lines(["*provenance: no file was returned, only pixels*"])


def test_what_is_no_picture_is_an_error_that_names_it(service: Project):
    answer(service, b"<html>quota exceeded</html>")
    result = service.run()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*the file that was returned is no picture*"])
