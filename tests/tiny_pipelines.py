"""Tiny random diffusers pipelines, saved as real model folders within a second or two.

Their pictures are noise, but every part is real: tokenizer files, safetensors weights, a scheduler
configuration and a ``model_index.json``, loaded by the ordinary ``from_pretrained``. The same
``seed`` gives the same weights. Nothing is downloaded.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diffusers import AutoencoderKL
    from transformers import CLIPTextModel, CLIPTokenizer, T5TokenizerFast

WIDTH = 32
"""Hidden size of every text encoder here."""


def tiny_stable_diffusion(folder: Path, *, seed: int = 0, channels: int = 4) -> Path:
    """Save a random ``StableDiffusionPipeline`` with DDIM in ``folder``.

    ``height`` and ``width`` must be multiples of 8; two steps at 32x32 take about 20 ms.
    """
    import torch
    from diffusers import DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel

    torch.manual_seed(seed)
    unet = UNet2DConditionModel(
        sample_size=16,
        in_channels=channels,
        out_channels=channels,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=2,
        norm_num_groups=4,
    )
    pipeline = StableDiffusionPipeline(
        vae=_autoencoder(channels),
        text_encoder=_clip_text_encoder(),
        tokenizer=_clip_tokenizer(folder),
        unet=unet,
        scheduler=DDIMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    return _saved(pipeline, folder)


def tiny_stable_diffusion_xl(folder: Path, *, seed: int = 0) -> Path:
    """Save a random ``StableDiffusionXLPipeline`` (two text encoders) in ``folder``."""
    import torch
    from diffusers import (
        EulerDiscreteScheduler,
        StableDiffusionXLPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextModelWithProjection

    torch.manual_seed(seed)
    unet = UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=2 * WIDTH,
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 1),
        projection_class_embeddings_input_dim=6 * 8 + WIDTH,
        norm_num_groups=4,
    )
    tokenizer = _clip_tokenizer(folder)
    pipeline = StableDiffusionXLPipeline(
        vae=_autoencoder(4),
        text_encoder=_clip_text_encoder(),
        text_encoder_2=CLIPTextModelWithProjection(_clip_text_config()),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=unet,
        scheduler=EulerDiscreteScheduler(beta_schedule="scaled_linear", steps_offset=1),
    )
    return _saved(pipeline, folder)


def tiny_flux(folder: Path, *, seed: int = 0, guidance_embeds: bool = False) -> Path:
    """Save a random ``FluxPipeline`` (flow matching, CLIP and T5 encoders) in ``folder``.

    Without ``guidance_embeds`` the guidance scale changes nothing.
    """
    import torch
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
    from transformers import T5Config, T5EncoderModel

    torch.manual_seed(seed)
    transformer = FluxTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=WIDTH,
        pooled_projection_dim=WIDTH,
        axes_dims_rope=(4, 4, 8),
        guidance_embeds=guidance_embeds,
    )
    tokenizer_2 = _t5_tokenizer()
    pipeline = FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=_autoencoder(4),
        text_encoder=_clip_text_encoder(),
        tokenizer=_clip_tokenizer(folder),
        text_encoder_2=T5EncoderModel(
            T5Config(
                vocab_size=len(tokenizer_2),
                d_model=WIDTH,
                d_kv=8,
                d_ff=37,
                num_layers=1,
                num_heads=4,
            )
        ),
        tokenizer_2=tokenizer_2,
        transformer=transformer,
    )
    return _saved(pipeline, folder)


def tiny_clip(folder: Path, *, seed: int = 0) -> Path:
    """Save a random ``CLIPModel`` with its image processor (32 x 32 pixels) and tokenizer."""
    import torch
    from transformers import CLIPConfig, CLIPModel, CLIPVisionConfig

    torch.manual_seed(seed)
    vision = CLIPVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=32,
        patch_size=8,
    )
    config = CLIPConfig(
        text_config=_clip_text_config().to_dict(),
        vision_config=vision.to_dict(),
        projection_dim=WIDTH,
    )
    CLIPModel(config).save_pretrained(folder)
    size = {"height": 32, "width": 32}
    processor = clip_image_processor()(size={"shortest_edge": 32}, crop_size=size)
    processor.save_pretrained(folder)
    _clip_tokenizer(folder).save_pretrained(folder)
    return folder


def tiny_unconditional(folder: Path, *, seed: int = 0) -> Path:
    """Save a DDPM of 16 x 16 pixels, which takes no prompt."""
    import torch
    from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

    torch.manual_seed(seed)
    unet = UNet2DModel(
        sample_size=16,
        block_out_channels=(8, 16),
        norm_num_groups=4,
        layers_per_block=1,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=4,
    )
    return _saved(DDPMPipeline(unet, DDPMScheduler()), folder)


def clip_image_processor() -> Any:
    """Return the class of CLIP's image processor that needs no torchvision, by its name here."""
    import transformers

    if hasattr(transformers, "CLIPImageProcessorPil"):  # transformers 5
        return transformers.CLIPImageProcessorPil
    return transformers.CLIPImageProcessor


