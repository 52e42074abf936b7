"""``goldenseed init``: a first suite in somebody's repository, which then runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from commands import goldenseed
from goldenseed.suite.loading import load_suite

if TYPE_CHECKING:
    from conftest import Project

REVISION = "0123456789" * 4
PROGRAM = Path(sys.executable).with_name("goldenseed")

Init = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def repository(tmp_path: Path, tiny_model: Path) -> Path:
    """A repository with a model in ``models/Tiny SD`` (the files themselves are shared)."""
    folder = tmp_path / "repository"
    model = folder / "models" / "Tiny SD"
    model.mkdir(parents=True)
    for part in tiny_model.iterdir():
        (model / part.name).symlink_to(part)
    return folder


@pytest.fixture
def init(repository: Path) -> Init:
    return partial(goldenseed, repository, "init")


@pytest.fixture
def init_with_hub(repository: Path, tmp_path: Path) -> Init:
    """Run it in a process of its own, which sees another hub cache."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [PROGRAM, "init", *arguments],
            cwd=repository,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"},
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2
    assert done.stdout == ""
    assert "fix: " in done.stderr
    return done.stderr


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and "Tiny SD" not in file.parts
    }


def test_a_model_in_the_repository_gets_a_suite_beside_it(repository: Path, init: Init):
    done = init("models/Tiny SD")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:3] == [
        "wrote models/tiny-sd.suite.yaml",
        "wrote pytest.ini",
        "added /reports/ to .gitignore",
    ]
    assert "next: pytest models/tiny-sd.suite.yaml" in done.stdout
    suite = load_suite(repository / "models" / "tiny-sd.suite.yaml")
    assert (suite.name, suite.model.source, suite.model.dtype) == ("tiny-sd", "Tiny SD", "float32")
    assert len(suite.cases) == 6


def test_the_written_suite_runs_end_to_end(project: Project):
    project.suite.unlink()
    (project.path / "tox.ini").unlink()
    done = project.command("init", "model")
    assert done.returncode == 0, done.stderr
    suite = project.path / "model.suite.yaml"
    text = suite.read_text().replace("num_inference_steps: 20", "num_inference_steps: 1")
    suite.write_text(re.sub(r"(height|width): \d+", r"\1: 16", text))

    project.run().assert_outcomes(failed=6)
    accepted = project.command("accept", "latest", "--reason", "first baselines")
    assert accepted.returncode == 0, accepted.stderr
    project.run().assert_outcomes(passed=6)
    assert set(project.verdicts().values()) == {"identical"}


def test_a_link_to_a_model_elsewhere_is_named_as_the_link(
    repository: Path, init: Init, tiny_model: Path
):
    (repository / "models" / "linked").symlink_to(tiny_model)
    assert init("models/linked").returncode == 0
    suite = load_suite(repository / "models" / "linked.suite.yaml")
    assert suite.model.source == "linked"


@pytest.mark.parametrize("place", ["../elsewhere", "models/../../elsewhere", "."])
def test_a_model_outside_the_repository_is_refused_with_the_way_to_link_it(
    repository: Path, init: Init, tiny_model: Path, place: str
):
    (repository.parent / "elsewhere").symlink_to(tiny_model)
    before = files(repository.parent)
    assert "must lie inside this repository" in refusal(init(place))
    assert files(repository.parent) == before


def hub(cache: Path, hub_id: str, model: Path) -> None:
    """Put ``model`` into a hub cache as a download of the branch main does."""
    home = cache / f"models--{hub_id.replace('/', '--')}"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text(REVISION)
    (home / "snapshots").mkdir()
    (home / "snapshots" / REVISION).symlink_to(model)


def test_a_hub_id_is_pinned_to_the_revision_in_the_cache(
    repository: Path, init_with_hub: Init, tiny_model: Path, tmp_path: Path
):
    hub(tmp_path / "hub", "org/name", tiny_model)
    done = init_with_hub("org/name")
    assert done.returncode == 0, done.stderr
    suite = load_suite(repository / "suites" / "name.suite.yaml")
    assert (suite.model.source, suite.model.revision) == ("org/name", REVISION)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("org/name", "org/name is not in the local hub cache"),
        ("org/na--me", "'org/na--me' is no hub id"),
        ("nowhere", "'nowhere' is neither a folder nor a hub id"),
        ("models", "it has no model_index.json"),
    ],
)
def test_what_is_no_model_is_refused_and_nothing_is_written(
    repository: Path, init_with_hub: Init, model: str, message: str
):
    assert message in refusal(init_with_hub(model))
    assert files(repository) == {}


