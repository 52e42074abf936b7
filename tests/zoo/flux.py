"""Flux, Flux 2, Chroma, Bria, VisualCloze, Stable Diffusion 3 and others with packed latents."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from tests.zoo import parts
from tests.zoo.entry import CONTROL, MASK, OTHER_PICTURE, PICTURE, Entry, size
from tiny_pipelines import WIDTH

_SHAPE: dict[str, Any] = {
    "num_layers": 1,
    "num_single_layers": 1,
    "attention_head_dim": 16,
    "num_attention_heads": 2,
    "joint_attention_dim": WIDTH,
    "axes_dims_rope": [4, 4, 8],
}


def _transformer(**options: Any) -> Any:
    from diffusers import FluxTransformer2DModel

    return FluxTransformer2DModel(
        **{"patch_size": 1, "in_channels": 16, "pooled_projection_dim": WIDTH} | _SHAPE | options
    ).eval()


def flux(folder: Path, **options: Any) -> dict[str, Any]:
    """Return the components of a Flux whose transformer has ``options``."""
    return {
        "scheduler": parts.flow(shift=3.0),
        "vae": parts.flux_vae(),
        **parts.clip(folder),
        **parts.t5("_2"),
        "transformer": _transformer(**options),
    }


def _with_control(folder: Path) -> dict[str, Any]:
    from diffusers import FluxControlNetModel

    made = FluxControlNetModel(patch_size=1, in_channels=16, pooled_projection_dim=WIDTH, **_SHAPE)
    return {**flux(folder), "controlnet": parts.awake(made)}


def _redux(folder: Path) -> dict[str, Any]:
    from diffusers.pipelines.flux.modeling_flux import ReduxImageEncoder
    from transformers import SiglipVisionConfig, SiglipVisionModel

    config = SiglipVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=40,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=32,
        patch_size=8,
    )
    return {
        "image_encoder": SiglipVisionModel(config).eval(),
        "feature_extractor": parts.image_processor(),
        "image_embedder": ReduxImageEncoder(redux_dim=WIDTH, txt_in_features=WIDTH).eval(),
        **parts.clip(folder),
        **parts.t5("_2"),
    }


def _cloze(folder: Path) -> dict[str, Any]:
    return {**flux(folder, in_channels=48, out_channels=16), "resolution": 32}


def _chroma(folder: Path) -> dict[str, Any]:
    from diffusers import ChromaTransformer2DModel

    transformer = ChromaTransformer2DModel(
        patch_size=1,
        in_channels=16,
        approximator_hidden_dim=32,
        approximator_layers=1,
        approximator_num_channels=16,
        **_SHAPE,
    )
    return {
        "scheduler": parts.flow(),
        "vae": parts.flux_vae(),
        **parts.t5(),
        "transformer": transformer.eval(),
    }


def _flux2_parts() -> dict[str, Any]:
    from diffusers import AutoencoderKLFlux2

    vae = AutoencoderKLFlux2(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
    )
    return {"scheduler": parts.flow(), "vae": vae.eval()}


def _flux2_transformer(**options: Any) -> Any:
    from diffusers import Flux2Transformer2DModel

    return Flux2Transformer2DModel(
        patch_size=1,
        in_channels=16,
        timestep_guidance_channels=32,
        **_SHAPE | {"axes_dims_rope": [4, 4, 4, 4]} | options,
    ).eval()


def _flux2(folder: Path) -> dict[str, Any]:
    from transformers import (
        Mistral3Config,
        Mistral3ForConditionalGeneration,
        PixtralImageProcessorPil,
        PixtralProcessor,
    )

    tokenizer = parts.language_model("MistralModel", "MistralConfig")["tokenizer"]
    tokenizer.add_special_tokens(
        {"additional_special_tokens": ["[IMG]", "[IMG_BREAK]", "[IMG_END]"]}
    )
    text = {
        "model_type": "mistral",
        "vocab_size": len(tokenizer),
        "hidden_size": WIDTH,
        "intermediate_size": 40,
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 512,
        "pad_token_id": 0,
    }
    vision = {
        "model_type": "pixtral",
        "hidden_size": WIDTH,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "intermediate_size": 40,
        "image_size": 32,
        "patch_size": 8,
    }
    config = Mistral3Config(text_config=text, vision_config=vision, image_token_index=1)
    return {
        **_flux2_parts(),
        "text_encoder": Mistral3ForConditionalGeneration(config).eval(),
        "tokenizer": PixtralProcessor(
            PixtralImageProcessorPil(patch_size=8), tokenizer, chat_template=parts.CHAT
        ),
        "transformer": _flux2_transformer(),
    }


def _klein(folder: Path, **options: Any) -> dict[str, Any]:
    return {
        **_flux2_parts(),
        **parts.qwen3("Qwen3ForCausalLM"),
        "transformer": _flux2_transformer(guidance_embeds=False),
        **options,
    }


def _bria(folder: Path) -> dict[str, Any]:
    from diffusers import BriaTransformer2DModel

    transformer = BriaTransformer2DModel(
        patch_size=1, in_channels=16, pooled_projection_dim=None, **_SHAPE
    )
    return {
        "transformer": transformer.eval(),
        "scheduler": parts.flow(),
        "vae": parts.vae(shift_factor=0, scaling_factor=0.13, force_upcast=False),
        **parts.t5(),
    }


def _fibo(folder: Path) -> dict[str, Any]:
    from diffusers import AutoencoderKLWan, BriaFiboTransformer2DModel

    transformer = BriaFiboTransformer2DModel(
        patch_size=1,
        in_channels=16,
        pooled_projection_dim=None,
        text_encoder_dim=WIDTH,
        **_SHAPE | {"joint_attention_dim": 2 * WIDTH},
    )
    vae = AutoencoderKLWan(
        base_dim=8,
        decoder_base_dim=8,
        dim_mult=[1, 2, 2, 2],
        in_channels=12,
        is_residual=True,
        num_res_blocks=1,
        out_channels=12,
        patch_size=2,
        scale_factor_spatial=16,
        temperal_downsample=[False, True, True],
        z_dim=16,
    )
    return {
        "scheduler": parts.flow(),
        **parts.language_model(
            "SmolLM3ForCausalLM", "SmolLM3Config", head_dim=None, vocab_size=128256
        ),
        "transformer": transformer.eval(),
        "vae": vae.eval(),
    }


def sd3(folder: Path, *, channels: int = 4, **over: Any) -> dict[str, Any]:
    """Return the components of a Stable Diffusion 3."""
    from diffusers import SD3Transformer2DModel

    own = {"in_channels": channels, "out_channels": channels}
    transformer = SD3Transformer2DModel(**_SD3 | own)
    return {
        "transformer": transformer.eval(),
        "scheduler": parts.flow(shift=3.0),
        "vae": parts.flux_vae(channels),
        **parts.clip_projected(folder / "first"),
        **parts.clip_projected(folder / "second", "_2"),
        **parts.t5("_3", width=2 * WIDTH),
        **{name: make() for name, make in over.items()},
    }


_SD3: dict[str, Any] = {
    "sample_size": 16,
    "patch_size": 1,
    "in_channels": 4,
    "num_layers": 2,
    "attention_head_dim": 8,
    "num_attention_heads": 4,
    "caption_projection_dim": WIDTH,
    "joint_attention_dim": 2 * WIDTH,
    "pooled_projection_dim": 2 * WIDTH,
    "out_channels": 4,
    "pos_embed_max_size": 64,
}


def _sd3_control(**options: Any) -> Any:
    from diffusers import SD3ControlNetModel

    return parts.awake(SD3ControlNetModel(**_SD3 | {"num_layers": 1} | options))


def _aura(folder: Path) -> dict[str, Any]:
    from diffusers import AuraFlowTransformer2DModel

    transformer = AuraFlowTransformer2DModel(
        sample_size=16,
        patch_size=2,
        in_channels=4,
        num_mmdit_layers=1,
        num_single_dit_layers=1,
        attention_head_dim=8,
        num_attention_heads=4,
        caption_projection_dim=WIDTH,
        joint_attention_dim=WIDTH,
        out_channels=4,
        pos_embed_max_size=256,
    )
    return {
        **parts.t5(cls="UMT5"),
        "vae": parts.vae(),
        "transformer": transformer.eval(),
        "scheduler": parts.flow(),
    }


def _ovis(folder: Path) -> dict[str, Any]:
    from diffusers import OvisImageTransformer2DModel

    transformer = OvisImageTransformer2DModel(
        patch_size=1, in_channels=16, out_channels=16, **_SHAPE
    )
    return {
        "scheduler": parts.flow(),
        "vae": parts.flux_vae(),
        **parts.qwen3(),
        "transformer": transformer.eval(),
    }


def _longcat(folder: Path, *, levels: int = 2) -> dict[str, Any]:
    from diffusers import LongCatImageTransformer2DModel

    transformer = LongCatImageTransformer2DModel(
        patch_size=1, in_channels=64, pooled_projection_dim=WIDTH, **_SHAPE
    )
    text = parts.qwen_vl()
    return {
        "scheduler": parts.flow(),
        "vae": parts.flux_vae(16, levels=levels),
        **text,
        "text_processor": parts.qwen_processor(text["tokenizer"]),
        "transformer": transformer.eval(),
    }


_T5 = {"max_sequence_length": 48}
_FLUX = size(guidance_scale=3.5, **_T5)
_LARGE = size(64, guidance_scale=3.5, **_T5)
_PART = _LARGE | {"num_inference_steps": 4, "strength": 0.6}
_CONTROL = _LARGE | {"controlnet_conditioning_scale": 0.7}
_PART_CONTROL = _PART | {"controlnet_conditioning_scale": 0.7}
_TO = {"image": PICTURE}
_IN = {"image": PICTURE, "mask_image": MASK}
_BY = {"control_image": CONTROL}
_controlled = partial(flux, in_channels=32, out_channels=16)
_KLEIN = {"text_encoder_out_layers": [1], "max_sequence_length": 64}
_SD3_PART = {"num_inference_steps": 4, "strength": 0.6, "max_sequence_length": 48}
_TASK = "Each row shows a step from [IMAGE1] a drawing to [IMAGE2] a photograph."
_CLOZE = {
    "task_prompt": _TASK,
    "content_prompt": "a red apple",
    "num_inference_steps": 2,
    "max_sequence_length": 77,
}
_ROWS = {"image": [[PICTURE, OTHER_PICTURE], [PICTURE, None]]}
_JSON = '{"short_description": "a red apple on a white table"}'

ENTRIES = {
    "FluxPipeline": Entry(partial(flux, guidance_embeds=True), _FLUX),
    "FluxImg2ImgPipeline": Entry(flux, _PART, _TO),
    "FluxInpaintPipeline": Entry(flux, _PART, _IN),
    "FluxFillPipeline": Entry(partial(flux, in_channels=48, out_channels=16), _LARGE, _IN),
    "FluxControlPipeline": Entry(_controlled, _LARGE, _BY),
    "FluxControlImg2ImgPipeline": Entry(_controlled, _PART, _TO | _BY),
    "FluxControlInpaintPipeline": Entry(_controlled, _PART, _IN | _BY),
    "FluxControlNetPipeline": Entry(_with_control, _CONTROL, _BY),
    "FluxControlNetImg2ImgPipeline": Entry(_with_control, _PART_CONTROL, _TO | _BY),
    "FluxControlNetInpaintPipeline": Entry(_with_control, _PART_CONTROL, _IN | _BY),
    "FluxKontextPipeline": Entry(
        flux, size(max_area=32 * 32, _auto_resize=False, guidance_scale=3.5, **_T5), _TO
    ),
    "FluxKontextInpaintPipeline": Entry(flux, _PART | {"_auto_resize": False}, _IN),
    "FluxPriorReduxPipeline": Entry(_redux, {}, _TO),
    "VisualClozePipeline": Entry(
        _cloze,
        _CLOZE | {"upsampling_height": 32, "upsampling_width": 32, "upsampling_strength": 0.6},
        _ROWS,
        prompt=None,
        side=32,
    ),
    "VisualClozeGenerationPipeline": Entry(_cloze, _CLOZE, _ROWS, prompt=None, side=32),
    "ChromaPipeline": Entry(_chroma, _FLUX),
    "ChromaImg2ImgPipeline": Entry(_chroma, _PART, _TO),
    "ChromaInpaintPipeline": Entry(_chroma, _PART, _IN),
    "Flux2Pipeline": Entry(_flux2, size(guidance_scale=4.0, **_KLEIN)),
    "Flux2KleinPipeline": Entry(_klein, size(guidance_scale=4.0, **_KLEIN)),
    "Flux2KleinInpaintPipeline": Entry(
        _klein, size(64, strength=0.8, guidance_scale=4.0, **_KLEIN), _IN
    ),
    "Flux2KleinKVPipeline": Entry(_klein, size(**_KLEIN), _TO),
    "BriaPipeline": Entry(_bria, _FLUX | {"negative_prompt": "blurry"}),
    "BriaFiboPipeline": Entry(_fibo, size(32, guidance_scale=3.0), prompt=_JSON),
    "BriaFiboEditPipeline": Entry(
        _fibo,
        size(64, guidance_scale=3.0, _auto_resize=False),
        _TO,
        prompt='{"edit_instruction": "make the apple green"}',
    ),
    "StableDiffusion3Pipeline": Entry(sd3, size(**_T5)),
    "StableDiffusion3Img2ImgPipeline": Entry(sd3, size(64) | _SD3_PART, _TO),
    "StableDiffusion3InpaintPipeline": Entry(partial(sd3, channels=16), size(64) | _SD3_PART, _IN),
    "StableDiffusion3PAGPipeline": Entry(sd3, size(pag_scale=2.0, **_T5)),
    "StableDiffusion3PAGImg2ImgPipeline": Entry(sd3, size(64, pag_scale=2.0) | _SD3_PART, _TO),
    "StableDiffusion3ControlNetPipeline": Entry(
        partial(sd3, controlnet=_sd3_control), size(controlnet_conditioning_scale=0.7, **_T5), _BY
    ),
    "StableDiffusion3ControlNetInpaintingPipeline": Entry(
        partial(sd3, controlnet=partial(_sd3_control, extra_conditioning_channels=1)),
        size(32, controlnet_conditioning_scale=0.7, **_T5),
        {"control_image": PICTURE, "control_mask": MASK},
        side=32,
    ),
    "AuraFlowPipeline": Entry(_aura, size()),
    "OvisImagePipeline": Entry(_ovis, size(max_sequence_length=32)),
    "LongCatImagePipeline": Entry(_longcat, size(enable_prompt_rewrite=False)),
    "LongCatImageEditPipeline": Entry(partial(_longcat, levels=5), {"num_inference_steps": 2}, _TO),
}
