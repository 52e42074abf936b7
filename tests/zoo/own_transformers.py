"""Pipelines with a transformer of their own."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from tests.zoo import parts
from tests.zoo.entry import CONTROL, MASK, OTHER_PICTURE, PICTURE, Entry, size, steps
from tiny_pipelines import WIDTH


def _pixart(folder: Path) -> dict[str, Any]:
    from diffusers import PixArtTransformer2DModel

    transformer = PixArtTransformer2DModel(
        sample_size=8,
        num_layers=2,
        patch_size=2,
        attention_head_dim=8,
        num_attention_heads=3,
        caption_channels=WIDTH,
        in_channels=4,
        cross_attention_dim=24,
        out_channels=8,
        use_additional_conditions=False,
    )
    return {
        **parts.t5(),
        "vae": parts.vae(levels=4),
        "transformer": parts.awake(transformer),
        "scheduler": parts.ddim(),
    }


def _sana(folder: Path, *, control: bool = False) -> dict[str, Any]:
    from diffusers import SanaControlNetModel, SanaTransformer2DModel

    shape: dict[str, Any] = {
        "patch_size": 1,
        "in_channels": 4,
        "out_channels": 4,
        "num_layers": 2,
        "num_attention_heads": 2,
        "attention_head_dim": 8,
        "num_cross_attention_heads": 2,
        "cross_attention_head_dim": 8,
        "cross_attention_dim": 16,
        "caption_channels": WIDTH,
        "sample_size": 32,
    }
    made = {
        **parts.gemma2(),
        "vae": parts.sana_vae(),
        "transformer": SanaTransformer2DModel(**shape).eval(),
        "scheduler": parts.flow(shift=7.0),
    }
    if control:
        made["controlnet"] = parts.awake(SanaControlNetModel(**shape | {"num_layers": 1}))
    return made


def _sprint(folder: Path) -> dict[str, Any]:
    from diffusers import SanaTransformer2DModel, SCMScheduler

    transformer = SanaTransformer2DModel(
        patch_size=1,
        in_channels=4,
        out_channels=4,
        num_layers=2,
        num_attention_heads=2,
        attention_head_dim=8,
        num_cross_attention_heads=2,
        cross_attention_head_dim=8,
        cross_attention_dim=16,
        caption_channels=WIDTH,
        sample_size=32,
        qk_norm="rms_norm_across_heads",
        guidance_embeds=True,
    )
    return {
        **parts.gemma2(),
        "vae": parts.sana_vae(),
        "transformer": transformer.eval(),
        "scheduler": SCMScheduler(),
    }


def _lumina(folder: Path) -> dict[str, Any]:
    from diffusers import LuminaNextDiT2DModel

    transformer = LuminaNextDiT2DModel(
        sample_size=8,
        patch_size=2,
        in_channels=4,
        hidden_size=16,
        num_layers=2,
        num_attention_heads=2,
        num_kv_heads=2,
        multiple_of=16,
        learn_sigma=True,
        qk_norm=True,
        cross_attention_dim=WIDTH,
    )
    return {
        **parts.language_model("GemmaModel", "GemmaConfig"),
        "vae": parts.vae(levels=4),
        "transformer": transformer.eval(),
        "scheduler": parts.flow(),
    }


def _lumina2(folder: Path) -> dict[str, Any]:
    from diffusers import Lumina2Transformer2DModel

    transformer = Lumina2Transformer2DModel(
        sample_size=16,
        patch_size=2,
        in_channels=4,
        hidden_size=16,
        num_layers=2,
        num_attention_heads=2,
        num_kv_heads=1,
        multiple_of=16,
        axes_dim_rope=[4, 2, 2],
        cap_feat_dim=WIDTH,
    )
    return {
        **parts.gemma2(),
        "vae": parts.flux_vae(),
        "transformer": transformer.eval(),
        "scheduler": parts.flow(),
    }


def _hunyuan(folder: Path, *, control: bool = False) -> dict[str, Any]:
    from diffusers import DDPMScheduler, HunyuanDiT2DControlNetModel, HunyuanDiT2DModel

    shape: dict[str, Any] = {
        "sample_size": 16,
        "patch_size": 2,
        "attention_head_dim": 8,
        "num_attention_heads": 3,
        "in_channels": 4,
        "cross_attention_dim": WIDTH,
        "cross_attention_dim_t5": WIDTH,
        "pooled_projection_dim": 16,
        "hidden_size": 24,
        "activation_fn": "gelu-approximate",
    }
    made = {
        **parts.bert(),
        **parts.t5("_2"),
        "vae": parts.vae(levels=4),
        "transformer": HunyuanDiT2DModel(num_layers=4, **shape).eval(),
        "scheduler": DDPMScheduler(),
        "safety_checker": None,
        "feature_extractor": None,
        "requires_safety_checker": False,
    }
    if control:
        net = HunyuanDiT2DControlNetModel(transformer_num_layers=4, **shape)
        made["controlnet"] = parts.awake(net)
    return made


def _cogview3(folder: Path) -> dict[str, Any]:
    from diffusers import CogVideoXDDIMScheduler, CogView3PlusTransformer2DModel

    transformer = CogView3PlusTransformer2DModel(
        patch_size=2,
        in_channels=4,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        out_channels=4,
        text_embed_dim=WIDTH,
        time_embed_dim=8,
        condition_dim=2,
        pos_embed_max_size=16,
        sample_size=8,
    )
    return {
        **parts.t5(),
        "vae": parts.vae(),
        "transformer": transformer.eval(),
        "scheduler": CogVideoXDDIMScheduler(),
    }


def _cogview4(folder: Path, channels: int = 4) -> dict[str, Any]:
    from diffusers import CogView4Transformer2DModel

    transformer = CogView4Transformer2DModel(
        patch_size=2,
        in_channels=channels,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        out_channels=4,
        text_embed_dim=WIDTH,
        time_embed_dim=8,
        condition_dim=4,
    )
    flow = parts.flow(
        base_shift=0.25,
        max_shift=0.75,
        base_image_seq_len=256,
        use_dynamic_shifting=True,
        time_shift_type="linear",
    )
    return {
        **parts.language_model("GlmModel", "GlmConfig"),
        "vae": parts.vae(),
        "transformer": transformer.eval(),
        "scheduler": flow,
    }


_QWEN: dict[str, Any] = {
    "patch_size": 2,
    "in_channels": 16,
    "out_channels": 4,
    "num_layers": 2,
    "attention_head_dim": 16,
    "num_attention_heads": 3,
    "joint_attention_dim": WIDTH,
    "axes_dims_rope": (8, 4, 4),
}


def _qwen(folder: Path, *, control: int | None = None, sees: bool = False) -> dict[str, Any]:
    from diffusers import QwenImageControlNetModel, QwenImageTransformer2DModel

    made = {
        **parts.qwen_vl(),
        "vae": parts.qwen_vae(),
        "transformer": QwenImageTransformer2DModel(**_QWEN).eval(),
        "scheduler": parts.flow(),
    }
    if control is not None:
        net = QwenImageControlNetModel(extra_condition_channels=control, **_QWEN)
        made["controlnet"] = parts.awake(net)
    if sees:
        made["processor"] = parts.qwen_processor(made["tokenizer"])
        made["vae"] = parts.qwen_vae(levels=5)  # these pipelines enlarge pictures to a megapixel
    return made


def _layered(folder: Path) -> dict[str, Any]:
    from diffusers import QwenImageTransformer2DModel

    # Of eight channels: four would be taken for latents where the picture has alpha.
    vae = parts.qwen_vae(8, levels=4, input_channels=4)
    shape = _QWEN | {"in_channels": 32, "out_channels": 8}
    transformer = QwenImageTransformer2DModel(
        **shape, use_additional_t_cond=True, use_layer3d_rope=True
    )
    return {**_qwen(folder, sees=True), "vae": vae, "transformer": transformer.eval()}


def _qwen21(folder: Path) -> dict[str, Any]:
    from diffusers import AutoencoderKLQwenImage21, QwenImage21Transformer2DModel

    text = parts.qwen_vl("Qwen3VL")
    transformer = QwenImage21Transformer2DModel(
        patch_size=1,
        in_channels=8,
        out_channels=8,
        num_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        context_in_dim=WIDTH,
        axes_dims_rope=(4, 6, 6),
    )
    vae = AutoencoderKLQwenImage21(
        base_dim=8,
        decoder_base_dim=8,
        z_dim=8,
        dim_mult=[1, 1, 1, 1, 1],
        num_res_blocks=1,
        latents_mean=[0.0] * 8,
        latents_std=[1.0] * 8,
    )
    return {
        "text_encoder": text["text_encoder"],
        "processor": parts.qwen_processor(text["tokenizer"], "Qwen3VLProcessor"),
        "vae": vae.eval(),
        "transformer": transformer.eval(),
        "scheduler": parts.flow(),
    }


def _z_transformer(**options: Any) -> Any:
    import torch
    from diffusers import ZImageTransformer2DModel

    made = ZImageTransformer2DModel(
        in_channels=16,
        dim=WIDTH,
        n_layers=2,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=WIDTH,
        axes_dims=[8, 4, 4],
        axes_lens=[256, 64, 64],
        **options,
    )
    for name, parameter in made.named_parameters():
        if name.endswith("pad_token"):
            torch.nn.init.ones_(parameter)
    return made.eval()


def _z_image(folder: Path, *, control: int | None = None) -> dict[str, Any]:
    from diffusers import ZImageControlNetModel

    made = {
        **parts.qwen3(),
        "vae": parts.vae(16, scaling_factor=0.3611, shift_factor=0.1159),
        "transformer": _z_transformer(),
        "scheduler": parts.flow(shift=3.0),
    }
    if control is not None:
        net = ZImageControlNetModel(
            control_layers_places=[0, 1],
            control_refiner_layers_places=[0],
            control_in_dim=control,
            add_control_noise_refiner="control_noise_refiner",
            dim=WIDTH,
            n_refiner_layers=1,
            n_heads=2,
            n_kv_heads=2,
        )
        made["controlnet"] = parts.awake(net)
    return made


def _z_omni(folder: Path) -> dict[str, Any]:
    from transformers import Siglip2ImageProcessorPil, Siglip2VisionConfig, Siglip2VisionModel

    config = Siglip2VisionConfig(
        hidden_size=WIDTH,
        intermediate_size=40,
        num_hidden_layers=2,
        num_attention_heads=4,
        patch_size=16,
        num_patches=16,
    )
    return {
        **_z_image(folder),
        "transformer": _z_transformer(siglip_feat_dim=WIDTH),
        "siglip": Siglip2VisionModel(config).eval(),
        "siglip_processor": Siglip2ImageProcessorPil(patch_size=16, max_num_patches=16),
    }


def _hidream(folder: Path) -> dict[str, Any]:
    from diffusers import HiDreamImageTransformer2DModel

    transformer = HiDreamImageTransformer2DModel(
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=8,
        num_attention_heads=4,
        caption_channels=[WIDTH, WIDTH],
        text_emb_dim=2 * WIDTH,
        num_routed_experts=4,
        num_activated_experts=2,
        axes_dims_rope=(4, 2, 2),
        max_resolution=(32, 32),
        llama_layers=(0, 1),
    )
    llama = parts.language_model("LlamaForCausalLM", "LlamaConfig")
    llama["tokenizer"].pad_token = "<pad>"
    return {
        **parts.clip_projected(folder / "first"),
        **parts.clip_projected(folder / "second", "_2"),
        **parts.t5("_3"),
        **{f"{name}_4": part for name, part in llama.items()},
        "vae": parts.vae(levels=4, scaling_factor=0.3611, shift_factor=0.1159),
        "transformer": transformer.eval(),
        "scheduler": parts.flow(),
    }


def _omnigen(folder: Path) -> dict[str, Any]:
    from diffusers import OmniGenTransformer2DModel

    text = parts.t5()
    transformer = OmniGenTransformer2DModel(
        hidden_size=16,
        num_attention_heads=4,
        num_key_value_heads=4,
        intermediate_size=32,
        num_layers=2,
        in_channels=4,
        time_step_dim=4,
        rope_scaling={"long_factor": [1, 2], "short_factor": [1, 2]},
        vocab_size=max(32100, len(text["tokenizer"])),
    )
    return {
        "tokenizer": text["tokenizer"],
        "vae": parts.vae(levels=4),
        "transformer": transformer.eval(),
        "scheduler": parts.flow(invert_sigmas=True, num_train_timesteps=1),
    }


def _prx(folder: Path, *, pixels: bool = False) -> dict[str, Any]:
    from diffusers import PRXTransformer2DModel

    own: dict[str, Any] = {"in_channels": 4}
    if pixels:
        own = {"in_channels": 3, "bottleneck_size": 8, "resolution_embeds": True}
    transformer = PRXTransformer2DModel(
        patch_size=1,
        context_in_dim=WIDTH,
        hidden_size=16,
        mlp_ratio=2.0,
        num_heads=2,
        depth=2,
        axes_dim=[4, 4],
        **own,
    )
    made = {"transformer": parts.awake(transformer), "scheduler": parts.flow()}
    if pixels:
        return {**made, **parts.qwen3(), "prompt_max_tokens": 16}
    text = parts.gemma2()
    text["tokenizer"].model_max_length = 64
    return {**made, **text, "vae": parts.flux_vae()}


def _krea(folder: Path, *, modular: bool = False) -> dict[str, Any]:
    """Build Krea 2; its modular pipeline takes twelve of 36 layers of text."""
    from diffusers import Krea2Transformer2DModel

    transformer = Krea2Transformer2DModel(
        in_channels=16,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=32,
        timestep_embed_dim=8,
        text_hidden_dim=WIDTH,
        num_text_layers=12 if modular else 3,
        text_num_attention_heads=2,
        text_num_key_value_heads=1,
        text_intermediate_size=16,
        num_layerwise_text_blocks=1,
        num_refiner_text_blocks=1,
        axes_dims_rope=(4, 2, 2),
    )
    return {
        **parts.qwen_vl("Qwen3VL", "", layers=36 if modular else 2),
        "vae": parts.qwen_vae(),
        "transformer": transformer.eval(),
        "scheduler": parts.flow(use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15),
        "text_encoder_select_layers": (0, 1, 2),
    }


def _nucleus(folder: Path) -> dict[str, Any]:
    from diffusers import NucleusMoEImageTransformer2DModel

    transformer = NucleusMoEImageTransformer2DModel(
        **_QWEN | {"num_attention_heads": 4}, moe_enabled=False, capacity_factors=[8.0, 8.0]
    )
    text = parts.qwen_vl("Qwen3VL")
    return {
        "text_encoder": text["text_encoder"],
        "processor": parts.qwen_processor(text["tokenizer"], "Qwen3VLProcessor"),
        "vae": parts.qwen_vae(),
        "transformer": transformer.eval(),
        "scheduler": parts.flow(),
    }


def _dreamlite(folder: Path) -> dict[str, Any]:
    from diffusers import AutoencoderTiny, DreamLiteUNetModel

    unet = DreamLiteUNetModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        down_block_types=(
            "DreamLiteCrossAttnNoSelfAttnDownBlock2D",
            "DreamLiteCrossAttnDownBlock2D",
        ),
        up_block_types=("DreamLiteCrossAttnUpBlock2D", "DreamLiteUpBlock2D"),
        block_out_channels=(16, 32),
        cross_attention_dim=WIDTH,
        attention_head_dim=8,
        layers_per_block=1,
        norm_num_groups=8,
        transformer_layers_per_block=1,
    )
    vae = AutoencoderTiny(
        encoder_block_out_channels=(16, 16),
        decoder_block_out_channels=(16, 16),
        num_encoder_blocks=(1, 1),
        num_decoder_blocks=(1, 1),
        latent_channels=4,
    )
    text = parts.qwen_vl("Qwen3VL")
    return {
        **text,
        "processor": parts.qwen_processor(text["tokenizer"], "Qwen3VLProcessor"),
        "vae": vae.eval(),
        "unet": unet.eval(),
        "scheduler": parts.flow(),
    }


def _joy(folder: Path, *, cls: str = "JoyImageEditTransformer3DModel") -> dict[str, Any]:
    import diffusers

    transformer = getattr(diffusers, cls)(
        patch_size=[1, 2, 2],
        in_channels=16,
        hidden_size=WIDTH,
        num_attention_heads=2,
        text_dim=WIDTH,
        num_layers=1,
        rope_dim_list=[4, 6, 6],
        theta=256,
    )
    text = parts.qwen_vl("Qwen3VL")
    return {
        **text,
        "processor": parts.qwen_processor(text["tokenizer"], "Qwen3VLProcessor"),
        "vae": parts.wan_vae(),
        "transformer": transformer.eval(),
        "scheduler": parts.flow(),
    }


def _flux2_vae() -> Any:
    from diffusers import AutoencoderKLFlux2

    return AutoencoderKLFlux2(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
    ).eval()


def _fibo2(folder: Path) -> dict[str, Any]:
    """Build Bria's Fibo 2, which takes three of 36 layers of text, six times."""
    from diffusers import BriaFibo2Transformer2DModel

    transformer = BriaFibo2Transformer2DModel(
        in_channels=4,
        dim=WIDTH,
        n_layers=6,
        n_refiner_layers=1,
        n_heads=2,
        cap_feat_dim=3 * WIDTH,
        injection_layer_ids=(1, 2, 3, 4, 5),
        perceiver_num_layers=1,
        min_num_gist_tokens=4,
        max_num_gist_tokens=8,
        gist_step=4,
        gist_min_text_len=4,
        gist_max_text_len=64,
        axes_dims=(4, 6, 6),
    )
    text = parts.qwen_vl("Qwen3VL", layers=36)
    return {
        "text_encoder": text["text_encoder"],
        "processor": parts.qwen_processor(text["tokenizer"], "Qwen3VLProcessor"),
        "vae": _flux2_vae(),
        "transformer": transformer.eval(),
        "scheduler": parts.flow(),
    }


