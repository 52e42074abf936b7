"""Why an image is another one, through real sessions: what the failure text and the record say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Project

CASE = "red-apple[seed=1]"
ONE = (f"tiny.suite.yaml::{CASE}",)

BEFORE_THE_CALL = """
    import diffusers, functools
    original = diffusers.StableDiffusionPipeline.__call__
    @functools.wraps(original)
    def changed(self, *args, **kwargs):
        {before}
        output = original(self, *args, **kwargs)
        {after}
        return output
    def pytest_configure(config):
        diffusers.StableDiffusionPipeline.__call__ = changed
    def pytest_unconfigure(config):
        diffusers.StableDiffusionPipeline.__call__ = original
"""


def patched(before: str = "pass", after: str = "pass") -> str:
    return BEFORE_THE_CALL.format(before=before, after=after)


@pytest.mark.parametrize(
    ("before", "after", "cause", "words"),
    [
        ("[w.mul_(1.01) for w in self.unet.state_dict().values()]", "pass",
         "denoiser_weights", "denoiser weights*"),
        ("kwargs['num_inference_steps'] += 1", "pass", "step_count", "step count: 3 → 4*"),
        ("kwargs['generator'].manual_seed(5)", "pass", "seed", "seed or generator*"),
        ("kwargs['negative_prompt'] = 'rain'", "pass", "prompt", "prompt*"),
        ("pass", "output.images = output.images * 0.9", "post_processing", "post-processing*"),
    ],
)  # fmt: skip
def test_what_is_changed_underneath_is_told_from_the_trace(
    project: Project, before: str, after: str, cause: str, words: str
):
    project.run("--golden-update=missing", *ONE)
    project.conftest(patched(before, after))
    result = project.run(*ONE)
    result.stdout.fnmatch_lines([f"*likely cause: {words}(0.*)"])
    assert causes(project)[0]["cause"] == cause


ENCODING_OTHERWISE = """
    import diffusers
    original = diffusers.StableDiffusionPipeline.encode_prompt
    def house_embeddings(self, *args, **kwargs):
        return tuple(each * 1.05 for each in original(self, *args, **kwargs))
    def pytest_configure(config):
        diffusers.StableDiffusionPipeline.encode_prompt = house_embeddings
    def pytest_unconfigure(config):
        diffusers.StableDiffusionPipeline.encode_prompt = original
"""


def test_a_method_of_one_s_own_is_named_and_counts_no_more_once_it_is_accepted(project: Project):
    project.run("--golden-update=missing", *ONE)
    project.conftest(ENCODING_OTHERWISE)
    result = project.run(*ONE)
    method = "StableDiffusionPipeline.encode_prompt = conftest.house_embeddings"
    result.stdout.fnmatch_lines(
        [
            f"*no rounding, since on record as changed: pipeline.methods none → {method}@*",
            f"*likely cause: patch or switch of a model: {method} (0.*)",
        ]
    )
    assert causes(project)[0]["cause"] == "model_patch"
    project.run("--golden-update=all", *ONE)
    project.run(*ONE)
    assert project.verdicts() == {CASE: "identical"}


@pytest.mark.parametrize(
    ("after", "cause"),
    [
        ("output.images[:] = float('nan')", "nan_or_black"),
        ("output.nsfw_content_detected = [True]", "safety_checker"),
    ],
)
def test_a_failure_with_an_image_that_shows_nothing_has_its_cause(
    project: Project, after: str, cause: str
):
    project.run("--golden-update=missing", *ONE)
    project.conftest(patched(after=after))
    project.run(*ONE)
    assert project.verdicts() == {CASE: "error"}
    found = causes(project)[0]
    assert found["cause"] == cause
    assert found["confidence"] > 0.9


def test_two_runs_without_a_difference_have_no_diagnosis(project: Project):
    project.run("--golden-update=missing", *ONE)
    project.run(*ONE)
    (case,) = project.record()["cases"]
    assert case["diagnosis"] is None


def causes(project: Project) -> list[dict[str, Any]]:
    (case,) = project.record()["cases"]
    found: list[dict[str, Any]] = case["diagnosis"]["causes"]
    return found
