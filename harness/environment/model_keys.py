"""The keys that describe a model: its files, and what became of them when it was loaded."""

from __future__ import annotations

from typing import Final

from harness.environment.declaration import Key, Kind, Scope


def _file(pattern: str, meaning: str, read: str) -> Key:
    return Key(pattern, meaning, Kind.NUMERIC, read, Scope.FILES, locked=True)


def _loaded(pattern: str, meaning: str, read: str, *, locked: bool = True) -> Key:
    return Key(pattern, meaning, Kind.NUMERIC, read, Scope.LOADED, locked=locked)


MODEL_KEYS: Final = (
    _file("model.source", "the folder's name or the hub id", "the suite"),
    _file("model.revision", "the commit of a hub id", "the suite"),
    _file("model_file.{path}", "SHA-256 of a file of the model", "the file, or its blob's name"),
    _file("adapter_file.{path}", "SHA-256 of a LoRA adapter's file", "the file"),
    _loaded("pipeline.class", "the pipeline's class", "type()"),
    _loaded("pipeline.offload", "which parts wait on the CPU, and how", "hooks of accelerate"),
    _loaded("pipeline.fused_loras", "LoRA adapters merged into the weights", "the pipeline"),
    _loaded("model.{component}.class", "a component's class", "type()"),
    _loaded("model.{component}.dtype", "the dtypes of its weights", "its parameters"),
    _loaded("model.{component}.parameters", "how many numbers it has", "its parameters"),
    _loaded(
        "model.{component}.sha256",
        "SHA-256 of its parameters and buffers as they were loaded",
        "its parameters",
    ),
    _loaded("model.{component}.training", "whether dropout and the like are on", "the module"),
    _loaded("model.{component}.compiled", "whether torch.compile is at work", "the module"),
    _loaded("model.{component}.quantisation", "how its weights are quantised", "its config"),
    _loaded(
        "model.{component}.memory_format",
        "how the weights of its convolutions lie in memory",
        "its parameters",
    ),
    _loaded(
        "model.{component}.missing",
        "weights that its files lack, filled at random",
        "what the libraries log while loading",
    ),
    _loaded(
        "model.{component}.unexpected",
        "weights in its files that nothing uses",
        "what the libraries log while loading",
    ),
    _loaded("attention.{component}", "the classes that compute attention", "attn_processors"),
    _loaded(
        "attention.{component}.implementation",
        "what a component of transformers computes attention with",
        "its config",
    ),
    _loaded(
        "attention.{component}.kernel",
        "what torch chooses for the shape of its first attention",
        "torch._fused_sdp_choice()",
        locked=False,
    ),
    _loaded("vae.{flag}", "tiling and slicing", "the VAE"),
    _loaded("scheduler.class", "the scheduler's class", "type()"),
    _loaded("scheduler.config.{field}", "one field of its configuration", "scheduler.config"),
    _loaded("scheduler.{table}_sha256", "SHA-256 of a table it computed", "the scheduler"),
    _loaded("tokenizer.{component}.class", "the tokenizer's class", "type()"),
    _loaded("tokenizer.{component}.backend", "python or tokenizers (Rust)", "the tokenizer"),
    _loaded("tokenizer.{component}.vocabulary_size", "how many tokens it knows", "len()"),
    _loaded(
        "tokenizer.{component}.maximum_length", "tokens it keeps of a prompt", "model_max_length"
    ),
    _loaded(
        "tokenizer.{component}.sha256", "SHA-256 of its vocabulary and settings", "the tokenizer"
    ),
    _loaded("generator.device", "where the initial noise is drawn", "the suite"),
)