def _ernie(folder: Path) -> dict[str, Any]:
    from diffusers import ErnieImageTransformer2DModel

    transformer = ErnieImageTransformer2DModel(
        hidden_size=WIDTH,
        num_attention_heads=2,
        num_layers=2,
        ffn_hidden_size=48,
        in_channels=16,
        out_channels=16,
        text_in_dim=WIDTH,
        rope_axes_dim=(4, 6, 6),
    )
    return {
        **parts.language_model("MistralModel", "MistralConfig"),
        "vae": _flux2_vae(),
        "transformer": transformer.eval(),
        "scheduler": parts.flow(),
    }


def _ideogram(folder: Path) -> dict[str, Any]:
    from diffusers import Ideogram4Transformer2DModel
    from diffusers.pipelines.ideogram4 import pipeline_ideogram4

    tapped = pipeline_ideogram4.QWEN3_VL_ACTIVATION_LAYERS
    shape: dict[str, Any] = {
        "in_channels": 16,
        "num_layers": 1,
        "attention_head_dim": 16,
        "num_attention_heads": 2,
        "intermediate_size": 48,
        "adaln_dim": 16,
        "llm_features_dim": len(tapped) * WIDTH,
        "mrope_section": (4, 2, 2),
    }
    return {
        **parts.qwen_vl("Qwen3VL", "", layers=max(tapped) + 1),
        "vae": _flux2_vae(),
        "transformer": Ideogram4Transformer2DModel(**shape).eval(),
        "unconditional_transformer": Ideogram4Transformer2DModel(**shape).eval(),
        "scheduler": parts.flow(),
        "prompt_enhancer_head": None,
    }


