"""What a pipeline and its denoiser are given is named as what it is, and not as what uses it."""

from __future__ import annotations

import pytest
import torch
from toy_pipeline import ACCEPTED, ENVIRONMENT, RECIPE, Toy, recorded

from goldenseed.backends.diffusers.recorder import Recorder
from goldenseed.diagnosis.evidence import Side, Sides
from goldenseed.diagnosis.explain import explain
from goldenseed.diagnosis.foreign import effect_of_name
from goldenseed.diagnosis.model import Cause
from goldenseed.environment.fingerprint import Value
from goldenseed.trace.stages import Stage, StageRecord, Trace

KNOWN: dict[str, Value] = {**ENVIRONMENT, "fingerprint.version": 3}
NUMBERS = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(3))
METHODS = "pipeline.methods"
INPUTS = {"inputs": {"image": {"sha256": "1" * 64}, "mask_image": {"sha256": "2" * 64}}}


def of(stage: Stage, source: str, values: torch.Tensor) -> StageRecord:
    recorder = Recorder()
    recorder.add(stage, source, values)
    (record,) = recorder.trace
    return record


def with_records(trace: Trace, *more: StageRecord) -> Trace:
    """Put records before the first noise, or, of what the denoiser is given, among its inputs."""
    order = [each.stage for each in trace]
    at = order.index(Stage.DENOISER_INPUT if more[0].stage is Stage.DENOISER_INPUT else order[0])
    return (*trace[:at], *more, *trace[at:])


def told(before: Trace, now: Trace, old: dict[str, Value], new: dict[str, Value]) -> list[Cause]:
    recipe = {**RECIPE, **INPUTS}
    sides = Sides(
        Side({**KNOWN, **old}, recipe, before),  # type: ignore[arg-type]
        Side({**KNOWN, **old, **new}, recipe, now),  # type: ignore[arg-type]
    )
    return [each.cause for each in explain(sides).causes]


def given_otherwise(
    source: str, values: torch.Tensor, *, stage: Stage = Stage.DENOISER_INPUT, **new: Value
) -> list[Cause]:
    """Explain a run whose ``source`` is given ``values``, and which is another from there on."""
    keys = {name.replace("__", "."): value for name, value in new.items()}
    before = with_records(ACCEPTED, of(stage, source, NUMBERS))
    after = recorded(Toy(weight=1.01))
    return told(before, with_records(after, of(stage, source, values)), {}, keys)


@pytest.mark.parametrize("source", ["image_processor", "mask_processor", "image_encoder", "vae"])
def test_a_picture_that_is_prepared_otherwise_is_another_input(source: str):
    found = given_otherwise(source, NUMBERS.flip(1), stage=Stage.GIVEN_PICTURE)
    assert found[0] is Cause.CASE_INPUT
    assert not {Cause.NOISE, Cause.SEED} & {*found}


def test_it_goes_before_the_method_that_prepared_it_and_the_method_is_named_too():
    method = "VaeImageProcessor.preprocess = app.jpeg@01234567 x 1"
    found = given_otherwise(
        "image_processor", NUMBERS * 0.9, stage=Stage.GIVEN_PICTURE, pipeline__methods=method
    )
    assert found[:2] == [Cause.CASE_INPUT, Cause.PATCH]


def test_a_picture_and_weights_are_both_named():
    found = given_otherwise(
        "image_processor",
        NUMBERS.flip(1),
        stage=Stage.GIVEN_PICTURE,
        model__unet__sha256="f" * 64,
    )
    assert {Cause.CASE_INPUT, Cause.DENOISER} == {*found[:2]}


def test_the_input_is_named_by_what_prepares_it():
    before = with_records(ACCEPTED, of(Stage.GIVEN_PICTURE, "mask_processor", NUMBERS))
    now = with_records(ACCEPTED, of(Stage.GIVEN_PICTURE, "mask_processor", NUMBERS * 0.5))
    now = tuple(
        each.model_copy(update={"sha256": "0" * 64}) if each.stage is Stage.PIXELS else each
        for each in now
    )
    recipe = {**RECIPE, **INPUTS}
    first = explain(
        Sides(Side(KNOWN, recipe, before), Side(KNOWN, recipe, now))  # type: ignore[arg-type]
    ).causes[0]
    assert "mask_image, as mask_processor prepares it" in first.words
    assert "though the case's files are the same" in first.evidence[0]


def test_other_latents_of_the_same_picture_are_the_encoder_s_and_no_noise():
    picture = of(Stage.GIVEN_PICTURE, "image_processor", NUMBERS)

    def moved(trace: Trace) -> Trace:
        noise = of(Stage.INITIAL_LATENTS, "scheduler", NUMBERS + 0.3 * NUMBERS.roll(1))
        return tuple(noise if each.stage is Stage.INITIAL_LATENTS else each for each in trace)

    latents = of(Stage.INITIAL_LATENTS, "scheduler", NUMBERS)
    before = tuple(latents if each.stage is Stage.INITIAL_LATENTS else each for each in ACCEPTED)
    now = moved(recorded(Toy(weight=1.01)))
    found = told(with_records(before, picture), with_records(now, picture), {}, {})
    assert found[0] is Cause.VAE_WEIGHTS
    assert Cause.NOISE not in found


@pytest.mark.parametrize(
    ("source", "values", "cause"),
    [
        ("unet.timestep", NUMBERS + 25, Cause.INPUT),
        ("unet.added_cond_kwargs.time_ids", NUMBERS + 2, Cause.INPUT),
        ("unet.img_ids", NUMBERS.flip(-1), Cause.INPUT),
        ("unet.encoder_attention_mask", NUMBERS.sign(), Cause.INPUT),
        ("unet.guidance", NUMBERS * 2, Cause.INPUT),
    ],
)
def test_what_the_denoiser_is_told_is_no_scheduler_and_no_encoder(
    source: str, values: torch.Tensor, cause: Cause
):
    found = given_otherwise(source, values)
    assert found[0] is (Cause.GUIDANCE if source.endswith("guidance") else cause)


