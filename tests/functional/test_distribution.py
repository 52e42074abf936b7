"""Sessions on pytest-xdist's workers, without it, and under pytest's common options."""

from __future__ import annotations

import json
import shutil
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from goldenseed.runs.folder import load_run
from goldenseed.runs.record import RunRecord
from offered_backends import offer, on_the_path, seen_by_workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Project

BLUE = "colours[blue,seed=0]"
TWO_WORKERS = ("-n", "2", "--dist", "loadgroup")

PLACES_NOTED = """
import os, time
from pathlib import Path
from PIL import Image
from goldenseed import Generation

class Noting:
    def __init__(self, settings):
        self.device = settings.device

    def generate(self, case):
        seen = os.environ.get("CUDA_VISIBLE_DEVICES"), os.environ.get("CUBLAS_WORKSPACE_CONFIG")
        with case.suite.path.with_name("places.txt").open("a") as file:
            print(os.environ.get("PYTEST_XDIST_WORKER"), self.device, *seen, case.id, file=file)
        if case.prompt == "fatal":
            os._exit(1)
        time.sleep(0.2)
        return Generation(Image.new("L", (8, 8)), 0.1)

    def fingerprint(self):
        return {"device.type": "cpu", "platform.machine": "toy"}
"""

LOADS_NOTED = """
    import os
    from pathlib import Path

    def pytest_configure(config):
        from diffusers import StableDiffusionPipeline
        original = StableDiffusionPipeline.from_pretrained
        def from_pretrained(folder, **options):
            with Path(config.rootpath, "loads.txt").open("a") as file:
                file.write(f"{os.environ['PYTEST_XDIST_WORKER']} {Path(folder).name}\\n")
            return original(folder, **options)
        if hasattr(config, "workerinput"):
            StableDiffusionPipeline.from_pretrained = from_pretrained
"""

FATAL_CALL = """
    import os, signal

    def pytest_configure(config):
        if not hasattr(config, "workerinput"):
            return
        from diffusers import StableDiffusionPipeline
        original = StableDiffusionPipeline.__call__
        def fatal(self, *args, prompt=None, generator=None, **kwargs):
            if "blue" in prompt:
                {death}
            return original(self, *args, prompt=prompt, generator=generator, **kwargs)
        fatal.__signature__ = __import__("inspect").signature(original)
        StableDiffusionPipeline.__call__ = fatal
"""

OTHER_MACHINE = """
    def pytest_configure(config):
        if getattr(config, "workerinput", {}).get("workerid") != "gw1":
            return
        from goldenseed.backends.diffusers.backend import DiffusersBackend
        original = DiffusersBackend.fingerprint
        known = {}
        def fingerprint(self):
            found = original(self)
            other = {**found, "cpu.capability": "default", "cpu.model": "another"}
            return known.setdefault(id(found), other)
        DiffusersBackend.fingerprint = fingerprint
"""


def the_run(project: Project) -> RunRecord:
    return load_run(project.path / "reports" / "latest")


def said(result: pytest.RunResult) -> str:
    text = result.stdout.str() + result.stderr.str()
    assert "Traceback" not in text, text
    assert "INTERNALERROR" not in text, text
    return text


def digests(run: RunRecord) -> dict[tuple[str, str], tuple[str | None, str]]:
    return {(case.path, case.id): (case.pixels_sha256, case.verdict) for case in run.cases}


def environments(run: RunRecord) -> list[str]:
    return sorted(json.dumps(each) for each in (run.environment, *run.other_environments))


@pytest.fixture
def two_models(project: Project, tiny_model: Path) -> Project:
    """A second suite with another model: the same weights in another folder."""
    shutil.copytree(tiny_model, project.path / "other")
    text = project.suite.read_text()
    (project.path / "other.suite.yaml").write_text(
        text.replace("suite: tiny", "suite: other").replace("source: model", "source: other")
    )
    return project