def _hunyuan_image(folder: Path, *, refiner: bool = False) -> dict[str, Any]:
    import diffusers
    from diffusers import AdaptiveProjectedMixGuidance, HunyuanImageTransformer2DModel
    from transformers import ByT5Tokenizer, T5Config, T5EncoderModel

    transformer = HunyuanImageTransformer2DModel(
        in_channels=16 if refiner else 4,  # of a picture's two halves, beside what is denoised
        out_channels=8 if refiner else 4,
        num_attention_heads=4,
        attention_head_dim=8,
        num_layers=1,
        num_single_layers=1,
        num_refiner_layers=1,
        patch_size=(1, 1, 1) if refiner else (1, 1),
        guidance_embeds=refiner,
        text_embed_dim=WIDTH,
        text_embed_2_dim=None if refiner else WIDTH,
        rope_axes_dim=(2, 2, 4) if refiner else (4, 4),
    )
    made = {
        **parts.qwen_vl(),
        "transformer": transformer.eval(),
        "scheduler": parts.flow(shift=7.0),
    }
    guider: Any = AdaptiveProjectedMixGuidance
    if refiner:
        vae = diffusers.AutoencoderKLHunyuanImageRefiner(
            latent_channels=4, block_out_channels=(8, 8, 16, 16, 16), layers_per_block=1
        )
        return {**made, "vae": vae.eval()}
    vae = diffusers.AutoencoderKLHunyuanImage(
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        block_out_channels=(32, 64, 64, 64),
        layers_per_block=1,
        scaling_factor=0.476986,
        spatial_compression_ratio=8,
        sample_size=128,
    )
    config = T5Config(vocab_size=384, d_model=WIDTH, d_kv=8, d_ff=40, num_layers=2, num_heads=4)
    return {
        **made,
        "vae": vae.eval(),
        "text_encoder_2": T5EncoderModel(config).eval(),
        "tokenizer_2": ByT5Tokenizer(),
        "guider": guider(adaptive_projected_guidance_start_step=1),
        "ocr_guider": guider(adaptive_projected_guidance_start_step=1),
    }


