"""What the steps share, what guidance and schedulers do, and what follows the decoder."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from goldenseed.backends.diffusers.outputs import Returned
from goldenseed.backends.diffusers.recorder import Place, Recorder
from goldenseed.backends.diffusers.tensors import channels_of, without_variance
from goldenseed.backends.protocol import Element
from goldenseed.tolerance.decoding import Decoder, decoder_of
from goldenseed.tolerance.measures import TraceMeasure
from goldenseed.tolerance.mixtures import EPS, first_step_mixture, guidance_mixture, shift
from goldenseed.tolerance.rounding import trace_measures
from goldenseed.tolerance.tolerance import assumed_tolerance
from goldenseed.trace.stages import Stage, Trace

SIZE = 2000
F32 = EPS["float32"]


def values(seed: int, size: int = SIZE) -> torch.Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def steps(
    *,
    embeddings: float = 0.0,
    output: float = 0.0,
    shared: float = 0.0,
    from_step: int = 0,
    dtype: torch.dtype = torch.float32,
    late: float = 0.0,
    seed: int = 99,
) -> Trace:
    """Six steps; embeddings off by ``embeddings``, outputs by ``output``, alike by ``shared``."""
    recorder, random = Recorder(), torch.Generator().manual_seed(seed)
    recorder.add(Stage.PROMPT_EMBEDDINGS, "text_encoder", (values(1) * (1 + embeddings)).to(dtype))
    latents = values(2)
    recorder.add(Stage.INITIAL_NOISE, None, latents.to(dtype))
    for step in range(6):
        error = torch.randn(SIZE, generator=random, dtype=torch.float64) * output
        made = torch.sin(latents + step / 50) + (error + shared * values(3)) * (step >= from_step)
        stage = Stage.GUIDED_OUTPUT if step == 0 else Stage.LATER_OUTPUT
        if step < 4:
            recorder.add(stage, "scheduler", made.to(dtype))
        if step == 0:
            recorder.add(Stage.INITIAL_LATENTS, "scheduler", latents.to(dtype))
        latents = (0.99 * latents - 0.1 * made).to(dtype).double()
        if step == 5:
            latents = latents + late * values(4)
        recorder.add(Stage.DENOISING_STEP, "scheduler", latents.to(dtype))
    return recorder.trace


def beyond(accepted: Trace, present: Trace, dtype: str = "float32") -> list[str]:
    return [e.metric for e in trace_measures(accepted, present, dtype) if not e.explained]


def of(metric: str, accepted: Trace, present: Trace, dtype: str = "float32") -> TraceMeasure:
    return next(e for e in trace_measures(accepted, present, dtype) if e.metric == metric)


def test_embeddings_that_are_off_make_the_same_difference_in_every_step():
    present = steps(embeddings=8 * F32, shared=8 * F32)
    assert of("coherence", steps(), present).value > 0.9
    assert not beyond(steps(), present)


def test_the_same_difference_without_it_is_a_change():
    assert beyond(steps(), steps(shared=8 * F32)) == ["coherence"]


def test_no_more_is_allowed_for_than_the_embeddings_can_make():
    present = steps(embeddings=0.5 * F32, shared=8 * F32)
    assert "coherence" in beyond(steps(), present)


def test_embeddings_that_no_rounding_explains_excuse_no_outputs():
    present = steps(embeddings=1e-3, shared=1e-3)
    assert {"embeddings_distance", "coherence"} <= set(beyond(steps(), present))


def test_a_value_that_tips_late_is_rounding_in_half_precision_only():
    half = torch.bfloat16
    tipped = steps(dtype=half, late=0.25 * EPS["bfloat16"])
    assert not beyond(steps(dtype=half), tipped, "bfloat16")
    assert beyond(steps(), steps(late=0.25 * F32)) == ["coherence"]


def test_what_is_changed_late_is_more_than_a_tip():
    half = torch.bfloat16
    changed = steps(dtype=half, late=0.05)
    assert "late_beginning" in beyond(steps(dtype=half), changed, "bfloat16")


# --- sums


def first_step(weights: tuple[float, float], *, noise: float = 0.0) -> Trace:
    recorder = Recorder()
    sample, output = values(1).float(), values(2).float()
    recorder.add(Stage.GUIDED_OUTPUT, "scheduler", output)
    recorder.add(Stage.INITIAL_LATENTS, "scheduler", sample)
    made = weights[0] * sample.double() + weights[1] * output.double() + noise * values(3)
    recorder.add(Stage.DENOISING_STEP, "scheduler", made.float())
    return recorder.trace


def moved(before: Trace, now: Trace) -> float:
    a, b = (first_step_mixture(each, F32) for each in (before, now))
    assert a is not None
    assert b is not None
    assert (a.is_sum, b.is_sum) == (True, True)
    found = shift(a, b)
    return found.value / (8 * found.error)


def test_a_small_weight_has_the_rounding_of_the_numbers_it_is_the_difference_of():
    """``sigma' - sigma`` of 0.02: each off by an eps of 1 in the last place."""
    assert moved(first_step((1.0, -0.02)), first_step((1.0, -0.02 - F32))) < 1
    assert moved(first_step((1.0, -0.02)), first_step((1.0, -0.02 - 16 * F32))) > 1