def test_two_workers_give_the_same_record_as_none_and_each_model_is_loaded_once(
    two_models: Project,
):
    two_models.run("-n", "0")
    alone = the_run(two_models)
    assert len(alone.cases) == 8
    two_models.conftest(LOADS_NOTED)

    result = two_models.run(*TWO_WORKERS, "--golden-update=missing")

    said(result)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["accepted 8 images into baselines/"])
    together = the_run(two_models)
    assert together.complete
    assert digests(together) == digests(alone)
    assert [case.id for case in together.cases] == [case.id for case in alone.cases]
    assert environments(together) == environments(alone)
    loads = [line.split() for line in (two_models.path / "loads.txt").read_text().splitlines()]
    assert sorted(model for _, model in loads) == ["model", "other"]
    loading = defaultdict(list)
    for case in together.cases:
        loading[case.suite].append(case.seconds.load > 0)
    assert {suite: flags.count(True) for suite, flags in loading.items()} == {
        "other": 1,
        "tiny": 1,
    }
    assert not (two_models.path / "reports" / "latest" / "running").exists()
    two_models.run("-n", "0").assert_outcomes(passed=8)
    assert set(the_run(two_models).counts()) == {"identical"}


@pytest.mark.parametrize(
    ("distribution", "death"),
    [("loadgroup", "os._exit(1)"), ("load", "os.kill(os.getpid(), signal.SIGKILL)")],
)
def test_a_case_that_kills_its_worker_is_an_error_and_the_others_have_their_verdicts(
    project: Project, distribution: str, death: str
):
    project.accept_all()
    before = project.baselines()
    project.edit(
        "  - id: red-apple\n",
        "  - {id: first, prompt: a blue hat, seeds: [0]}\n  - id: red-apple\n",
    )
    project.edit("prompts: {red: a red ball, blue: a blue ball}", "prompts: {red: a red ball}")
    project.conftest(FATAL_CALL.format(death=death))

    result = project.run("-n", "2", "--dist", distribution)

    said(result)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert project.verdicts() == {
        "first[seed=0]": "error",
        "red-apple[seed=1]": "identical",
        "red-apple[seed=2]": "identical",
        "colours[red,seed=0]": "identical",
    }
    run = the_run(project)
    assert run.complete
    (crashed,) = (case for case in run.cases if case.verdict == "error")
    assert "crashed while" in str(crashed.error)
    assert crashed.reasons[0].code == "worker_crashed"
    assert crashed.line == 8
    assert project.baselines() == before
    assert not (project.path / "reports" / "latest" / "running").exists()


def test_where_no_worker_is_left_the_record_is_incomplete(project: Project):
    project.conftest(FATAL_CALL.format(death="os._exit(1)"))
    project.edit(
        "  - id: red-apple\n",
        "  - {id: first, prompt: a blue hat, seeds: [0]}\n  - id: red-apple\n",
    )

    result = project.run("-n", "1", "--dist", "loadgroup", "--max-worker-restart=0")

    assert result.ret != 0
    run = the_run(project)
    assert not run.complete
    assert [(case.id, case.verdict) for case in run.cases] == [("first[seed=0]", "error")]


def test_workers_on_different_machines_are_both_in_the_record_and_both_accepted(
    two_models: Project,
):
    two_models.conftest(OTHER_MACHINE)

    two_models.run(*TWO_WORKERS)

    run = the_run(two_models)
    assert run.complete
    assert len(run.other_environments) == 1
    assert {run.environment["cpu.model"], run.other_environments[0]["cpu.model"]} >= {"another"}
    suites = defaultdict(set)
    for case in run.cases:
        suites[case.profile].add(case.suite)
        assert run.environment_of(case)
    assert len(suites) == 2
    assert "cpu-x86_64-default" in suites
    accepting = two_models.command("accept", "latest", "--reason", "both machines")
    assert accepting.returncode == 0, accepting.stderr
    entries = {
        profile
        for file in (two_models.path / "baselines").glob("*/*.json")
        for profile in suites
        if f'"{profile}"' in file.read_text()
    }
    assert entries == set(suites)
    assert len(list((two_models.path / "baselines" / "environments").iterdir())) == 2


