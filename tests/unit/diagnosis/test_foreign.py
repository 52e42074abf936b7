"""A method or function of somebody else's that is new on record is held to where it can act."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from toy_pipeline import ENVIRONMENT, Toy, evidence, recorded

from goldenseed.backends.diffusers.recorder import Recorder
from goldenseed.diagnosis.effects import EVERYWHERE
from goldenseed.diagnosis.evidence import Sides
from goldenseed.diagnosis.explain import explain
from goldenseed.diagnosis.foreign import effect_of_name
from goldenseed.diagnosis.model import Cause, Diagnosis
from goldenseed.diagnosis.places import Place
from goldenseed.environment.fingerprint import Value
from goldenseed.trace.stages import Stage, Trace

METHODS = "pipeline.methods"


def told(present: Toy | Trace, before: dict[str, Value] | None = None, **now: Value) -> Diagnosis:
    sides = evidence(present)
    old = {**ENVIRONMENT, "fingerprint.version": 2, **(before or {})}
    new = {**old, **{name.replace("__", "."): value for name, value in now.items()}}
    return explain(
        Sides(replace(sides.accepted, environment=old), replace(sides.present, environment=new))
    )


def causes(found: Diagnosis) -> list[Cause]:
    return [each.cause for each in found.causes]


def other_text_given(trace: Trace) -> Trace:
    """Give the denoiser other embeddings than the encoders returned."""
    other = {
        each.key: each for each in recorded(Toy(encoder=1.2)) if each.stage is not Stage.TOKEN_IDS
    }
    kept = (Stage.TOKEN_IDS, Stage.PROMPT_EMBEDDINGS)
    return tuple(each if each.stage in kept else other.get(each.key, each) for each in trace)


@pytest.mark.parametrize(
    ("method", "place"),
    [
        ("CogView4Pipeline._get_glm_embeds", Place.CONDITIONING),
        ("WanPipeline.encode_prompt", Place.EMBEDDINGS),
        ("HiDreamImagePipeline._get_llama3_prompt_embeds", Place.EMBEDDINGS),
        ("FluxPipeline._prepare_latent_image_ids", Place.CONDITIONING),
        ("FluxPipeline.prepare_latents", Place.LATENTS),
        ("FluxPipeline._unpack_latents", Place.BEFORE_VAE),
        ("VaeImageProcessor.postprocess", Place.CONVERSION),
        ("diffusers.pipelines.flux.pipeline_flux.retrieve_timesteps", Place.SCHEDULE),
        ("diffusers.models.transformers.transformer_flux.apply_rotary_emb", Place.CONDITIONING),
        ("diffusers.models.transformers.transformer_flux.gelu", Place.DENOISER),
        ("transformers.models.t5.modeling_t5.finfo", Place.EMBEDDINGS),
    ],
)
def test_a_name_says_where_a_method_acts_and_where_not(method: str, place: Place):
    places = effect_of_name(method).places
    assert place in places
    assert places != frozenset(Place)


def test_of_a_call_nothing_is_known():
    assert effect_of_name("FluxPipeline.__call__").places == EVERYWHERE
    assert effect_of_name("torch.nn.functional.silu").places == EVERYWHERE


@pytest.mark.parametrize("method", ["CogView4Pipeline._get_glm_embeds", "Any.encode_prompt"])
def test_embeddings_that_a_foreign_method_makes_are_its_doing(method: str):
    present = other_text_given(recorded(Toy()))
    found = told(present, **{METHODS: f"{method} = conftest.wrapper@01234567 x 1"})
    assert found.causes[0].cause is Cause.PATCH
    assert found.causes[0].confidence > 0.7
    assert found.causes[0].words.endswith(f"{method} = conftest.wrapper")


def test_a_call_that_may_do_anything_goes_before_weights_that_are_the_same():
    found = told(Toy(encoder=1.1), **{METHODS: "Any.__call__ = app.call@01234567 x 1"})
    assert found.causes[0].cause is Cause.PATCH


def test_what_a_foreign_call_did_is_named_where_the_trace_shows_it():
    found = told(Toy(guidance=5.0), **{METHODS: "Any.__call__ = app.call@01234567 x 1"})
    assert causes(found)[:2] == [Cause.GUIDANCE, Cause.PATCH]


def test_another_text_is_named_before_the_method_that_gave_it():
    by_call = told(Toy(token=8), **{METHODS: "Any.encode_prompt = app.cached@01234567 x 1"})
    assert causes(by_call)[:2] == [Cause.PROMPT, Cause.PATCH]


def test_of_a_batch_whose_picture_is_another_draw_the_batch_is_named_before_the_call():
    found = told(Toy(batch=4, seed=2), **{METHODS: "Any.__call__ = app.call@01234567 x 1"})
    assert causes(found)[:2] == [Cause.BATCH, Cause.PATCH]


@pytest.mark.parametrize(
    ("name", "first"),
    [("crop_coords", Cause.INPUT), ("class_labels", Cause.INPUT), ("rope", Cause.PATCH)],
)
def test_a_size_told_to_the_denoiser_is_what_a_foreign_call_did(name: str, first: Cause):
    def telling(value: float) -> Trace:
        recorder = Recorder()
        recorder.add(Stage.DENOISER_INPUT, f"unet.{name}", torch.full((2, 2), value))
        return recorder.trace

    sides = evidence(Toy(encoder=1.0))
    environments = (
        {**ENVIRONMENT, "fingerprint.version": 2},
        {**ENVIRONMENT, "fingerprint.version": 2, METHODS: "Any.__call__ = app.call@01234567 x 1"},
    )
    found = explain(
        Sides(
            *(
                replace(side, environment=environment, trace=(*telling(value), *recorded(toy)))
                for side, environment, value, toy in zip(
                    (sides.accepted, sides.present), environments, (0.0, 8.0),
                    (Toy(), Toy(weight=1.1)), strict=True,
                )
            )
        )
    )  # fmt: skip
    assert causes(found)[0] is first


@pytest.mark.parametrize(("distance", "dtype"), [(1.66e-3, "bfloat16"), (2.08e-4, "float16")])
def test_noise_that_was_rounded_to_a_narrower_dtype_is_told_by_how_far_it_moved(
    distance: float, dtype: str
):
    method = {METHODS: "Any.prepare_latents = app.drawn@01234567 x 1"}
    found = told(Toy(noise_rounding=distance), **method)
    assert causes(found)[:2] == [Cause.NOISE, Cause.PATCH]
    assert f"rounding to {dtype}" in found.causes[0].words


def test_a_component_whose_digest_changed_goes_before_any_foreign_method():
    found = told(
        Toy(encoder=1.1),
        model__text_encoder__sha256="f" * 64,
        **{METHODS: "Any.encode_prompt = app.cached@01234567 x 1"},
    )
    assert causes(found)[:2] == [Cause.TEXT_ENCODER, Cause.PATCH]


def test_a_method_that_cannot_act_there_is_ruled_out():
    found = told(Toy(encoder=1.1), **{METHODS: "Any.decode_latents = app.decode@01234567 x 1"})
    assert found.causes[0].cause is Cause.TEXT_ENCODER
    assert [each.explains for each in found.environment] == [False]


def test_a_foreign_method_that_hides_behind_an_earlier_change_is_named_too():
    found = told(
        Toy(encoder=1.1),
        model__text_encoder__sha256="f" * 64,
        **{METHODS: "VaeImageProcessor.postprocess = app.sharper@01234567 x 1"},
    )
    assert causes(found)[:2] == [Cause.TEXT_ENCODER, Cause.POST_PROCESSING]


def test_a_method_with_other_code_is_another_and_one_that_is_gone_too():
    before: dict[str, Value] = {METHODS: "Any.encode_prompt = app.cached@01234567 x 1"}
    other = told(
        Toy(encoder=1.1), before, **{METHODS: "Any.encode_prompt = app.cached@76543210 x 1"}
    )
    gone = told(Toy(encoder=1.1), before, **{METHODS: None})
    assert "with other code" in other.causes[0].words
    assert "no longer app.cached" in gone.causes[0].words
    assert {other.causes[0].cause, gone.causes[0].cause} == {Cause.PATCH}


def test_a_method_whose_code_reads_otherwise_in_another_release_accuses_nobody():
    before: dict[str, Value] = {METHODS: "Any.encode_prompt = app.cached@01234567 x 1"}
    now: dict[str, Value] = {METHODS: "Any.encode_prompt = app.cached@76543210 x 1"}
    found = told(Toy(encoder=1.1), before, package__transformers="5.24.0", **now)
    assert found.causes[0].cause is Cause.PACKAGES
    assert Cause.PATCH not in causes(found)


def test_threads_on_record_go_before_a_foreign_method_where_rounding_is_seen():
    found = told(
        Toy(jitter=1e-7), cpu__threads=2, **{METHODS: "Any.__call__ = app.call@01234567 x 1"}
    )
    assert found.causes[0].cause is Cause.CPU


def test_dropout_that_was_left_on_is_a_switch_and_no_kernel():
    found = told(Toy(weight=1.05), {"model.unet.training": False}, model__unet__training=True)
    assert found.causes[0].cause is Cause.PATCH
    assert Cause.KERNELS not in causes(found)[:3]


def test_fewer_weights_from_the_same_files_are_no_adapter():
    files: dict[str, Value] = {
        "model_file.text_encoder/model.safetensors": "1" * 64,
        "model.text_encoder.parameters": 1000,
    }
    fewer = told(
        Toy(encoder=1.1), files, model__text_encoder__parameters=800,
        model__text_encoder__sha256="f" * 64,
    )  # fmt: skip
    more = told(
        Toy(encoder=1.1), files, model__text_encoder__parameters=1200,
        model__text_encoder__sha256="f" * 64,
    )  # fmt: skip
    assert fewer.causes[0].cause is Cause.TEXT_ENCODER
    assert more.causes[0].cause is Cause.LORA


def test_noise_that_is_scaled_is_not_the_scheduler_s_where_that_is_the_same():
    present = recorded(Toy())
    scaled = {each.key: each for each in recorded(Toy(noise_scale=1.05))}
    kept = (Stage.INITIAL_NOISE,)
    found = told(tuple(each if each.stage in kept else scaled[each.key] for each in present))
    assert found.causes[0].cause is Cause.NOISE


def test_an_image_without_a_decoder_is_made_of_its_latents_by_post_processing():
    stages = (Stage.LATENTS_BEFORE_VAE, Stage.VAE_OUTPUT)
    sides = evidence(Toy(brightness=0.99))
    without = {key: value for key, value in ENVIRONMENT.items() if not key.startswith("model.vae")}
    found = explain(
        Sides(
            *(
                replace(
                    side,
                    environment=without,
                    trace=tuple(each for each in side.trace or () if each.stage not in stages),
                )
                for side in (sides.accepted, sides.present)
            )
        )
    )
    assert found.causes[0].cause is Cause.POST_PROCESSING


def test_a_configuration_of_the_vae_that_takes_effect_is_named_behind_an_earlier_change():
    files: dict[str, Value] = {
        "model_file.vae/config.json": "1" * 64,
        "model.vae.attributes_sha256": "2" * 64,
    }
    now: dict[str, Value] = {
        "model_file.vae/config.json": "3" * 64,
        "model.vae.attributes_sha256": "4" * 64,
    }
    found = told(Toy(encoder=1.1), files, model__text_encoder__sha256="f" * 64, **now)
    assert causes(found)[:2] == [Cause.TEXT_ENCODER, Cause.VAE_WEIGHTS]
    written_anew: dict[str, Value] = {"model_file.vae/config.json": "3" * 64}
    found = told(Toy(encoder=1.1), files, model__text_encoder__sha256="f" * 64, **written_anew)
    assert Cause.VAE_WEIGHTS not in causes(found)
