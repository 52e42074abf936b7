from __future__ import annotations

import pytest
import torch

from goldenseed.backends.diffusers.recorder import Recorder
from goldenseed.tolerance.mixtures import EPS
from goldenseed.tolerance.rounding import TraceMeasure, trace_measures
from goldenseed.trace.stages import Stage, Trace

SIZE = 2000
STEPS = 6


def values(seed: int) -> torch.Tensor:
    return torch.randn(SIZE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def trace(
    *,
    eps: float = 0.0,
    systematic: float = 0.0,
    guidance: float = 5.0,
    sigma: float = 0.1,
    encoder: float = 0.0,
    decoder: float = 0.0,
    tokens: int = 7,
    from_step: int = 0,
    outputs: int = 4,
    dtype: torch.dtype = torch.float32,
) -> Trace:
    """A pipeline in a few lines; every evaluation is ``eps`` off at random, and ``systematic``."""
    recorder, error = Recorder(), torch.Generator().manual_seed(99)

    def rounded(exact: torch.Tensor, by: float) -> torch.Tensor:
        noise = torch.randn(exact.shape, generator=error, dtype=torch.float64)
        return exact + by * exact.abs().mean() * noise

    def add(stage: Stage, exact: torch.Tensor, source: str = "part") -> None:
        recorder.add(stage, source, exact.to(dtype))

    recorder.add(Stage.TOKEN_IDS, "tokenizer", torch.tensor([1, tokens]))
    add(Stage.PROMPT_EMBEDDINGS, rounded(values(1), encoder))
    add(Stage.SIGMAS, torch.full((STEPS,), sigma, dtype=torch.float64))
    latents = values(2)
    add(Stage.INITIAL_NOISE, latents)
    for step in range(STEPS):
        on = step >= from_step
        rows = [
            rounded(
                torch.sin(latents * (1 + step / 50) + row) + on * systematic * values(3 + row),
                eps * on,
            ).to(dtype)
            for row in range(2)
        ]
        guided = (rows[0] + guidance * (rows[1] - rows[0])).double()
        if step == 0:
            for number, row in enumerate(rows):
                add(Stage.DENOISER_OUTPUT, row, f"unet[{number}]")
            add(Stage.GUIDED_OUTPUT, guided)
            add(Stage.INITIAL_LATENTS, latents)
        elif step < outputs:
            add(Stage.LATER_OUTPUT, guided)
        latents = (0.99 * latents - sigma * guided).to(dtype).double()
        add(Stage.DENOISING_STEP, latents)
    add(Stage.LATENTS_BEFORE_VAE, latents)
    decoded = rounded(torch.tanh(latents), decoder)
    add(Stage.VAE_OUTPUT, decoded)
    add(Stage.FLOAT_IMAGE, (decoded / 2 + 0.5).clamp(0, 1))
    return recorder.trace


def beyond(present: Trace, accepted: Trace | None = None, dtype: str = "float32") -> list[str]:
    measures = trace_measures(accepted or trace(), present, dtype)
    return [each.metric for each in measures if not each.explained]


def measured(present: Trace, metric: str) -> TraceMeasure:
    return next(e for e in trace_measures(trace(), present, "float32") if e.metric == metric)


def test_the_same_trace_is_explained():
    assert not beyond(trace())


@pytest.mark.parametrize("times", [1, 8, 16])
def test_random_errors_of_each_evaluation_are_rounding(times: int):
    assert not beyond(trace(eps=times * EPS["float32"]))


def test_an_error_of_one_evaluation_is_not_larger_than_a_thousand_operations_make_it():
    assert "denoiser_distance" in beyond(trace(eps=100 * EPS["float32"]))


def test_the_same_error_in_every_step_is_no_rounding_however_small():
    assert beyond(trace(systematic=8 * EPS["float32"])) == ["coherence"]


def test_a_systematic_part_smaller_than_the_rounding_is_not_told_from_it():
    assert not beyond(trace(eps=8 * EPS["float32"], systematic=2 * EPS["float32"]))


def test_the_guidance_is_read_from_the_trace_to_the_fifth_digit():
    present = trace(guidance=5.0001)
    assert "guidance_shift" in beyond(present)
    assert measured(present, "guidance_shift").value == pytest.approx(2e-5, rel=0.3)


def test_a_constant_of_the_scheduler_is_read_from_its_first_step():
    present = trace(sigma=0.1 * (1 + 2e-5))
    assert {"sigmas_distance", "first_step_shift"} <= set(beyond(present))
    assert measured(present, "first_step_shift").value == pytest.approx(2e-5, rel=0.3)


def test_token_ids_are_the_same_or_changed():
    assert beyond(trace(tokens=8)) == ["token_ids"]


def test_an_encoder_and_a_decoder_have_limits_of_their_own():
    assert beyond(trace(encoder=1e-5)) == ["embeddings_distance"]
    assert not beyond(trace(encoder=1e-6))
    assert beyond(trace(decoder=1e-5)) == ["decoded_distance"]
    assert not beyond(trace(decoder=1e-7))


def test_rounding_does_not_wait_for_a_later_step():
    assert beyond(trace(eps=EPS["float32"], from_step=4)) == ["coherence"]


def test_half_precision_has_its_own_scale():
    accepted = trace(dtype=torch.bfloat16)
    assert not beyond(trace(dtype=torch.bfloat16, eps=EPS["bfloat16"]), accepted, "bfloat16")
    changed = trace(dtype=torch.bfloat16, systematic=0.2)
    assert "coherence" in beyond(changed, accepted, "bfloat16")


@pytest.mark.parametrize("stage", [Stage.LATENTS_BEFORE_VAE, Stage.DENOISING_STEP])
def test_a_stage_that_one_trace_lacks_is_not_explained(stage: Stage):
    shorter = tuple(each for each in trace() if each.stage is not stage)
    assert beyond(shorter) == ["stages"]
    assert beyond(trace(), shorter) == ["stages"]


def test_another_dtype_or_one_that_is_not_known_is_not_explained():
    assert beyond(trace(dtype=torch.bfloat16)) == ["stages"]
    assert beyond(trace(), dtype="float8_e4m3fn") == ["stages"]


def test_traces_without_the_first_outputs_explain_nothing():
    accepted = tuple(e for e in trace() if e.stage not in {Stage.GUIDED_OUTPUT, Stage.LATER_OUTPUT})
    assert "coherence" in beyond(trace(eps=EPS["float32"]), accepted)
    assert "coherence" in beyond(trace(outputs=2), trace())


def test_values_that_are_not_finite_are_not_explained():
    broken = trace(systematic=float("nan"))
    assert "denoiser_distance" in beyond(broken)