def test_a_mistake_in_the_ini_file_is_one_message_on_workers_too(project: Project):
    project.pytester.makeini("[pytest]\ngolden_require = perfect\n")
    (project.path / "pytest.ini").unlink(missing_ok=True)
    for arguments in ((), TWO_WORKERS):
        result = project.run(*arguments)
        assert "golden_require = perfect: not one of identical, match, warn" in said(result)
        assert result.ret not in (pytest.ExitCode.OK, pytest.ExitCode.INTERNAL_ERROR)


@pytest.mark.parametrize(
    "arguments",
    [
        ("-p", "xdist", "-n", "0"),
        ("-p", "no:xdist"),
        ("-p", "no:cacheprovider"),
        ("-s",),
        ("-q",),
        ("-v",),
        ("--tb=short",),
        ("--tb=no",),
        ("--durations=3",),
        ("--strict-markers", "--strict-config"),
        ("-p", "no:terminal"),
        ("-W", "error"),
    ],
    ids=" ".join,
)
def test_common_options_change_neither_verdicts_nor_sanity(
    project: Project, arguments: tuple[str, ...]
):
    project.accept_all()
    project.edit("a blue ball", "a blue cube")
    result = project.run(*arguments)
    text = said(result)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    run = the_run(project)
    assert run.complete
    assert run.counts() == {"incomparable": 1, "identical": 3}
    if "no:terminal" not in arguments:
        assert "golden: 3 identical, 1 incomparable" in text


def test_collecting_alone_generates_and_writes_nothing(project: Project):
    result = project.run("--collect-only")
    said(result)
    assert result.ret == 0
    assert not (project.path / "reports").exists()


def test_the_junit_file_names_each_case_and_its_failure(project: Project):
    project.accept_all()
    project.edit("a blue ball", "a blue cube")
    project.run("--junitxml=junit.xml")
    tree = ET.parse(project.path / "junit.xml")
    failures = {
        case.get("name"): [failure.text or "" for failure in case.iter("failure")]
        for case in tree.iter("testcase")
    }
    assert len(failures) == 4
    (text,) = failures.pop(BLUE)
    assert text.startswith("INCOMPARABLE tiny.suite.yaml::")
    assert set(map(tuple, failures.values())) == {()}


