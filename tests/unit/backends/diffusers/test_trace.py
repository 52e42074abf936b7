from __future__ import annotations

import copy
import functools
import hashlib
import inspect
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline
from tiny_suites import one_case

from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.backends.diffusers.calling import PipelineCall
from goldenseed.backends.diffusers.trace import Tracing
from goldenseed.trace.stages import WITHIN, Stage, Trace


@pytest.fixture
def pipeline(sd: Path) -> Any:
    loaded = DiffusionPipeline.from_pretrained(sd)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def call(pipeline: Any, **more: Any) -> Any:
    arguments = {"num_inference_steps": 2, "height": 32, "width": 32, "output_type": "np", **more}
    return pipeline("a red ball", generator=torch.Generator().manual_seed(7), **arguments)


def trace_of(pipeline: Any, **more: Any) -> Trace:
    with Tracing(pipeline).recorded() as recorder:
        call(pipeline, **more)
    return recorder.trace


def stages(trace: Trace) -> list[str]:
    return list(dict.fromkeys(record.stage.value for record in trace))


def only(trace: Trace, stage: Stage, index: int = 0) -> Any:
    (found,) = [each for each in trace if each.stage is stage and each.index == index]
    return found


@pytest.mark.parametrize("kind", ["sd", "sdxl", "flux"])
def test_tracing_leaves_every_pixel_as_it_is(models: Path, tmp_path: Path, kind: str):
    (tmp_path / kind).symlink_to(models / kind)
    case = one_case(tmp_path, kind)
    traced = DiffusersBackend().generate(case)
    plain = DiffusersBackend(trace=False).generate(case)
    assert traced.image.tobytes() == plain.image.tobytes()
    assert len(traced.trace) > 10
    assert plain.trace == ()


@pytest.mark.parametrize("kind", ["sd", "sdxl", "flux"])
def test_every_stage_is_recorded_in_the_order_of_the_flow(models: Path, tmp_path: Path, kind: str):
    (tmp_path / kind).symlink_to(models / kind)
    trace = DiffusersBackend().generate(one_case(tmp_path, kind)).trace
    found = stages(tuple(each for each in trace if each.stage not in WITHIN))
    assert found[:2] == ["token_ids", "prompt_embeddings"]
    assert {"timesteps", "initial_noise"} <= set(found[2:-5])
    assert ("sigmas" in found) == (kind != "sd")
    ends = ["initial_latents", "denoising_step", "latents_before_vae", "float_image", "pixels"]
    assert found[-5:] == ends


@pytest.mark.parametrize(("kind", "rows"), [("sd", 2), ("sdxl", 2), ("flux", 1)])
def test_what_the_denoiser_is_given_and_makes_is_recorded_for_the_first_step(
    models: Path, tmp_path: Path, kind: str, rows: int
):
    (tmp_path / kind).symlink_to(models / kind)
    trace = DiffusersBackend().generate(one_case(tmp_path, kind)).trace
    assert len([each for each in trace if each.stage is Stage.DENOISER_OUTPUT]) == rows
    sources = [each.source or "" for each in trace if each.stage is Stage.DENOISER_INPUT]
    assert any(each.endswith(".encoder_hidden_states") for each in sources)
    assert len(set(sources)) == len(sources)
    assert only(trace, Stage.GUIDED_OUTPUT)
    assert only(trace, Stage.VAE_OUTPUT)


def test_all_encoders_have_records_of_their_own(models: Path, tmp_path: Path):
    (tmp_path / "sdxl").symlink_to(models / "sdxl")
    trace = DiffusersBackend().generate(one_case(tmp_path, "sdxl")).trace
    sources = {each.source for each in trace if each.stage is Stage.PROMPT_EMBEDDINGS}
    assert {"text_encoder.hidden_states[-2]", "text_encoder_2.text_embeds"} <= sources


def test_no_two_records_have_one_key(models: Path, tmp_path: Path):
    (tmp_path / "flux").symlink_to(models / "flux")
    trace = DiffusersBackend().generate(one_case(tmp_path, "flux")).trace
    assert len({record.key for record in trace}) == len(trace)


