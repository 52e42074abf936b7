"""Eight tiny random pipelines of kinds that no other test here has.

Weights are random and the last layer of each decoder is scaled so that pictures are not flat. The
same code gives the same weights. Nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.tiny_pipelines import _clip_tokenizer, _t5_tokenizer

WIDTH = 32
PROMPTS = {
    "kitchen": "a quiet kitchen with a kettle on the stove and rain on the window panes",
    "harbour": "an old harbour at dawn, three red boats, gulls, and a lighthouse far behind",
}


@dataclass(frozen=True)
class Model:
    """How a pipeline is built and called."""

    build: Callable[[Path], Any]
    call: dict[str, Any]
    prompts: bool = True
    dtype: str = "float32"
    options: dict[str, Any] = field(default_factory=dict)
    """Keyword arguments of ``from_pretrained`` in a plain call."""
    images: int = 2
    inputs: dict[str, str] = field(default_factory=dict)
    """Files that the pipeline is given, which ``build`` writes beside the model."""


def _t5(tokenizer: Any, *, width: int = WIDTH) -> Any:
    from transformers import T5Config, T5EncoderModel

    config = T5Config(
        vocab_size=len(tokenizer), d_model=width, d_kv=8, d_ff=40, num_layers=2, num_heads=4
    )
    return T5EncoderModel(config).eval()


def _clip_config(*, dropout: float = 0.0) -> Any:
    from transformers import CLIPTextConfig

    return CLIPTextConfig(
        vocab_size=514,
        hidden_size=WIDTH,
        projection_dim=WIDTH,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        attention_dropout=dropout,
        max_position_embeddings=77,
        bos_token_id=512,
        eos_token_id=513,
        pad_token_id=513,
    )


def _vae(channels: int, *, levels: int = 2, width: int = 8, **options: Any) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=tuple(width * 2**level for level in range(levels)),
        down_block_types=["DownEncoderBlock2D"] * levels,
        up_block_types=["UpDecoderBlock2D"] * levels,
        latent_channels=channels,
        norm_num_groups=4,
        **options,
    ).eval()


def _strengthen(module: Any, names: tuple[str, ...], factor: float) -> None:
    """Multiply the parameters whose names contain one of ``names``: else text hardly counts."""
    import torch

    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if any(part in name for part in names) and name.endswith("weight"):
                parameter.mul_(factor)


def _contrast(layer: Any, factor: float) -> None:
    import torch

    with torch.no_grad():
        layer.weight.mul_(factor)
        if layer.bias is not None:
            layer.bias.mul_(0)


def pixart_sigma(folder: Path) -> Any:
    """PixArt-Sigma: a transformer with T5, DPM-Solver++."""
    from diffusers import DPMSolverMultistepScheduler, PixArtSigmaPipeline, PixArtTransformer2DModel

    tokenizer = _t5_tokenizer()
    transformer = PixArtTransformer2DModel(
        sample_size=16,
        num_layers=3,
        patch_size=2,
        attention_head_dim=12,
        num_attention_heads=3,
        caption_channels=WIDTH,
        in_channels=4,
        cross_attention_dim=36,
        out_channels=8,
        dropout=0.1,
        use_additional_conditions=False,
    ).eval()
    _strengthen(transformer, ("attn2", "caption_projection"), 3)
    vae = _vae(4, scaling_factor=0.13025)
    _contrast(vae.decoder.conv_out, 2.5)
    return PixArtSigmaPipeline(
        tokenizer=tokenizer,
        text_encoder=_t5(tokenizer),
        vae=vae,
        transformer=transformer,
        scheduler=DPMSolverMultistepScheduler(beta_schedule="linear"),
    )


def stable_diffusion_3(folder: Path) -> Any:
    """Stable Diffusion 3: joint attention, two CLIPs and a T5, flow matching."""
    from diffusers import (
        FlowMatchEulerDiscreteScheduler,
        SD3Transformer2DModel,
        StableDiffusion3Pipeline,
    )
    from transformers import CLIPTextModelWithProjection

    t5 = _t5_tokenizer()
    transformer = SD3Transformer2DModel(
        sample_size=16,
        patch_size=1,
        in_channels=8,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        caption_projection_dim=WIDTH,
        joint_attention_dim=2 * WIDTH,
        pooled_projection_dim=2 * WIDTH,
        out_channels=8,
        pos_embed_max_size=64,
    ).eval()
    _strengthen(transformer, ("context_embedder", "add_", "text_embedder"), 4)
    vae = _vae(8, scaling_factor=1.5305, shift_factor=0.0609)
    _contrast(vae.decoder.conv_out, 2.5)
    return StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=vae,
        text_encoder=CLIPTextModelWithProjection(_clip_config()).eval(),
        tokenizer=_clip_tokenizer(folder / "first"),
        text_encoder_2=CLIPTextModelWithProjection(_clip_config()).eval(),
        tokenizer_2=_clip_tokenizer(folder / "second"),
        text_encoder_3=_t5(t5, width=2 * WIDTH),
        tokenizer_3=t5,
    )


def sana(folder: Path) -> Any:
    """Sana: linear attention, a Gemma 2 for the text, a deep-compression autoencoder."""
    from diffusers import (
        AutoencoderDC,
        DPMSolverMultistepScheduler,
        SanaPipeline,
        SanaTransformer2DModel,
    )
    from transformers import Gemma2Config, Gemma2Model

    tokenizer = _t5_tokenizer()
    encoder = Gemma2Model(
        Gemma2Config(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=8,
            pad_token_id=0,
            initializer_range=0.2,
        )
    ).eval()
    transformer = SanaTransformer2DModel(
        patch_size=1,
        in_channels=4,
        out_channels=4,
        num_layers=2,
        num_attention_heads=4,
        attention_head_dim=8,
        num_cross_attention_heads=4,
        cross_attention_head_dim=8,
        cross_attention_dim=WIDTH,
        caption_channels=WIDTH,
        sample_size=32,
    ).eval()
    _strengthen(transformer, ("attn2", "caption_projection"), 3)
    vae = AutoencoderDC(
        in_channels=3,
        latent_channels=4,
        attention_head_dim=2,
        encoder_block_types=("ResBlock", "EfficientViTBlock"),
        decoder_block_types=("ResBlock", "EfficientViTBlock"),
        encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8),
        encoder_qkv_multiscales=((), (5,)),
        decoder_qkv_multiscales=((), (5,)),
        encoder_layers_per_block=(1, 1),
        decoder_layers_per_block=[1, 1],
        downsample_block_type="conv",
        upsample_block_type="interpolate",
        decoder_norm_types="rms_norm",
        decoder_act_fns="silu",
        scaling_factor=0.41407,
    ).eval()
    _contrast(vae.decoder.conv_out, 1.6)
    return SanaPipeline(
        tokenizer=tokenizer,
        text_encoder=encoder,
        vae=vae,
        transformer=transformer,
        scheduler=DPMSolverMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
        ),
    )


def deepfloyd_if(folder: Path) -> Any:
    """DeepFloyd IF, first stage: diffusion of pixels, added keys and values, a learned variance."""
    from diffusers import DDPMScheduler, IFPipeline, UNet2DConditionModel

    tokenizer = _t5_tokenizer()
    unet = UNet2DConditionModel(
        sample_size=64,
        layers_per_block=1,
        block_out_channels=(16, 32),
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        in_channels=3,
        out_channels=6,
        cross_attention_dim=WIDTH,
        encoder_hid_dim=WIDTH,
        attention_head_dim=8,
        addition_embed_type="text",
        addition_embed_type_num_heads=2,
        cross_attention_norm="group_norm",
        resnet_time_scale_shift="scale_shift",
        act_fn="gelu",
        norm_num_groups=8,
    ).eval()
    _strengthen(unet, ("add_k_proj", "add_v_proj", "encoder_hid_proj", "add_embedding"), 3)
    return IFPipeline(
        tokenizer=tokenizer,
        text_encoder=_t5(tokenizer),
        unet=unet,
        scheduler=DDPMScheduler(
            num_train_timesteps=1000,
            beta_schedule="squaredcos_cap_v2",
            thresholding=True,
            dynamic_thresholding_ratio=0.95,
            sample_max_value=1.5,
            prediction_type="epsilon",
            variance_type="learned_range",
        ),
        safety_checker=None,
        feature_extractor=None,
        watermarker=None,
        requires_safety_checker=False,
    )


def dit(folder: Path) -> Any:
    """DiT: classes in place of prompts, DDIM."""
    from diffusers import DDIMScheduler, DiTPipeline, DiTTransformer2DModel

    transformer = DiTTransformer2DModel(
        sample_size=16,
        num_layers=3,
        patch_size=2,
        attention_head_dim=8,
        num_attention_heads=4,
        in_channels=4,
        out_channels=8,
        num_embeds_ada_norm=1000,
        norm_type="ada_norm_zero",
        norm_elementwise_affine=False,
        attention_bias=True,
        activation_fn="gelu-approximate",
        dropout=0.1,
    ).eval()
    vae = _vae(4, levels=4, width=8)
    _contrast(vae.decoder.conv_out, 2.5)
    return DiTPipeline(transformer=transformer, vae=vae, scheduler=DDIMScheduler(clip_sample=False))


def amused(folder: Path) -> Any:
    """Amused: discrete tokens that are unmasked step by step, a VQ-GAN."""
    from diffusers import AmusedPipeline, AmusedScheduler, UVit2DModel, VQModel
    from transformers import CLIPTextModelWithProjection

    transformer = UVit2DModel(
        hidden_size=WIDTH,
        use_bias=False,
        hidden_dropout=0.1,
        cond_embed_dim=WIDTH,
        micro_cond_encode_dim=8,
        micro_cond_embed_dim=40,
        encoder_hidden_size=WIDTH,
        vocab_size=66,
        codebook_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        in_channels=WIDTH,
        block_out_channels=WIDTH,
        block_num_heads=4,
        num_res_blocks=1,
        attention_dropout=0.1,
        sample_size=16,
    ).eval()
    _strengthen(transformer, ("encoder_proj", "cond_embed", "attn2"), 3)
    vqvae = VQModel(
        act_fn="silu",
        block_out_channels=[16, 32],
        down_block_types=["DownEncoderBlock2D", "DownEncoderBlock2D"],
        up_block_types=["UpDecoderBlock2D", "UpDecoderBlock2D"],
        latent_channels=16,
        layers_per_block=1,
        norm_num_groups=8,
        num_vq_embeddings=64,
        mid_block_add_attention=False,
        lookup_from_codebook=True,
    ).eval()
    _strengthen(vqvae, ("quantize.embedding",), 40)
    _contrast(vqvae.decoder.conv_out, 2.5)
    return AmusedPipeline(
        vqvae=vqvae,
        tokenizer=_clip_tokenizer(folder),
        text_encoder=CLIPTextModelWithProjection(_clip_config(dropout=0.1)).eval(),
        transformer=transformer,
        scheduler=AmusedScheduler(mask_token_id=65),
    )


def latent_consistency(folder: Path) -> Any:
    """Latent consistency: guidance is an input of the UNet, and each step draws noise."""
    from diffusers import LatentConsistencyModelPipeline, LCMScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel

    unet = UNet2DConditionModel(
        sample_size=16,
        layers_per_block=1,
        block_out_channels=(16, 32),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=4,
        time_cond_proj_dim=16,
        dropout=0.1,
    ).eval()
    _strengthen(unet, ("attn2", "cond_proj"), 6)
    vae = _vae(4, scaling_factor=0.18215)
    _contrast(vae.decoder.conv_out, 2.5)
    return LatentConsistencyModelPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(_clip_config(dropout=0.1)).eval(),
        tokenizer=_clip_tokenizer(folder),
        unet=unet,
        scheduler=LCMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False
        ),
        safety_checker=None,
        feature_extractor=None,
        image_encoder=None,
        requires_safety_checker=False,
    )


def chroma(folder: Path) -> Any:
    """Chroma: rotary positions, a modulation network, true guidance with a masked T5."""
    from diffusers import ChromaPipeline, ChromaTransformer2DModel, FlowMatchEulerDiscreteScheduler

    tokenizer = _t5_tokenizer()
    transformer = ChromaTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=WIDTH,
        axes_dims_rope=[4, 4, 8],
        approximator_hidden_dim=32,
        approximator_layers=1,
        approximator_num_channels=16,
    ).eval()
    _strengthen(transformer, ("context_embedder", "add_"), 10)
    vae = _vae(4, scaling_factor=0.3611, shift_factor=0.1159, use_quant_conv=False)
    _contrast(vae.decoder.conv_out, 2.5)
    return ChromaPipeline(
        transformer=transformer,
        text_encoder=_t5(tokenizer),
        tokenizer=tokenizer,
        vae=vae,
        scheduler=FlowMatchEulerDiscreteScheduler(),
    )


def _size(height: int, width: int, steps: int, guidance: float) -> dict[str, Any]:
    return {
        "height": height,
        "width": width,
        "num_inference_steps": steps,
        "guidance_scale": guidance,
    }


MODELS = {
    "pixart-sigma": Model(
        pixart_sigma,
        _size(96, 64, 6, 4.5)
        | {
            "negative_prompt": "blurry, dark",
            "clean_caption": False,
            "use_resolution_binning": False,
            "max_sequence_length": 64,
        },
    ),
    "sd3": Model(
        stable_diffusion_3, _size(64, 96, 6, 5.0) | {"negative_prompt": "text"}, dtype="bfloat16"
    ),
    "sana": Model(
        sana,
        _size(64, 64, 5, 4.5)
        | {
            "negative_prompt": "low contrast",
            "complex_human_instruction": None,
            "use_resolution_binning": False,
            "max_sequence_length": 60,
        },
    ),
    "deepfloyd-if": Model(
        deepfloyd_if,
        _size(64, 64, 6, 7.0) | {"negative_prompt": "blurry", "clean_caption": False},
    ),
    "dit": Model(
        dit,
        {"class_labels": [207], "guidance_scale": 4.0, "num_inference_steps": 8},
        prompts=False,
    ),
    "amused": Model(amused, _size(64, 64, 8, 10.0) | {"negative_prompt": "blurry"}),
    "lcm": Model(latent_consistency, _size(96, 96, 4, 8.5)),
    "chroma": Model(
        chroma,
        _size(64, 80, 5, 3.5) | {"negative_prompt": "ugly", "max_sequence_length": 64},
        dtype="bfloat16",
    ),
}


def save(name: str, folder: Path, models: dict[str, Model]) -> None:
    """Build model ``name`` of ``models`` and write it into ``folder``."""
    import torch

    torch.manual_seed(20260 + list(models).index(name))
    pipeline = models[name].build(folder)
    pipeline.save_pretrained(folder, safe_serialization=True)
