"""Four more tiny random pipelines, for the third trial: of kinds that no rule was tried on before.

One starts from a picture, one has two stages, two read the prompt with a language
model; one is in bfloat16.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.tiny_pipelines import (
    _byte_alphabet,
    _clip_tokenizer,
    _t5_tokenizer,
    clip_image_processor,
)
from tests.trials.models import WIDTH, Model, _clip_config, _contrast, _size, _strengthen, _vae

START = "start.png"
"""The picture that SDXL starts from, beside the suite; its sides are no multiples of eight."""


def _start(path: Path) -> None:
    import numpy as np
    from PIL import Image

    down, across = np.mgrid[0:75, 0:101]
    red = 127 + 120 * np.sin(across / 3.0) * np.cos(down / 11.0)
    green = 255 * ((across // 7 + down // 5) % 2)
    blue = 255 * np.exp(-((across - 60) ** 2 + (down - 30) ** 2) / 500)
    Image.fromarray(np.stack([red, green, blue], axis=-1).astype(np.uint8)).save(path)


def sdxl_from_a_picture(folder: Path) -> Any:
    """SDXL's image to image: two CLIPs, sizes as numbers, a scheduler that draws at each step."""
    from diffusers import (
        EulerAncestralDiscreteScheduler,
        StableDiffusionXLImg2ImgPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    folder.parent.mkdir(parents=True, exist_ok=True)
    _start(folder.parent / START)
    unet = UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(16, 32),
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
    ).eval()
    _strengthen(unet, ("attn2", "add_embedding"), 4)
    vae = _vae(4, levels=3, scaling_factor=0.13025)
    _contrast(vae.decoder.conv_out, 2.5)
    return StableDiffusionXLImg2ImgPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(_clip_config()).eval(),
        text_encoder_2=CLIPTextModelWithProjection(_clip_config()).eval(),
        tokenizer=_clip_tokenizer(folder / "first"),
        tokenizer_2=_clip_tokenizer(folder / "second"),
        unet=unet,
        scheduler=EulerAncestralDiscreteScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            steps_offset=1,
            timestep_spacing="leading",
        ),
        add_watermarker=False,
    )


def kandinsky(folder: Path) -> Any:
    """Kandinsky 2.1: a prior that draws an embedding, a UNet that paints it, a MoVQ."""
    import torch
    from diffusers import (
        DDIMScheduler,
        KandinskyCombinedPipeline,
        PriorTransformer,
        UnCLIPScheduler,
        UNet2DConditionModel,
        VQModel,
    )
    from diffusers.pipelines.kandinsky.text_encoder import MCLIPConfig, MultilingualCLIP
    from transformers import (
        CLIPTextModelWithProjection,
        CLIPVisionConfig,
        CLIPVisionModelWithProjection,
    )

    tokenizer = _t5_tokenizer()
    multilingual = MCLIPConfig(
        numDims=WIDTH,
        transformerDimensions=WIDTH,
        hidden_size=WIDTH,
        intermediate_size=40,
        num_attention_heads=4,
        num_hidden_layers=3,
        vocab_size=len(tokenizer),
        max_position_embeddings=130,
        initializer_range=0.2,
    )
    seeing = CLIPVisionConfig(
        hidden_size=WIDTH,
        image_size=32,
        projection_dim=WIDTH,
        intermediate_size=40,
        num_attention_heads=4,
        num_hidden_layers=2,
        patch_size=8,
    )
    prior = PriorTransformer(
        num_attention_heads=2, attention_head_dim=16, embedding_dim=WIDTH, num_layers=2, dropout=0.1
    ).eval()
    torch.nn.init.ones_(prior.clip_std)
    unet = UNet2DConditionModel(
        sample_size=16,
        layers_per_block=1,
        block_out_channels=(16, 32),
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        in_channels=4,
        out_channels=8,
        cross_attention_dim=WIDTH,
        addition_embed_type="text_image",
        encoder_hid_dim_type="text_image_proj",
        encoder_hid_dim=WIDTH,
        attention_head_dim=4,
        resnet_time_scale_shift="scale_shift",
        norm_num_groups=8,
    ).eval()
    _strengthen(unet, ("add_k_proj", "add_v_proj", "encoder_hid_proj", "add_embedding"), 3)
    movq = VQModel(
        block_out_channels=(32, 64),
        down_block_types=("DownEncoderBlock2D", "AttnDownEncoderBlock2D"),
        up_block_types=("AttnUpDecoderBlock2D", "UpDecoderBlock2D"),
        latent_channels=4,
        norm_num_groups=8,
        norm_type="spatial",
        num_vq_embeddings=12,
        vq_embed_dim=4,
    ).eval()
    _contrast(movq.decoder.conv_out, 0.2)
    return KandinskyCombinedPipeline(
        text_encoder=MultilingualCLIP(multilingual).eval(),
        tokenizer=tokenizer,
        unet=unet,
        scheduler=DDIMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="linear",
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
        ),
        movq=movq,
        prior_prior=prior,
        prior_image_encoder=CLIPVisionModelWithProjection(seeing).eval(),
        prior_text_encoder=CLIPTextModelWithProjection(_clip_config()).eval(),
        prior_tokenizer=_clip_tokenizer(folder / "second"),
        prior_scheduler=UnCLIPScheduler(
            variance_type="fixed_small_log", prediction_type="sample", clip_sample_range=10.0
        ),
        prior_image_processor=clip_image_processor()(crop_size=32, size=32),
    )


