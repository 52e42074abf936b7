"""Pipelines that tokenize, encode, denoise or step in another way than Stable Diffusion does."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers import DDIMParallelScheduler, DDIMScheduler, PNDMScheduler, ScoreSdeVeScheduler
from transformers import CLIPTextModel

from goldenseed.backends.diffusers.pipeline_state import _scheduler
from goldenseed.backends.diffusers.trace import Tracing
from goldenseed.trace.stages import Stage, Trace
from tiny_pipelines import _clip_text_config


class Pipeline:
    """Nothing but components."""

    def __init__(self, **components: Any) -> None:
        self.components = components
        vars(self).update(components)


def sources(trace: Trace, stage: Stage) -> list[str | None]:
    return [each.source for each in trace if each.stage is stage]


class Processor:
    """What a pipeline has in place of a tokenizer where it also takes pictures."""

    tokenizer = None

    def __call__(self, text: str) -> Any:
        return SimpleNamespace(input_ids=[[ord(letter) for letter in text]])


def test_what_a_processor_returns_are_token_ids():
    pipeline: Any = Pipeline(processor=Processor())
    with Tracing(pipeline).recorded() as recorder:
        pipeline.processor("hello")
    assert sources(recorder.trace, Stage.TOKEN_IDS) == ["processor"]
    assert type(pipeline.processor) is Processor


def text_encoder() -> CLIPTextModel:
    torch.manual_seed(1)
    return CLIPTextModel(_clip_text_config()).eval()


def test_an_encoder_called_as_a_whole_is_recorded_as_a_whole():
    pipeline: Any = Pipeline(text_encoder=text_encoder())
    with torch.no_grad(), Tracing(pipeline).recorded() as recorder:
        pipeline.text_encoder(torch.tensor([[1, 2, 3]]))
    names = sources(recorder.trace, Stage.PROMPT_EMBEDDINGS)
    assert names == ["text_encoder.last_hidden_state", "text_encoder.pooler_output"]


def test_an_encoder_whose_layers_a_pipeline_walks_itself_is_recorded_layer_by_layer():
    encoder = text_encoder()
    name, layers = max(
        ((n, m) for n, m in encoder.named_modules() if isinstance(m, torch.nn.ModuleList)),
        key=lambda each: len(each[1]),
    )
    pipeline: Any = Pipeline(text_encoder=encoder)
    states = torch.ones(1, 3, encoder.config.hidden_size)
    with torch.no_grad(), Tracing(pipeline).recorded() as recorder:
        for layer in layers:
            made = layer(states, attention_mask=None)
            states = made[0] if isinstance(made, tuple) else made
    expected = [f"text_encoder.{name}.{number}.0" for number in range(len(layers))]
    assert sources(recorder.trace, Stage.PROMPT_EMBEDDINGS) == expected
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in layers)


def test_a_step_of_several_samples_at_once_is_a_step():
    pipeline: Any = Pipeline(scheduler=DDIMParallelScheduler())
    with Tracing(pipeline).recorded() as recorder:
        pipeline.scheduler.set_timesteps(4)
        times = pipeline.scheduler.timesteps[:2]
        values = torch.ones(2, 4, 8, 8)
        pipeline.scheduler.batch_step_no_noise(values, times, values)
    assert sources(recorder.trace, Stage.GUIDED_OUTPUT) == ["scheduler"]
    assert sources(recorder.trace, Stage.INITIAL_LATENTS) == ["scheduler"]
    assert sources(recorder.trace, Stage.DENOISING_STEP) == ["scheduler"]


def test_a_step_that_makes_another_is_one_step():
    pipeline: Any = Pipeline(scheduler=PNDMScheduler())
    with Tracing(pipeline).recorded() as recorder:
        pipeline.scheduler.set_timesteps(4)
        values = torch.ones(1, 4, 8, 8)
        for time in pipeline.scheduler.timesteps[:3]:
            pipeline.scheduler.step(values, time, values)
    assert len(sources(recorder.trace, Stage.DENOISING_STEP)) == 3


def test_a_scheduler_may_have_no_step_of_that_name():
    pipeline: Any = Pipeline(scheduler=ScoreSdeVeScheduler())
    with Tracing(pipeline).recorded() as recorder:
        scheduler = pipeline.scheduler
        scheduler.set_timesteps(2)
        scheduler.set_sigmas(2)
        values, draw = torch.ones(1, 3, 8, 8), torch.Generator().manual_seed(1)
        scheduler.step_correct(values, 2 * values, generator=draw)
        scheduler.step_pred(values, scheduler.timesteps[:1], values, generator=draw)
    assert sources(recorder.trace, Stage.DENOISING_STEP) == ["scheduler"] * 2
    (given,) = (each for each in recorder.trace if each.stage is Stage.INITIAL_LATENTS)
    assert given.norm == pytest.approx(2 * values.norm().item())
    assert "scheduler.class" in dict(_scheduler(scheduler))


class Denoiser(torch.nn.Module):
    def forward(self, sample: torch.Tensor) -> torch.Tensor:
        return sample * 0.5


def test_each_of_two_denoisers_has_the_first_step_of_its_own_scheduler():
    """Every ``set_timesteps`` begins a stage of the pipeline; a later call of the first is none."""
    pipeline: Any = Pipeline(
        prior_prior=Denoiser(),
        unet=Denoiser(),
        prior_scheduler=DDIMScheduler(),
        scheduler=DDIMScheduler(),
    )
    with Tracing(pipeline).recorded() as recorder:
        for denoiser, scheduler in (("prior_prior", "prior_scheduler"), ("unet", "scheduler")):
            steps = getattr(pipeline, scheduler)
            steps.set_timesteps(3)
            sample = torch.ones(1, 4, 8, 8)
            for time in steps.timesteps:
                made = getattr(pipeline, denoiser)(sample)
                sample = steps.step(made, time, sample).prev_sample
    trace = recorder.trace
    assert sources(trace, Stage.DENOISER_OUTPUT) == ["prior_prior", "unet"]
    assert sources(trace, Stage.GUIDED_OUTPUT) == ["prior_scheduler", "scheduler"]
    assert Counter(sources(trace, Stage.LATER_OUTPUT)) == {"prior_scheduler": 2, "scheduler": 2}
    assert recorder.until_first_step == []
    assert not pipeline.unet._forward_hooks


class Doubling(torch.nn.Module):
    """A denoiser of one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(8, 8)

    def forward(self, sample: torch.Tensor, more: torch.Tensor | None = None) -> torch.Tensor:
        made: torch.Tensor = self.inner(sample)
        return made if more is None else made + more


