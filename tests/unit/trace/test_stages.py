"""Stages: their names on disk, their order, what feeds them, and how people call them."""

from __future__ import annotations

import pytest

from goldenseed.suite.parts import Side
from goldenseed.trace.stages import FED_BY, WITHIN, Stage, StageName, StageRecord

ON_DISK = [
    "written_prompt",
    "token_ids",
    "prompt_embeddings",
    "timesteps",
    "sigmas",
    "initial_noise",
    "later_noise",
    "denoiser_input",
    "denoiser_output",
    "predicted_noise",
    "guided_output",
    "later_output",
    "initial_latents",
    "denoising_step",
    "latents_before_vae",
    "vae_output",
    "float_image",
    "denormalised",
    "unprocessed",
    "postprocessed",
    "pixels",
]


def test_names_on_disk_are_what_they_were():
    assert [stage.value for stage in Stage] == ON_DISK
    assert all(Stage(name) == name == str(Stage(name)) for name in ON_DISK)


def test_every_stage_says_what_feeds_it_and_no_stage_feeds_itself():
    assert set(FED_BY) == set(Stage)

    def all_before(stage: Stage) -> set[Stage]:
        return {each for fed in FED_BY[stage] for each in {fed, *all_before(fed)}}

    assert not [stage for stage in Stage if stage in all_before(stage)]
    # All that is recorded is in the pixels, but for what says again what other stages say.
    again = {Stage.LATER_OUTPUT, Stage.PREDICTED_NOISE, Stage.DENORMALISED}
    assert set(Stage) - all_before(Stage.PIXELS) == {Stage.PIXELS, *again}


def test_sides_follow_each_other_from_the_text_to_the_picture():
    order = [Side.TEXT, Side.SCHEDULE, Side.LATENT, Side.IMAGE]
    sides = [order.index(stage.side) for stage in Stage]
    assert sides == sorted(sides)
    assert {stage.side for stage in WITHIN} == {Side.LATENT, Side.IMAGE}


@pytest.mark.parametrize(
    ("source", "part", "value"),
    [
        ("text_encoder_2.text_embeds", "text_encoder_2", "text_embeds"),
        ("text_encoder.hidden_states[-2]", "text_encoder", "hidden_states[-2]"),
        ("unet[1]", "unet", ""),
        ("unet.added_cond_kwargs.time_ids", "unet", "added_cond_kwargs.time_ids"),
        (None, "", ""),
    ],
)
def test_a_record_knows_the_part_that_made_it_and_which_of_its_values(
    source: str | None, part: str, value: str
):
    record = StageRecord(
        stage=Stage.PIXELS, index=0, source=source, shape=(1,), dtype="uint8", sha256="0" * 64
    )
    assert (record.key.part, record.key.value) == (part, value)


def test_people_count_denoising_steps_from_one():
    assert StageName(Stage.DENOISING_STEP, "scheduler", 6).words == "denoising step 7"
    assert StageName(Stage.LATENTS_BEFORE_VAE, "vae").words == "latents before the VAE"
