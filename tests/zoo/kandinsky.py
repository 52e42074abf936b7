"""The Kandinskys, Stable Cascade, Wuerstchen and DeepFloyd: pipelines of several stages."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from tests.zoo import parts
from tests.zoo.entry import MASK, PICTURE, SMALL, Entry, size, steps, tensor
from tiny_pipelines import WIDTH

_ADDED: dict[str, Any] = {
    "down_block_types": ("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
    "mid_block_type": "UNetMidBlock2DSimpleCrossAttn",
    "up_block_types": ("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
    "resnet_time_scale_shift": "scale_shift",
    "encoder_hid_dim": WIDTH,
    "attention_head_dim": 4,
    "norm_num_groups": 8,
    "block_out_channels": (16, 32),
}
"""UNets with added keys and values."""


def _text_encoder(folder: Path) -> dict[str, Any]:
    """Return Kandinsky 2.1's multilingual text encoder and a tokenizer."""
    from diffusers.pipelines.kandinsky.text_encoder import MCLIPConfig, MultilingualCLIP

    from tiny_pipelines import _t5_tokenizer

    tokenizer = _t5_tokenizer()
    config = MCLIPConfig(
        numDims=WIDTH,
        transformerDimensions=WIDTH,
        hidden_size=WIDTH,
        intermediate_size=40,
        num_attention_heads=4,
        num_hidden_layers=2,
        vocab_size=len(tokenizer),
        max_position_embeddings=130,
    )
    return {"text_encoder": MultilingualCLIP(config).eval(), "tokenizer": tokenizer}


def _first(folder: Path, channels: int = 4) -> dict[str, Any]:
    unet = parts.unet(
        in_channels=channels,
        out_channels=8,
        addition_embed_type="text_image",
        encoder_hid_dim_type="text_image_proj",
        **_ADDED,
    )
    return {
        **_text_encoder(folder),
        "unet": unet,
        "scheduler": parts.ddim(beta_schedule="linear"),
        "movq": parts.movq(),
    }


def _second(folder: Path, channels: int = 4, *, hint: bool = False) -> dict[str, Any]:
    unet = parts.unet(
        in_channels=channels,
        out_channels=8,
        addition_embed_type="image_hint" if hint else "image",
        encoder_hid_dim_type="image_proj",
        **_ADDED,
    )
    return {
        "unet": unet,
        "scheduler": parts.ddim(beta_schedule="linear"),
        "movq": parts.movq(4 if hint else 2),
    }


def _prior(folder: Path) -> dict[str, Any]:
    import torch
    from diffusers import PriorTransformer, UnCLIPScheduler

    prior = PriorTransformer(
        num_attention_heads=2, attention_head_dim=12, embedding_dim=WIDTH, num_layers=1
    )
    torch.nn.init.ones_(prior.clip_std)
    return {
        "prior": prior.eval(),
        "image_encoder": parts.clip_vision(),
        **parts.clip_projected(folder),
        "scheduler": UnCLIPScheduler(
            variance_type="fixed_small_log", prediction_type="sample", clip_sample_range=10.0
        ),
        "image_processor": parts.image_processor(),
    }


def _combined(folder: Path, decoder: Any) -> dict[str, Any]:
    prior = {f"prior_{name}": part for name, part in _prior(folder).items()}
    return {**decoder(folder), **prior}


def _third(folder: Path) -> dict[str, Any]:
    from diffusers import DDPMScheduler, Kandinsky3UNet

    unet = Kandinsky3UNet(
        in_channels=4,
        time_embedding_dim=16,
        groups=4,
        attention_head_dim=4,
        layers_per_block=2,
        block_out_channels=(16, 32),
        cross_attention_dim=WIDTH,
        encoder_hid_dim=WIDTH,
    )
    return {
        **parts.t5(),
        "unet": unet.eval(),
        "scheduler": DDPMScheduler(beta_schedule="squaredcos_cap_v2"),
        "movq": parts.movq(4),
    }