def cogview4(folder: Path) -> Any:
    """CogView4: a GLM for the text, told its sizes, flow matching whose shift follows the size."""
    from diffusers import (
        CogView4Pipeline,
        CogView4Transformer2DModel,
        FlowMatchEulerDiscreteScheduler,
    )
    from transformers import GlmConfig, GlmModel

    tokenizer = _t5_tokenizer()
    encoder = GlmModel(
        GlmConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=48,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=8,
            pad_token_id=0,
            initializer_range=0.2,
        )
    ).eval()
    transformer = CogView4Transformer2DModel(
        patch_size=2,
        in_channels=4,
        num_layers=3,
        attention_head_dim=8,
        num_attention_heads=4,
        out_channels=4,
        text_embed_dim=WIDTH,
        time_embed_dim=16,
        condition_dim=4,
        sample_size=16,
    ).eval()
    _strengthen(transformer, ("text_proj", "attn1.to_out"), 6)
    vae = _vae(4, levels=3, scaling_factor=0.7, mid_block_add_attention=True)
    _contrast(vae.decoder.conv_out, 2.5)
    return CogView4Pipeline(
        tokenizer=tokenizer,
        text_encoder=encoder,
        vae=vae,
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(
            base_shift=0.25,
            max_shift=0.75,
            base_image_seq_len=256,
            use_dynamic_shifting=True,
            time_shift_type="linear",
        ),
    )


def _qwen_tokenizer() -> Any:
    from transformers import Qwen2TokenizerFast

    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>"]
    marks += ["<|image_pad|>", "<|video_pad|>"]
    vocabulary = {token: number for number, token in enumerate(_byte_alphabet())}
    return Qwen2TokenizerFast(
        vocab=vocabulary, merges=[], model_max_length=512, additional_special_tokens=marks
    )


def qwen_image(folder: Path) -> Any:
    """Qwen-Image: a Qwen 2.5 VL for the text, in a template, and an autoencoder of videos."""
    from diffusers import (
        AutoencoderKLQwenImage,
        FlowMatchEulerDiscreteScheduler,
        QwenImagePipeline,
        QwenImageTransformer2DModel,
    )
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    tokenizer = _qwen_tokenizer()
    number = tokenizer.convert_tokens_to_ids
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": WIDTH,
            "intermediate_size": 40,
            "num_hidden_layers": 3,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "rope_parameters": {
                "mrope_section": [2, 2, 4],
                "rope_type": "default",
                "rope_theta": 1000000.0,
            },
            "initializer_range": 0.2,
            "pad_token_id": number("<|endoftext|>"),
        },
        vision_config={
            "depth": 1,
            "hidden_size": WIDTH,
            "intermediate_size": 40,
            "num_heads": 2,
            "out_hidden_size": WIDTH,
        },
        vision_start_token_id=number("<|vision_start|>"),
        vision_end_token_id=number("<|vision_end|>"),
        image_token_id=number("<|image_pad|>"),
        video_token_id=number("<|video_pad|>"),
    )
    transformer = QwenImageTransformer2DModel(
        patch_size=2,
        in_channels=16,
        out_channels=4,
        num_layers=3,
        attention_head_dim=16,
        num_attention_heads=3,
        joint_attention_dim=WIDTH,
        axes_dims_rope=(8, 4, 4),
    ).eval()
    _strengthen(transformer, ("txt_in", "add_"), 12)
    _strengthen(transformer, ("to_out",), 3)
    vae = AutoencoderKLQwenImage(
        base_dim=8,
        z_dim=4,
        dim_mult=[1, 2, 2],
        num_res_blocks=1,
        temperal_downsample=[False, True],
        latents_mean=[0.1, -0.2, 0.05, 0.0],
        latents_std=[1.1, 0.9, 1.2, 1.0],
    ).eval()
    _contrast(vae.decoder.conv_out, 2.0)
    return QwenImagePipeline(
        tokenizer=tokenizer,
        text_encoder=Qwen2_5_VLForConditionalGeneration(config).eval(),
        vae=vae,
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    )


THIRD = {
    "sdxl-img2img": Model(
        sdxl_from_a_picture,
        {
            "num_inference_steps": 16,
            "strength": 0.4,
            "guidance_scale": 5.0,
            "negative_prompt": "blurry, dark",
        },
        inputs={"image": START},
    ),
    "kandinsky-2.1": Model(
        kandinsky,
        _size(64, 96, 6, 4.0)
        | {"prior_num_inference_steps": 5, "prior_guidance_scale": 2.0, "negative_prompt": "fog"},
    ),
    "cogview4": Model(
        cogview4,
        _size(64, 96, 6, 4.0) | {"negative_prompt": "blurry", "max_sequence_length": 64},
        dtype="bfloat16",
    ),
    "qwen-image": Model(
        qwen_image,
        {
            "height": 64,
            "width": 96,
            "num_inference_steps": 6,
            "true_cfg_scale": 4.0,
            "negative_prompt": "low quality",
            "max_sequence_length": 512,
        },
    ),
}
