"""Kolors: an SDXL whose text encoder is ChatGLM; it needs the package `sentencepiece`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from tests.zoo import parts
from tests.zoo.entry import PICTURE, PROMPT, Entry, size, steps

_VOCABULARY = 64


def _tokenizer(folder: Path) -> Any:
    """Train a tokenizer on a few words, and let Kolors read it."""
    from diffusers.pipelines.kolors import ChatGLMTokenizer
    from sentencepiece import SentencePieceTrainer

    home = folder.with_name("tokenizer")
    home.mkdir(parents=True, exist_ok=True)
    words = [PROMPT, "the quick brown fox jumps over the lazy dog", "a green pear, 0123456789!"]
    SentencePieceTrainer.train(
        sentence_iterator=iter(words),
        model_prefix=str(home / "tokenizer"),
        vocab_size=_VOCABULARY,
        model_type="bpe",
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return ChatGLMTokenizer(str(home / "tokenizer.model"))


def _filled(model: Any) -> Any:
    """Fill the weights, which ChatGLM leaves as the memory was."""
    import torch

    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.2) if parameter.ndim > 1 else parameter.fill_(1.0)
    return model.eval()


def _kolors(folder: Path) -> dict[str, Any]:
    from diffusers.pipelines.kolors import ChatGLMModel
    from diffusers.pipelines.kolors.text_encoder import ChatGLMConfig

    config = ChatGLMConfig(
        num_layers=2,
        padded_vocab_size=2 * _VOCABULARY,
        hidden_size=parts.WIDTH,
        ffn_hidden_size=40,
        kv_channels=parts.WIDTH // 4,
        num_attention_heads=4,
        multi_query_attention=False,
        add_qkv_bias=True,
        rmsnorm=True,
        seq_length=64,
        original_rope=True,
    )
    own = {"cross_attention_dim": parts.WIDTH}
    return {
        "vae": parts.vae(),
        "text_encoder": _filled(ChatGLMModel(config)),
        "tokenizer": _tokenizer(folder),
        "unet": parts.unet(in_channels=4, out_channels=4, **parts.XL | own),
        "scheduler": parts.euler(),
        "image_encoder": None,
        "feature_extractor": None,
    }


_CALL = partial(size, 32, max_sequence_length=16)
ENTRIES = {
    "KolorsPipeline": Entry(_kolors, _CALL()),
    "KolorsPAGPipeline": Entry(_kolors, _CALL(pag_scale=2.0)),
    "KolorsImg2ImgPipeline": Entry(
        _kolors, steps(4, strength=0.6, max_sequence_length=16), {"image": PICTURE}
    ),
}
