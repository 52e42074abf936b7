"""Three more tiny random pipelines, for the fourth trial: none of a kind that a trial had before.

One fills a hole in a picture, one follows lines with a ControlNet, one reads the prompt with a
Gemma and is in bfloat16.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.tiny_pipelines import _clip_tokenizer, _t5_tokenizer
from tests.trials.models import WIDTH, Model, _clip_config, _contrast, _size, _strengthen, _vae
from tests.trials.third_models import START, _start

HOLE = "hole.png"
"""What is to be painted anew: white, with an edge that is soft, of the size of the picture."""
LINES = "lines.png"
"""What the ControlNet follows: coloured lines on black."""


def _hole(path: Path) -> None:
    import numpy as np
    from PIL import Image

    down, across = np.mgrid[0:75, 0:101]
    far = np.hypot((across - 42) / 1.3, down - 33)
    Image.fromarray((255 * (1.3 - far / 26).clip(0, 1)).astype(np.uint8)).save(path)


def _lines(path: Path) -> None:
    import numpy as np
    from PIL import Image

    down, across = np.mgrid[0:64, 0:64]
    red = 255 * (abs(down - 20 - 9 * np.sin(across / 8)) < 1.5)
    green = 255 * (abs(across - 34 - down / 6) < 1.5)
    blue = 255 * (abs(np.hypot(across - 30, down - 36) - 19) < 1.5)
    Image.fromarray(np.stack([red, green, blue], axis=-1).astype(np.uint8)).save(path)


def _unet_options() -> dict[str, Any]:
    """Return what a UNet and its ControlNet have to have alike."""
    return {
        "block_out_channels": (16, 32),
        "layers_per_block": 1,
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "cross_attention_dim": WIDTH,
        "attention_head_dim": 4,
        "norm_num_groups": 4,
    }


def inpainting(folder: Path) -> Any:
    """Stable Diffusion's inpainting: a UNet that is given mask and masked picture, PNDM."""
    from diffusers import PNDMScheduler, StableDiffusionInpaintPipeline, UNet2DConditionModel
    from transformers import CLIPTextModel

    folder.parent.mkdir(parents=True, exist_ok=True)
    _start(folder.parent / START)
    _hole(folder.parent / HOLE)
    unet = UNet2DConditionModel(
        sample_size=16,
        in_channels=9,
        out_channels=4,
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        **_unet_options(),
    ).eval()
    _strengthen(unet, ("attn2",), 6)
    vae = _vae(4, levels=3, scaling_factor=0.18215)
    _contrast(vae.decoder.conv_out, 2.5)
    return StableDiffusionInpaintPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(_clip_config()).eval(),
        tokenizer=_clip_tokenizer(folder),
        unet=unet,
        scheduler=PNDMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            skip_prk_steps=True,
            steps_offset=1,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def controlled(folder: Path) -> Any:
    """Stable Diffusion with a ControlNet whose last layers are not zero, and UniPC."""
    import torch
    from diffusers import (
        ControlNetModel,
        StableDiffusionControlNetPipeline,
        UNet2DConditionModel,
        UniPCMultistepScheduler,
    )
    from transformers import CLIPTextModel

    folder.parent.mkdir(parents=True, exist_ok=True)
    _lines(folder.parent / LINES)
    unet = UNet2DConditionModel(
        sample_size=16,
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        **_unet_options(),
    ).eval()
    _strengthen(unet, ("attn2",), 6)
    controlnet = ControlNetModel(
        conditioning_embedding_out_channels=(8, 16, 16), **_unet_options()
    ).eval()
    with torch.no_grad():
        for name, parameter in controlnet.named_parameters():
            if "controlnet_" in name and name.endswith("weight"):
                parameter.add_(0.25 * torch.randn(parameter.shape))
    vae = _vae(4, levels=3, scaling_factor=0.18215)
    _contrast(vae.decoder.conv_out, 2.5)
    return StableDiffusionControlNetPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(_clip_config()).eval(),
        tokenizer=_clip_tokenizer(folder),
        unet=unet,
        controlnet=controlnet,
        scheduler=UniPCMultistepScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def lumina_2(folder: Path) -> Any:
    """Lumina 2: a Gemma 2 behind a system prompt, a transformer with refiners, flow matching."""
    from diffusers import (
        FlowMatchEulerDiscreteScheduler,
        Lumina2Pipeline,
        Lumina2Transformer2DModel,
    )
    from transformers import Gemma2Config, Gemma2Model

    tokenizer = _t5_tokenizer()
    encoder = Gemma2Model(
        Gemma2Config(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=48,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=8,
            query_pre_attn_scalar=8,
            sliding_window=128,
            pad_token_id=0,
            initializer_range=0.2,
        )
    ).eval()
    transformer = Lumina2Transformer2DModel(
        sample_size=8,
        patch_size=2,
        in_channels=4,
        hidden_size=48,
        num_layers=2,
        num_refiner_layers=1,
        num_attention_heads=2,
        num_kv_heads=1,
        multiple_of=16,
        axes_dim_rope=(8, 8, 8),
        axes_lens=(300, 32, 32),
        cap_feat_dim=WIDTH,
    ).eval()
    _strengthen(transformer, ("caption_embedder", "to_out"), 8)
    vae = _vae(4, levels=4, scaling_factor=0.3611, shift_factor=0.1159, use_quant_conv=False)
    _contrast(vae.decoder.conv_out, 2.5)
    return Lumina2Pipeline(
        vae=vae,
        text_encoder=encoder,
        tokenizer=tokenizer,
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=6.0),
    )


FOURTH = {
    "sd-inpaint": Model(
        inpainting,
        _size(64, 64, 4, 6.0) | {"strength": 1.0, "negative_prompt": "blurry, dark"},
        inputs={"image": START, "mask_image": HOLE},
        images=1,
    ),
    "sd-controlnet": Model(
        controlled,
        {
            "num_inference_steps": 4,
            "guidance_scale": 5.0,
            "controlnet_conditioning_scale": 1.0,
            "negative_prompt": "fog",
        },
        inputs={"image": LINES},
        images=1,
    ),
    "lumina-2": Model(
        lumina_2,
        _size(64, 64, 4, 4.0) | {"negative_prompt": "blurry", "max_sequence_length": 256},
        dtype="bfloat16",
        images=1,
    ),
}
