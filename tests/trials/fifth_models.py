"""Three more tiny random pipelines, for the fifth trial: none that a trial had before.

One begins with a noised picture and reads two texts, in bfloat16; one reads the prompt with a
multilingual T5; one edits a picture, with guidance of its own for that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.tiny_pipelines import _clip_tokenizer, _t5_tokenizer
from tests.trials.fourth_models import _unet_options
from tests.trials.models import WIDTH, Model, _clip_config, _contrast, _size, _strengthen, _t5, _vae
from tests.trials.third_models import START, _start


def flux_from_a_picture(folder: Path) -> Any:
    """Flux's image to image: CLIP and T5 with a text each, guidance as a number, flow matching."""
    from diffusers import (
        FlowMatchEulerDiscreteScheduler,
        FluxImg2ImgPipeline,
        FluxTransformer2DModel,
    )
    from transformers import CLIPTextModel

    folder.parent.mkdir(parents=True, exist_ok=True)
    _start(folder.parent / START)
    t5 = _t5_tokenizer()
    transformer = FluxTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=WIDTH,
        pooled_projection_dim=WIDTH,
        axes_dims_rope=(4, 6, 6),
        guidance_embeds=True,
    ).eval()
    _strengthen(transformer, ("context_embedder", "add_", "text_embedder"), 6)
    vae = _vae(4, levels=3, scaling_factor=0.3611, shift_factor=0.1159, use_quant_conv=False)
    _contrast(vae.decoder.conv_out, 2.5)
    return FluxImg2ImgPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=vae,
        text_encoder=CLIPTextModel(_clip_config()).eval(),
        tokenizer=_clip_tokenizer(folder),
        text_encoder_2=_t5(t5),
        tokenizer_2=t5,
        transformer=transformer,
    )


def aura_flow(folder: Path) -> Any:
    """AuraFlow: a UMT5 for the text, joint and single blocks, register tokens, flow matching."""
    from diffusers import (
        AuraFlowPipeline,
        AuraFlowTransformer2DModel,
        FlowMatchEulerDiscreteScheduler,
    )
    from transformers import UMT5Config, UMT5EncoderModel

    tokenizer = _t5_tokenizer()
    encoder = UMT5EncoderModel(
        UMT5Config(
            vocab_size=len(tokenizer), d_model=WIDTH, d_kv=8, d_ff=40, num_layers=3, num_heads=4
        )
    ).eval()
    transformer = AuraFlowTransformer2DModel(
        sample_size=16,
        patch_size=2,
        in_channels=4,
        num_mmdit_layers=1,
        num_single_dit_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        joint_attention_dim=WIDTH,
        caption_projection_dim=WIDTH,
        pos_embed_max_size=256,
    ).eval()
    _strengthen(transformer, ("context_embedder", "add_", "proj_out"), 3)
    _strengthen(transformer, ("time_step_proj",), 4)  # opens the gates behind which the text waits
    vae = _vae(4, levels=3, scaling_factor=0.13025)
    _contrast(vae.decoder.conv_out, 2.5)
    return AuraFlowPipeline(
        tokenizer=tokenizer,
        text_encoder=encoder,
        vae=vae,
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=1.73),
    )


def instructed(folder: Path) -> Any:
    """InstructPix2Pix: the picture's latents beside the noise, two guidances, an SDE's steps."""
    from diffusers import (
        DPMSolverMultistepScheduler,
        StableDiffusionInstructPix2PixPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextModel

    folder.parent.mkdir(parents=True, exist_ok=True)
    _start(folder.parent / START)
    unet = UNet2DConditionModel(
        sample_size=16,
        in_channels=8,
        out_channels=4,
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        **_unet_options(),
    ).eval()
    _strengthen(unet, ("attn2",), 6)
    vae = _vae(4, levels=3, scaling_factor=0.18215)
    _contrast(vae.decoder.conv_out, 2.5)
    return StableDiffusionInstructPix2PixPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(_clip_config()).eval(),
        tokenizer=_clip_tokenizer(folder),
        unet=unet,
        scheduler=DPMSolverMultistepScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            algorithm_type="sde-dpmsolver++",
            use_karras_sigmas=True,
            steps_offset=1,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


FIFTH = {
    "flux-img2img": Model(
        flux_from_a_picture,
        _size(64, 64, 8, 3.5)
        | {
            "prompt_2": "a watercolour in soft morning light, wide brush, wet paper",
            "strength": 0.75,
            "max_sequence_length": 96,
        },
        dtype="bfloat16",
        inputs={"image": START},
        images=1,
    ),
    "auraflow": Model(
        aura_flow,
        _size(64, 64, 5, 3.5) | {"negative_prompt": "blurry", "max_sequence_length": 128},
        images=1,
    ),
    "instruct-pix2pix": Model(
        instructed,
        {
            "num_inference_steps": 5,
            "guidance_scale": 6.0,
            "image_guidance_scale": 1.5,
            "negative_prompt": "fog",
        },
        inputs={"image": START},
        images=1,
    ),
}
