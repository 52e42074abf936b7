"""``goldenseed calibrate --exact``: images in float64, and what the verdict makes of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from functional.test_calibrate_luck import CASE, SUITE, restless

if TYPE_CHECKING:
    from functional.conftest import Project

DRAWS_BY_ITSELF = """
def change(module, count):
    import torch
    step = module.DDIMScheduler.step

    def restless(scheduler, *args, **kwargs):
        return (step(scheduler, *args, **kwargs)[0] + 0 * torch.randn(1),)

    module.DDIMScheduler.step = restless
"""
FARTHER = """
def change(module, count):
    step = module.DDIMScheduler.step

    def moved(scheduler, *args, **kwargs):
        return (step(scheduler, *args, **kwargs)[0] * (1 + 5e-5),)

    module.DDIMScheduler.step = moved
"""


def profile_of(project: Project) -> dict[str, Any]:
    entry = json.loads((project.path / "baselines" / "tiny" / f"{CASE}.json").read_text())
    (profile,) = entry["profiles"].values()
    return dict(profile)


def judged(project: Project) -> dict[str, Any]:
    """Run the suite in a process of its own."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        command, cwd=project.path, capture_output=True, text=True, check=False, env=os.environ
    )
    (case,) = project.record()["cases"]
    assert case["verdict"] != "error", done.stdout
    return dict(case)


def test_what_is_farther_from_the_exact_image_is_told_after_the_calibration_has_expired(
    make_project: Callable[[str], Project], monkeypatch: pytest.MonkeyPatch
):
    project = make_project(SUITE)
    project.accept_all()
    done = project.command("calibrate", "tiny.suite.yaml", "-n", "2", "--exact")
    assert done.returncode == 0, done.stderr
    assert "in float64: made" in done.stderr
    exact = profile_of(project)["exact"]
    assert all(0 < value < 1e-5 for value in exact["distances"].values())
    assert all(exact["limits"][name] > 3 * value for name, value in exact["distances"].items())
    stored = project.path / "baselines/traces" / exact["trace_sha256"][:2]
    assert (stored / f"{exact['trace_sha256']}.json.gz").stat().st_size < 64_000
    shown = project.command("show", CASE).stdout
    assert "exact    20" in shown
    assert "latents" in shown

    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    again = judged(project)
    assert again["verdict"] in {"identical", "match"}, again["reasons"]

    restless(project, monkeypatch, "diffusers.schedulers.scheduling_ddim", FARTHER)
    moved = judged(project)
    assert moved["verdict"] == "warn", moved["reasons"]
    reasons = {each["metric"]: each for each in moved["reasons"]}
    found = reasons["exact_latents_distance"]
    assert found["value"] > found["limit"] > exact["distances"]["exact_latents_distance"]
    assert "exact image; the accepted one is" in found["source"]
    details = [each["detail"] or "" for each in moved["reasons"]]
    assert any("has expired: env.ONEDNN_MAX_CPU_ISA" in each for each in details)


def test_a_pipeline_that_cannot_be_float64_is_calibrated_without(
    make_project: Callable[[str], Project], monkeypatch: pytest.MonkeyPatch
):
    project = make_project(SUITE)
    project.accept_all()
    restless(project, monkeypatch, "diffusers.schedulers.scheduling_ddim", DRAWS_BY_ITSELF)
    done = project.command("calibrate", "tiny.suite.yaml", "-n", "2", "--exact")
    assert done.returncode == 0, done.stderr
    assert "no exact image: " in done.stderr
    assert "draws from torch's own generator" in done.stderr
    assert "Traceback" not in done.stderr
    profile = profile_of(project)
    assert "exact" not in profile
    assert profile["tolerance"]["pattern"] == "identical"
