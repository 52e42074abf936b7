"""Two more tiny random pipelines, for the second trial: of kinds that no test here had before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.tiny_pipelines import _t5_tokenizer
from tests.trials.models import PROMPTS, WIDTH, Model, _contrast, _size, _strengthen, _t5, _vae


def _bert_tokenizer(folder: Path) -> Any:
    from transformers import BertTokenizer

    words = dict.fromkeys(word.strip(",") for prompt in PROMPTS.values() for word in prompt.split())
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ",", ".", *words, *letters]
    vocabulary += [f"##{letter}" for letter in letters]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "vocab.txt"
    path.write_text("\n".join(dict.fromkeys(vocabulary)), encoding="utf-8")
    made = BertTokenizer(str(path), model_max_length=77)
    path.unlink()
    return made


def hunyuan_dit(folder: Path) -> Any:
    """HunyuanDiT: BERT and T5, skips between layers, rotary positions, a predicted variance."""
    from diffusers import DDPMScheduler, HunyuanDiT2DModel, HunyuanDiTPipeline
    from transformers import BertConfig, BertModel

    tokenizer, second = _bert_tokenizer(folder), _t5_tokenizer()
    bert = BertModel(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=48,
            max_position_embeddings=80,
        )
    ).eval()
    transformer = HunyuanDiT2DModel(
        sample_size=16,
        num_layers=4,
        patch_size=2,
        attention_head_dim=8,
        num_attention_heads=4,
        in_channels=4,
        cross_attention_dim=WIDTH,
        cross_attention_dim_t5=WIDTH,
        pooled_projection_dim=16,
        hidden_size=WIDTH,
        text_len=77,
        text_len_t5=256,
        activation_fn="gelu-approximate",
    ).eval()
    _strengthen(transformer, ("attn2", "text_embedder", "pooler"), 3)
    vae = _vae(4, levels=4, width=4, scaling_factor=0.13025)
    _contrast(vae.decoder.conv_out, 2.5)
    return HunyuanDiTPipeline(
        vae=vae,
        text_encoder=bert,
        tokenizer=tokenizer,
        text_encoder_2=_t5(second),
        tokenizer_2=second,
        transformer=transformer,
        scheduler=DDPMScheduler(
            beta_schedule="scaled_linear",
            beta_start=0.00085,
            beta_end=0.018,
            prediction_type="v_prediction",
            steps_offset=1,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def cogview3_plus(folder: Path) -> Any:
    """CogView3-Plus: text and picture in one sequence, told its sizes, a DDIM of CogVideoX."""
    from diffusers import (
        CogVideoXDDIMScheduler,
        CogView3PlusPipeline,
        CogView3PlusTransformer2DModel,
    )

    tokenizer = _t5_tokenizer()
    transformer = CogView3PlusTransformer2DModel(
        patch_size=2,
        in_channels=4,
        num_layers=3,
        attention_head_dim=8,
        num_attention_heads=4,
        out_channels=4,
        text_embed_dim=WIDTH,
        time_embed_dim=16,
        condition_dim=4,
        pos_embed_max_size=32,
        sample_size=16,
    ).eval()
    _strengthen(transformer, ("patch_embed.text_proj", "attn1.to_out"), 12)
    vae = _vae(4, scaling_factor=0.25)
    _contrast(vae.decoder.conv_out, 2.5)
    return CogView3PlusPipeline(
        tokenizer=tokenizer,
        text_encoder=_t5(tokenizer),
        vae=vae,
        transformer=transformer,
        scheduler=CogVideoXDDIMScheduler(prediction_type="v_prediction", clip_sample=False),
    )


SECOND = {
    "hunyuan-dit": Model(
        hunyuan_dit,
        _size(96, 128, 6, 5.0)
        | {"negative_prompt": "a quiet window", "use_resolution_binning": False},
        images=1,
    ),
    "cogview3-plus": Model(
        cogview3_plus,
        _size(64, 96, 6, 4.0) | {"negative_prompt": "blurry", "max_sequence_length": 64},
        images=1,
    ),
}