def _fifth(folder: Path, *, seen: bool = False) -> dict[str, Any]:
    from diffusers import Kandinsky5Transformer3DModel

    text = parts.qwen_vl()
    transformer = Kandinsky5Transformer3DModel(
        in_visual_dim=16,
        in_text_dim=WIDTH,
        in_text_dim2=WIDTH,
        time_dim=16,
        out_visual_dim=16,
        patch_size=(1, 2, 2),
        model_dim=16,
        ff_dim=32,
        num_text_blocks=1,
        num_visual_blocks=2,
        axes_dims=(1, 1, 2),
        visual_cond=seen,
        attention_type="regular",
    )
    return {
        # Pictures are enlarged to a megapixel, where attention of all to all is slow.
        "vae": parts.vae(16, levels=4, scaling_factor=0.3611, mid_block_add_attention=False),
        "text_encoder": text["text_encoder"],
        "tokenizer": parts.qwen_processor(text["tokenizer"]),
        **parts.clip(folder, "_2"),
        "transformer": transformer.eval(),
        "scheduler": parts.flow(shift=7.0),
    }


def _cascade_prior(folder: Path) -> dict[str, Any]:
    from diffusers import DDPMWuerstchenScheduler, StableCascadeUNet

    prior = StableCascadeUNet(
        conditioning_dim=32,
        block_out_channels=(32, 32),
        num_attention_heads=(2, 2),
        down_num_layers_per_block=(1, 1),
        up_num_layers_per_block=(1, 1),
        switch_level=(False,),
        clip_image_in_channels=768,
        clip_text_in_channels=WIDTH,
        clip_text_pooled_in_channels=WIDTH,
    )
    return {
        **parts.clip_projected(folder),
        "prior": prior.eval(),
        "scheduler": DDPMWuerstchenScheduler(),
    }


def _cascade(folder: Path) -> dict[str, Any]:
    from diffusers import DDPMWuerstchenScheduler, StableCascadeUNet
    from diffusers.pipelines.deprecated.wuerstchen.modeling_paella_vq_model import PaellaVQModel

    plain = ("SDCascadeResBlock", "SDCascadeTimestepBlock")
    attending = (*plain, "SDCascadeAttnBlock")
    decoder = StableCascadeUNet(
        in_channels=4,
        out_channels=4,
        conditioning_dim=32,
        block_out_channels=(8, 16, 16, 32),
        num_attention_heads=(-1, -1, 1, 2),
        down_num_layers_per_block=(1, 1, 1, 1),
        up_num_layers_per_block=(1, 1, 1, 1),
        down_blocks_repeat_mappers=(1, 1, 1, 1),
        up_blocks_repeat_mappers=(3, 3, 2, 2),
        block_types_per_layer=(plain, plain, attending, attending),
        switch_level=None,
        clip_text_pooled_in_channels=WIDTH,
        dropout=(0.1, 0.1, 0.1, 0.1),
    )
    return {
        "decoder": parts.awake(decoder),
        **parts.clip_projected(folder),
        "scheduler": DDPMWuerstchenScheduler(),
        "vqgan": PaellaVQModel(bottleneck_blocks=1, num_vq_embeddings=16).eval(),
    }


def _cascades(folder: Path) -> dict[str, Any]:
    prior = {f"prior_{name}": part for name, part in _cascade_prior(folder).items()}
    return {**_cascade(folder), **prior}


def _deepfloyd(folder: Path, *, larger: bool = False) -> dict[str, Any]:
    from diffusers import DDPMScheduler

    own = {"in_channels": 6, "class_embed_type": "timestep"} if larger else {"in_channels": 3}
    unet = parts.unet(
        out_channels=6,
        addition_embed_type="text",
        addition_embed_type_num_heads=2,
        cross_attention_norm="group_norm",
        act_fn="gelu",
        **_ADDED | {"sample_size": 32} | own,
    )
    noising = {"image_noising_scheduler": DDPMScheduler(beta_schedule="squaredcos_cap_v2")}
    return {
        **parts.t5(),
        "unet": unet,
        "scheduler": DDPMScheduler(
            beta_schedule="squaredcos_cap_v2",
            thresholding=True,
            dynamic_thresholding_ratio=0.95,
            sample_max_value=1.5,
            variance_type="learned_range",
        ),
        **(noising if larger else {}),
        "safety_checker": None,
        "feature_extractor": None,
        "watermarker": None,
        "requires_safety_checker": False,
    }


