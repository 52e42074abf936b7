"""Small random parts that many pipelines share, after the components of diffusers' own tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tiny_pipelines import (
    WIDTH,
    _byte_alphabet,
    _clip_text_config,
    _clip_tokenizer,
    _t5_tokenizer,
    clip_image_processor,
)

CHAT = "{% for each in messages %}{% if each['content'] is string %}{{ each['content'] }}{% else %}"
CHAT += "{% for part in each['content'] %}{% if part['type'] == 'image' %}"
CHAT += "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part['text'] }}{% endif %}"
CHAT += "{% endfor %}{% endif %}{% endfor %}"
"""A chat template that writes the texts one after the other, and a place for each picture."""


def vae(channels: int = 4, *, levels: int = 2, **options: Any) -> Any:
    """Return an ``AutoencoderKL`` that halves a picture ``levels - 1`` times."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=tuple(8 * 2 ** min(level, 1) for level in range(levels)),
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        latent_channels=channels,
        norm_num_groups=4,
        **options,
    ).eval()


def flux_vae(channels: int = 4, *, levels: int = 2) -> Any:
    """Return an ``AutoencoderKL`` with the shift and the scale of Flux and SD3."""
    return vae(channels, levels=levels, shift_factor=0.0609, scaling_factor=1.5035)


def qwen_vae(channels: int = 4, *, levels: int = 3, **options: Any) -> Any:
    """Return the autoencoder of Qwen-Image, which halves a picture ``levels - 1`` times."""
    from diffusers import AutoencoderKLQwenImage

    return AutoencoderKLQwenImage(
        base_dim=8 if levels < 5 else 4,
        z_dim=channels,
        dim_mult=[1, *[2] * (levels - 1)],
        num_res_blocks=1,
        temperal_downsample=[False, *[True] * (levels - 2)],
        latents_mean=[0.0] * channels,
        latents_std=[1.0] * channels,
        **options,
    ).eval()


def wan_vae(channels: int = 16) -> Any:
    """Return the autoencoder of Wan, which makes a picture eight times smaller."""
    from diffusers import AutoencoderKLWan

    return AutoencoderKLWan(
        base_dim=3,
        z_dim=channels,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
    ).eval()


def movq(levels: int = 2) -> Any:
    """Return Kandinsky's decoder."""
    from diffusers import VQModel

    return VQModel(
        block_out_channels=(32,) * (levels - 1) + (64,),
        down_block_types=("DownEncoderBlock2D",) * (levels - 1) + ("AttnDownEncoderBlock2D",),
        up_block_types=("AttnUpDecoderBlock2D",) + ("UpDecoderBlock2D",) * (levels - 1),
        latent_channels=4,
        norm_num_groups=8,
        norm_type="spatial",
        num_vq_embeddings=12,
        vq_embed_dim=4,
    ).eval()


def unet(**options: Any) -> Any:
    """Return the UNet of a Stable Diffusion; ``options`` go over its own."""
    from diffusers import UNet2DConditionModel

    plain: dict[str, Any] = {
        "sample_size": 16,
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "cross_attention_dim": WIDTH,
        "attention_head_dim": 2,
        "norm_num_groups": 4,
    }
    return UNet2DConditionModel(**plain | options).eval()


XL: dict[str, Any] = {
    "attention_head_dim": (2, 4),
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 8,
    "transformer_layers_per_block": (1, 1),
    "projection_class_embeddings_input_dim": 6 * 8 + WIDTH,
    "cross_attention_dim": 2 * WIDTH,
}
"""What the UNets of SDXL have besides."""


def controlnet(cls: str = "ControlNetModel", **options: Any) -> Any:
    """Return a ControlNet whose last layers are not zero, as they are in a new one."""
    import diffusers

    plain: dict[str, Any] = {
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "cross_attention_dim": WIDTH,
        "attention_head_dim": 2,
        "conditioning_embedding_out_channels": (8, 16),
        "norm_num_groups": 4,
    }
    return awake(getattr(diffusers, cls)(**plain | options))


def awake(model: Any) -> Any:
    """Fill the layers that begin at zero, of which nothing would be seen, with small numbers."""
    import torch

    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1 and not parameter.any():
                parameter.normal_(std=0.1)
    return model.eval()


def clip(folder: Path, number: str = "") -> dict[str, Any]:
    """Return CLIP's text encoder and tokenizer as ``text_encoder`` and ``tokenizer``."""
    from transformers import CLIPTextModel

    return {
        f"text_encoder{number}": CLIPTextModel(_clip_text_config()).eval(),
        f"tokenizer{number}": _clip_tokenizer(folder),
    }


def clip_projected(folder: Path, number: str = "") -> dict[str, Any]:
    """Return CLIP's text encoder with a projection, and its tokenizer."""
    from transformers import CLIPTextModelWithProjection

    return {
        f"text_encoder{number}": CLIPTextModelWithProjection(_clip_text_config()).eval(),
        f"tokenizer{number}": _clip_tokenizer(folder),
    }


def clip_vision(side: int = 32, *, projected: bool = True) -> Any:
    """Return CLIP's image encoder for pictures of ``side`` pixels."""
    from transformers import CLIPVisionConfig, CLIPVisionModel, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(
        hidden_size=WIDTH,
        image_size=side,
        projection_dim=WIDTH,
        intermediate_size=40,
        num_attention_heads=4,
        num_hidden_layers=2,
        patch_size=8,
    )
    return (CLIPVisionModelWithProjection if projected else CLIPVisionModel)(config).eval()


def image_processor(side: int = 32) -> Any:
    """Return CLIP's image processor for pictures of ``side`` pixels."""
    return clip_image_processor()(crop_size=side, size=side)


