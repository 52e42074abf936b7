"""An argument of the call that is another goes before what the trace alone shows."""

from __future__ import annotations

import pytest
import torch
from toy_pipeline import ACCEPTED, ENVIRONMENT, RECIPE, Toy, recorded

from goldenseed.backends.diffusers.recorder import Recorder
from goldenseed.diagnosis.evidence import Side, Sides
from goldenseed.diagnosis.explain import explain
from goldenseed.diagnosis.model import Cause, RankedCause
from goldenseed.environment.fingerprint import Value
from goldenseed.tolerance.mixtures import offset_between
from goldenseed.trace.stages import Stage, StageRecord, Trace

KNOWN: dict[str, Value] = {**ENVIRONMENT, "fingerprint.version": 4}
CALL = "pipeline.methods"
FOREIGN = "ToyPipeline.__call__ = app.own@01234567 x 1"


def recipe(**call: object) -> dict[str, object]:
    return {**RECIPE, "call": {"num_inference_steps": 4, "guidance_scale": 4.0, **call}}


def causes(
    now: Trace,
    before: Trace = ACCEPTED,
    *,
    asked: tuple[dict[str, object], dict[str, object]] = (recipe(), recipe()),
    inside: dict[str, Value] | None = None,
    **new: Value,
) -> tuple[RankedCause, ...]:
    keys = {name.replace("__", "."): value for name, value in new.items()}
    sides = Sides(
        Side(KNOWN, asked[0], before),  # type: ignore[arg-type]
        Side({**KNOWN, **keys}, asked[1], now, in_force=inside or {}),  # type: ignore[arg-type]
    )
    return explain(sides).causes


def names(found: tuple[RankedCause, ...]) -> list[Cause]:
    return [each.cause for each in found]


def of(stage: Stage, source: str | None, values: torch.Tensor) -> StageRecord:
    recorder = Recorder()
    recorder.add(stage, source, values)
    (record,) = recorder.trace
    return record


def given(trace: Trace, **inputs: torch.Tensor) -> Trace:
    """Let the denoiser of a trace be given more."""
    at = [each.stage for each in trace].index(Stage.DENOISER_INPUT)
    more = (of(Stage.DENOISER_INPUT, f"unet.{name}", one) for name, one in inputs.items())
    return (*trace[:at], *more, *trace[at:])


NUMBERS = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("argument", ["strength", "denoising_end"])
def test_an_argument_that_cuts_the_schedule_explains_the_shorter_one(argument: str):
    asked = (recipe(**{argument: 1.0}), recipe(**{argument: 0.5}))
    first = causes(recorded(Toy(steps=2)), asked=asked)[0]
    assert first.cause is Cause.CALL
    assert first.words == f"argument of the call: {argument} 1 → 0.5"


@pytest.mark.parametrize(
    "argument",
    ["controlnet_conditioning_scale", "guess_mode", "control_guidance_end", "control_mode"],
)
def test_what_steers_a_controlnet_explains_what_the_denoiser_is_given_of_it(argument: str):
    residuals = {"down_block_additional_residuals.1": NUMBERS}
    before = given(ACCEPTED, **residuals)
    now = given(recorded(Toy(weight=1.01)), **{key: one * 0.5 for key, one in residuals.items()})
    asked = (recipe(**{argument: 1}), recipe(**{argument: 0.5}))
    assert names(causes(now, before, asked=asked))[0] is Cause.CALL


def test_where_it_begins_in_a_later_step_it_goes_before_guidance_and_caches():
    asked = (recipe(), recipe(control_guidance_end=0.5))
    found = causes(recorded(Toy(step_size=0.2, step_size_from=2)), asked=asked)
    assert found[0].cause is Cause.CALL
    assert found[0].words == "argument of the call: control_guidance_end none → 0.5"


def test_an_argument_that_may_act_anywhere_stays_behind_weights_that_are_others():
    asked = (recipe(), recipe(knob=3))
    now = recorded(Toy(weight=1.01))
    found = names(causes(now, asked=asked, model__unet__sha256="f" * 64))
    assert found[:2] == [Cause.DENOISER, Cause.CALL]
    assert names(causes(now, asked=asked))[0] is Cause.CALL


def test_what_a_foreign_call_passes_on_is_named_before_the_call():
    found = causes(
        recorded(Toy(steps=2)),
        asked=(recipe(strength=1.0), recipe(strength=1.0)),
        inside={"pipeline.argument.strength": 0.5},
        pipeline__methods=FOREIGN,
    )
    assert names(found)[:2] == [Cause.CALL, Cause.PATCH]
    assert found[0].words == "argument of the call: strength 1 → 0.5"
    assert "passes on another argument" in found[0].evidence[0]


