"""Videos: CogVideoX, LTX, Mochi and Wan, each a case of several elements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.zoo import parts
from tests.zoo.entry import Entry, size
from tiny_pipelines import WIDTH


def _cogvideox(folder: Path) -> dict[str, Any]:
    from diffusers import (
        AutoencoderKLCogVideoX,
        CogVideoXDDIMScheduler,
        CogVideoXTransformer3DModel,
    )

    transformer = CogVideoXTransformer3DModel(
        num_attention_heads=4,
        attention_head_dim=8,
        in_channels=4,
        out_channels=4,
        time_embed_dim=2,
        text_embed_dim=WIDTH,
        num_layers=1,
        sample_width=2,
        sample_height=2,
        sample_frames=9,
        max_text_seq_length=16,
    )
    vae = AutoencoderKLCogVideoX(
        block_out_channels=(8,) * 4, latent_channels=4, layers_per_block=1, norm_num_groups=2
    )
    return {
        **parts.t5(),
        "transformer": transformer.eval(),
        "vae": vae.eval(),
        "scheduler": CogVideoXDDIMScheduler(),
    }


def _ltx(folder: Path) -> dict[str, Any]:
    from diffusers import AutoencoderKLLTXVideo, LTXVideoTransformer3DModel

    transformer = LTXVideoTransformer3DModel(
        in_channels=8,
        out_channels=8,
        num_attention_heads=4,
        attention_head_dim=8,
        cross_attention_dim=32,
        num_layers=1,
        caption_channels=WIDTH,
    )
    vae = AutoencoderKLLTXVideo(
        latent_channels=8,
        block_out_channels=(8,) * 4,
        decoder_block_out_channels=(8,) * 4,
        layers_per_block=(1,) * 5,
        decoder_layers_per_block=(1,) * 5,
        spatio_temporal_scaling=(True, True, False, False),
        decoder_spatio_temporal_scaling=(True, True, False, False),
        patch_size=1,
    )
    return {
        **parts.t5(),
        "transformer": transformer.eval(),
        "vae": vae.eval(),
        "scheduler": parts.flow(),
    }


def _mochi(folder: Path) -> dict[str, Any]:
    from diffusers import AutoencoderKLMochi, MochiTransformer3DModel

    transformer = MochiTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=2,
        pooled_projection_dim=16,
        in_channels=12,
        text_embed_dim=WIDTH,
        time_embed_dim=4,
        max_sequence_length=16,
    )
    vae = AutoencoderKLMochi(
        latent_channels=12,
        encoder_block_out_channels=(32,) * 4,
        decoder_block_out_channels=(32,) * 4,
        layers_per_block=(1,) * 5,
    )
    return {
        **parts.t5(),
        "transformer": transformer.eval(),
        "vae": vae.eval(),
        "scheduler": parts.flow(),
    }


def _wan(folder: Path) -> dict[str, Any]:
    from diffusers import WanTransformer3DModel

    transformer = WanTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        text_dim=WIDTH,
        freq_dim=256,
        ffn_dim=32,
        num_layers=2,
        rope_max_seq_len=32,
    )
    return {
        **parts.t5(cls="UMT5"),
        "transformer": transformer.eval(),
        "vae": parts.wan_vae(),
        "scheduler": parts.flow(shift=7.0),
    }


ENTRIES = {
    "CogVideoXPipeline": Entry(_cogvideox, size(16, num_frames=8, max_sequence_length=16)),
    "LTXPipeline": Entry(_ltx, size(32, num_frames=9, max_sequence_length=16)),
    "MochiPipeline": Entry(_mochi, size(16, num_frames=7, max_sequence_length=16)),
    "WanPipeline": Entry(_wan, size(32, num_frames=5, max_sequence_length=16)),
}
