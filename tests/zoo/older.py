"""Unconditional pipelines, latent diffusion, and what diffusers keeps as deprecated."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from tests.zoo import parts
from tests.zoo.entry import MASK, OTHER_PICTURE, PICTURE, Entry, size, steps
from tests.zoo.stable_diffusion import sd, xl
from tiny_pipelines import WIDTH


def _unet2d(**options: Any) -> Any:
    from diffusers import UNet2DModel

    plain: dict[str, Any] = {
        "sample_size": 16,
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
        "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
        "attention_head_dim": 4,
    }
    return UNet2DModel(**plain | options).eval()


def _unconditional(folder: Path, *, scheduler: str, **options: Any) -> dict[str, Any]:
    import diffusers

    return {"unet": _unet2d(), "scheduler": getattr(diffusers, scheduler)(**options)}


def _vq(channels: int = 3) -> Any:
    from diffusers import VQModel

    return VQModel(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=channels,
        norm_num_groups=4,
    ).eval()


def _ldm(folder: Path) -> dict[str, Any]:
    return {
        "vqvae": _vq(),
        "unet": _unet2d(),
        "scheduler": parts.ddim(),
    }


def _ldm_larger(folder: Path) -> dict[str, Any]:
    return {
        "vqvae": _vq(),
        "unet": _unet2d(in_channels=6, out_channels=3, sample_size=32),
        "scheduler": parts.ddim(),
    }


def _ldm_text(folder: Path) -> dict[str, Any]:
    text = parts.clip(folder)
    return {
        "vqvae": parts.vae(),
        "bert": text["text_encoder"],
        "tokenizer": text["tokenizer"],
        "unet": parts.unet(),
        "scheduler": parts.ddim(),
    }


def _amused(folder: Path) -> dict[str, Any]:
    from diffusers import AmusedScheduler, UVit2DModel, VQModel

    transformer = UVit2DModel(
        hidden_size=WIDTH,
        use_bias=False,
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
        sample_size=16,
    )
    vqvae = VQModel(
        block_out_channels=[16, 32],
        down_block_types=["DownEncoderBlock2D"] * 2,
        up_block_types=["UpDecoderBlock2D"] * 2,
        latent_channels=16,
        norm_num_groups=8,
        num_vq_embeddings=64,
        mid_block_add_attention=False,
        lookup_from_codebook=True,
    )
    return {
        "vqvae": vqvae.eval(),
        **parts.clip_projected(folder),
        "transformer": transformer.eval(),
        "scheduler": AmusedScheduler(mask_token_id=65),
    }


def _xs(folder: Path, components: Any, unet: Any) -> dict[str, Any]:
    from diffusers import ControlNetXSAdapter

    made = components(folder, unet=unet)
    net = ControlNetXSAdapter.from_unet(
        unet=made["unet"],
        size_ratio=1.0,
        learn_time_embedding=True,
        conditioning_embedding_out_channels=(2, 2),
    )
    return {**made, "controlnet": parts.awake(net)}


def _paint(folder: Path) -> dict[str, Any]:
    from diffusers.pipelines.deprecated.paint_by_example import PaintByExampleImageEncoder

    made = sd(folder, channels=9)
    config = parts.clip_vision().config
    return {
        **{name: made[name] for name in ("vae", "unet", "scheduler")},
        "image_encoder": PaintByExampleImageEncoder(config, proj_size=WIDTH).eval(),
        "safety_checker": None,
        "feature_extractor": parts.image_processor(),
    }


def _gligen_image(folder: Path) -> dict[str, Any]:
    from diffusers.pipelines.stable_diffusion import CLIPImageProjection
    from transformers import CLIPProcessor

    made = sd(folder, unet=partial(parts.unet, attention_type="gated-text-image"))
    return {
        **made,
        "processor": CLIPProcessor(parts.image_processor(), made["tokenizer"]),
        "image_encoder": parts.clip_vision(),
        "image_project": CLIPImageProjection(hidden_size=WIDTH),
    }


def _paradigms() -> Any:
    from diffusers import DDIMParallelScheduler

    return DDIMParallelScheduler(beta_schedule="scaled_linear", clip_sample=False)


def _unclip(folder: Path) -> dict[str, Any]:
    from diffusers import PriorTransformer, UnCLIPScheduler
    from diffusers.pipelines.deprecated.unclip import UnCLIPTextProjModel

    wide = {"block_out_channels": (16, 32), "norm_num_groups": 8, "layers_per_block": 1}
    scales = ("ResnetDownsampleBlock2D",) * 2, ("ResnetUpsampleBlock2D",) * 2
    larger = {
        **wide,
        "sample_size": 64,
        "down_block_types": scales[0],
        "up_block_types": scales[1],
        "in_channels": 6,
    }
    decoder = parts.unet(
        sample_size=32,
        in_channels=3,
        out_channels=6,
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        attention_head_dim=4,
        resnet_time_scale_shift="scale_shift",
        class_embed_type="identity",
        **wide,
    )
    text = UnCLIPTextProjModel(
        clip_embeddings_dim=WIDTH, time_embed_dim=64, cross_attention_dim=WIDTH
    )
    return {
        "prior": PriorTransformer(
            num_attention_heads=2, attention_head_dim=12, embedding_dim=WIDTH, num_layers=1
        ).eval(),
        "decoder": decoder,
        "text_proj": text.eval(),
        **parts.clip_projected(folder),
        "super_res_first": _unet2d(**larger),
        "super_res_last": _unet2d(**larger),
        "prior_scheduler": UnCLIPScheduler(
            variance_type="fixed_small_log", prediction_type="sample", clip_sample_range=5.0
        ),
        "decoder_scheduler": UnCLIPScheduler(variance_type="learned_range"),
        "super_res_scheduler": UnCLIPScheduler(variance_type="fixed_small_log"),
    }


def _wuerstchen(folder: Path) -> dict[str, Any]:
    from diffusers import DDPMWuerstchenScheduler
    from diffusers.pipelines.deprecated import wuerstchen

    return {
        **parts.clip(folder),
        "decoder": wuerstchen.WuerstchenDiffNeXt(
            c_cond=WIDTH,
            c_hidden=[32],
            nhead=[-1],
            blocks=[2],
            level_config=["CT"],
            clip_embd=WIDTH,
            inject_effnet=[False],
        ).eval(),
        "scheduler": DDPMWuerstchenScheduler(),
        "vqgan": wuerstchen.PaellaVQModel(bottleneck_blocks=1, num_vq_embeddings=16).eval(),
    }


_TO = {"image": PICTURE}
_IN = {"image": PICTURE, "mask_image": MASK}
_PART = steps(4, strength=0.6)
_BOX = {"gligen_phrases": ["a birthday cake"], "gligen_boxes": [[0.2, 0.3, 0.6, 0.8]]}
_SHARED = {"use_linear_projection": True, "layers_per_block": 2}
"""What a ControlNet-XS asks of the UNet that it is made of."""

ENTRIES = {
    "DDPMPipeline": Entry(partial(_unconditional, scheduler="DDPMScheduler"), steps(), prompt=None),
    "DDIMPipeline": Entry(partial(_unconditional, scheduler="DDIMScheduler"), steps(), prompt=None),
    "PNDMPipeline": Entry(
        partial(_unconditional, scheduler="PNDMScheduler"), steps(4), prompt=None
    ),
    "ConsistencyModelPipeline": Entry(
        partial(
            _unconditional,
            scheduler="CMStochasticIterativeScheduler",
            num_train_timesteps=40,
            sigma_min=0.002,
            sigma_max=80.0,
        ),
        steps(2),
        prompt=None,
    ),
    "ScoreSdeVePipeline": Entry(
        partial(_unconditional, scheduler="ScoreSdeVeScheduler"), steps(2), prompt=None
    ),
    "KarrasVePipeline": Entry(
        partial(_unconditional, scheduler="KarrasVeScheduler"), steps(2), prompt=None
    ),
    "RePaintPipeline": Entry(
        partial(_unconditional, scheduler="RePaintScheduler"),
        steps(2, jump_length=1, jump_n_sample=1),
        _IN,
        prompt=None,
        side=32,
    ),
    "LDMPipeline": Entry(_ldm, steps(2), prompt=None),
    "LDMSuperResolutionPipeline": Entry(_ldm_larger, steps(2), _TO, prompt=None, side=32),
    "LDMTextToImagePipeline": Entry(_ldm_text, size()),
    "AmusedPipeline": Entry(_amused, size(64)),
    "AmusedImg2ImgPipeline": Entry(_amused, steps(4, strength=0.6), _TO),
    "AmusedInpaintPipeline": Entry(_amused, steps(4, strength=0.9), _IN),
    "StableDiffusionControlNetXSPipeline": Entry(
        partial(_xs, components=sd, unet=partial(parts.unet, **_SHARED)), size(64), _TO
    ),
    "StableDiffusionXLControlNetXSPipeline": Entry(
        partial(_xs, components=xl, unet=partial(parts.unet, **parts.XL | _SHARED)), size(64), _TO
    ),
    "PaintByExamplePipeline": Entry(
        _paint, size(64), {"example_image": OTHER_PICTURE} | _IN, prompt=None
    ),
    "SemanticStableDiffusionPipeline": Entry(
        sd, size(editing_prompt=["snow"], edit_warmup_steps=0, edit_guidance_scale=5.0)
    ),
    "StableDiffusionAttendAndExcitePipeline": Entry(
        sd, size(64, token_indices=[2], max_iter_to_alter=1, thresholds={0: 0.7})
    ),
    "StableDiffusionGLIGENPipeline": Entry(
        partial(sd, unet=partial(parts.unet, attention_type="gated")), size(64, **_BOX)
    ),
    "StableDiffusionGLIGENTextImagePipeline": Entry(
        _gligen_image, size(64, **_BOX), {"gligen_images": [PICTURE]}
    ),
    "StableDiffusionPanoramaPipeline": Entry(sd, size(64)),
    "StableDiffusionSAGPipeline": Entry(sd, size(64, sag_scale=0.8)),
    "StableDiffusionPipelineSafe": Entry(sd, size()),
    "StableDiffusionParadigmsPipeline": Entry(partial(sd, scheduler=_paradigms), size(parallel=2)),
    "StableDiffusionModelEditingPipeline": Entry(sd, size()),
    "CycleDiffusionPipeline": Entry(sd, steps(4, strength=0.6, source_prompt="a green pear"), _TO),
    "UnCLIPPipeline": Entry(
        _unclip,
        {f"{each}_num_inference_steps": 2 for each in ("prior", "decoder", "super_res")},
    ),
    "WuerstchenDecoderPipeline": Entry(_wuerstchen, steps(2)),
}
