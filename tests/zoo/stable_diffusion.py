"""Stable Diffusion and SDXL with all that is built on them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from tests.zoo import parts
from tests.zoo.entry import CONTROL, MASK, PICTURE, Entry, size, steps
from tiny_pipelines import WIDTH

_UNCHECKED = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}


def sd(folder: Path, *, channels: int = 4, **over: Any) -> dict[str, Any]:
    """Return the components of a Stable Diffusion whose UNet takes ``channels``."""
    return {
        "vae": parts.vae(),
        **parts.clip(folder),
        "unet": parts.unet(in_channels=channels, out_channels=4),
        "scheduler": parts.ddim(),
        **_UNCHECKED,
        **{name: make() for name, make in over.items()},
    }


def xl(folder: Path, *, channels: int = 4, **over: Any) -> dict[str, Any]:
    """Return the components of an SDXL whose UNet takes ``channels``."""
    return {
        "vae": parts.vae(),
        **parts.clip(folder),
        **parts.clip_projected(folder, "_2"),
        "unet": parts.unet(in_channels=channels, out_channels=4, **parts.XL),
        "scheduler": parts.euler(),
        **{name: make() for name, make in over.items()},
    }


def _without(components: Any, *names: str) -> Any:
    """Return the builder ``components`` without the parts called ``names``."""

    def built(folder: Path) -> dict[str, Any]:
        return {name: part for name, part in components(folder).items() if name not in names}

    return built


def _pndm() -> Any:
    from diffusers import PNDMScheduler

    return PNDMScheduler(skip_prk_steps=True)


def _xl_control(cls: str = "ControlNetModel", **options: Any) -> Any:
    return parts.controlnet(cls, **parts.XL | options)


def _union() -> Any:
    return _xl_control(
        "ControlNetUnionModel",
        num_control_type=2,
        num_trans_channel=8,
        num_trans_head=2,
        num_trans_layer=1,
        num_proj_channel=8,
    )


def _adapter(kind: str, down: int) -> Any:
    from diffusers import T2IAdapter

    return T2IAdapter(
        in_channels=3, channels=[8, 16], num_res_blocks=1, downscale_factor=down, adapter_type=kind
    ).eval()


def _adapted() -> Any:
    return parts.unet(
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )


def _lcm() -> Any:
    from diffusers import LCMScheduler

    return LCMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False
    )


def _upscaler(folder: Path) -> dict[str, Any]:
    from diffusers import DDPMScheduler

    unet = parts.unet(
        in_channels=7,
        out_channels=4,
        num_class_embeds=100,
        use_linear_projection=True,
        only_cross_attention=(True, False),
    )
    return {
        **_without(sd, "requires_safety_checker")(folder),
        "unet": unet,
        "vae": parts.vae(levels=3),
        "low_res_scheduler": DDPMScheduler(),
        "scheduler": parts.ddim(prediction_type="v_prediction"),
        "max_noise_level": 350,
    }


def _latent_upscaler(folder: Path) -> dict[str, Any]:
    from diffusers import EulerDiscreteScheduler, UNet2DConditionModel

    unet = UNet2DConditionModel(
        act_fn="gelu",
        attention_head_dim=8,
        norm_num_groups=None,
        block_out_channels=[32, 32, 64, 64],
        time_cond_proj_dim=160,
        conv_in_kernel=1,
        conv_out_kernel=1,
        cross_attention_dim=WIDTH,
        down_block_types=("KDownBlock2D", *("KCrossAttnDownBlock2D",) * 3),
        in_channels=8,
        mid_block_type=None,
        only_cross_attention=False,
        out_channels=5,
        resnet_time_scale_shift="scale_shift",
        time_embedding_type="fourier",
        timestep_post_act="gelu",
        up_block_types=(*("KCrossAttnUpBlock2D",) * 3, "KUpBlock2D"),
        layers_per_block=1,
    )
    return {
        "unet": unet.eval(),
        "vae": parts.vae(levels=4),
        "scheduler": EulerDiscreteScheduler(prediction_type="sample"),
        **parts.clip(folder),
    }


def _depth(folder: Path) -> dict[str, Any]:
    from transformers import DPTConfig, DPTForDepthEstimation

    from tests.zoo.parts import image_processor

    config = DPTConfig(
        image_size=32,
        patch_size=16,
        hidden_size=WIDTH,
        num_hidden_layers=4,
        backbone_out_indices=[0, 1, 2, 3],
        num_attention_heads=4,
        intermediate_size=40,
        is_hybrid=False,
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        reassemble_factors=[4, 2, 1, 0.5],
    )
    return {
        **_without(sd, *_UNCHECKED)(folder),
        "unet": parts.unet(in_channels=5, out_channels=4),
        "depth_estimator": DPTForDepthEstimation(config).eval(),
        "feature_extractor": image_processor(32),
    }


def _variation(folder: Path) -> dict[str, Any]:
    return {
        **_without(sd, "text_encoder", "tokenizer")(folder),
        "image_encoder": parts.clip_vision(),
        "feature_extractor": parts.image_processor(),
    }


def _unclip_unet() -> Any:
    return parts.unet(
        class_embed_type="projection",
        projection_class_embeddings_input_dim=2 * WIDTH,
        use_linear_projection=True,
    )


def _unclip(folder: Path) -> dict[str, Any]:
    from diffusers import DDPMScheduler
    from diffusers.pipelines.stable_diffusion import StableUnCLIPImageNormalizer

    return {
        "image_normalizer": StableUnCLIPImageNormalizer(embedding_dim=WIDTH),
        "image_noising_scheduler": DDPMScheduler(beta_schedule="squaredcos_cap_v2"),
        **parts.clip(folder),
        "unet": _unclip_unet(),
        "scheduler": parts.ddim(prediction_type="v_prediction"),
        "vae": parts.vae(),
    }


def _unclip_text(folder: Path) -> dict[str, Any]:
    from diffusers import DDPMScheduler, PriorTransformer

    prior = parts.clip_projected(folder)
    scheduler = DDPMScheduler(
        variance_type="fixed_small_log",
        prediction_type="sample",
        clip_sample_range=5.0,
        beta_schedule="squaredcos_cap_v2",
    )
    return {
        **{f"prior_{name}": part for name, part in prior.items()},
        "prior": PriorTransformer(
            num_attention_heads=2, attention_head_dim=12, embedding_dim=WIDTH, num_layers=1
        ).eval(),
        "prior_scheduler": scheduler,
        **_unclip(folder),
    }


def _unclip_image(folder: Path) -> dict[str, Any]:
    return {
        "feature_extractor": parts.image_processor(),
        "image_encoder": parts.clip_vision(),
        **_unclip(folder),
    }


def _marigold(folder: Path, *, channels: int = 8, **options: Any) -> dict[str, Any]:
    made = channels // 2 if channels == 8 else 8
    return {
        **_without(sd, *_UNCHECKED)(folder),
        "unet": parts.unet(in_channels=channels, out_channels=made),
        "scheduler": parts.ddim(prediction_type="v_prediction"),
        **options,
    }


_TO = {"image": PICTURE}
_IN = {"image": PICTURE, "mask_image": MASK}
_BY = {"image": CONTROL}
_TO_BY = {"image": PICTURE, "control_image": CONTROL}
_IN_BY = {"image": PICTURE, "mask_image": MASK, "control_image": CONTROL}
_HALF = steps(4, strength=0.5)
_SURE = steps(3, strength=0.99)
_PAG = {"pag_scale": 2.0}
_sd_control = partial(sd, controlnet=parts.controlnet)
_sd_inpaint_control = partial(sd, channels=9, controlnet=parts.controlnet)
_xl_controlled = partial(xl, controlnet=_xl_control)
_sd_lcm = partial(sd, scheduler=_lcm, unet=partial(parts.unet, time_cond_proj_dim=16))
_MARIGOLD = {"num_inference_steps": 2, "processing_resolution": 0, "match_input_resolution": False}

ENTRIES = {
    "StableDiffusionPipeline": Entry(sd, size()),
    "StableDiffusionImg2ImgPipeline": Entry(partial(sd, scheduler=_pndm), _HALF, _TO),
    "StableDiffusionInpaintPipeline": Entry(partial(sd, channels=9), size(64), _IN),
    "StableDiffusionInstructPix2PixPipeline": Entry(
        _without(partial(sd, channels=8)), steps(2, image_guidance_scale=1.5), _TO
    ),
    "StableDiffusionDepth2ImgPipeline": Entry(_depth, _HALF, _TO),
    "StableDiffusionUpscalePipeline": Entry(_upscaler, steps(2), {"image": PICTURE}, side=32),
    "StableDiffusionLatentUpscalePipeline": Entry(_latent_upscaler, steps(2), _TO),
    "StableDiffusionImageVariationPipeline": Entry(_variation, size(), _TO, prompt=None),
    "StableUnCLIPPipeline": Entry(_unclip_text, size(prior_num_inference_steps=2)),
    "StableUnCLIPImg2ImgPipeline": Entry(_unclip_image, size(), _TO),
    "StableDiffusionControlNetPipeline": Entry(_sd_control, size(64), _BY),
    "StableDiffusionControlNetImg2ImgPipeline": Entry(_sd_control, _HALF, _TO_BY),
    "StableDiffusionControlNetInpaintPipeline": Entry(_sd_inpaint_control, size(64), _IN_BY),
    "StableDiffusionAdapterPipeline": Entry(
        partial(sd, adapter=partial(_adapter, "full_adapter", 2), unet=_adapted), size(64), _BY
    ),
    "StableDiffusionPAGPipeline": Entry(sd, size(**_PAG)),
    "StableDiffusionPAGImg2ImgPipeline": Entry(sd, _HALF | _PAG, _TO),
    "StableDiffusionPAGInpaintPipeline": Entry(sd, size(64, strength=0.99, **_PAG), _IN),
    "StableDiffusionControlNetPAGPipeline": Entry(_sd_control, size(64, **_PAG), _BY),
    "StableDiffusionControlNetPAGInpaintPipeline": Entry(
        _sd_inpaint_control, size(64, **_PAG), _IN_BY
    ),
    "LatentConsistencyModelPipeline": Entry(_sd_lcm, size()),
    "LatentConsistencyModelImg2ImgPipeline": Entry(_sd_lcm, steps(2, strength=0.8), _TO),
    "MarigoldDepthPipeline": Entry(
        partial(_marigold, prediction_type="depth", scale_invariant=True, shift_invariant=True),
        _MARIGOLD,
        _TO,
        prompt=None,
    ),
    "MarigoldNormalsPipeline": Entry(
        partial(_marigold, prediction_type="normals", use_full_z_range=True),
        _MARIGOLD,
        _TO,
        prompt=None,
    ),
    "MarigoldIntrinsicsPipeline": Entry(
        partial(
            _marigold,
            channels=12,
            prediction_type="intrinsics",
            target_properties={
                "target_names": ["albedo", "material"],
                "albedo": {"prediction_space": "srgb"},
                "material": {"prediction_space": "stack"},
            },
        ),
        _MARIGOLD,
        _TO,
        prompt=None,
    ),
    "StableDiffusionXLPipeline": Entry(xl, size()),
    "StableDiffusionXLImg2ImgPipeline": Entry(xl, _HALF, _TO),
    "StableDiffusionXLInpaintPipeline": Entry(xl, size(64, strength=0.99), _IN),
    "StableDiffusionXLInstructPix2PixPipeline": Entry(
        partial(xl, channels=8), size(64, image_guidance_scale=1.5), _TO
    ),
    "StableDiffusionXLAdapterPipeline": Entry(
        partial(xl, adapter=partial(_adapter, "full_adapter_xl", 4)), size(64), _BY
    ),
    "StableDiffusionXLControlNetPipeline": Entry(_xl_controlled, size(64), _BY),
    "StableDiffusionXLControlNetImg2ImgPipeline": Entry(_xl_controlled, _HALF, _TO_BY),
    "StableDiffusionXLControlNetInpaintPipeline": Entry(_xl_controlled, _SURE, _IN_BY),
    "StableDiffusionXLControlNetUnionPipeline": Entry(
        partial(xl, controlnet=_union),
        size(64, control_mode=[1]),
        {"control_image": [CONTROL]},
    ),
    "StableDiffusionXLControlNetUnionImg2ImgPipeline": Entry(
        partial(xl, controlnet=_union),
        _HALF | {"control_mode": [1]},
        {"image": PICTURE, "control_image": [CONTROL]},
    ),
    "StableDiffusionXLControlNetUnionInpaintPipeline": Entry(
        partial(xl, controlnet=_union),
        _SURE | {"control_mode": [1]},
        {"image": PICTURE, "mask_image": MASK, "control_image": [CONTROL]},
    ),
    "StableDiffusionXLPAGPipeline": Entry(xl, size(**_PAG)),
    "StableDiffusionXLPAGImg2ImgPipeline": Entry(xl, _HALF | _PAG, _TO),
    "StableDiffusionXLPAGInpaintPipeline": Entry(xl, size(64, strength=0.99, **_PAG), _IN),
    "StableDiffusionXLControlNetPAGPipeline": Entry(_xl_controlled, size(64, **_PAG), _BY),
    "StableDiffusionXLControlNetPAGImg2ImgPipeline": Entry(_xl_controlled, _HALF | _PAG, _TO_BY),
}