@pytest.mark.parametrize(
    ("name", "value", "change", "cause"),
    [
        ("prompt", "a blue ball", Toy(token=8), Cause.PROMPT),
        ("generator", "another Generator", Toy(seed=2), Cause.SEED),
        ("guidance_scale", 5.0, Toy(guidance=5.0), Cause.GUIDANCE),
    ],
)
def test_it_is_named_as_what_it_is(name: str, value: Value, change: Toy, cause: Cause):
    inside = {f"pipeline.argument.{name}": value}
    assert names(causes(recorded(change), inside=inside, pipeline__methods=FOREIGN))[0] is cause


def test_what_was_passed_on_so_before_is_no_change():
    inside: dict[str, Value] = {"pipeline.argument.strength": 0.5}
    sides = Sides(
        Side({**KNOWN, CALL: FOREIGN}, recipe(), ACCEPTED, in_force=inside),  # type: ignore[arg-type]
        Side({**KNOWN, CALL: FOREIGN}, recipe(), recorded(Toy(seed=2)), in_force=inside),  # type: ignore[arg-type]
    )
    assert explain(sides).causes[0].cause is Cause.SEED


def test_guidance_left_out_in_some_of_the_steps_is_no_other_number_of_steps():
    sides = Sides(
        Side(KNOWN, recipe(), ACCEPTED, in_force={"call.guidance_scale": "4.0 x 4"}),  # type: ignore[arg-type]
        Side(
            KNOWN,
            recipe(),  # type: ignore[arg-type]
            recorded(Toy(step_size=0.2, step_size_from=3)),
            in_force={"call.guidance_scale": "4.0 x 2"},
        ),
    )
    found = [each.cause for each in explain(sides).causes]
    assert found[0] is Cause.GUIDANCE
    assert Cause.STEPS not in found


def test_residuals_are_what_a_controlnet_adds_and_no_time():
    before = given(ACCEPTED, **{"down_block_additional_residuals.1": NUMBERS})
    now = recorded(Toy(weight=1.01))
    now = given(now, **{"down_block_additional_residuals.1": NUMBERS * 0.8})
    first, *rest = causes(now, before)
    assert first.words == "ControlNet or T2I adapter: what it adds, scaled by 0.8"
    assert "the time it is told" not in str((first, *rest))


def test_a_controlnet_whose_weights_are_the_same_stays_behind_the_vae_that_encodes_its_picture():
    control: dict[str, Value] = {
        "model.controlnet.class": "ControlNetModel",
        "model.controlnet.sha256": "9" * 64,
    }
    before = given(ACCEPTED, **{"controlnet_block_samples.0": NUMBERS})
    now = recorded(Toy(weight=1.01))
    now = given(now, **{"controlnet_block_samples.0": NUMBERS.flip(1)})
    key = "model.vae.attributes_sha256"
    sides = Sides(
        Side({**KNOWN, **control, key: "7" * 64}, recipe(), before),  # type: ignore[arg-type]
        Side({**KNOWN, **control, key: "8" * 64}, recipe(), now),  # type: ignore[arg-type]
    )
    assert explain(sides).causes[0].cause is Cause.VAE_WEIGHTS


@pytest.mark.parametrize("shape", [(1, 4, 8, 8), (1, 64, 16), (1, 4, 3, 8, 8)])
def test_noise_that_is_moved_by_a_number_a_channel_is_seen(shape: tuple[int, ...]):
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(5))
    before = of(Stage.INITIAL_NOISE, None, drawn)
    last = len(shape) == 3
    numbers = torch.linspace(-0.2, 0.3, shape[-1] if last else shape[1])
    moved = drawn + (numbers if last else numbers.reshape(-1, *[1] * (len(shape) - 2)))
    assert offset_between(before, of(Stage.INITIAL_NOISE, None, moved))
    assert not offset_between(before, of(Stage.INITIAL_NOISE, None, drawn.roll(1, -1)))
    assert not offset_between(before, of(Stage.INITIAL_NOISE, None, drawn * 1.02))


def test_what_is_drawn_before_the_first_step_feeds_the_latents():
    def drawn_twice(trace: Trace, seed: int) -> Trace:
        values = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(seed))
        at = [each.stage for each in trace].index(Stage.INITIAL_LATENTS)
        return (*trace[:at], of(Stage.LATER_NOISE, None, values), *trace[at:])

    now = recorded(Toy(noise_scale=1.1))
    now = tuple(
        next(a for a in ACCEPTED if a.key == each.key)
        if each.stage is Stage.INITIAL_NOISE
        else each
        for each in now
    )
    found = causes(drawn_twice(now, 2), drawn_twice(ACCEPTED, 1))
    assert found[0].cause is Cause.SEED
    assert "another draw" in found[0].evidence[0]