def test_a_warning_made_an_error_fails_the_case_with_the_same_text(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    import diffusers
    import numpy as np

    project.accept_all()
    original = diffusers.StableDiffusionPipeline.__call__

    def off(self: Any, *args: Any, **kwargs: Any) -> Any:
        output = original(self, *args, **kwargs)
        output.images = np.clip(output.images + 3 / 255, 0, 1)
        return output

    off.__wrapped__ = original  # type: ignore[attr-defined]
    monkeypatch.setattr(diffusers.StableDiffusionPipeline, "__call__", off)

    result = project.run("-W", "error::goldenseed.session.failure.GoldenWarning")

    said(result)
    result.assert_outcomes(failed=4)
    run = the_run(project)
    assert {(case.verdict, case.passed) for case in run.cases} == {("warn", False)}
    result.stdout.fnmatch_lines(["WARN tiny.suite.yaml::colours?red*"])


@pytest.fixture
def noting(
    make_project: Callable[[str], Project], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Project:
    """Three suites, each with a model of its own, whose back end notes what its process may see."""
    site = offer(tmp_path / "site", "noting", PLACES_NOTED, noting="noting:Noting")
    on_the_path(site, monkeypatch)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    text = (
        "suite: tiny\nmodel: {backend: noting, source: tiny}\n"
        "cases:\n  - {id: a, prompt: one, seeds: [1, 2, 3, 4]}\n"
    )
    project = make_project(text)
    for name in ("second", "third"):
        (project.path / f"{name}.suite.yaml").write_text(text.replace("tiny", name))
    seen_by_workers(project)
    return project


def noted(project: Project) -> list[list[str]]:
    return [line.split() for line in (project.path / "places.txt").read_text().splitlines()]


def test_workers_of_one_session_share_the_cases_of_its_shard(noting: Project):
    found = []
    for arguments in (TWO_WORKERS, ()):
        result = noting.run(*arguments, "--golden-shard=2/2", "--golden-device=cpu")
        assert "shard 2/2: 6 of 12 cases, 2 of 3 models" in said(result)
        found.append(the_run(noting))
    together, alone = found
    assert together.shard == alone.shard
    assert {each.id for each in together.cases} == {each.id for each in alone.cases}


@pytest.mark.parametrize("arguments", [TWO_WORKERS, ("-n", "2")], ids=" ".join)
def test_each_worker_sees_one_gpu_of_those_that_the_user_let_be_seen(
    noting: Project, arguments: tuple[str, ...]
):
    said(noting.run(*arguments))
    seen = {worker: gpu for worker, _, gpu, *_ in noted(noting)}
    assert seen == {"gw0": "3", "gw1": "5"}
    assert {cublas for *_, cublas, _ in noted(noting)} == {":4096:8"}
    assert len(the_run(noting).cases) == 12


def test_the_worker_in_a_lost_one_s_place_takes_the_gpu_that_is_free(noting: Project):
    noting.edit(
        "seeds: [1, 2, 3, 4]}",
        "seeds: [1]}\n  - {id: b, prompt: fatal, seeds: [1]}\n"
        "  - {id: c, prompt: x, seeds: [1, 2]}",
    )

    said(noting.run(*TWO_WORKERS))

    seen = {worker: gpu for worker, _, gpu, *_ in noted(noting)}
    lost = next(worker for worker, *_, case in noted(noting) if case == "b[seed=1]")
    assert set(seen) == {"gw0", "gw1", "gw2"}
    assert seen["gw2"] == seen[lost]
    assert {seen["gw0"], seen["gw1"]} == {"3", "5"}
    run = the_run(noting)
    assert run.complete
    assert Counter(case.verdict for case in run.cases) == {"new": 11, "error": 1}


def test_workers_for_which_there_is_no_gpu_make_no_image_under_loadgroup(noting: Project):
    (noting.path / "test_plain.py").write_text(
        "import pytest\n@pytest.mark.parametrize('n', range(6))\ndef test_plain(n): pass\n"
    )
    result = noting.run("-n", "2", "--dist", "loadgroup", "--golden-device=cuda:1")
    said(result)
    assert {(worker, device, gpu) for worker, device, gpu, *_ in noted(noting)} == {
        ("gw0", "cuda", "5")
    }
    result.assert_outcomes(passed=6, failed=12)
    assert the_run(noting).complete


def test_without_loadgroup_too_many_workers_are_an_error_before_anything_is_made(noting: Project):
    result = noting.run("-n", "2", "--golden-device=cuda:0")
    assert "2 workers would share 1 of the device cuda:0" in said(result)
    assert "--golden-device=cuda:0,cuda:0" in said(result)
    assert not (noting.path / "places.txt").exists()


def test_a_gpu_named_twice_is_shared(noting: Project):
    said(noting.run("-n", "2", "--golden-device=cuda:0,cuda:0"))
    assert {(worker, gpu) for worker, _, gpu, *_ in noted(noting)} == {("gw0", "3"), ("gw1", "3")}


@pytest.mark.parametrize("device", ["mps", "xpu:1"])
def test_a_device_of_another_kind_reaches_the_back_end(noting: Project, device: str):
    said(noting.run(f"--golden-device={device}", "tiny.suite.yaml"))
    assert {(device, gpu) for _, device, gpu, *_ in noted(noting)} == {(device, "3,5")}


def test_what_is_no_device_is_a_usage_error(noting: Project):
    result = noting.run("--golden-device=CUDA 1")
    assert "'CUDA 1' names no device" in said(result)
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_a_deep_trace_asked_for_in_the_ini_file_is_refused_to_workers(noting: Project):
    file = noting.path / "pytest.ini"
    file.write_text(f"{file.read_text()}golden_trace = deep\n")
    result = noting.run("-n", "2")
    assert "--golden-trace=deep is for one case" in said(result)