@pytest.mark.parametrize("name", ["../escape", "a/b", "images", "con", "a..b", ".hidden", "é"])
def test_a_name_that_is_no_suite_name_is_refused(repository: Path, init: Init, name: str):
    assert "choose another --name" in refusal(init("models/Tiny SD", "--name", name))
    assert files(repository.parent) == {}


@pytest.mark.parametrize("name", ["123", "1e5", "true", "null", "0x10"])
def test_a_name_that_yaml_reads_as_something_else_is_quoted(
    repository: Path, init: Init, name: str
):
    assert init("models/Tiny SD", "--name", name).returncode == 0
    assert load_suite(repository / "models" / f"{name}.suite.yaml").name == name


def test_a_second_init_overwrites_nothing(repository: Path, init: Init):
    init("models/Tiny SD")
    (repository / "models" / "tiny-sd.suite.yaml").write_text("mine")
    before = files(repository)
    message = refusal(init("models/Tiny SD"))
    assert message.startswith("goldenseed: models/tiny-sd.suite.yaml: is there already")
    assert files(repository) == before


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "pyproject.toml",
            '[tool.pytest.ini_options]\naddopts = "-q"\n',
            (
                '[tool.pytest.ini_options]\ngolden_baselines = "baselines"\n'
                'golden_reports = "reports"\naddopts = "-q"\n'
            ),
        ),
        (
            "pytest.ini",
            "[pytest]\naddopts = -q",
            "[pytest]\ngolden_baselines = baselines\ngolden_reports = reports\naddopts = -q",
        ),
        ("pytest.ini", "", "[pytest]\ngolden_baselines = baselines\ngolden_reports = reports\n"),
        (
            "pytest.toml",
            "",
            '[pytest]\ngolden_baselines = "baselines"\ngolden_reports = "reports"\n',
        ),
        (
            "tox.ini",
            "[tox]\nx = 1\n[pytest]\n",
            "[tox]\nx = 1\n[pytest]\ngolden_baselines = baselines\ngolden_reports = reports\n",
        ),
        (
            "setup.cfg",
            "[tool:pytest]\r\naddopts = -q\r\n",
            (
                "[tool:pytest]\r\ngolden_baselines = baselines\r\ngolden_reports = reports\r\n"
                "addopts = -q\r\n"
            ),
        ),
        (
            "pytest.ini",
            "[pytest]\ngolden_reports = out\n",
            "[pytest]\ngolden_baselines = baselines\ngolden_reports = out\n",
        ),
    ],
)
def test_the_settings_go_where_pytest_looks(
    repository: Path, init: Init, name: str, text: str, expected: str
):
    (repository / name).write_bytes(text.encode())
    assert init("models/Tiny SD").returncode == 0
    assert (repository / name).read_bytes().decode() == expected
    assert name == "pytest.ini" or not (repository / "pytest.ini").exists()


@pytest.mark.parametrize(
    ("name", "text"),
    [("pyproject.toml", '[project]\nname = "x"\n'), ("tox.ini", "[tox]\n"), ("setup.cfg", "")],
)
def test_a_file_without_pytests_section_is_left_alone(
    repository: Path, init: Init, name: str, text: str
):
    (repository / name).write_text(text)
    assert init("models/Tiny SD").returncode == 0
    assert (repository / name).read_text() == text
    assert "golden_reports = reports" in (repository / "pytest.ini").read_text()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("*.pyc\n", "*.pyc\n/reports/\n"),
        ("*.pyc", "*.pyc\n/reports/\n"),
        ("*.pyc\r\n", "*.pyc\r\n/reports/\r\n"),
        ("", "/reports/\n"),
        ("reports/\n", "reports/\n"),
        ("/reports/*\n", "/reports/*\n"),
    ],
)
def test_runs_are_kept_out_of_git_once(repository: Path, init: Init, before: str, after: str):
    (repository / ".gitignore").write_bytes(before.encode())
    assert init("models/Tiny SD").returncode == 0
    assert (repository / ".gitignore").read_bytes().decode() == after


@pytest.mark.parametrize("name", ["pytest.ini", ".gitignore"])
def test_a_file_that_is_not_utf8_is_named_and_init_can_be_tried_again(
    repository: Path, init: Init, name: str
):
    (repository / name).write_bytes(b"# ok\n# caf\xe9\n")
    message = refusal(init("models/Tiny SD"))
    assert f"{name}:2: is not UTF-8" in message
    (repository / name).unlink()
    assert init("models/Tiny SD").returncode == 0
