"""A file of a version that is not known yet: one error that says so, for each format."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from commands import goldenseed
from goldenseed.baselines.store import BaselineStore
from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.lock import read_lock
from goldenseed.runs.folder import load_run
from goldenseed.suite.loading import load_suite
from goldenseed.trace.files import LAYERS_SUFFIX, read_layers, read_trace
from old_formats.make import unpack
from tests.unit.test_reading_old_formats import CALIBRATED, runs


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return unpack(tmp_path)


def later(path: Path) -> None:
    """Make a JSON file one of schema version 99."""
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 99}))


def later_run(project: Path) -> None:
    folder = runs(project)[2]
    later(folder / "run.json")
    load_run(folder)


def later_entry(project: Path) -> None:
    later(project / "baselines" / "steady" / f"{CALIBRATED}.json")
    BaselineStore(project / "baselines").entry("steady", CALIBRATED)


def later_lock(project: Path) -> None:
    later(project / "moved.lock.json")
    read_lock(project / "moved.lock.json", "moved")


def later_trace(project: Path) -> None:
    text = json.dumps({"schema_version": 99, "stages": [], "more": 1}).encode()
    path = project / f"{sha256(text).hexdigest()}.json.gz"
    path.write_bytes(gzip.compress(text))
    read_trace(path)


@pytest.mark.parametrize("read", [later_run, later_entry, later_lock, later_trace])
def test_a_schema_version_that_is_not_known_yet_is_one_error_that_says_so(
    project: Path, read: Callable[[Path], None]
) -> None:
    says = r"schema version 99; this \w+ reads (version )?1"
    with pytest.raises(GoldenseedError, match=says) as error:
        read(project)
    assert error.value.path is not None
    assert error.value.fix


def later_suite(project: Path) -> None:
    (project / "other").mkdir()
    path = project / "steady.suite.yaml"
    path.write_text(f"schema_version: 99\n{path.read_text()}")
    load_suite(path)


def later_deep_trace(project: Path) -> None:
    text = b'{"schema_version": 99}\n'
    path = project / f"{sha256(text).hexdigest()}{LAYERS_SUFFIX}"
    path.write_bytes(gzip.compress(text))
    list(read_layers(path))


@pytest.mark.parametrize("read", [later_suite, later_deep_trace])
def test_of_a_format_that_names_no_version_what_is_not_known_is_one_error(
    project: Path, read: Callable[[Path], None]
) -> None:
    with pytest.raises(GoldenseedError) as error:
        read(project)
    assert error.value.path is not None
    assert error.value.fix


@pytest.mark.parametrize(
    "arguments",
    [("report", "RUN"), ("diff", "RUN", "RUN"), ("accept", "RUN", "--reason", "x"), ("show", "*")],
)
def test_verbs_say_of_a_later_version_what_to_do(project: Path, arguments: tuple[str, ...]) -> None:
    folder = runs(project)[2]
    for path in (folder / "run.json", project / "baselines" / "steady" / f"{CALIBRATED}.json"):
        later(path)
    done = goldenseed(project, *(str(folder) if each == "RUN" else each for each in arguments))
    assert done.returncode == 2
    assert "schema version 99" in done.stderr
    assert "the release of pytest-goldenseed that wrote it" in done.stderr
    assert "Traceback" not in done.stderr
