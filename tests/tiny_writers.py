"""Tiny random models that write: language models, and models that are asked of an image.

Every part is real (tokenizer, configuration, safetensors weights, an image processor) and saved by
``save_pretrained``, so that the ordinary ``from_pretrained`` loads it. The same ``seed`` gives the
same weights; they are large enough that what is written depends on what is told.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tiny_pipelines import WIDTH, clip_image_processor

_SENTENCES = (
    "a the of on in with red green blue small large apple ball house tree river night light",
    "quiet bright under over painting photograph describe picture is it round yes no one two",
)
WORDS = tuple(" ".join(_SENTENCES).split())
"""What every tokenizer here knows, a token each."""
PAD, END, UNKNOWN, IMAGE = "<pad>", "</s>", "<unk>", "<image>"


def word_tokenizer(*, special: bool = True, most: int = 64) -> Any:
    """Return a tokenizer of whole words; without ``special`` it has no token but words."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokens = [*((PAD, END, UNKNOWN, IMAGE) if special else ()), *WORDS]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    unknown = {"unk_token": UNKNOWN} if special else {}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, **unknown))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    named = {"pad_token": PAD, "eos_token": END, "unk_token": UNKNOWN} if special else {}
    made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=most, **named)
    if special:
        made.add_special_tokens({"additional_special_tokens": [IMAGE]})
    return made


def tiny_gpt2(folder: Path, *, seed: int = 0, special: bool = True, chat: bool = False) -> Path:
    """Save a random GPT-2 of 64 places; without ``special`` no token ends its texts."""
    from transformers import GPT2Config, GPT2LMHeadModel

    tokenizer = word_tokenizer(special=special)
    if chat:
        tokenizer.chat_template = (
            "{% for each in messages %}{{ each['role'] }} {{ each['content'] }} {% endfor %}"
        )
    ends = {"eos_token_id": tokenizer.eos_token_id, "bos_token_id": tokenizer.eos_token_id}
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=64, n_embd=WIDTH, n_layer=2, n_head=4, **ends
    )
    return _saved(GPT2LMHeadModel(_seeded(seed, config)), folder, tokenizer)


def tiny_llama(folder: Path, *, seed: int = 0) -> Path:
    """Save a random Llama."""
    from transformers import LlamaForCausalLM

    tokenizer = word_tokenizer()
    return _saved(LlamaForCausalLM(_seeded(seed, _llama_config(tokenizer))), folder, tokenizer)


def tiny_t5(folder: Path, *, seed: int = 0) -> Path:
    """Save a random T5, an encoder with a decoder."""
    from transformers import T5Config, T5ForConditionalGeneration

    tokenizer = word_tokenizer()
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=WIDTH,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        decoder_start_token_id=0,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=0,
    )
    return _saved(T5ForConditionalGeneration(_seeded(seed, config)), folder, tokenizer)


def tiny_blip(folder: Path, *, seed: int = 0) -> Path:
    """Save a random BLIP that answers questions about pictures of 32 x 32 pixels."""
    import transformers
    from transformers import BlipConfig, BlipForQuestionAnswering, BlipProcessor

    tokenizer = word_tokenizer()
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": WIDTH,
        "encoder_hidden_size": WIDTH,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 32,
        "bos_token_id": 0,
        "sep_token_id": tokenizer.eos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": 0,
    }
    config = BlipConfig(text_config=text, vision_config=_vision(), projection_dim=WIDTH)
    size = {"height": 32, "width": 32}
    name = "BlipImageProcessorPil"
    processor = getattr(transformers, name, None) or transformers.BlipImageProcessor
    given = BlipProcessor(processor(size=size), tokenizer)
    return _saved(BlipForQuestionAnswering(_seeded(seed, config)), folder, given)


def tiny_llava(folder: Path, *, seed: int = 0) -> Path:
    """Save a random LLaVA (CLIP's vision model, Llama's text model) with a chat template."""
    from transformers import (
        CLIPVisionConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    tokenizer = word_tokenizer()
    vision = CLIPVisionConfig(**_vision())
    config = LlavaConfig(
        vision_config=vision,
        text_config=_llama_config(tokenizer),
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE),
        vision_feature_layer=-1,
    )
    size = {"height": 32, "width": 32}
    image = clip_image_processor()(size={"shortest_edge": 32}, crop_size=size)
    template = (
        "{% for m in messages %}{% for c in m['content'] %}{% if c['type'] == 'image' %}<image> "
        "{% else %}{{ c['text'] }} {% endif %}{% endfor %}{% endfor %}"
    )
    given = LlavaProcessor(
        image,
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        chat_template=template,
        num_additional_image_tokens=1,
    )
    return _saved(LlavaForConditionalGeneration(_seeded(seed, config)), folder, given)


def _vision() -> dict[str, Any]:
    return {
        "hidden_size": WIDTH,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": 32,
        "patch_size": 8,
    }


def _llama_config(tokenizer: Any) -> Any:
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.eos_token_id,
        pad_token_id=0,
    )


def _seeded(seed: int, config: Any) -> Any:
    import torch

    torch.manual_seed(seed)
    return config


def _saved(model: Any, folder: Path, beside: Any) -> Path:
    """Save a model, its weights stretched so that what it writes depends on what it is given."""
    import torch

    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.normal_(0.0, 0.5)
    model.save_pretrained(folder, safe_serialization=True)
    beside.save_pretrained(folder)
    return folder
