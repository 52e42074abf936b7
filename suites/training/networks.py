"""The three networks and the scheduler of `shapes-sd`, untrained, and their sizes."""

from __future__ import annotations

from typing import Final

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from .scenes import SIZE

LATENT_CHANNELS: Final = 8
LATENT_SIZE: Final = SIZE // 8
TEXT_WIDTH: Final = 64
_GROUPS: Final = 8


def make_autoencoder() -> AutoencoderKL:
    """Make an eight-fold downsampling autoencoder: (B, 3, 128, 128) to (B, 8, 16, 16)."""
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(16, 32, 40, 40),
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=_GROUPS,
        sample_size=SIZE,
        mid_block_add_attention=False,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )


def make_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Make a two-layer CLIP text encoder: (B, L) token ids to (B, L, `TEXT_WIDTH`).

    Embeddings start larger than CLIP's usual 0.02: with so few tokens and steps,
    the words must differ from the beginning.
    """
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=TEXT_WIDTH,
        intermediate_size=2 * TEXT_WIDTH,
        projection_dim=TEXT_WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=tokenizer.model_max_length,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        hidden_act="gelu",
    )
    encoder = CLIPTextModel(config)
    embeddings = (m for m in encoder.modules() if isinstance(m, torch.nn.Embedding))
    with torch.no_grad():
        for table in embeddings:
            is_vocabulary = table.num_embeddings == len(tokenizer)
            table.weight.normal_(0, 0.3 if is_vocabulary else 0.1)
    return encoder


def make_denoiser() -> UNet2DConditionModel:
    """Make a two-level U-Net: noisy latents (B, 8, 16, 16) to v-predictions of that shape.

    `attention_head_dim` is, by a historical accident of diffusers, the number of heads
    (https://github.com/huggingface/diffusers/issues/2011).
    """
    return UNet2DConditionModel(
        sample_size=LATENT_SIZE,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=(64, 80),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        mid_block_type="UNetMidBlock2DCrossAttn",
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=4,
        norm_num_groups=_GROUPS,
    )


def make_scheduler() -> DDIMScheduler:
    """Make DDIM on linear betas, predicting v (https://arxiv.org/abs/2202.00512).

    Timesteps are spaced so that sampling begins at the noisiest one
    (https://arxiv.org/abs/2305.08891).
    """
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=1e-4,
        beta_end=0.02,
        beta_schedule="linear",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )


def count_parameters(*modules: torch.nn.Module) -> int:
    """Count the trainable values in all modules together."""
    return sum(p.numel() for module in modules for p in module.parameters())
