"""Components that are compiled or offloaded are diagnosed from what their traces do have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import cpu_offload
from accelerate.hooks import AlignDevicesHook, add_hook_to_module
from diffusers import DiffusionPipeline
from tiny_suites import one_case

from goldenseed.backends.diffusers.calling import PipelineCall
from goldenseed.backends.diffusers.pipeline_state import describe_state
from goldenseed.diagnosis.explain import Side, Sides, explain
from goldenseed.diagnosis.model import Cause, Diagnosis
from goldenseed.trace.stages import Stage

RECIPE: Mapping[str, Any] = {"prompt": "a red ball", "seed": 7, "model": {"dtype": "float32"}}


def made(sd: Path, folder: Path, *changes: Callable[[Any], object]) -> Side:
    pipeline = DiffusionPipeline.from_pretrained(sd, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    for change in changes:
        change(pipeline)
    state = dict(describe_state(pipeline, pipeline.scheduler))
    generated = PipelineCall(pipeline).generate(one_case(folder, "sd"))
    return Side({"device.type": "cpu", **state}, RECIPE, generated.trace)


def other_weights(component: str) -> Callable[[Any], object]:
    def change(pipeline: Any) -> None:
        with torch.no_grad():
            for weight in getattr(pipeline, component).parameters():
                weight.mul_(1.01)

    return change


def compiled(component: str) -> Callable[[Any], object]:
    return lambda pipeline: getattr(pipeline, component).compile(backend="eager")


def hooked(pipeline: Any) -> None:
    for module in (pipeline.text_encoder, pipeline.unet, pipeline.vae):
        add_hook_to_module(module, AlignDevicesHook(execution_device="cpu"))


def offloaded(pipeline: Any) -> None:
    for module in (pipeline.text_encoder, pipeline.unet, pipeline.vae):
        cpu_offload(module, torch.device("cpu"))


def stages(side: Side) -> set[Stage]:
    return {each.stage for each in side.trace or ()}


def first(found: Diagnosis) -> Cause:
    return found.causes[0].cause


@pytest.mark.parametrize("wrap", [hooked, offloaded])
@pytest.mark.parametrize(
    ("component", "cause"),
    [
        ("text_encoder", Cause.TEXT_ENCODER),
        ("unet", Cause.DENOISER),
        ("vae", Cause.VAE_WEIGHTS),
    ],
)
def test_a_change_under_offload_hooks_is_named(
    wrap: Callable[[Any], object], component: str, cause: Cause, sd: Path, tmp_path: Path
):
    accepted = made(sd, tmp_path, wrap)
    present = made(sd, tmp_path, other_weights(component), wrap)
    assert stages(accepted) == stages(present)
    assert first(explain(Sides(accepted, present))) is cause


@pytest.mark.parametrize(
    ("component", "lacks", "cause"),
    [
        ("text_encoder", Stage.PROMPT_EMBEDDINGS, Cause.TEXT_ENCODER),
        ("unet", Stage.DENOISER_OUTPUT, Cause.DENOISER),
    ],
)
def test_a_change_of_a_compiled_model_is_not_put_down_to_what_follows_it(
    component: str, lacks: Stage, cause: Cause, sd: Path, tmp_path: Path
):
    accepted = made(sd, tmp_path)
    present = made(sd, tmp_path, other_weights(component), compiled(component))
    assert lacks in stages(accepted) - stages(present)
    found = explain(Sides(accepted, present))
    assert cause in {each.cause for each in found.causes[:2]}
    assert first(found) not in {Cause.GUIDANCE, Cause.CALL, Cause.PROMPT}


def test_a_change_behind_a_compiled_model_is_named_all_the_same(sd: Path, tmp_path: Path):
    accepted = made(sd, tmp_path)
    present = made(sd, tmp_path, compiled("text_encoder"), other_weights("vae"))
    assert Stage.PROMPT_EMBEDDINGS not in stages(present)
    assert first(explain(Sides(accepted, present))) is Cause.VAE_WEIGHTS