def test_a_large_weight_keeps_its_own():
    assert moved(first_step((1.0, -0.9)), first_step((1.0, -0.9 * (1 + 8 * F32)))) > 1


def denoised(scale: float, *, learned: bool, factor: float = 1.0) -> Trace:
    """Guidance of outputs (2, 3, 20, 20), or of as many channels again with a variance."""
    recorder = Recorder()
    channels = 6 if learned else 3
    rows = values(5, 2 * channels * 400).float().reshape(2, channels, 20, 20)
    sample = values(6, 1200).float().reshape(1, 3, 20, 20)
    for row in range(2):
        recorder.add(Stage.DENOISER_OUTPUT, f"unet[{row}]", rows[row])
        part = without_variance(rows, channels_of(sample))
        recorder.add(Stage.PREDICTED_NOISE, f"unet[{row}]", None if part is None else part[row])
    noise, text = rows[:, :3].double(), rows[1:, 3:].double()
    guided = factor * (noise[:1] + scale * (noise[1:] - noise[:1]))
    output = torch.cat([guided, text], 1).float()
    recorder.add(Stage.GUIDED_OUTPUT, "scheduler", output)
    recorder.add(Stage.PREDICTED_NOISE, "scheduler", without_variance(output, channels_of(sample)))
    recorder.add(Stage.INITIAL_LATENTS, "scheduler", sample)
    return recorder.trace


@pytest.mark.parametrize("learned", [True, False])
def test_the_guidance_is_read_whether_or_not_a_variance_is_predicted(learned: bool):
    mixture = guidance_mixture(denoised(5.0, learned=learned), F32)
    assert mixture is not None
    assert mixture.is_sum
    assert mixture.weights == pytest.approx([-4, 5], rel=1e-5)
    changed = of(
        "guidance_shift", denoised(5.0, learned=learned), denoised(5.0001, learned=learned)
    )
    assert not changed.explained


@pytest.mark.parametrize("apart", [1e-9, 1e-10, 1e-11, 1e-12])
def test_guidance_of_two_predictions_that_are_almost_alike_is_uncertain_and_no_fault(apart: float):
    """A UNet that does not heed the prompt: the squares of its two outputs are one number."""
    recorder = Recorder()
    rows = torch.stack([values(1), values(1) + apart * values(2)])
    for row in range(2):
        recorder.add(Stage.DENOISER_OUTPUT, f"unet[{row}]", rows[row])
    recorder.add(Stage.GUIDED_OUTPUT, "scheduler", -4 * rows[0] + 5 * rows[1])
    mixture = guidance_mixture(recorder.trace, EPS["float64"])
    assert mixture is not None
    assert np.isfinite(mixture.errors).all()
    assert mixture.errors.min() > apart


def test_guidance_that_is_rescaled_has_the_rounding_of_a_norm_in_it():
    before = denoised(5.0, learned=False, factor=0.7)
    assert of(
        "guidance_shift", before, denoised(5.0, learned=False, factor=0.7 * (1 + 4 * F32))
    ).explained
    assert not of("guidance_shift", before, denoised(5.01, learned=False, factor=0.7)).explained


# --- lists


