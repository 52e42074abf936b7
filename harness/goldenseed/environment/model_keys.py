"""The keys that describe a model: its files, and what became of them when it was loaded."""

from __future__ import annotations

from typing import Final

from goldenseed.environment.declaration import Key, Kind, Scope

AUTOCAST: Final = "torch.autocast"
"""The dtype of torch's autocast where it is on."""


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
    _loaded(
        "model.{component}.tables_sha256",
        "SHA-256 of buffers that are computed, not stored; processors differ in the last bit",
        "its buffers",
        locked=False,
    ),
    _loaded(
        "model.{component}.missing",
        "weights that its files lack, filled at random with a fixed seed",
        "from_pretrained(output_loading_info=True)",
    ),
    _loaded(
        "model.{component}.unexpected",
        "weights in its files that nothing uses",
        "from_pretrained(output_loading_info=True)",
    ),
    _loaded("model.{component}.training", "whether dropout and the like are on", "the module"),
    _loaded("model.{component}.compiled", "whether torch.compile is at work", "the module"),
    _loaded(
        "model.{component}.inductor_sha256",
        "SHA-256 of the compiler's configuration, where torch.compile is at work",
        "torch._inductor.config",
        locked=False,
    ),
    _loaded("model.{component}.quantisation", "how its weights are quantised", "its config"),
    _loaded(
        "model.{component}.memory_format",
        "how the weights of its convolutions lie in memory",
        "its parameters",
    ),
    _loaded("model.{component}.tiling", "large images are worked on in tiles", "use_tiling"),
    _loaded("model.{component}.slicing", "batches are worked on one by one", "use_slicing"),
    _loaded("attention.{component}.processors", "classes, back ends, counts", "attn_processors"),
    _loaded(
        "attention.{component}.implementation",
        "what a component of transformers computes attention with",
        "its config",
    ),
    _loaded(
        "attention.{component}.kernel",
        "the kernel that its first attention calls",
        "a call of it, watched; torch._fused_sdp_choice() where it cannot be called",
        locked=False,
    ),
    _loaded("scheduler.class", "the scheduler's class", "type()"),
    _loaded("scheduler.config.{field}", "one field of its configuration", "scheduler.config"),
    _loaded(
        "scheduler.step_takes_generator",
        "whether noise of its steps comes from the case's generator",
        "the signature of its step()",
    ),
    _loaded(
        "scheduler.{table}_sha256",
        "SHA-256 of a table it computed; processors differ in the last bit",
        "the scheduler's tensors",
        locked=False,
    ),
    _loaded("tokenizer.{component}.class", "the tokenizer's class", "type()"),
    _loaded("tokenizer.{component}.backend", "rust or python", "is_fast"),
    _loaded("tokenizer.{component}.vocabulary_size", "how many tokens it knows", "len()"),
    _loaded("tokenizer.{component}.maximum_length", "tokens of a prompt", "model_max_length"),
    _loaded("tokenizer.{component}.sha256", "SHA-256 of vocabulary and rules", "the tokenizer"),
    Key(
        AUTOCAST,
        "the dtype in which autocast computes what it can, inside the call",
        Kind.NUMERIC,
        "torch.get_autocast_dtype()",
        Scope.CALL,
    ),
    _loaded("generation.batch", "images made in one call", "the back end"),
    _loaded("generation.generator", "how long a generator lives", "the back end"),
    _loaded("generation.conversion", "how floats become levels", "the back end"),
)
