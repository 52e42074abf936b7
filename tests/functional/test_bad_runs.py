"""Runs that are damaged, unknown or altered: one message, and nothing is changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from goldenseed.core.pixels import pixels_sha256

if TYPE_CHECKING:
    from conftest import Project

APPLE = "red-apple[seed=1]"
BLUE = "colours[blue,seed=0]"
ACCEPT = ("accept", "latest", "--reason", "why not")

Refused = Callable[..., str]
Edit = Callable[[Path], None]


def tree(project: Project) -> dict[Path, bytes]:
    """Return every file of the project but the lock that a writer takes while it works."""
    found = (path for path in project.path.rglob("*") if ".lock" not in path.parts)
    return {path: path.read_bytes() for path in found if path.is_file()}


@pytest.fixture(scope="module")
def first_reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the reports of the first ``ran`` are kept for the others."""
    return tmp_path_factory.mktemp("ran") / "reports"


@pytest.fixture
def ran(project: Project, first_reports: Path) -> Project:
    """A project with one run: three new cases and one whose pipeline raised."""
    project.conftest(
        """
        import diffusers, functools
        original = diffusers.StableDiffusionPipeline.__call__
        @functools.wraps(original)
        def patched(self, *args, **kwargs):
            assert "blue" not in kwargs["prompt"], "no blue today"
            return original(self, *args, **kwargs)
        def pytest_configure(config):
            diffusers.StableDiffusionPipeline.__call__ = patched
        def pytest_unconfigure(config):
            diffusers.StableDiffusionPipeline.__call__ = original
        """
    )
    if first_reports.exists():
        shutil.copytree(first_reports, project.path / "reports", symlinks=True)
    else:
        project.run().assert_outcomes(failed=4)
        shutil.copytree(project.path / "reports", first_reports, symlinks=True)
    return project


@pytest.fixture
def refused(ran: Project) -> Refused:
    """Run ``goldenseed``; return its message, having checked how it refused."""

    def run(*arguments: str) -> str:
        before = tree(ran)
        said = ran.command(*arguments)
        assert said.returncode == 2, said.stdout + said.stderr
        assert said.stdout == ""
        assert "Traceback" not in said.stderr
        assert tree(ran) == before
        return said.stderr

    return run


def run_json(project: Project) -> Path:
    return (project.path / "reports" / "latest" / "run.json").resolve()


def edited(project: Project, change: Callable[[dict[str, Any]], object]) -> Path:
    file = run_json(project)
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document, indent=1))
    return file


def case_of(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(case for case in document["cases"] if case["id"] == name)
    return found


@pytest.mark.parametrize("verb", ["accept", "report"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("2001", "reports: no run is called '2001'"),
        ("20", "reports: '20' begins 2 run ids: "),
        ("elsewhere/run", "elsewhere/run: no run record here"),
        ("x" * 5000, "name too long"),
        ("", "no run record here"),
    ],
)
def test_a_run_that_is_not_one_is_refused(
    ran: Project, refused: Refused, verb: str, name: str, message: str
):
    ran.run()
    arguments = ("--reason", "why not") if verb == "accept" else ()
    assert message.casefold() in refused(verb, name, *arguments).casefold()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("accept", "latest", "green-apple", "--reason", "x"), "fits 'green-apple'"),
        (("accept", "latest", BLUE, "--reason", "x"), f"{BLUE} has no image to accept"),
        (("reject", "latest", BLUE, "--reason", "x"), f"{BLUE} has no image to accept"),
        (("accept", "latest", "--reason", "  "), "the reason is empty"),
        (("accept", "latest", "--reason", "x", "--by", " "), "the name of who does it is empty"),
        (("accept", "latest"), "--reason"),
        (("reject", "latest", "--reason", "x"), "wants its cases named"),
    ],
)
def test_what_cannot_be_accepted_is_refused(
    refused: Refused, arguments: tuple[str, ...], message: str
):
    assert message in refused(*arguments)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda data: data[: len(data) // 2], r"run.json:"),
        (lambda data: b"", r"run.json:1: is not JSON"),
        (lambda data: b"[]", r"run.json: the record has schema version None"),
        (lambda data: data.replace(b'"verdict": "new"', b'"verdict": "fine"'), r"cases.0.verdict"),
        (
            lambda data: data.replace(b'"schema_version": 1', b'"schema_version": 99'),
            "schema version 99; this release reads 1",
        ),
        (lambda data: data.replace(b'"run_id"', b'"run_id": "x", "run_id"', 1), "twice"),
        (lambda data: b"[" * 100_000, "nested too deeply"),
        (lambda data: data.replace(b"red apple", b"red \xff apple"), "is not UTF-8"),
    ],
    ids=["truncated", "empty", "list", "edited", "newer", "repeated key", "deep", "encoding"],
)
def test_a_damaged_record_is_refused_by_every_verb(
    ran: Project, refused: Refused, spoil: Callable[[bytes], bytes], message: str
):
    file = run_json(ran)
    file.write_bytes(spoil(file.read_bytes()))
    for arguments in (ACCEPT, ("report", "latest")):
        said = refused(*arguments)
        assert message in said
        assert "fix: " in said


def test_an_altered_image_is_refused(ran: Project, refused: Refused):
    image = run_json(ran).parent / case_of(ran.record(), APPLE)["image"]
    Image.new("RGB", (32, 32), "red").save(image)
    said = refused(*ACCEPT)
    assert image.name in said
    assert "was altered" in said


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("image", "../../../secret.png", "leaves its folder"),
        ("image", "/etc/passwd", "is absolute"),
        ("image", "images/none.png", "none.png"),
        ("pixels_sha256", "0" * 64, "the run's record says 000"),
        ("recipe_sha256", "0" * 64, "the recipe does not fit"),
        ("environment_sha256", "0" * 64, "does not say in which environment"),
        ("suite", "../escape", "the suite name '../escape'"),
        ("id", "../escape", "the case id '../escape'"),
        ("profile", "../escape", "that the profile is '../escape', and the environment"),
        ("profile", "cuda-h200-sm90-132sm", "and the environment that it names"),
        ("profile", "portable", "and the environment that it names"),
        ("width", 16, "the image has the size (32, 32), and the run's record says (16, 32)"),
        ("mode", "L", "the image has the mode RGB, and the run's record says L"),
        ("trace", [], "are not those of the run's record"),
        ("trace_file", None, "lists a trace's stages and names no file"),
    ],
)
def test_an_altered_case_is_refused(
    ran: Project, refused: Refused, key: str, value: str, message: str
):
    edited(ran, lambda document: case_of(document, APPLE).update({key: value}))
    assert message in refused(*ACCEPT)


def test_a_red_square_with_the_trace_of_another_image_is_refused(ran: Project, refused: Refused):
    square = Image.new("RGB", (32, 32), "red")
    digest = pixels_sha256(square)
    square.save(run_json(ran).parent / "images" / f"{digest}.png")
    update = {"image": f"images/{digest}.png", "pixels_sha256": digest}
    edited(ran, lambda document: case_of(document, APPLE).update(update))
    assert "ends in the pixels" in refused(*ACCEPT)


def test_an_edited_digest_of_a_stage_is_refused(ran: Project, refused: Refused):
    edited(ran, lambda document: case_of(document, APPLE)["trace"][3].update(sha256="0" * 64))
    assert "are not those of the run's record" in refused(*ACCEPT)


def test_an_edited_environment_is_refused(ran: Project, refused: Refused):
    edited(ran, lambda document: document["environment"].update({"torch.version": "9"}))
    assert "does not say in which environment" in refused(*ACCEPT)