def test_a_list_of_outputs_is_parted_by_image():
    from contextlib import ExitStack

    from goldenseed.backends.diffusers.denoising import watch_denoiser

    class Listing(torch.nn.Module):
        def forward(self, x: list[torch.Tensor]) -> list[torch.Tensor]:
            return [each * 2 for each in x]

    rows = [torch.full((4, 1, 8, 8), float(number)) for number in range(4)]

    def recorded(x: list[torch.Tensor], place: Place | None) -> Trace:
        recorder, model = Recorder(), Listing()
        recorder.begin(place)
        with ExitStack() as restore:
            watch_denoiser(recorder, restore, "transformer", model)
            model(x)
        return recorder.trace

    for position in range(2):
        alone = recorded(rows[position::2], None)
        batched = recorded(rows, Place(row=position, of=2))
        assert [e.digest for e in batched] == [e.digest for e in alone]


# --- pictures


def pictures(
    *, gamma: float = 1.0, dtype: torch.dtype = torch.float32, error: float = 0.0, **moved: Any
) -> Trace:
    recorder = Recorder()
    exact = torch.tanh(values(1, 3 * 1024)).reshape(1, 3, 32, 32)
    decoded = (exact + error * values(7, 3 * 1024).reshape(1, 3, 32, 32)).to(dtype)
    recorder.add(Stage.LATENTS_BEFORE_VAE, "vae", values(2, 64).reshape(1, 4, 4, 4).to(dtype))
    recorder.add(Stage.VAE_OUTPUT, "vae", decoded)
    shown = (decoded * 0.5 + 0.5).clamp(0, 1)[0].permute(1, 2, 0).float().numpy() ** np.float32(
        gamma
    )
    if moved:
        shown[3, 4] += moved["by"]
    levels = Image.fromarray((shown.clip(0, 1) * 255).round().astype("uint8"))

    returned = (Returned("images", shown, is_picture=True),)
    recorder.add_elements(returned, (Element("images", levels),))
    return recorder.trace


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_picture_made_otherwise_of_what_was_decoded_is_no_rounding(dtype: torch.dtype):
    name = str(dtype).removeprefix("torch.")
    before = pictures(dtype=dtype)
    assert not beyond(before, pictures(dtype=dtype), name)
    assert "float_image" in beyond(before, pictures(dtype=dtype, gamma=1.003), name)
    assert "float_image" in beyond(before, pictures(dtype=dtype, by=1 / 255), name)
    noisy = EPS[name] / 4
    assert not beyond(before, pictures(dtype=dtype, error=noisy), name)
    assert "float_image" in beyond(before, pictures(dtype=dtype, error=noisy, gamma=1.003), name)


def test_traces_that_do_not_say_so_are_held_to_what_was_decoded():
    def older(trace: Trace) -> Trace:
        return tuple(each for each in trace if each.stage is not Stage.DENORMALISED)

    half = torch.bfloat16
    before, now = older(pictures(dtype=half)), older(pictures(dtype=half, gamma=1.003))
    assert beyond(before, now, "bfloat16") == ["float_image"]
    assert not beyond(before, pictures(dtype=half), "bfloat16")


def test_a_decoder_is_read_from_the_shapes():
    trace = {each.stage: each for each in pictures()}
    assert decoder_of(trace[Stage.LATENTS_BEFORE_VAE], trace[Stage.VAE_OUTPUT]) == Decoder(4, 32)


def test_a_decoder_that_is_deeper_or_larger_may_be_off_by_more():
    assert Decoder(2, 64).own_error("float32") < Decoder(4, 64).own_error("float32")
    assert Decoder(4, 64).own_error("float32") < Decoder(4, 256).own_error("float32")
    assert Decoder(4, 64).gain < Decoder(5, 64).gain


def test_half_precision_limits_the_mean_and_no_single_pixel():
    limits = assumed_tolerance("bfloat16").pixel_limits(
        [TraceMeasure("decoded_distance", 0.01, 0.02)]
    )
    assert limits == {"mean_difference": pytest.approx(0.02 * 255)}


def test_a_decoded_picture_that_may_be_farther_off_may_move_more_pixels():
    far = TraceMeasure("decoded_distance", 1e-4, 2e-4)
    limits = assumed_tolerance("float32").pixel_limits([far])
    assert limits["peak_difference"] == 1
    assert limits["changed_fraction"] > assumed_tolerance("float32").limits["changed_fraction"]
