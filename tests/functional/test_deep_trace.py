"""``--golden-trace=deep``: two runs of one case, brought down to the layer at which they part."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

ONE = "tiny.suite.yaml::red-apple[seed=1]"
LAYER = "down_blocks.0.resnets.0.conv2"
ANOTHER_LAYER = f"""
    import diffusers, functools
    original = diffusers.StableDiffusionPipeline.__call__
    @functools.wraps(original)
    def other(self, *args, **kwargs):
        self.unet.get_submodule("{LAYER}").weight.data.mul_(1.5)
        return original(self, *args, **kwargs)
    def pytest_configure(config):
        diffusers.StableDiffusionPipeline.__call__ = other
    def pytest_unconfigure(config):
        diffusers.StableDiffusionPipeline.__call__ = original
"""


def test_two_deep_runs_compared_name_the_layer_that_was_changed(project: Project):
    project.run("--golden-trace=deep", ONE)
    first = project.record()
    project.conftest(ANOTHER_LAYER)
    project.run("--golden-trace=deep", ONE)
    second = project.record()

    done = project.command("diff", first["run_id"], second["run_id"])

    assert done.returncode == 1
    line = next(line for line in done.stdout.splitlines() if "first differing layer" in line)
    assert line.startswith(
        f"red-apple[seed=1]: first differing layer: unet.{LAYER}, call 1 of 3; "
        "its inputs are identical; relative distance "
    )
    found = json.loads(project.command("diff", "--json", first["run_id"], "latest").stdout)
    assert found["layers"] == [line]

    file = project.path / "reports" / "latest" / second["cases"][0]["layers_file"]
    file.write_bytes(file.read_bytes()[:-100])
    done = project.command("diff", first["run_id"], second["run_id"])
    assert "the deep trace cannot be read" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_deep_trace_stays_out_of_the_baselines(project: Project):
    project.run("--golden-trace=deep", "--golden-update=missing", ONE)
    assert project.verdicts() == {"red-apple[seed=1]": "new"}
    assert list((project.path / "reports").glob("*/traces/*.deep.jsonl.gz"))
    assert not [name for name in project.baselines() if "deep" in name]


def test_a_deep_trace_of_several_cases_is_an_error_that_names_the_fix(project: Project):
    result = project.run("--golden-trace=deep")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*records every layer of one case, and 4 were selected", "*choose it with -k"]
    )
    assert project.run("--golden-trace=deep", "-k", "blue").ret == pytest.ExitCode.TESTS_FAILED
    assert project.verdicts() == {"colours[blue,seed=0]": "new"}


def test_a_deep_trace_cannot_be_shared_by_workers(project: Project):
    result = project.run("--golden-trace=deep", "-n", "2", ONE)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*run it without -n*"])
