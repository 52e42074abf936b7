"""Pictures that a pipeline is given: in recipe, record, run, report and diagnosis."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from goldenseed.core.pixels import pixels_sha256

if TYPE_CHECKING:
    from conftest import Project

SUITE = """\
suite: edits
model: {source: model, pipeline: StableDiffusionImg2ImgPipeline}
defaults: {call: {num_inference_steps: 3, strength: 0.7, guidance_scale: 3.0}}
cases:
"""


@pytest.fixture
def edits(project: Project) -> Project:
    """A project whose suite starts from a picture."""
    project.suite.unlink()
    (project.path / "inputs").mkdir()
    Image.radial_gradient("L").resize((32, 32)).convert("RGB").save(project.path / "inputs/a.png")
    write(project, "  - {id: a, prompt: a cat, seeds: [1], inputs: {image: inputs/a.png}}\n")
    return project


def write(project: Project, cases: str) -> None:
    (project.path / "edits.suite.yaml").write_text(SUITE + cases)


def picture(project: Project) -> Image.Image:
    return Image.open(project.path / "inputs" / "a.png")


def test_a_picture_is_kept_with_the_run_and_shown_in_the_report(edits: Project):
    edits.accept_all()
    edits.run().assert_outcomes(passed=1)
    (case,) = edits.record()["cases"]
    assert case["verdict"] == "identical"
    (used,) = case["inputs"]
    assert (used["argument"], used["source"]) == ("image", "inputs/a.png")
    folder = edits.path / "reports" / "latest"
    with Image.open(folder / used["file"]) as kept:
        assert pixels_sha256(kept) == used["sha256"] == pixels_sha256(picture(edits))
    page = (folder / "index.html").read_text()
    assert f'src="{used["file"]}"' in page
    assert "Input image of edits::a[seed=1]" in page


def test_another_picture_is_another_recipe_and_the_diagnosis_names_it(edits: Project):
    edits.accept_all()
    Image.new("RGB", (32, 32), "teal").save(edits.path / "inputs" / "a.png")
    edits.run().assert_outcomes(failed=1)
    (case,) = edits.record()["cases"]
    assert case["verdict"] == "incomparable"
    assert {each["metric"] for each in case["reasons"]} == {"recipe.inputs.image.pixels_sha256"}
    first = case["diagnosis"]["causes"][0]
    assert first["cause"] == "input"
    assert "inputs.image" in json.dumps(first)


def test_a_case_starts_from_the_accepted_image_of_another(edits: Project):
    base = "  - {id: base, prompt: a dog, seeds: [4], inputs: {image: inputs/a.png}}\n"
    chain = "  - {id: next, prompt: a dog in snow, seeds: [1], inputs: {image: {case: '%s'}}}\n"
    write(edits, base + chain % "base[seed=4]")
    result = edits.run()
    result.stdout.fnmatch_lines(
        ["*edits.suite.yaml:6: is given the image of edits::base?seed=4?, for which nothing is*"]
    )
    edits.run("-k", "base", "--golden-update=missing").assert_outcomes(passed=1)
    edits.run("-k", "next", "--golden-update=missing").assert_outcomes(passed=1)
    accepted = json.loads((edits.path / "baselines" / "edits" / "base[seed=4].json").read_text())
    (profile,) = accepted["profiles"].values()
    digest = profile["accepted"][0]["pixels_sha256"]
    (case,) = edits.record()["cases"]
    assert case["recipe"]["inputs"]["image"]["pixels_sha256"] == digest
    assert case["inputs"][0]["source"] == "base[seed=4]"
    edits.run("-n", "2").assert_outcomes(passed=2)

    write(edits, base + chain % "bace[seed=4]")
    result = edits.run()
    result.stdout.fnmatch_lines(["*edits.suite.yaml:6: the suite has no case `bace?seed=4?`*"])


def test_an_input_that_cannot_be_read_is_the_case_s_error_and_the_next_runs(edits: Project):
    (edits.path / "inputs" / "b.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    write(
        edits,
        "  - {id: b, prompt: a cat, seeds: [1], inputs: {image: inputs/b.png}}\n"
        "  - {id: a, prompt: a cat, seeds: [1], inputs: {image: inputs/a.png}}\n",
    )
    result = edits.run("--golden-update=missing")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*inputs/b.png: *", "*fix: restore the file*"])
    assert edits.verdicts()["b[seed=1]"] == "error"