def test_a_record_describes_the_values_that_flowed(pipeline: Any):
    seen = []
    trace = trace_of(
        pipeline,
        callback_on_step_end=lambda _pipe, _step, _time, values: (
            seen.append(values["latents"]) or values
        ),
    )
    latents = seen[-1]
    found = only(trace, Stage.DENOISING_STEP, 1)
    assert found.sha256 == hashlib.sha256(latents.numpy().tobytes()).hexdigest()
    assert found.shape == tuple(latents.shape)
    assert found.dtype == "float32"
    assert found.norm == pytest.approx(float(np.linalg.norm(latents.double().numpy())))


def test_the_callers_own_callback_is_still_called(pipeline: Any):
    steps = []
    trace_of(
        pipeline,
        callback_on_step_end=lambda _pipe, step, _time, values: steps.append(step) or values,
    )
    assert steps == [0, 1]


def test_the_same_image_has_the_same_trace(pipeline: Any):
    assert trace_of(pipeline) == trace_of(pipeline)


def test_another_guidance_changes_the_steps_and_nothing_before(pipeline: Any):
    one, other = trace_of(pipeline, guidance_scale=3.0), trace_of(pipeline, guidance_scale=3.5)
    differing = [a.stage for a, b in zip(one, other, strict=True) if a.sha256 != b.sha256]
    assert differing[:2] == [Stage.GUIDED_OUTPUT, Stage.DENOISING_STEP]


def test_nothing_stays_behind_after_the_call(pipeline: Any):
    scheduler, tokenizer = type(pipeline.scheduler), type(pipeline.tokenizer)
    before = set(vars(pipeline.vae)), set(vars(pipeline.scheduler))
    trace_of(pipeline)
    assert type(pipeline.scheduler) is scheduler
    assert type(pipeline.tokenizer) is tokenizer
    assert set(vars(pipeline.vae)) == before[0]
    assert "step" not in vars(pipeline.scheduler)
    assert not pipeline.text_encoder._forward_hooks


def test_nothing_stays_behind_after_an_error(pipeline: Any):
    scheduler = type(pipeline.scheduler)

    def fail(*_: Any) -> Any:
        raise RuntimeError("out of paint")

    with pytest.raises(RuntimeError, match="out of paint"):
        trace_of(pipeline, callback_on_step_end=fail)
    assert type(pipeline.scheduler) is scheduler
    assert not pipeline.text_encoder._forward_hooks
    assert "decode" not in vars(pipeline.vae)


def test_noise_is_drawn_by_diffusers_own_function_again_afterwards(pipeline: Any):
    from diffusers.pipelines.stable_diffusion import pipeline_stable_diffusion
    from diffusers.utils import torch_utils

    trace_of(pipeline)
    assert pipeline_stable_diffusion.randn_tensor is torch_utils.randn_tensor
    assert torch_utils.randn_tensor.__module__ == "diffusers.utils.torch_utils"


def test_noise_that_somebody_s_own_function_returns_is_the_noise(
    pipeline: Any, monkeypatch: pytest.MonkeyPatch
):
    from diffusers.pipelines.stable_diffusion import pipeline_stable_diffusion

    drawn = pipeline_stable_diffusion.randn_tensor
    before = only(trace_of(pipeline), Stage.INITIAL_NOISE)
    monkeypatch.setattr(
        pipeline_stable_diffusion, "randn_tensor", lambda *a, **k: 2 * drawn(*a, **k)
    )
    now = only(trace_of(pipeline), Stage.INITIAL_NOISE)
    assert now.norm == pytest.approx(2 * before.norm)


def test_a_pipeline_without_a_vae_lacks_only_the_stage(pipeline: Any):
    trace = trace_of(pipeline, output_type="latent")
    assert "latents_before_vae" not in stages(trace)
    assert "denoising_step" in stages(trace)


def test_an_object_that_is_hardly_a_pipeline_has_its_image_recorded(sd: Path, tmp_path: Path):
    class Plain:
        def __call__(self, prompt: str, num_inference_steps: int, height: int, width: int) -> Any:
            return SimpleNamespace(images=np.ones((1, 4, 4, 3), dtype=np.float32))

    trace = PipelineCall(Plain()).generate(one_case(tmp_path, "sd")).trace
    assert stages(trace) == ["float_image", "pixels"]


