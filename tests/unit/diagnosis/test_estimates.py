from __future__ import annotations

import pytest
import torch
from toy_pipeline import Toy, recorded

from goldenseed.backends.diffusers.recorder import Recorder
from goldenseed.tolerance.mixtures import common_factor, guidance_of, likeness
from goldenseed.trace.stages import Stage, StageRecord


def record(values: torch.Tensor) -> StageRecord:
    recorder = Recorder()
    recorder.add(Stage.INITIAL_NOISE, None, values)
    return recorder.trace[0]


def drawn(seed: int) -> torch.Tensor:
    return torch.randn(4, 64, 64, generator=torch.Generator().manual_seed(seed))


def test_two_draws_have_nothing_in_common_and_one_all():
    assert likeness(record(drawn(1)), record(drawn(1))) == pytest.approx(1)
    estimates = [likeness(record(drawn(1)), record(drawn(seed))) or 0.0 for seed in range(2, 42)]
    assert max(map(abs, estimates)) < 0.25


def test_a_factor_is_found_and_rounding_is_none():
    noise = drawn(1)
    assert common_factor(record(noise), record(1.02 * noise)) == pytest.approx(1.02)
    assert common_factor(record(noise), record(-noise)) == pytest.approx(-1)
    assert common_factor(record(noise), record(noise.half().float())) is None
    assert common_factor(record(noise), record(drawn(2))) is None
    assert common_factor(record(noise), record(torch.zeros_like(noise))) is None


def test_integers_have_no_sketch_and_no_estimate():
    integers = record(torch.arange(9))
    assert likeness(integers, integers) is None
    assert common_factor(integers, integers) is None


@pytest.mark.parametrize("scale", [1.5, 4.0, 7.5, -2.0])
def test_the_guidance_is_estimated_to_a_thousandth(scale: float):
    assert guidance_of(recorded(Toy(guidance=scale))) == pytest.approx(scale, rel=1e-3)


def test_without_two_predictions_there_is_no_guidance():
    assert guidance_of(recorded(Toy(guidance=None))) is None
    assert guidance_of(recorded(Toy(within=False))) is None
    assert guidance_of(()) is None


def test_what_is_no_mixture_has_no_guidance():
    trace = recorded(Toy())
    other = next(each for each in recorded(Toy(seed=2)) if each.stage is Stage.GUIDED_OUTPUT)
    mixed = tuple(other if each.stage is Stage.GUIDED_OUTPUT else each for each in trace)
    assert guidance_of(mixed) is None


def test_two_calls_give_the_prompts_prediction_first():
    rows = [each for each in recorded(Toy()) if each.stage is Stage.DENOISER_OUTPUT]
    guided = next(each for each in recorded(Toy()) if each.stage is Stage.GUIDED_OUTPUT)
    without, with_prompt = rows
    calls = (
        with_prompt.model_copy(update={"source": "transformer", "index": 0}),
        without.model_copy(update={"source": "transformer", "index": 1}),
    )
    assert guidance_of((*calls, guided)) == pytest.approx(4.0, rel=1e-3)
