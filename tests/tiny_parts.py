"""Tiny random parts that are put into a pipeline: a ControlNet, adapters, an embedding.

All of them fit ``tiny_pipelines.tiny_stable_diffusion``. The same ``seed`` gives the same weights.
"""

from __future__ import annotations

from pathlib import Path

WIDTH = 32
"""Hidden size of the text encoder there, and of the image encoder here."""


def tiny_controlnet(folder: Path, *, seed: int = 0, cross_attention_dim: int = WIDTH) -> Path:
    """Save a random ``ControlNetModel`` whose output is not zero."""
    import torch
    from diffusers import ControlNetModel

    torch.manual_seed(seed)
    model = ControlNetModel(
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        cross_attention_dim=cross_attention_dim,
        attention_head_dim=2,
        norm_num_groups=4,
        conditioning_embedding_out_channels=(8, 16),
    )
    for block in (*model.controlnet_down_blocks, model.controlnet_mid_block):
        torch.nn.init.normal_(block.weight, std=0.3)
    torch.nn.init.normal_(model.controlnet_cond_embedding.conv_out.weight, std=0.3)
    model.save_pretrained(folder)
    return folder


def tiny_t2i_adapter(folder: Path, *, seed: int = 0) -> Path:
    """Save a random ``T2IAdapter``."""
    import torch
    from diffusers import T2IAdapter

    torch.manual_seed(seed)
    T2IAdapter(
        in_channels=3,
        channels=[8, 16],
        num_res_blocks=1,
        downscale_factor=4,
        adapter_type="full_adapter_xl",
    ).save_pretrained(folder)
    return folder


def tiny_image_encoder(folder: Path, *, seed: int = 0) -> Path:
    """Save a random ``CLIPVisionModelWithProjection`` of 32 x 32 pixels."""
    import torch
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(seed)
    config = CLIPVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=32,
        patch_size=8,
        projection_dim=WIDTH,
    )
    CLIPVisionModelWithProjection(config).save_pretrained(folder)
    return folder


def tiny_ip_adapter(path: Path, model: Path, *, seed: int = 0, scale: float = 0.3) -> Path:
    """Save a random IP-Adapter for the UNet of the folder ``model``, Stable Diffusion or SDXL."""
    import torch
    from diffusers import UNet2DConditionModel
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator) * scale

    unet = UNet2DConditionModel.from_pretrained(model / "unet")
    tokens, given = 4, unet.config.cross_attention_dim
    tensors = {
        "image_proj.proj.weight": random(tokens * given, WIDTH),
        "image_proj.proj.bias": random(tokens * given),
        "image_proj.norm.weight": torch.ones(given),
        "image_proj.norm.bias": torch.zeros(given),
    }
    cross = [name for name in unet.attn_processors if name.endswith("attn2.processor")]
    for number, name in enumerate(cross):
        width = unet.get_submodule(name.removesuffix(".processor")).to_k.weight.shape[0]
        key = f"ip_adapter.{2 * number + 1}.to_"
        tensors[f"{key}k_ip.weight"] = random(width, given)
        tensors[f"{key}v_ip.weight"] = random(width, given)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)
    return path


def tiny_embedding(path: Path, *, seed: int = 0, vectors: int = 2, width: int = WIDTH) -> Path:
    """Save a random textual inversion."""
    import torch
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"emb_params": torch.randn((vectors, width), generator=generator)}, path)
    return path


def tiny_gguf(path: Path, part: Path, *, kind: str = "Q8_0", without: str = "") -> Path:
    """Save the weights of the folder ``part`` as a GGUF file, linear layers quantised as ``kind``.

    Those whose names begin with ``without`` are left out, if it is given.
    """
    import gguf
    from safetensors.numpy import load_file

    quantised = gguf.GGMLQuantizationType[kind]
    block, _ = gguf.GGML_QUANT_SIZES[quantised]
    writer = gguf.GGUFWriter(path, "tiny")
    for name, values in sorted(load_file(next(part.glob("*.safetensors"))).items()):
        if without and name.startswith(without):
            continue
        if values.ndim == 2 and values.shape[-1] % block == 0:
            rows = gguf.quants.quantize(values, quantised)
            writer.add_tensor(name, rows, raw_dtype=quantised)
        else:
            writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