@pytest.mark.parametrize("name", ["_get_add_time_ids", "_prepare_latent_image_ids", "__call__"])
def test_sizes_that_are_told_go_before_whose_method_tells_them(name: str):
    found = given_otherwise(
        "unet.time_ids", NUMBERS + 2, pipeline__methods=f"Pipeline.{name} = app.told@01234567 x 1"
    )
    assert found[0] is Cause.INPUT
    assert Cause.PATCH in found


def test_an_image_embedding_is_blamed_on_the_encoder_unless_something_stands_between():
    own: dict[str, Value] = {"model.image_encoder.class": "C", "model.image_encoder.sha256": "1"}
    prior: dict[str, Value] = {**own, "model.prior_prior.class": "PriorTransformer"}
    changed: dict[str, Value] = {"model.image_encoder.sha256": "2"}
    before = with_records(ACCEPTED, of(Stage.DENOISER_INPUT, "unet.image_embeds", NUMBERS))
    rounded = NUMBERS.bfloat16().float()
    for values, keys, new, cause in (
        (NUMBERS.roll(1), own, {}, Cause.IMAGE_ENCODER),
        (NUMBERS.roll(1), own, changed, Cause.IMAGE_ENCODER),
        (NUMBERS.roll(1), prior, {}, Cause.INPUT),
        (rounded, prior, {}, Cause.DTYPE),
        (rounded, own, changed, Cause.IMAGE_ENCODER),
    ):
        given = of(Stage.DENOISER_INPUT, "unet.image_embeds", values)
        now = with_records(recorded(Toy(weight=1.01)), given)
        assert told(before, now, keys, new)[0] is cause


@pytest.mark.parametrize(
    ("attribute", "cause"),
    [
        ("tokenizer_max_length", Cause.TOKENIZER),
        ("prompt_template_encode_start_idx", Cause.PROMPT),
        ("system_message", Cause.PROMPT),
        ("some_number", Cause.PATCH),
    ],
)
def test_a_pipeline_s_attribute_is_believed_by_its_name(attribute: str, cause: Cause):
    key = f"pipeline.attributes.{attribute}"
    digest = "pipeline.attributes_sha256"
    found = told(
        ACCEPTED, recorded(Toy(encoder=1.01)), {key: "34", digest: "1"}, {key: "30", digest: "2"}
    )
    assert found[0] is cause


def test_noise_of_another_dtype_names_dtype_and_draw_too():
    rounded = tuple(
        of(Stage.INITIAL_NOISE, "", torch.randn(1, 4, 64, 64).bfloat16().float())
        if each.stage is Stage.INITIAL_NOISE
        else each
        for each in ACCEPTED
    )
    whole = torch.randn(1, 4, 64, 64, generator=torch.Generator().manual_seed(1))
    before, now = (
        tuple(
            of(Stage.INITIAL_NOISE, "", values).model_copy(update={"source": None})
            if each.stage is Stage.INITIAL_NOISE
            else each
            for each in trace
        )
        for values, trace in ((whole, ACCEPTED), (whole.bfloat16().float(), rounded))
    )
    found = told(before, now, {}, {})
    assert found[0] is Cause.NOISE
    assert {Cause.SEED, Cause.DTYPE} <= {*found}


def test_a_forward_of_somebody_s_own_may_give_it_something_else():
    found = given_otherwise(
        "unet.size", NUMBERS, model__unet__forwards="T.forward = app.swapped@01234567 x 1"
    )
    assert found[:2] == [Cause.PATCH, Cause.INPUT]


def test_masks_act_between_steps_and_a_watermark_on_the_picture():
    assert effect_of_name("Pipeline.prepare_mask_latents").cause is Cause.PATCH
    assert "a later denoising step" in effect_of_name("Pipeline.prepare_mask_latents").places
    assert effect_of_name("Pipeline.watermark").cause is Cause.POST_PROCESSING


def test_older_traces_without_pictures_stay_as_good_as_they_were():
    now = with_records(recorded(Toy(seed=2)), of(Stage.GIVEN_PICTURE, "vae", NUMBERS))
    assert told(ACCEPTED, now, {}, {})[0] is Cause.SEED


def test_fewer_steps_of_one_scale_are_no_other_guidance():
    scale, scheduler = "call.guidance_scale", "scheduler.config.beta_end"
    before = with_records(ACCEPTED, of(Stage.DENOISER_INPUT, "unet.timestep", NUMBERS))
    now = recorded(Toy(weight=1.01))
    now = with_records(now, of(Stage.DENOISER_INPUT, "unet.timestep", NUMBERS + 99))
    last = max(each.index for each in now if each.stage is Stage.DENOISING_STEP)
    now = tuple(each for each in now if (each.stage, each.index) != (Stage.DENOISING_STEP, last))
    old: dict[str, Value] = {scale: "4.0 x 6", scheduler: 1}
    found = told(before, now, old, {scale: "4.0 x 5"})
    assert Cause.STEPS in found[:3]
    assert Cause.GUIDANCE not in found
    assert Cause.STEPS not in told(before, now, old, {scale: "4.0 x 5", scheduler: 2})
    assert told(ACCEPTED, recorded(Toy(guidance=5.0)), old, {scale: "5.0 x 6"})[0] is Cause.GUIDANCE
