"""What the parts of pipelines are by name, held against all pipelines that diffusers has."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from goldenseed.suite.parts import Given, Role, Side, given_as, is_denoiser, made_by, named, role_of

NOT_TOLD_BY_THEIR_NAMES = {
    "audio_scheduler": "makes sound",
    "audio_token_detokenizer": "makes sound",
    "audio_tokenizer": "makes sound",
    "audio_vae": "makes sound",
    "caption_generator": "writes a prompt",
    "caption_processor": "writes a prompt",
    "condition_encoder": "makes sound",
    "connectors": "lies between text encoders and denoiser, and is not recorded",
    "continuous_encoder": "makes sound",
    "duration_embedder": "makes sound",
    "duration_head": "says how long a film is",
    "language_model": "makes sound",
    "latent_upsampler": "enlarges latents, for films",
    "latent_upscaler": "enlarges latents, for films",
    "learned_classifier_free_sampling_embeddings": "holds the embeddings of no prompt",
    "mel": "makes sound",
    "melgan": "makes sound",
    "model": "writes a text, and makes no image",
    "notes_encoder": "makes sound",
    "pe": "writes a prompt",
    "processor": "prepares texts and pictures alike, and is not recorded",
    "projection_model": "makes sound",
    "prompt_enhancer": "writes a prompt",
    "prompt_enhancer_head": "writes a prompt",
    "shap_e_renderer": "renders a body, and decodes no latents",
    "sound_tokenizer": "makes sound",
    "temporal_latent_upsampler": "enlarges latents, for films",
    "text_decoder": "writes a text",
    "text_processor": "prepares texts and pictures alike, and is not recorded",
    "text_proj": "lies between text encoder and denoiser, and is not recorded",
    "vocoder": "makes sound",
}
"""Parts that are ``Role.OTHER``: what differs in them may show anywhere, and is no cause."""


def parts_of_diffusers() -> Iterator[str]:
    """Yield the names of the parts of every pipeline that can be imported here."""
    import diffusers.pipelines
    from diffusers import DiffusionPipeline

    for module in pkgutil.walk_packages(diffusers.pipelines.__path__, "diffusers.pipelines."):
        try:
            importlib.import_module(module.name)
        except (ImportError, RuntimeError):  # what they need is not installed
            continue
    pending = DiffusionPipeline.__subclasses__()
    while pending:
        found = pending.pop()
        pending += found.__subclasses__()
        expected, _ = found._get_signature_keys(found)
        yield from expected


@pytest.mark.filterwarnings("ignore")
def test_every_part_of_every_pipeline_of_diffusers_is_known_or_explained():
    names = set(parts_of_diffusers())
    assert {"unet", "transformer", "movq", "prior_text_encoder", "vqgan"} <= names
    unknown = {name for name in names if role_of(name) is Role.OTHER}
    assert unknown <= NOT_TOLD_BY_THEIR_NAMES.keys()
    assert {role_of(name) for name in NOT_TOLD_BY_THEIR_NAMES} == {Role.OTHER}


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("text_encoder_2", Role.TEXT_ENCODER),
        ("prior_text_encoder", Role.TEXT_ENCODER),
        ("prior_prior", Role.PRIOR),
        ("prior_scheduler", Role.SCHEDULER),
        ("decoder_scheduler", Role.SCHEDULER),
        ("unconditional_transformer", Role.DENOISER),
        ("image_unet", Role.DENOISER),
        ("decoder", Role.DENOISER),
        ("vae_decoder", Role.DECODER),
        ("vae_encoder", Role.DECODER),
        ("movq", Role.DECODER),
        ("clip_image_processor", Role.IMAGE_ENCODER),
        ("controlnet_2", Role.CONTROL),
        ("vaexplorer", Role.OTHER),
        ("audio_vae", Role.OTHER),
        ("", Role.OTHER),
        ("2", Role.OTHER),
    ],
)
def test_a_part_does_what_its_name_says_whatever_stands_around_that(name: str, role: Role):
    assert role_of(name) is role


def test_a_role_knows_its_side_and_how_often_it_is_called():
    assert [role for role in Role if role.side is Side.IMAGE and not role.each_step] == [
        Role.IMAGE_ENCODER, Role.DECODER, Role.SAFETY_CHECKER, Role.WATERMARKER,
    ]  # fmt: skip
    assert all(role.each_step for role in Role if role.side in {Side.LATENT, Side.SCHEDULE})
    assert [each for each in ("prior", "transformer_2", "controlnet") if is_denoiser(each)] == [
        "prior", "transformer_2",
    ]  # fmt: skip


def test_parts_are_named_by_role_first_and_then_as_the_pipeline_has_them():
    given = ["prior", "vae", "transformer_2", "unet", "tokenizer"]
    assert named(given, Role.DENOISER, Role.PRIOR) == ("transformer_2", "unet", "prior")


def test_what_a_part_made_is_a_tuples_first_or_what_the_role_calls_it():
    assert made_by(Role.DENOISER, (1, 2)) == 1
    assert made_by(Role.PRIOR, SimpleNamespace(predicted_image_embedding=3)) == 3
    assert made_by(Role.SCHEDULER, SimpleNamespace(prev_sample=4, pred_original_sample=5)) == 4
    assert made_by(Role.DENOISER, [6, 7]) == [6, 7]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("0", Given.SAMPLE),
        ("hidden_states", Given.SAMPLE),
        ("encoder_hidden_states", Given.TEXT),
        ("ip_hidden_states.0", Given.IMAGE),
        ("added_cond_kwargs.text_embeds", Given.TEXT),
        ("added_cond_kwargs.image_embeds.0", Given.IMAGE),
        ("added_cond_kwargs.time_ids", Given.SIZE),
        ("timestep", Given.TIME),
        ("1", Given.TIME),
        ("guidance", Given.GUIDANCE),
        ("txt_ids", Given.TEXT_POSITIONS),
        ("down_block_additional_residuals.0", Given.CONTROL),
        ("controlnet_block_samples.0", Given.CONTROL),
    ],
)
def test_what_a_denoiser_is_given_is_known_by_the_name_of_its_argument(name: str, kind: Given):
    assert given_as(name) is kind
