"""The shipped model: its files, how it loads, and whether it draws what it is asked for."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    PNDMScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from safetensors import safe_open
from tokenizers import Tokenizer, models
from transformers import CLIPTextModel, CLIPTokenizer

from suites.training.adherence import describe, draw_exactly, held_out_pairs, share_right, try_all
from suites.training.sampling import Sampling, generate, load_pipeline
from suites.training.save import MAX_BYTES, folder_bytes
from suites.training.scenes import SIZE, caption, held_out_scenes

MODEL = Path(__file__).parents[2] / "suites" / "shapes-sd"
MOST_SECONDS = 3.0
PAIRS = 120
LEAST_SHARE = 0.95


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def pipeline() -> StableDiffusionPipeline:
    return load_pipeline(MODEL)


def test_the_model_fits_ten_megabytes():
    assert folder_bytes(MODEL) <= MAX_BYTES


def test_weights_are_safetensors_only():
    heavy = {path.suffix for path in MODEL.rglob("*") if path.stat().st_size > 100_000}
    assert heavy <= {".safetensors", ""}
    assert not [path for path in MODEL.rglob("*") if path.suffix in {".bin", ".pt", ".ckpt"}]


def test_no_configuration_names_a_local_path():
    assert not [path for path in MODEL.rglob("*.json") if "_name_or_path" in path.read_text()]


def test_text_encoder_keys_are_those_that_older_releases_read():
    path = MODEL / "text_encoder" / "model.safetensors"
    with safe_open(path, framework="pt") as weights:
        assert all(name.startswith("text_model.") for name in weights.keys())  # noqa: SIM118


def test_the_text_encoder_loads_every_weight_unchanged():
    encoder, report = CLIPTextModel.from_pretrained(
        MODEL / "text_encoder", output_loading_info=True
    )
    assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    loaded = {name.removeprefix("text_model."): w for name, w in encoder.state_dict().items()}
    with safe_open(MODEL / "text_encoder" / "model.safetensors", framework="pt") as weights:
        for name in weights.keys():  # noqa: SIM118
            assert torch.equal(
                loaded[name.removeprefix("text_model.")], weights.get_tensor(name)
            ), name


@pytest.mark.parametrize(
    ("part", "network"), [("unet", UNet2DConditionModel), ("vae", AutoencoderKL)]
)
def test_other_networks_load_every_weight(part: str, network: type[torch.nn.Module]):
    _, report = network.from_pretrained(MODEL / part, output_loading_info=True)
    assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))


def test_vocabulary_and_merges_give_the_ids_of_the_tokenizer_file():
    folder = MODEL / "tokenizer"
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    lines = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()[1:]
    merges = [(first, second) for first, second in map(str.split, lines)]
    alone = Tokenizer(models.BPE(vocabulary, merges, end_of_word_suffix="</w>"))
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    assert (folder / "tokenizer.json").exists()
    for words in map(caption, held_out_scenes()):
        ids = [number for word in words.split() for number in alone.encode(word).ids]
        assert tokenizer(words).input_ids[1:-1] == ids


def test_the_same_seed_gives_the_same_image(pipeline: StableDiffusionPipeline):
    images = [generate(pipeline, "a red apple in the snow", 3, Sampling(4)) for _ in range(2)]
    assert images[0].size == (SIZE, SIZE)
    assert images[0].tobytes() == images[1].tobytes()


def test_an_image_takes_little_time_on_one_core(pipeline: StableDiffusionPipeline):
    generate(pipeline, "a red apple in the snow", 3, Sampling(2))
    begin = time.process_time()
    generate(pipeline, "a red apple in the snow", 3, Sampling())
    assert time.process_time() - begin <= MOST_SECONDS


@pytest.mark.parametrize(
    "scheduler", [EulerDiscreteScheduler, DPMSolverMultistepScheduler, PNDMScheduler]
)
def test_other_schedulers_run_on_the_saved_configuration(
    scheduler: type[EulerDiscreteScheduler],
):
    other = load_pipeline(MODEL)
    other.scheduler = scheduler.from_config(other.scheduler.config)
    image = generate(other, "a red apple in the snow", 3, Sampling(4))
    assert len(image.getcolors(SIZE * SIZE)) > 100


def test_the_judge_is_right_on_drawn_scenes():
    trials = try_all(held_out_pairs(PAIRS), draw_exactly)
    assert share_right(trials) >= 0.97, describe(trials)


def test_the_model_draws_what_held_out_prompts_ask_for(pipeline: StableDiffusionPipeline):
    trials = try_all(
        held_out_pairs(PAIRS),
        lambda scene, seed: generate(pipeline, caption(scene), seed, Sampling()),
    )
    assert share_right(trials) >= LEAST_SHARE, describe(trials)