def tiny_lora(path: Path, model: Path, *, seed: int = 0) -> Path:
    """Save a random rank-2 LoRA for the UNet of the Stable Diffusion folder ``model``."""
    import torch
    from diffusers import StableDiffusionPipeline, UNet2DConditionModel
    from diffusers.utils import convert_state_dict_to_diffusers
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    torch.manual_seed(seed)
    unet = UNet2DConditionModel.from_pretrained(model / "unet")
    unet.add_adapter(
        LoraConfig(
            r=2,
            lora_alpha=64,
            init_lora_weights=False,
            target_modules=["to_q", "to_k", "to_v", "to_out.0"],
        )
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    StableDiffusionPipeline.save_lora_weights(
        save_directory=path.parent,
        weight_name=path.name,
        unet_lora_layers=convert_state_dict_to_diffusers(get_peft_model_state_dict(unet)),
    )
    return path


def _saved(pipeline: Any, folder: Path) -> Path:
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def _autoencoder(channels: int) -> AutoencoderKL:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8, 16),
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
        up_block_types=("UpDecoderBlock2D", "UpDecoderBlock2D"),
        latent_channels=channels,
        norm_num_groups=4,
        shift_factor=0.0,
    ).eval()


def _clip_text_config() -> Any:
    from transformers import CLIPTextConfig

    return CLIPTextConfig(
        vocab_size=len(_clip_vocabulary()),
        hidden_size=WIDTH,
        projection_dim=WIDTH,
        intermediate_size=37,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=77,
        bos_token_id=len(_clip_vocabulary()) - 2,
        eos_token_id=len(_clip_vocabulary()) - 1,
        pad_token_id=len(_clip_vocabulary()) - 1,
    )


def _clip_text_encoder() -> CLIPTextModel:
    from transformers import CLIPTextModel

    return CLIPTextModel(_clip_text_config()).eval()


def _byte_alphabet() -> list[str]:
    """GPT-2's printable stand-ins for the 256 bytes, which CLIP's byte-level BPE is built on."""
    from tokenizers.pre_tokenizers import ByteLevel

    return sorted(ByteLevel.alphabet())


def _clip_vocabulary() -> dict[str, int]:
    alphabet = _byte_alphabet()
    tokens = [
        *alphabet,
        *(f"{token}</w>" for token in alphabet),
        "<|startoftext|>",
        "<|endoftext|>",
    ]
    return {token: index for index, token in enumerate(tokens)}


def _clip_tokenizer(folder: Path) -> CLIPTokenizer:
    """A tokenizer that spells every word letter by letter."""
    from transformers import CLIPTokenizer

    home = folder / "tokenizer"
    home.mkdir(parents=True, exist_ok=True)
    (home / "vocab.json").write_text(json.dumps(_clip_vocabulary()), encoding="utf-8")
    (home / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    return CLIPTokenizer.from_pretrained(home, model_max_length=77)


def _t5_tokenizer() -> T5TokenizerFast:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import T5TokenizerFast

    letters = [chr(code) for code in range(ord(" ") + 1, ord("~") + 1)]
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(letter, -3.0) for letter in letters]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
    )
    return T5TokenizerFast(tokenizer_object=tokenizer, extra_ids=0, model_max_length=64)


def as_modular(folder: Path, whole: Path) -> Path:
    """Save the parts of the pipeline in ``whole`` as a modular one; its index holds ``folder``."""
    from diffusers import ModularPipeline

    made = ModularPipeline.from_pretrained(str(whole))
    made.load_components()
    made.save_pretrained(str(folder.resolve()), overwrite_modular_index=True)
    return folder
