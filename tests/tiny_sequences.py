"""Tiny random pipelines that return no single image: videos, pictures with depth, embeddings."""

from __future__ import annotations

from pathlib import Path

from tiny_pipelines import (
    WIDTH,
    _autoencoder,
    _clip_text_config,
    _clip_text_encoder,
    _clip_tokenizer,
    _saved,
    _t5_tokenizer,
    clip_image_processor,
    tiny_stable_diffusion,
)


def tiny_animatediff(folder: Path, *, seed: int = 0) -> Path:
    """Save a random ``AnimateDiffPipeline``: frames of 16 x 16 pixels and more."""
    import torch
    from diffusers import (
        AnimateDiffPipeline,
        DDIMScheduler,
        MotionAdapter,
        UNet2DConditionModel,
    )

    torch.manual_seed(seed)
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=2,
        norm_num_groups=2,
    )
    motion = MotionAdapter(
        block_out_channels=(8, 16),
        motion_layers_per_block=1,
        motion_norm_num_groups=2,
        motion_num_attention_heads=2,
    )
    pipeline = AnimateDiffPipeline(
        vae=_autoencoder(4),
        text_encoder=_clip_text_encoder(),
        tokenizer=_clip_tokenizer(folder),
        unet=unet,
        motion_adapter=motion,
        scheduler=DDIMScheduler(beta_schedule="linear", clip_sample=False),
    )
    return _saved(pipeline, folder)


def tiny_wan(folder: Path, *, seed: int = 0) -> Path:
    """Save a random ``WanPipeline``: 4 n + 1 frames, sizes in steps of 16 pixels."""
    import torch
    from diffusers import (
        AutoencoderKLWan,
        FlowMatchEulerDiscreteScheduler,
        WanPipeline,
        WanTransformer3DModel,
    )
    from transformers import T5Config, T5EncoderModel

    torch.manual_seed(seed)
    tokenizer = _t5_tokenizer()
    encoder = T5Config(
        vocab_size=len(tokenizer), d_model=WIDTH, d_kv=8, d_ff=37, num_layers=1, num_heads=4
    )
    pipeline = WanPipeline(
        tokenizer=tokenizer,
        text_encoder=T5EncoderModel(encoder),
        vae=AutoencoderKLWan(
            base_dim=3,
            z_dim=16,
            dim_mult=[1, 1, 1, 1],
            num_res_blocks=1,
            temperal_downsample=[False, True, True],
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0),
        transformer=WanTransformer3DModel(
            patch_size=(1, 2, 2),
            num_attention_heads=2,
            attention_head_dim=12,
            in_channels=16,
            out_channels=16,
            text_dim=WIDTH,
            freq_dim=256,
            ffn_dim=32,
            num_layers=2,
            cross_attn_norm=True,
            qk_norm="rms_norm_across_heads",
            rope_max_seq_len=32,
        ),
        transformer_2=None,
    )
    return _saved(pipeline, folder)


def tiny_ldm3d(folder: Path, *, seed: int = 0) -> Path:
    """Save a random ``StableDiffusionLDM3DPipeline``: a picture, and its depth as numbers."""
    import torch
    from diffusers import AutoencoderKL, StableDiffusionLDM3DPipeline, StableDiffusionPipeline

    tiny_stable_diffusion(folder, seed=seed)
    parts = StableDiffusionPipeline.from_pretrained(folder).components
    torch.manual_seed(seed)
    vae = AutoencoderKL(
        block_out_channels=(8, 16),
        in_channels=6,
        out_channels=6,
        down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
        up_block_types=("UpDecoderBlock2D", "UpDecoderBlock2D"),
        latent_channels=4,
        norm_num_groups=4,
    )
    return _saved(StableDiffusionLDM3DPipeline(**{**parts, "vae": vae.eval()}), folder)


def tiny_kandinsky_prior(folder: Path, *, seed: int = 0) -> Path:
    """Save a random ``KandinskyV22PriorPipeline``: its result is embeddings."""
    import torch
    from diffusers import KandinskyV22PriorPipeline, PriorTransformer, UnCLIPScheduler
    from transformers import (
        CLIPTextModelWithProjection,
        CLIPVisionConfig,
        CLIPVisionModelWithProjection,
    )

    torch.manual_seed(seed)
    prior = PriorTransformer(
        num_attention_heads=2, attention_head_dim=12, embedding_dim=WIDTH, num_layers=1
    )
    prior.clip_std = torch.nn.Parameter(torch.ones(prior.clip_std.shape))
    vision = CLIPVisionConfig(
        hidden_size=WIDTH,
        image_size=32,
        projection_dim=WIDTH,
        intermediate_size=37,
        num_attention_heads=4,
        num_channels=3,
        num_hidden_layers=1,
        patch_size=16,
    )
    pipeline = KandinskyV22PriorPipeline(
        prior=prior,
        image_encoder=CLIPVisionModelWithProjection(vision),
        text_encoder=CLIPTextModelWithProjection(_clip_text_config()),
        tokenizer=_clip_tokenizer(folder),
        scheduler=UnCLIPScheduler(
            variance_type="fixed_small_log",
            prediction_type="sample",
            num_train_timesteps=1000,
            clip_sample_range=10.0,
        ),
        image_processor=clip_image_processor()(
            crop_size=32, do_center_crop=True, do_normalize=True, do_resize=True, size=32
        ),
    )
    return _saved(pipeline, folder)


def tiny_diffedit(folder: Path, *, seed: int = 0) -> Path:
    """Save a random ``StableDiffusionDiffEditPipeline``: a mask and an inversion, then the edit."""
    from diffusers import (
        DDIMInverseScheduler,
        StableDiffusionDiffEditPipeline,
        StableDiffusionPipeline,
    )

    tiny_stable_diffusion(folder, seed=seed)
    parts = StableDiffusionPipeline.from_pretrained(folder).components
    parts.pop("image_encoder", None)
    inverse = DDIMInverseScheduler.from_config(parts["scheduler"].config)
    pipeline = StableDiffusionDiffEditPipeline(
        **parts, inverse_scheduler=inverse, requires_safety_checker=False
    )
    return _saved(pipeline, folder)


def tiny_ledits(folder: Path, *, seed: int = 0) -> Path:
    """Save a random ``LEditsPPPipelineStableDiffusion``: it keeps its inversion to itself."""
    import torch
    from diffusers import (
        DPMSolverMultistepScheduler,
        LEditsPPPipelineStableDiffusion,
        StableDiffusionPipeline,
        UNet2DConditionModel,
    )

    tiny_stable_diffusion(folder, seed=seed)
    parts = StableDiffusionPipeline.from_pretrained(folder).components
    scheduler = DPMSolverMultistepScheduler(
        algorithm_type="sde-dpmsolver++", solver_order=2, beta_schedule="scaled_linear"
    )
    torch.manual_seed(seed)
    unet = UNet2DConditionModel(  # with attention where the latents are a quarter, as it needs
        sample_size=16,
        block_out_channels=(8, 16, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=2,
        norm_num_groups=4,
    )
    kept = {**parts, "scheduler": scheduler, "unet": unet}
    kept.pop("image_encoder", None)
    return _saved(LEditsPPPipelineStableDiffusion(**kept, requires_safety_checker=False), folder)
