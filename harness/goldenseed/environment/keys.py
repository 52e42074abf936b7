"""All keys of a fingerprint, those of a model among them; and values that refuse to be read."""

from __future__ import annotations

import importlib.metadata
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from goldenseed.environment.declaration import Key, Kind, Scope
from goldenseed.environment.process_keys import PROCESS_KEYS

__all__ = ["KEYS", "UNREADABLE", "Key", "Kind", "Scope", "declaration_of", "fitting", "kind_of"]

AUTOCAST: Final = "torch.autocast"
"""The dtype of torch's autocast where it is on."""


def _file(pattern: str, meaning: str, read: str) -> Key:
    return Key(pattern, meaning, Kind.NUMERIC, read, Scope.FILES, locked=True)


def _loaded(pattern: str, meaning: str, read: str, *, locked: bool = True) -> Key:
    return Key(pattern, meaning, Kind.NUMERIC, read, Scope.LOADED, locked=locked)


_MODEL_KEYS: Final = (
    _file("model.source", "the folder's name or the hub id", "the suite"),
    _file("model.revision", "the commit of a hub id", "the suite"),
    _file("model_file.{path}", "SHA-256 of a file of the model", "the file"),
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
    Key(
        "attention.{component}.kernel.{shape}",
        "the kernel of attention of these shapes, where it is not the first one's",
        Kind.NUMERIC,
        "torch._fused_sdp_choice(), inside the call",
        Scope.CALL,
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

KEYS: Final = (*PROCESS_KEYS, *_MODEL_KEYS)
"""Every key that this release writes into a fingerprint."""

UNREADABLE: Final = "unreadable: "
"""How a value begins that could not be read; the reason follows."""


def kind_of(key: str) -> Kind:
    """Say what a difference in ``key`` means; a key that nobody declared is only recorded."""
    declared = declaration_of(key)
    return declared.kind if declared else Kind.RECORDED


def declaration_of(key: str) -> Key | None:
    """Return the declaration that ``key`` falls under; None for a key of another release."""
    return next(fitting(key), None)


def fitting(key: str) -> Iterator[Key]:
    """Yield every declaration that fits ``key``; what a reader writes fits exactly one."""
    for prefix, pattern, declared in _COMPILED:
        if key.startswith(prefix) and pattern.fullmatch(key):
            yield declared


def _compiled(declared: Key) -> tuple[str, re.Pattern[str], Key]:
    """Return the text before the first placeholder, the whole pattern, and the declaration."""
    pieces = re.split(r"(\{[a-z]+\})", declared.pattern)
    wild = {piece: ".+" if piece == "{path}" else "[^.]+" for piece in pieces[1::2]}
    pattern = "".join(wild.get(piece, re.escape(piece)) for piece in pieces)
    return pieces[0], re.compile(pattern), declared


_COMPILED: Final = tuple(_compiled(declared) for declared in KEYS)


EnvironmentValue = str | int | float | bool | None


def guarded(getter: Callable[[], Any]) -> EnvironmentValue:
    """Return what the getter says, made plain, or why not: a value must never stop a run."""
    try:
        value = getter()
    except Exception as error:  # noqa: BLE001 - torch's and NVML's getters raise what they like
        return unreadable(f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}")
    return plain(value)


def unreadable(reason: str) -> str:
    """Say that a value could not be read, and why."""
    return f"{UNREADABLE}{reason}"


def plain(value: Any) -> EnvironmentValue:
    """Return a value that JSON gives back; infinity and foreign types become their text."""
    # JSON has no infinity, which schedulers' configurations do have (``lambda_min_clipped``).
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or type(value) in {str, int, float, bool}:
        found: EnvironmentValue = value
        return found
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def package_version(package: str) -> str | None:
    """Return the version of an installed package as its metadata has it; None where it is not."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
