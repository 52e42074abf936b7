"""Sessions with prompts that a language model writes, questions to images, and safety checkers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tiny_writers import tiny_blip, tiny_llama

if TYPE_CHECKING:
    from conftest import Project

SUITE = """\
suite: tiny
model: {source: model}
defaults:
  call: {num_inference_steps: 2, height: 32, width: 32, guidance_scale: 3.0}
cases:
  - id: written
    prompt: {model: llm, template: "a picture of {what}", fill: {what: a tree}, max_new_tokens: 8}
    seeds: [1, 2]
  - id: drawn
    prompts:
      drawn: {model: llm, template: a small house, seed: 5, max_new_tokens: 8}
      plain: a small house
    seeds: [1]
"""
LONG = "more than the 128 that the language model takes"


@pytest.fixture
def written(make_project: Callable[[str], Project]) -> Project:
    project = make_project(SUITE)
    tiny_llama(project.path / "llm")
    return project


def test_a_written_prompt_is_kept_accepted_and_its_change_explained(written: Project):
    result = written.run("--golden-update=missing")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["*note: the language model was stopped after 8 tokens (before*"])
    cases = {case["id"]: case for case in written.record()["cases"]}
    first, plain = cases["written[seed=1]"], cases["drawn[plain,seed=1]"]
    assert first["written"] == cases["written[seed=2]"]["written"]
    assert first["written"]["model"] == "llm"
    assert [each["stage"] for each in first["trace"][:3]] == ["written_prompt"] * 2 + ["token_ids"]
    assert "written" not in plain
    entry = json.loads((written.path / "baselines/tiny/written[seed=1].json").read_text())
    [profile] = entry["profiles"].values()
    assert profile["accepted"][0]["written"] == first["written"]
    text = first["written"]["text"]

    tiny_llama(written.path / "llm", seed=7)
    result = written.run()
    result.assert_outcomes(passed=1, failed=3)
    cases = {case["id"]: case for case in written.record()["cases"]}
    assert cases["drawn[plain,seed=1]"]["verdict"] == "identical"
    now = cases["written[seed=1]"]
    [cause, *_] = now["diagnosis"]["causes"]
    assert cause["cause"] == "language_model"
    assert "the language model wrote another prompt: first differing token at" in cause["words"]
    assert cause["words"].endswith("of 8, because its weights differ")
    assert f"accepted: {text!r}; now: {now['written']['text']!r}" in cause["evidence"]
    assert now["diagnosis"]["first_divergence"]["stage"] == "written_prompt"
    page = "".join(
        each.read_text() for each in (written.path / "reports/latest").rglob("*") if each.suffix in
        {".html", ".js"}
    )  # fmt: skip
    assert now["written"]["text"] in page
    assert "llm, 8 tokens, cut off" in page


def test_a_case_whose_prompt_cannot_be_written_fails_alone(written: Project):
    written.edit("a small house, seed: 5, max_new_tokens: 8", "a small house, max_new_tokens: 126")
    result = written.run("--golden-update=missing")
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines([f"*the template has 3 tokens and 126 more*{LONG}*"])


def test_a_language_model_that_is_refused_is_an_error_with_its_line(written: Project):
    (written.path / "llm" / "model.safetensors").rename(written.path / "llm/pytorch_model.bin")
    result = written.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*tiny.suite.yaml:7: *is a pickle, which can run any code*"])


def test_a_lock_pins_the_language_model(written: Project):
    written.edit("suite: tiny", "suite: tiny\nlock: tiny.lock.yaml")
    assert written.command("lock", "tiny.suite.yaml").returncode == 0
    assert (
        "language_model_file.llm/model.safetensors" in (written.path / "tiny.lock.yaml").read_text()
    )
    tiny_llama(written.path / "llm", seed=7)
    result = written.run()
    result.stdout.fnmatch_lines(["*language_model_file.llm/model.safetensors*"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED


ASKED = """\
suite: tiny
model: {source: model}
defaults:
  call: {num_inference_steps: 2, height: 32, width: 32, guidance_scale: 3.0}
content:
  answers: [{model: vlm, question: is it round, expect: ANSWER, max_new_tokens: 2}]
cases:
  - {id: one, prompt: a red apple, seeds: [1]}
