"""A suite run in shards and merged: the record of one go, and everything that is done with one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Project

SUITE = """\
suite: tiny
model: {source: model}
defaults:
  call: {num_inference_steps: 2, height: 32, width: 32, guidance_scale: 3.0}
cases:
  - {id: apple, prompt: an apple, seeds: {start: 0, count: 9}}
  - {id: slow, prompt: a pear, seeds: [1, 2, 3], call: {num_inference_steps: 4}}
consistency:
  - {id: apples, cases: [apple], within: {max_phash_distance: 60}}
"""
OTHER = """\
suite: other
model: {source: model, dtype: float64}
defaults:
  call: {num_inference_steps: 2, height: 32, width: 32, guidance_scale: 3.0}
cases:
  - {id: ball, prompt: a ball, seeds: [1, 2]}
"""
SHARDS = 3


@pytest.fixture
def project(make_project: Callable[[str], Project]) -> Project:
    project = make_project(SUITE)
    (project.path / "other.suite.yaml").write_text(OTHER)
    (project.path / "test_plain.py").write_text("def test_plain(): pass\n")
    return project


def new_runs(project: Project) -> set[str]:
    return {path.name for path in (project.path / "reports").glob("2*")}


def in_shards(project: Project, *arguments: str, shards: int = SHARDS) -> list[str]:
    """Run every shard; return the ids of their runs in the order of the shards."""
    found = []
    for number in range(1, shards + 1):
        before = new_runs(project)
        result = project.run(f"--golden-shard={number}/{shards}", *arguments)
        assert result.ret == 0, result.stdout.str()
        (run,) = new_runs(project) - before
        found.append(run)
    return found


def as_one(run: dict[str, Any]) -> dict[str, Any]:
    """A record without times and parts."""
    left_out = ("run_id", "started", "finished", "parts", "warnings")
    own = ("seconds", "part", "warnings")
    cases = [{k: v for k, v in case.items() if k not in own} for case in run["cases"]]
    return {k: v for k, v in run.items() if k not in left_out} | {"cases": cases}


def test_shards_merged_are_the_run_in_one_go_and_are_used_like_it(project: Project):
    project.accept_all()
    assert project.run().ret == 0
    in_one_go = project.record()
    runs = in_shards(project)

    merged = project.command("merge", *reversed(runs))

    assert merged.returncode == 0, merged.stdout + merged.stderr
    record = project.record()
    assert as_one(record) == as_one(in_one_go)
    assert [part["run_id"] for part in record["parts"]] == runs
    assert record["extent"]["whole"]
    assert [each["passed"] for each in record["sets"]] == [True]

    shards = [project.record(run) for run in runs]
    assert sum(len(each["cases"]) for each in shards) == 14
    assert len({each["shard"]["cut_sha256"] for each in shards}) == 1
    apart = [{case["suite"] for case in each["cases"]} for each in shards]
    assert sum("other" in suites for suites in apart) == 1  # a model that fits is loaded once

    archived = project.command("archive", "create", "latest", "--output", "run.zip")
    assert archived.returncode == 0, archived.stderr
    verified = project.command("archive", "verify", "run.zip", "--json")
    levels = {each["name"]: each["status"] for each in json.loads(verified.stdout)["levels"]}
    assert levels["judgement"] == "passed"
    compared = project.command("diff", in_one_go["run_id"], "latest")
    assert compared.returncode == 0, compared.stdout
    told = project.command("history", "--json")
    assert record["run_id"] in told.stdout
    assert not any(run in told.stdout for run in runs)


def test_new_images_of_shards_are_accepted_from_the_merged_run(project: Project):
    runs = []
    for number in (1, 2):
        before = new_runs(project)
        assert project.run(f"--golden-shard={number}/2").ret == 1
        runs += new_runs(project) - before
    merged = project.command("merge", *runs)
    assert merged.returncode == 1
    assert "14 new" in merged.stdout
    accepted = project.command("accept", "latest", "*", "--reason", "first")
    assert accepted.returncode == 0, accepted.stderr
    assert project.run().ret == 0


def test_a_choice_of_cases_is_cut_alike_and_other_tests_are_the_first_shard_s(project: Project):
    project.accept_all()
    runs = in_shards(project, "-k", "apple or plain", shards=2)
    merged = project.command("merge", *runs)
    assert merged.returncode == 0, merged.stdout + merged.stderr
    record = project.record()
    assert len(record["cases"]) == 9
    assert not record["extent"]["whole"]
    ran = project.run("--golden-shard=2/2", "-k", "apple or plain", "-v")
    assert "test_plain" not in ran.stdout.str()


def test_more_shards_than_cases_leave_some_with_nothing_to_do_and_no_failure(project: Project):
    project.accept_all()
    result = project.run("--golden-shard=2/3", "-k", "slow and [seed:1]")
    assert result.ret == 0
    assert "shard 2/3: 0 of 1 cases" in result.stdout.str()
    assert project.record()["complete"]


LEFT_BY_A_KILL = """\
import shutil

def pytest_runtest_logreport(report):
    of_a_case = report.when == "call" and ".suite.yaml::" in report.nodeid
    if of_a_case and not shutil.os.path.exists("killed"):
        runs = [f"reports/{each}" for each in shutil.os.listdir("reports") if each[0] == "2"]
        shutil.copytree(max(runs, key=shutil.os.path.getctime), "killed")
"""


def test_an_absent_or_killed_shard_is_named_and_nothing_of_the_merged_run_is_accepted(
    project: Project,
):
    project.accept_all()
    (project.path / "conftest.py").write_text(LEFT_BY_A_KILL)
    first, second, third = in_shards(project)
    of_the_first = project.record(first)["cases"]
    cut_short = project.command("merge", "killed", second, third, "--output", "reports/killed")
    assert cut_short.returncode == 1, cut_short.stderr
    assert f"MISSING shard 1/3 did not get to it: {len(of_the_first) - 1} cases" in cut_short.stdout
    merged = project.command("merge", first, third, "--output", "reports/two")
    assert merged.returncode == 1
    assert "MISSING shard 2/3 is not among the merged runs" in merged.stdout
    refused = project.command("accept", "reports/two", "*", "--reason", "no")
    assert refused.returncode == 2
    again = project.command("merge", first, third, "--output", "reports/two")
    assert again.returncode == 2
    assert "is there already" in again.stderr


def test_the_seconds_of_the_history_decide_and_a_shard_does_not_add_to_it(project: Project):
    assert project.run("--golden-update=missing").ret == 0
    first = project.run("--golden-shard=1/2")
    second = project.run("--golden-shard=2/2")
    for each in (first, second):
        assert "cut by the seconds of 14 cases in the history" in each.stdout.str()
    estimated = project.run("--golden-shard=1/2", "--golden-shard-by=steps")
    assert "cut by steps and pixels" in estimated.stdout.str()
    runs = sorted(new_runs(project))
    refused = project.command("merge", runs[-1], runs[-2])
    assert refused.returncode == 2
    assert "are of different cuts" in refused.stderr


@pytest.mark.parametrize("text", ["3/2", "0/2", "two"])
def test_a_shard_out_of_range_is_a_usage_error(project: Project, text: str):
    result = project.run(f"--golden-shard={text}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert not (Path(project.path) / "reports").exists()