_EMBEDS = {name: tensor(name) for name in ("image_embeds", "negative_image_embeds")}
_SHAPES = dict.fromkeys(_EMBEDS, (1, WIDTH))
_HINT = {"hint": tensor("hint")}
_HINT_SHAPE = {**_SHAPES, "hint": (1, 3, 64, 64)}
_TO = {"image": PICTURE}
_IN = {"image": PICTURE, "mask_image": MASK}
_PART = size(64) | {"num_inference_steps": 4, "strength": 0.6}
_TWO = size(64, prior_num_inference_steps=2)
_IF = {"clean_caption": False}
_IF_PART = steps(4, strength=0.6, **_IF)
larger = partial(_deepfloyd, larger=True)
_LARGE = {"original_image": PICTURE, "image": SMALL}

ENTRIES = {
    "KandinskyPipeline": Entry(_first, size(64), _EMBEDS, tensors=_SHAPES),
    "KandinskyImg2ImgPipeline": Entry(_first, _PART, _TO | _EMBEDS, tensors=_SHAPES),
    "KandinskyInpaintPipeline": Entry(
        partial(_first, channels=9), size(64), _IN | _EMBEDS, tensors=_SHAPES
    ),
    "KandinskyPriorPipeline": Entry(_prior, steps()),
    "KandinskyCombinedPipeline": Entry(partial(_combined, decoder=_first), _TWO),
    "KandinskyImg2ImgCombinedPipeline": Entry(
        partial(_combined, decoder=_first), _PART | {"prior_num_inference_steps": 2}, _TO
    ),
    "KandinskyInpaintCombinedPipeline": Entry(
        partial(_combined, decoder=partial(_first, channels=9)), _TWO, _IN
    ),
    "KandinskyV22Pipeline": Entry(_second, size(64), _EMBEDS, None, _SHAPES),
    "KandinskyV22Img2ImgPipeline": Entry(_second, _PART, _TO | _EMBEDS, None, _SHAPES),
    "KandinskyV22InpaintPipeline": Entry(
        partial(_second, channels=9), size(64), _IN | _EMBEDS, None, _SHAPES
    ),
    "KandinskyV22ControlnetPipeline": Entry(
        partial(_second, channels=8, hint=True), size(64), _EMBEDS | _HINT, None, _HINT_SHAPE
    ),
    "KandinskyV22ControlnetImg2ImgPipeline": Entry(
        partial(_second, channels=8, hint=True), _PART, _TO | _EMBEDS | _HINT, None, _HINT_SHAPE
    ),
    "KandinskyV22PriorPipeline": Entry(_prior, steps()),
    "KandinskyV22PriorEmb2EmbPipeline": Entry(_prior, steps(4, strength=0.5), _TO),
    "KandinskyV22CombinedPipeline": Entry(partial(_combined, decoder=_second), _TWO),
    "KandinskyV22Img2ImgCombinedPipeline": Entry(
        partial(_combined, decoder=_second), _PART | {"prior_num_inference_steps": 2}, _TO
    ),
    "KandinskyV22InpaintCombinedPipeline": Entry(
        partial(_combined, decoder=partial(_second, channels=9)), _TWO, _IN
    ),
    "Kandinsky3Pipeline": Entry(_third, size(64)),
    "Kandinsky3Img2ImgPipeline": Entry(_third, steps(4, strength=0.6), _TO),
    "Kandinsky5T2IPipeline": Entry(_fifth, size(64, max_sequence_length=16)),
    "Kandinsky5I2IPipeline": Entry(
        partial(_fifth, seen=True), size(64, max_sequence_length=256), _TO
    ),
    "StableCascadePriorPipeline": Entry(_cascade_prior, size(128)),
    "StableCascadeDecoderPipeline": Entry(
        _cascade,
        steps(guidance_scale=2.0),
        {"image_embeddings": tensor("image_embeddings")},
        tensors={"image_embeddings": (1, 4, 4, 4)},
    ),
    "StableCascadeCombinedPipeline": Entry(
        _cascades, size(128, prior_num_inference_steps=2, decoder_guidance_scale=2.0)
    ),
    "IFPipeline": Entry(_deepfloyd, size(**_IF)),
    "IFImg2ImgPipeline": Entry(_deepfloyd, _IF_PART, _TO, side=32),
    "IFInpaintingPipeline": Entry(_deepfloyd, _IF_PART, _IN, side=32),
    "IFSuperResolutionPipeline": Entry(larger, size(32, **_IF), {"image": SMALL}),
    "IFInpaintingSuperResolutionPipeline": Entry(larger, _IF_PART, _LARGE | {"mask_image": MASK}),
}
