"""How the six further architectures are built: small, with random weights."""

from __future__ import annotations

from typing import Any

import tiny_pipelines as tiny

_T5 = {"d_model": tiny.WIDTH, "d_kv": 8, "d_ff": 64, "num_layers": 4, "num_heads": 4}


def _vae(channels: int = 4, **config: Any) -> Any:
    """Return an autoencoder of four levels, as those in use have."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(16, 32, 32, 32),
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=channels,
        norm_num_groups=8,
        **config,
    ).eval()


def _t5() -> tuple[Any, Any]:
    from transformers import T5Config, T5EncoderModel

    tokenizer = tiny._t5_tokenizer()
    return tokenizer, T5EncoderModel(T5Config(vocab_size=len(tokenizer), **_T5)).eval()


def _gemma() -> tuple[Any, Any]:
    from transformers import Gemma2Config, Gemma2Model

    tokenizer = tiny._t5_tokenizer()
    config = Gemma2Config(
        vocab_size=len(tokenizer),
        hidden_size=tiny.WIDTH,
        intermediate_size=64,
        num_hidden_layers=6,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
    )
    return tokenizer, Gemma2Model(config).eval()


def _stronger(denoiser: Any, last: str, times: float = 4.0) -> Any:
    """Make a random denoiser's answer strong, so that pictures depend on it and on the prompt."""
    getattr(denoiser, last).weight.data *= times
    return denoiser.eval()


def pixart() -> Any:
    """T5, a transformer that predicts a variance too, DPM++ 2M."""
    from diffusers import DPMSolverMultistepScheduler, PixArtAlphaPipeline, PixArtTransformer2DModel

    tokenizer, encoder = _t5()
    transformer = PixArtTransformer2DModel(
        sample_size=16,
        num_layers=6,
        patch_size=2,
        attention_head_dim=16,
        num_attention_heads=4,
        caption_channels=tiny.WIDTH,
        in_channels=4,
        out_channels=8,
        cross_attention_dim=64,
    )
    return PixArtAlphaPipeline(
        tokenizer=tokenizer,
        text_encoder=encoder,
        vae=_vae(),
        transformer=_stronger(transformer, "proj_out"),
        scheduler=DPMSolverMultistepScheduler(),
    )


def deepfloyd() -> Any:
    """T5, pixel space, a UNet that predicts a variance too, DDPM with dynamic thresholding."""
    from diffusers import DDPMScheduler, IFPipeline, UNet2DConditionModel

    tokenizer, encoder = _t5()
    unet = UNet2DConditionModel(
        sample_size=64,
        layers_per_block=1,
        block_out_channels=(16, 16, 32, 32),
        down_block_types=(*("ResnetDownsampleBlock2D",) * 3, "SimpleCrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=("SimpleCrossAttnUpBlock2D", *("ResnetUpsampleBlock2D",) * 3),
        in_channels=3,
        out_channels=6,
        cross_attention_dim=tiny.WIDTH,
        encoder_hid_dim=tiny.WIDTH,
        attention_head_dim=8,
        addition_embed_type="text",
        addition_embed_type_num_heads=2,
        cross_attention_norm="group_norm",
        resnet_time_scale_shift="scale_shift",
        act_fn="gelu",
        norm_num_groups=8,
    )
    scheduler = DDPMScheduler(
        beta_schedule="squaredcos_cap_v2",
        thresholding=True,
        dynamic_thresholding_ratio=0.95,
        sample_max_value=1.5,
        variance_type="learned_range",
    )
    return IFPipeline(
        tokenizer=tokenizer,
        text_encoder=encoder,
        unet=_stronger(unet, "conv_out"),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        watermarker=None,
        requires_safety_checker=False,
    )


def z_image() -> Any:
    """Qwen3, a transformer that returns a list, flow matching."""
    import torch
    from diffusers import (
        FlowMatchEulerDiscreteScheduler,
        ZImagePipeline,
        ZImageTransformer2DModel,
    )
    from transformers import Qwen3Config, Qwen3Model

    tokenizer = tiny._t5_tokenizer()
    tokenizer.chat_template = "{% for each in messages %}{{ each['content'] }}{% endfor %}"
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=tiny.WIDTH,
        intermediate_size=64,
        num_hidden_layers=6,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
    )
    transformer = ZImageTransformer2DModel(
        in_channels=16,
        dim=64,
        n_layers=4,
        n_refiner_layers=1,
        n_heads=4,
        n_kv_heads=4,
        cap_feat_dim=tiny.WIDTH,
        axes_dims=[8, 4, 4],
        axes_lens=[256, 64, 64],
    )
    for padding in (transformer.x_pad_token, transformer.cap_pad_token):
        padding.data = torch.ones_like(padding)
    return ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=_vae(16, scaling_factor=0.36, shift_factor=0.12),
        text_encoder=Qwen3Model(config).eval(),
        tokenizer=tokenizer,
        transformer=transformer.eval(),
    )


