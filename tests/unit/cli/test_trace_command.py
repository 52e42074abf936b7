"""``goldenseed trace``: an image's stages listed, an engine's file checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from commands import goldenseed
from goldenseed.trace.writer import Writer
from two_runs import Run, picture


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the run ``reference`` of an engine that records little."""
    run = Run(tmp_path / "made")
    run.case("disc", picture())
    run.case("ring", picture(3))
    run.stored()
    (tmp_path / "out").mkdir()
    for name in ("disc", "ring"):
        image = picture(0 if name == "disc" else 3)
        image.save(tmp_path / "out" / f"{name}.png")
    trace = Writer()
    trace.add("sigmas", np.array([1.0, 0.5, 0.0], "float32"), "scheduler")
    trace.add("timesteps", np.array([7], "int64"))
    trace.write(tmp_path / "out" / "disc.trace.json.gz")
    done = goldenseed(tmp_path, "import", "out", "--like", "./made", "--engine", "trt")
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "reports").iterdir()
    folder.rename(tmp_path / "reference")
    return tmp_path


def test_stages_are_listed_with_part_shape_dtype_norm_and_digest(project: Path):
    said = goldenseed(project, "trace", "./reference", "disc")
    sigmas, timesteps, pixels = (line.rsplit(maxsplit=1) for line in said.stdout.splitlines())
    assert sigmas[0] == "sigmas     0  scheduler  3            float32  1.11803"
    assert timesteps[0] == "timesteps  0  -          1            int64    -"
    assert pixels[0] == "pixels     0  -          32 x 32 x 3  uint8    -"
    assert {len(each[1]) for each in (sigmas, timesteps, pixels)} == {12}


def test_a_file_of_an_engine_is_listed_by_itself(project: Path):
    said = goldenseed(project, "trace", "out/disc.trace.json.gz")
    assert said.returncode == 0
    assert [line.split()[0] for line in said.stdout.splitlines()] == ["sigmas", "timesteps"]


def test_a_trace_of_no_stage_lists_nothing(project: Path):
    Writer().write(project / "empty.json.gz")
    said = goldenseed(project, "trace", "empty.json.gz")
    assert (said.returncode, said.stdout) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("out/disc.png",), "is no whole gzip file"),
        (("out/none.json.gz",), "none.json.gz: cannot be read"),
        (("out/disc.trace.json.gz", "--noise", "a.npy"), "--noise is of a case"),
        (("./reference", "disc", "--noise", "a.npy"), "the trace has no initial noise"),
        (("./reference", "*"), "'*' fits several cases: disc, ring"),
        (("./reference", "cube"), "no case of"),
        (("./made", "disc"), "disc has no trace"),
    ],
)
def test_what_cannot_be_listed_is_one_message(
    project: Path, arguments: tuple[str, ...], message: str
):
    said = goldenseed(project, "trace", *arguments)
    assert said.returncode == 2
    assert message in said.stderr
    assert not (project / "a.npy").exists()
