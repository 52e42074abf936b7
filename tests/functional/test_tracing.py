"""Where an image parts from its baseline, from the run that accepted it to the failure text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from goldenseed.baselines.store import BaselineStore
from goldenseed.runs.folder import load_run
from goldenseed.runs.stored import stored_trace

if TYPE_CHECKING:
    from conftest import Project
    from goldenseed.baselines.entry import BaselineEntry

CASE = "red-apple[seed=1]"
ONE = (f"tiny.suite.yaml::{CASE}",)

ANOTHER_GUIDANCE = """
    import diffusers
    original = diffusers.StableDiffusionPipeline.guidance_scale
    def pytest_configure(config):
        off = property(lambda self: self._guidance_scale * 1.5)
        diffusers.StableDiffusionPipeline.guidance_scale = off
    def pytest_unconfigure(config):
        diffusers.StableDiffusionPipeline.guidance_scale = original
"""
A_LEVEL_OFF_IN_THE_END = """
    import diffusers, functools
    original = diffusers.StableDiffusionPipeline.__call__
    @functools.wraps(original)
    def brighter(self, *args, **kwargs):
        output = original(self, *args, **kwargs)
        output.images = (output.images + 0.1).clip(0, 1)
        return output
    def pytest_configure(config):
        diffusers.StableDiffusionPipeline.__call__ = brighter
    def pytest_unconfigure(config):
        diffusers.StableDiffusionPipeline.__call__ = original
"""
THEREFORE = "prompt embeddings, timesteps and initial noise are identical"


def test_an_identical_image_has_a_trace_and_no_diagnosis(project: Project):
    project.run("--golden-update=missing", *ONE)
    project.run(*ONE)
    folder = project.path / "reports" / "latest"
    (case,) = load_run(folder).cases
    trace = stored_trace(folder, case)
    assert trace
    assert [each.sha256 for each in trace] == [each.sha256 for each in case.trace]
    assert case.diagnosis is None
    (accepted,) = next(iter(_entry(project).profiles.values())).accepted
    assert BaselineStore(project.path / "baselines").trace(accepted.trace_sha256 or "") == trace


def test_a_change_of_guidance_parts_at_the_first_step(project: Project):
    project.run("--golden-update=missing", *ONE)
    project.conftest(ANOTHER_GUIDANCE)
    result = project.run(*ONE)
    result.stdout.fnmatch_lines([f"*first divergence: denoising step 1 of 3; {THEREFORE}"])
    result.stdout.fnmatch_lines(["*relative distance * there, * before the VAE*"])
    result.stdout.fnmatch_lines(
        ["*likely cause: guidance scale: *guidance_scale = conf*, about * (0.9*)"]
    )
    (case,) = project.record()["cases"]
    assert case["diagnosis"]["causes"][0]["cause"] == "guidance_scale"
    found = case["diagnosis"]["first_divergence"]
    assert (found["stage"], found["index"], found["of"]) == ("denoising_step", 0, 3)
    page = (project.path / "reports" / "latest" / "index.html").read_text()
    assert "First divergence: denoising step 1 of 3" in page


def test_what_all_cases_share_is_said_once_and_first(project: Project):
    project.run("--golden-update=missing")
    project.conftest(ANOTHER_GUIDANCE)
    result = project.run()
    shared = "cases moved: they part at denoising step 1, likely cause: guidance scale: *, about"
    result.stdout.fnmatch_lines([f"golden: * {shared}*"])
    summary = (project.path / "reports" / "latest" / "summary.md").read_text()
    assert "cases moved" in summary.split("\n\n")[1]


def test_a_change_after_the_vae_parts_at_the_float_image(project: Project):
    project.run("--golden-update=missing", *ONE)
    project.conftest(A_LEVEL_OFF_IN_THE_END)
    result = project.run(*ONE)
    result.stdout.fnmatch_lines(
        ["*first divergence: float image; latents before the VAE are identical"]
    )


def test_a_baseline_without_a_trace_says_so_until_it_is_given_one(project: Project):
    project.run("--golden-update=missing", "--golden-trace=off", *ONE)
    (case,) = project.record()["cases"]
    assert case["trace"] == []
    assert not (project.path / "baselines" / "traces").exists()
    project.run(*ONE)
    run = project.record()["run_id"]
    project.conftest(A_LEVEL_OFF_IN_THE_END)
    project.run(*ONE).stdout.fnmatch_lines(
        ["*first divergence: unknown, since the accepted image has no trace*"]
    )
    done = project.command("accept", run, CASE, "--reason", "adds the trace")
    assert done.stdout.startswith("traced "), done
    project.run(*ONE).stdout.fnmatch_lines(["*first divergence: float image;*"])


def test_a_damaged_trace_of_the_baseline_is_named_and_changes_no_verdict(project: Project):
    project.run("--golden-update=missing", *ONE)
    (trace,) = (project.path / "baselines" / "traces").rglob("*.json.gz")
    trace.write_bytes(trace.read_bytes()[:99])
    assert project.run(*ONE).ret == 0
    project.conftest(A_LEVEL_OFF_IN_THE_END)
    result = project.run(*ONE)
    assert project.verdicts() == {CASE: "drift"}
    result.stdout.fnmatch_lines([f"*first divergence: unknown*{trace.name}*"])


def test_two_runs_compared_say_where_they_part(project: Project):
    project.run(*ONE)
    first = project.record()["run_id"]
    project.conftest(ANOTHER_GUIDANCE)
    project.run(*ONE)
    second = project.record()["run_id"]
    done = project.command("diff", first, second)
    found = [
        page.read_text()
        for page in project.path.rglob("index.html")
        if "First divergence" in page.read_text()
    ]
    assert found, done.stdout + done.stderr
    assert "why: the one case moved: it parts at denoising step 1, likely cause: " in done.stdout


def _entry(project: Project) -> BaselineEntry:
    entry = BaselineStore(project.path / "baselines").entry("tiny", CASE)
    assert entry
    return entry