def sana() -> Any:
    """Gemma, linear attention, a deep compression decoder, flow matching."""
    from diffusers import (
        AutoencoderDC,
        FlowMatchEulerDiscreteScheduler,
        SanaPipeline,
        SanaTransformer2DModel,
    )

    tokenizer, encoder = _gemma()
    transformer = SanaTransformer2DModel(
        in_channels=8,
        out_channels=8,
        num_attention_heads=4,
        attention_head_dim=16,
        num_layers=5,
        num_cross_attention_heads=4,
        cross_attention_head_dim=16,
        cross_attention_dim=64,
        caption_channels=tiny.WIDTH,
        sample_size=16,
        patch_size=1,
    )
    plain, attending = ("ResBlock",) * 3, ("EfficientViTBlock",) * 2
    vae = AutoencoderDC(
        latent_channels=8,
        attention_head_dim=8,
        encoder_block_types=(*plain, *attending),
        decoder_block_types=(*plain, *attending),
        encoder_block_out_channels=(16, 16, 32, 32, 32),
        decoder_block_out_channels=(16, 16, 32, 32, 32),
        encoder_layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(2, 2, 2, 2, 2),
        encoder_qkv_multiscales=((), (), (), (5,), (5,)),
        decoder_qkv_multiscales=((), (), (), (5,), (5,)),
        scaling_factor=0.41,
    )
    return SanaPipeline(
        tokenizer=tokenizer,
        text_encoder=encoder,
        vae=vae.eval(),
        transformer=_stronger(transformer, "proj_out"),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    )


def lumina2() -> Any:
    """Gemma, guidance that keeps each token's length, flow matching."""
    from diffusers import (
        FlowMatchEulerDiscreteScheduler,
        Lumina2Pipeline,
        Lumina2Transformer2DModel,
    )

    tokenizer, encoder = _gemma()
    transformer = Lumina2Transformer2DModel(
        sample_size=16,
        in_channels=16,
        hidden_size=64,
        num_layers=6,
        num_refiner_layers=1,
        num_attention_heads=4,
        num_kv_heads=2,
        multiple_of=16,
        axes_dim_rope=(8, 4, 4),
        axes_lens=(512, 64, 64),
        cap_feat_dim=tiny.WIDTH,
    )
    return Lumina2Pipeline(
        transformer=transformer.eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=6.0),
        vae=_vae(16, scaling_factor=0.36, shift_factor=0.12),
        text_encoder=encoder,
        tokenizer=tokenizer,
    )


def kandinsky3() -> Any:
    """T5, a UNet, DDPM, a MoVQ decoder, which is given the latents again at each norm."""
    from diffusers import DDPMScheduler, Kandinsky3Pipeline, Kandinsky3UNet, VQModel

    tokenizer, encoder = _t5()
    unet = Kandinsky3UNet(
        in_channels=4,
        time_embedding_dim=32,
        groups=8,
        attention_head_dim=8,
        layers_per_block=2,
        block_out_channels=(32, 64),
        cross_attention_dim=tiny.WIDTH,
        encoder_hid_dim=tiny.WIDTH,
    )
    movq = VQModel(
        block_out_channels=(32, 32, 64, 64),
        down_block_types=(*("DownEncoderBlock2D",) * 3, "AttnDownEncoderBlock2D"),
        up_block_types=("AttnUpDecoderBlock2D", *("UpDecoderBlock2D",) * 3),
        layers_per_block=1,
        norm_num_groups=8,
        norm_type="spatial",
        num_vq_embeddings=12,
        vq_embed_dim=4,
        latent_channels=4,
    )
    scheduler = DDPMScheduler(beta_schedule="squaredcos_cap_v2", beta_start=0.00085, beta_end=0.012)
    return Kandinsky3Pipeline(
        tokenizer=tokenizer,
        text_encoder=encoder,
        unet=_stronger(unet, "conv_out"),
        scheduler=scheduler,
        movq=movq.eval(),
    )