def t5(number: str = "", width: int = WIDTH, cls: str = "T5") -> dict[str, Any]:
    """Return T5's (or UMT5's) encoder and tokenizer."""
    import transformers

    tokenizer = _t5_tokenizer()
    config = getattr(transformers, f"{cls}Config")(
        vocab_size=len(tokenizer), d_model=width, d_kv=8, d_ff=40, num_layers=2, num_heads=4
    )
    return {
        f"text_encoder{number}": getattr(transformers, f"{cls}EncoderModel")(config).eval(),
        f"tokenizer{number}": tokenizer,
    }


def language_model(cls: str, config: str, **options: Any) -> dict[str, Any]:
    """Return a causal transformer of ``transformers`` as text encoder, with a tokenizer."""
    import transformers

    tokenizer = _t5_tokenizer()
    tokenizer.chat_template = CHAT
    plain: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": WIDTH,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 1,
        "max_position_embeddings": 1024,
    }
    given = {name: value for name, value in (plain | options).items() if value is not None}
    described = getattr(transformers, config)(**given)
    return {
        "text_encoder": getattr(transformers, cls)(described).eval(),
        "tokenizer": tokenizer,
    }


def gemma2() -> dict[str, Any]:
    """Return Gemma 2, as Sana and Lumina 2 have it."""
    return language_model("Gemma2Model", "Gemma2Config", initializer_range=0.2)


def qwen3(cls: str = "Qwen3Model", **options: Any) -> dict[str, Any]:
    """Return Qwen 3 with the tokenizer of Qwen."""
    tokenizer = qwen_tokenizer()
    model = language_model(cls, "Qwen3Config", vocab_size=len(tokenizer), **options)
    return {**model, "tokenizer": tokenizer}


QWEN_WORDS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>")
QWEN_WORDS += ("<|vision_pad|>", "<|image_pad|>", "<|video_pad|>")


def qwen_tokenizer() -> Any:
    """Return the tokenizer of Qwen 2 with no words but bytes."""
    from transformers import Qwen2TokenizerFast

    vocabulary = {token: number for number, token in enumerate(_byte_alphabet())}
    tokenizer = Qwen2TokenizerFast(
        vocab=vocabulary, merges=[], model_max_length=512, additional_special_tokens=[*QWEN_WORDS]
    )
    tokenizer.chat_template = CHAT
    return tokenizer


def qwen_vl(
    cls: str = "Qwen2_5_VL", kind: str = "ForConditionalGeneration", *, layers: int = 2
) -> dict[str, Any]:
    """Return a Qwen that also sees pictures as text encoder, with the tokenizer."""
    import transformers

    tokenizer = qwen_tokenizer()
    number = tokenizer.convert_tokens_to_ids
    text: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": WIDTH,
        "intermediate_size": 40,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "rope_parameters": {
            "mrope_section": [2, 2, 4],
            "rope_type": "default",
            "rope_theta": 1000000.0,
        },
        "pad_token_id": number("<|endoftext|>"),
    }
    vision = {
        "depth": 2,
        "hidden_size": WIDTH,
        "intermediate_size": 40,
        "num_heads": 2,
        "out_hidden_size": WIDTH,
    }
    if cls == "Qwen3VL":
        text["head_dim"] = 16
        vision["deepstack_visual_indexes"] = [0]  # type: ignore[assignment]
    config = getattr(transformers, f"{cls}Config")(
        text_config=text,
        vision_config=vision,
        vision_start_token_id=number("<|vision_start|>"),
        vision_end_token_id=number("<|vision_end|>"),
        image_token_id=number("<|image_pad|>"),
        video_token_id=number("<|video_pad|>"),
    )
    model = getattr(transformers, f"{cls}{kind}" if kind else f"{cls}Model")(config)
    return {"text_encoder": model.eval(), "tokenizer": tokenizer}


def flow(**options: Any) -> Any:
    """Return the scheduler of flow matching."""
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler(**options)


def ddim(**options: Any) -> Any:
    """Return DDIM as Stable Diffusion has it."""
    from diffusers import DDIMScheduler

    plain: dict[str, Any] = {
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "clip_sample": False,
        "set_alpha_to_one": False,
        "steps_offset": 1,
    }
    return DDIMScheduler(**plain | options)


def euler(**options: Any) -> Any:
    """Return Euler as SDXL has it."""
    from diffusers import EulerDiscreteScheduler

    return EulerDiscreteScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        steps_offset=1,
        timestep_spacing="leading",
        **options,
    )


def qwen_processor(tokenizer: Any, cls: str = "Qwen2VLProcessor") -> Any:
    """Return the processor of a Qwen that sees pictures; its video part needs torchvision."""
    import transformers

    patch = 16 if cls.startswith("Qwen3") else 14
    pixels = (4 * patch) ** 2
    return getattr(transformers, cls)(
        image_processor=transformers.Qwen2VLImageProcessor(
            size={"shortest_edge": pixels, "longest_edge": pixels}, patch_size=patch
        ),
        tokenizer=tokenizer,
        video_processor=transformers.Qwen2VLVideoProcessor(),
        chat_template=CHAT,
    )


def sana_vae() -> Any:
    """Return the deep compression autoencoder of Sana."""
    from diffusers import AutoencoderDC

    return AutoencoderDC(
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


def bert(number: str = "") -> dict[str, Any]:
    """Return BERT as text encoder, with a tokenizer."""
    from transformers import BertConfig, BertModel

    tokenizer = _t5_tokenizer()
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=40,
    )
    return {f"text_encoder{number}": BertModel(config).eval(), f"tokenizer{number}": tokenizer}
