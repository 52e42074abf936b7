"""Z-Image, whose pipeline insists on float32 latents by name, in float64."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_suites import one_case

import tiny_pipelines
from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.suite.loading import load_suite

pytest.importorskip("diffusers", minversion="0.36", reason="has no Z-Image")
CALL = {
    "num_inference_steps": 2,
    "height": 32,
    "width": 32,
    "guidance_scale": 3.0,
    "max_sequence_length": 16,
}


def save_z_image(folder: Path) -> None:
    """Save a random ``ZImagePipeline`` (a Qwen3 text encoder, complex rotary embeddings)."""
    import torch
    from diffusers import FlowMatchEulerDiscreteScheduler, ZImagePipeline, ZImageTransformer2DModel
    from transformers import Qwen2Tokenizer, Qwen3Config, Qwen3Model

    torch.manual_seed(0)
    transformer = ZImageTransformer2DModel(
        all_patch_size=(2,),
        all_f_patch_size=(1,),
        in_channels=16,
        dim=tiny_pipelines.WIDTH,
        n_layers=1,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=tiny_pipelines.WIDTH,
        axes_dims=[8, 4, 4],
        axes_lens=[256, 32, 32],
    )
    with torch.no_grad():  # they are not initialised by the model itself
        transformer.x_pad_token.fill_(1)
        transformer.cap_pad_token.fill_(1)
    vocabulary = {token: index for index, token in enumerate(tiny_pipelines._byte_alphabet())}
    tokenizer = Qwen2Tokenizer(vocab=vocabulary, merges=[])
    tokenizer.chat_template = "{% for each in messages %}{{ each['content'] }}{% endfor %}"
    encoder = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=tiny_pipelines.WIDTH,
        intermediate_size=37,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
    )
    pipeline = ZImagePipeline(
        transformer=transformer,
        vae=tiny_pipelines._autoencoder(16),
        scheduler=FlowMatchEulerDiscreteScheduler(),
        text_encoder=Qwen3Model(encoder).eval(),
        tokenizer=tokenizer,
    )
    pipeline.save_pretrained(folder)


@pytest.fixture(scope="module")
def suite_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("z-image")
    save_z_image(folder / "model")
    return folder


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_its_exact_image_is_near_the_one_of_its_own_dtype(suite_folder: Path, dtype: str):
    case = one_case(suite_folder, {"source": "model", "dtype": dtype}, call=CALL)
    images = [DiffusersBackend(exact=exact).generate(case).image for exact in (True, False)]
    exact, own = (np.asarray(each, dtype=float) for each in images)
    assert np.abs(exact - own).mean() < (0.01 if dtype == "float32" else 5)
    assert own.std() > 10


def test_its_portable_image_repeats_itself_and_is_float64_all_along(suite_folder: Path):
    case = one_case(suite_folder, "model", call=CALL)
    document = case.suite.path.read_text()
    case.suite.path.write_text(document.replace('"suite"', '"determinism": "portable", "suite"'))
    (portable,) = load_suite(case.suite.path).cases
    first, second = (DiffusersBackend().generate(portable) for _ in range(2))
    assert first.image.tobytes() == second.image.tobytes()
    floating = {each.dtype for each in first.trace if each.dtype.startswith("float")}
    assert floating == {"float64"}