"""


def test_an_answer_decides_whether_a_case_passes_and_is_shown(
    make_project: Callable[[str], Project],
):
    project = make_project(ASKED)
    tiny_blip(project.path / "vlm")
    result = project.run()
    result.assert_outcomes(failed=1)
    [answer] = project.record()["cases"][0]["answers"]
    result.stdout.fnmatch_lines(["*asked 'is it round', the model answers*'ANSWER' is expected"])
    page = project.path / "reports/latest/index.html"
    assert "could not be asked" not in page.read_text()
    project.edit("ANSWER", json.dumps(f"{answer['answer'].upper()}."))
    result = project.run("--golden-update=missing", "--junitxml=junit.xml")
    result.assert_outcomes(passed=1)
    assert project.record()["cases"][0]["answers"][0]["holds"] is True
    held = project.command("gates", "tiny.suite.yaml", "--json").stdout
    [case] = json.loads(held)["suites"][0]["cases"]
    assert ("content", "asked 'is it round'") in [
        (each["kind"], each["name"]) for each in case["held_by"]
    ]


def test_an_archive_is_verified_without_the_model_that_was_asked(
    make_project: Callable[[str], Project],
):
    project = make_project(ASKED.replace("ANSWER", "never"))
    tiny_blip(project.path / "vlm")
    project.run()
    assert (
        project.command(
            "archive", "create", "latest", "--partial", "--output", "archive"
        ).returncode
        == 0
    )
    shutil.rmtree(project.path / "vlm")
    found = project.command("archive", "verify", "archive")
    assert "the answers to its questions need torch and a model" in found.stdout


@pytest.fixture
def checked(make_project: Callable[[str], Project]) -> Callable[[str, float], Project]:
    """A project whose model has a safety checker, random but for its threshold."""

    def make(safety: str, threshold: float) -> Project:
        import torch
        from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
        from transformers import CLIPConfig

        from tiny_pipelines import WIDTH, clip_image_processor

        project = make_project(f"{safety}\n{ASKED.partition('content')[0]}cases:\n"
                               "  - {id: one, prompt: a red apple, seeds: [1]}\n")  # fmt: skip
        model = project.path / "model"
        whole = model.resolve()
        model.unlink()
        shutil.copytree(whole, model)
        vision = {"hidden_size": WIDTH, "intermediate_size": 64, "num_hidden_layers": 1,
                  "num_attention_heads": 4, "image_size": 32, "patch_size": 8}  # fmt: skip
        torch.manual_seed(0)
        config = CLIPConfig(vision_config=vision, text_config={}, projection_dim=WIDTH)
        checker = StableDiffusionSafetyChecker(config)
        with torch.no_grad():
            checker.concept_embeds_weights.fill_(threshold)
            checker.special_care_embeds_weights.fill_(threshold)
        checker.save_pretrained(model / "safety_checker", safe_serialization=True)
        size = {"height": 32, "width": 32}
        clip_image_processor()(size={"shortest_edge": 32}, crop_size=size).save_pretrained(
            model / "feature_extractor"
        )
        index = json.loads((model / "model_index.json").read_text())
        index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
        index["feature_extractor"] = ["transformers", "CLIPImageProcessor"]
        (model / "model_index.json").write_text(json.dumps(index))
        return project

    return make


PASSES, FLAGS = 2.0, -2.0
"""Thresholds that no cosine exceeds, and that all do."""


def outcome(project: Project) -> tuple[str, object, str]:
    """Return the case's verdict, the flags on record and what went wrong."""
    project.run()
    [case] = project.record()["cases"]
    return case["verdict"], case.get("flagged"), case["error"] or ""


def test_what_a_safety_checker_says_is_on_record(checked: Callable[[str, float], Project]):
    assert outcome(checked("safety: required", PASSES)) == ("new", [False], "")


def test_a_blanked_image_fails_or_is_kept_with_its_flag_or_is_not_blanked(
    checked: Callable[[str, float], Project],
):
    project = checked("safety: required", FLAGS)
    verdict, _, error = outcome(project)
    assert (verdict, "blanked the image" in error) == ("error", True)
    project.edit("safety: required", "safety: record")
    assert outcome(project) == ("new", [True], "")
    [case] = project.record()["cases"]
    assert case["remarks"][0] == "the safety checker flagged the image, and blanks what it flags"
    blanked = case["pixels_sha256"]
    project.edit("safety: record", "safety: off")
    assert outcome(project) == ("new", None, "")
    assert project.record()["cases"][0]["pixels_sha256"] != blanked


def test_a_pipeline_without_the_checker_that_is_required_is_refused(
    make_project: Callable[[str], Project],
):
    project = make_project(SUITE.replace("cases:", "safety: required\ncases:"))
    tiny_llama(project.path / "llm")
    result = project.run("-k", "plain")
    result.stdout.fnmatch_lines(["*`safety` is required, and this StableDiffusionPipeline has no*"])