def test_signatures_that_pipelines_look_at_read_as_before(pipeline: Any):
    before = inspect.signature(pipeline.scheduler.step)
    with Tracing(pipeline).recorded():
        assert inspect.signature(pipeline.scheduler.step) == before


def test_a_copy_of_a_watched_scheduler_works_on_itself(pipeline: Any):
    with Tracing(pipeline).recorded():
        twin = copy.deepcopy(pipeline.scheduler)
        twin.set_timesteps(7)
    assert len(twin.timesteps) == 7
    assert pipeline.scheduler.num_inference_steps != 7


def test_a_step_that_was_replaced_on_the_object_is_called_and_recorded(pipeline: Any):
    steps, original = [], pipeline.scheduler.step

    def counted(*args: Any, **kwargs: Any) -> Any:
        steps.append(1)
        return original(*args, **kwargs)

    pipeline.scheduler.step = counted
    trace = trace_of(pipeline)
    assert len(steps) == 2
    assert only(trace, Stage.DENOISING_STEP, 1)
    assert pipeline.scheduler.step is counted


def test_a_decode_that_was_replaced_on_the_object_is_called_and_recorded(pipeline: Any):
    original = pipeline.vae.decode
    mine = pipeline.vae.decode = functools.partial(original)
    assert only(trace_of(pipeline), Stage.LATENTS_BEFORE_VAE)
    assert pipeline.vae.decode is mine


def test_a_compiled_encoder_is_left_alone(pipeline: Any):
    pipeline.text_encoder.compile(backend="eager")
    trace = trace_of(pipeline)
    assert "prompt_embeddings" not in stages(trace)
    assert "denoising_step" in stages(trace)


@pytest.mark.parametrize("in_place", [True, False])
def test_a_compiled_denoiser_is_left_alone_and_its_steps_are_traced(
    pipeline: Any, *, in_place: bool
):
    expected = [each for each in trace_of(pipeline) if each.stage is Stage.DENOISING_STEP]
    if in_place:
        pipeline.unet.compile(backend="eager")
    else:
        pipeline.unet = torch.compile(pipeline.unet, backend="eager")
    trace = trace_of(pipeline)
    assert "denoiser_output" not in stages(trace)
    assert [each for each in trace if each.stage is Stage.DENOISING_STEP] == expected


def test_a_wrapped_vae_is_traced(pipeline: Any):
    pipeline.vae = torch.compile(pipeline.vae, backend="eager")
    trace = trace_of(pipeline)
    assert only(trace, Stage.LATENTS_BEFORE_VAE)
    assert "decode" not in vars(pipeline.vae)


def test_the_noise_of_ancestral_samplers_is_recorded_step_by_step(pipeline: Any):
    from diffusers import EulerAncestralDiscreteScheduler

    pipeline.scheduler = EulerAncestralDiscreteScheduler.from_config(pipeline.scheduler.config)
    trace = trace_of(pipeline)
    assert only(trace, Stage.INITIAL_NOISE)
    assert len([each for each in trace if each.stage is Stage.LATER_NOISE]) == 2


def test_offloaded_components_are_traced(pipeline: Any):
    expected = trace_of(pipeline)
    from accelerate.hooks import AlignDevicesHook, add_hook_to_module

    for module in (pipeline.text_encoder, pipeline.unet, pipeline.vae):
        add_hook_to_module(module, AlignDevicesHook(execution_device="cpu"))
    assert trace_of(pipeline) == expected


def test_models_whose_weights_are_fetched_layer_by_layer_are_traced(pipeline: Any):
    expected = trace_of(pipeline)
    from accelerate import cpu_offload

    for module in (pipeline.text_encoder, pipeline.unet, pipeline.vae):
        cpu_offload(module, torch.device("cpu"))
    assert trace_of(pipeline) == expected


def test_values_that_are_not_finite_have_a_digest_and_no_norm(pipeline: Any):
    with Tracing(pipeline).recorded() as recorder:
        recorder.add(Stage.DENOISING_STEP, None, torch.tensor([float("nan")]))
    assert recorder.trace[0].norm is None
    assert len(recorder.trace[0].sha256) == 64