def test_latents_that_gradients_have_moved_are_not_those_that_the_denoising_began_with():
    pipeline: Any = Pipeline(unet=Doubling(), scheduler=DDIMScheduler())
    with Tracing(pipeline).recorded() as recorder:
        pipeline.scheduler.set_timesteps(2)
        latents = torch.ones(1, 4, 8, 8, requires_grad=True)
        (slope,) = torch.autograd.grad(pipeline.unet(latents).sum(), [latents])
        moved = latents - slope
        with torch.no_grad():
            predicted = pipeline.unet(moved)
            pipeline.scheduler.step(predicted, pipeline.scheduler.timesteps[0], moved)
    assert not sources(recorder.trace, Stage.INITIAL_LATENTS)
    assert sources(recorder.trace, Stage.DENOISER_OUTPUT) == ["unet", "unet"]
    assert sources(recorder.trace, Stage.GUIDED_OUTPUT) == ["scheduler"]


@torch.no_grad()
def test_every_call_whose_inputs_are_recorded_has_its_output_recorded():
    pipeline: Any = Pipeline(unet=Doubling(), scheduler=DDIMScheduler())
    with Tracing(pipeline).recorded() as recorder:
        for _ in range(6):
            pipeline.unet(torch.ones(1, 4, 8, 8))
    given, made = Stage.DENOISER_INPUT, Stage.DENOISER_OUTPUT
    assert len(sources(recorder.trace, given)) == len(sources(recorder.trace, made)) == 4


@torch.no_grad()
@pytest.mark.parametrize("shared", [True, False])
def test_what_a_part_with_modules_of_the_denoiser_makes_is_no_input_of_the_denoiser(shared: bool):
    pipeline: Any = Pipeline(unet=Doubling(), controlnet=Doubling(), scheduler=DDIMScheduler())
    if shared:
        pipeline.controlnet.inner = pipeline.unet.inner
    with Tracing(pipeline).recorded() as recorder:
        sample = torch.ones(1, 4, 8, 8)
        pipeline.unet(sample, pipeline.controlnet(sample))
    given = sources(recorder.trace, Stage.DENOISER_INPUT)
    assert given == (["unet.0"] if shared else ["unet.0", "unet.more"])
    assert not pipeline.controlnet._forward_hooks