def _dit(folder: Path) -> dict[str, Any]:
    from diffusers import DiTTransformer2DModel

    transformer = DiTTransformer2DModel(
        sample_size=16,
        num_layers=2,
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
    )
    return {
        "transformer": transformer.eval(),
        "vae": parts.vae(levels=4),
        "scheduler": parts.ddim(),
    }


_PLAIN = {"use_resolution_binning": False, "max_sequence_length": 48}
_SANA = {**_PLAIN, "complex_human_instruction": None}
_TO = {"image": PICTURE}
_IN = {"image": PICTURE, "mask_image": MASK}
_BY = {"control_image": CONTROL}
_CFG = {"true_cfg_scale": 2.0, "negative_prompt": "blurry", "max_sequence_length": 16}
_Z = {"max_sequence_length": 16, "guidance_scale": 3.0}
_Z_PART = {"num_inference_steps": 4, "strength": 0.6}
_PIXART = {**_PLAIN, "clean_caption": False}

ENTRIES = {
    "PixArtAlphaPipeline": Entry(_pixart, size(64, **_PIXART)),
    "PixArtSigmaPipeline": Entry(_pixart, size(64, **_PIXART)),
    "PixArtSigmaPAGPipeline": Entry(_pixart, size(64, pag_scale=2.0, **_PIXART)),
    "SanaPipeline": Entry(_sana, size(**_SANA)),
    "SanaPAGPipeline": Entry(_sana, size(pag_scale=2.0, **_SANA)),
    "SanaControlNetPipeline": Entry(partial(_sana, control=True), size(**_SANA), _BY, side=32),
    "SanaSprintPipeline": Entry(_sprint, size(**_SANA)),
    "SanaSprintImg2ImgPipeline": Entry(_sprint, size(strength=0.6, **_SANA), _TO, side=32),
    "LuminaPipeline": Entry(_lumina, size(64)),
    "Lumina2Pipeline": Entry(_lumina2, size()),
    "HunyuanDiTPipeline": Entry(_hunyuan, size(64, use_resolution_binning=False)),
    "HunyuanDiTPAGPipeline": Entry(_hunyuan, size(64, use_resolution_binning=False, pag_scale=2.0)),
    "HunyuanDiTControlNetPipeline": Entry(
        partial(_hunyuan, control=True), size(64, use_resolution_binning=False), _BY
    ),
    "CogView3PlusPipeline": Entry(_cogview3, size(32, max_sequence_length=32)),
    "CogView4Pipeline": Entry(_cogview4, size(32, max_sequence_length=32)),
    "CogView4ControlPipeline": Entry(
        partial(_cogview4, channels=8), size(32, max_sequence_length=32), _BY, side=32
    ),
    "QwenImagePipeline": Entry(_qwen, size(**_CFG)),
    "QwenImageImg2ImgPipeline": Entry(_qwen, size(64, **_CFG) | _Z_PART, _TO),
    "QwenImageInpaintPipeline": Entry(_qwen, size(64, **_CFG) | _Z_PART, _IN),
    "QwenImageControlNetPipeline": Entry(partial(_qwen, control=0), size(64, **_CFG), _BY),
    "QwenImageControlNetInpaintPipeline": Entry(
        partial(_qwen, control=4),
        size(64, **_CFG),
        {"control_image": PICTURE, "control_mask": MASK},
    ),
    "QwenImageEditPipeline": Entry(partial(_qwen, sees=True), size(**_CFG), _TO),
    "QwenImageEditInpaintPipeline": Entry(
        partial(_qwen, sees=True), size(64, **_CFG) | _Z_PART, _IN
    ),
    "QwenImageEditPlusPipeline": Entry(
        partial(_qwen, sees=True), size(**_CFG), {"image": [PICTURE, OTHER_PICTURE]}
    ),
    "QwenImageLayeredPipeline": Entry(
        _layered, steps(layers=2, resolution=640, **_CFG), {"image": {**PICTURE, "mode": "RGBA"}}
    ),
    "QwenImage21Pipeline": Entry(_qwen21, size(64, true_cfg_scale=2.0, negative_prompt="dark")),
    "ZImagePipeline": Entry(_z_image, size(**_Z)),
    "ZImageImg2ImgPipeline": Entry(_z_image, size(64, **_Z) | _Z_PART, _TO),
    "ZImageInpaintPipeline": Entry(_z_image, size(64, **_Z) | _Z_PART, _IN),
    "ZImageControlNetPipeline": Entry(partial(_z_image, control=16), size(64, **_Z), _BY),
    "ZImageControlNetInpaintPipeline": Entry(
        partial(_z_image, control=33), size(64, **_Z), _IN | _BY
    ),
    "ZImageOmniPipeline": Entry(_z_omni, size(64, **_Z), {"image": [PICTURE]}, dtype="bfloat16"),
    "HiDreamImagePipeline": Entry(_hidream, size(64, max_sequence_length=64)),
    "OmniGenPipeline": Entry(_omnigen, size(32, guidance_scale=2.5)),
    "PRXPipeline": Entry(_prx, size(32, use_resolution_binning=False)),
    "PRXPixelPipeline": Entry(partial(_prx, pixels=True), size(32, use_resolution_binning=False)),
    "Krea2Pipeline": Entry(_krea, size(32, max_sequence_length=16)),
    "NucleusMoEImagePipeline": Entry(
        _nucleus, size(32, max_sequence_length=16, return_index=-1, guidance_scale=2.0)
    ),
    "DreamLitePipeline": Entry(_dreamlite, size(64, max_sequence_length=16)),
    "DreamLiteMobilePipeline": Entry(_dreamlite, size(64, max_sequence_length=16)),
    "JoyImageEditPipeline": Entry(_joy, size(32, max_sequence_length=16), _TO, side=32),
    "JoyImageEditPlusPipeline": Entry(
        partial(_joy, cls="JoyImageEditPlusTransformer3DModel"),
        size(32, max_sequence_length=16),
        {"images": [PICTURE, OTHER_PICTURE]},
        side=32,
    ),
    "BriaFibo2Pipeline": Entry(_fibo2, size(32)),
    "ErnieImagePipeline": Entry(_ernie, size(32)),
    "Ideogram4Pipeline": Entry(
        _ideogram, size(32, guidance_scale=3.0, guidance_schedule=None, max_sequence_length=32)
    ),
    "HunyuanImagePipeline": Entry(_hunyuan_image, size(32)),
    "HunyuanImageRefinerPipeline": Entry(
        partial(_hunyuan_image, refiner=True), size(64, distilled_guidance_scale=2.0), _TO
    ),
    "DiTPipeline": Entry(_dit, steps(class_labels=[207], guidance_scale=4.0), prompt=None),
}
