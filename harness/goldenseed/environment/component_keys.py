"""The keys that describe one component of a model, and how keys of models are declared."""

from __future__ import annotations

from typing import Any, Final

from goldenseed.environment.declaration import Key, Kind, Moves, Scope


def file_key(pattern: str, meaning: str, read: str, moves: Moves = Moves.NEITHER) -> Key:
    """Declare the key of a file, which a lock pins."""
    return Key(pattern, meaning, Kind.NUMERIC, read, Scope.FILES, locked=True, moves=moves)


def loaded_key(
    pattern: str,
    meaning: str,
    read: str,
    moves: Moves = Moves.SUBSTANCE,
    *,
    locked: bool = True,
    **more: Any,
) -> Key:
    """Declare a key of what was loaded."""
    return Key(
        pattern, meaning, Kind.NUMERIC, read, Scope.LOADED, locked=locked, moves=moves, **more
    )


def new_key(pattern: str, meaning: str, read: str, **more: Any) -> Key:
    """Declare a key of what was loaded that older records lack."""
    return loaded_key(pattern, meaning, read, locked=False, since=2, **more)


LIBRARIES: Final = ("package.diffusers", "package.transformers", "package.torch", "package.peft")

COMPONENT_KEYS: Final = (
    loaded_key("model.{component}.class", "a component's class", "type()"),
    loaded_key("model.{component}.dtype", "the dtypes of its weights", "its parameters"),
    loaded_key("model.{component}.parameters", "how many numbers it has", "its parameters"),
    loaded_key(
        "model.{component}.weights_sha256",
        "SHA-256 of its parameters and buffers as they were loaded, in order and without names",
        "its parameters",
        since=2,
    ),
    loaded_key(
        "model.{component}.sha256",
        "the same with their names; counts only beside a record of a release without the other",
        "its parameters",
        locked=False,
        follows=("package.transformers",),
    ),
    loaded_key(
        "model.{component}.tables_sha256",
        "SHA-256 of buffers that are computed, not stored; processors differ in the last bit",
        "its buffers",
        Moves.NEITHER,
        locked=False,
    ),
    loaded_key(
        "model.{component}.missing",
        "weights that its files lack, filled at random with a fixed seed",
        "from_pretrained(output_loading_info=True)",
    ),
    loaded_key(
        "model.{component}.unexpected",
        "weights in its files that nothing uses",
        "from_pretrained(output_loading_info=True)",
        Moves.NEITHER,
    ),
    loaded_key("model.{component}.training", "whether dropout and the like are on", "the module"),
    loaded_key(
        "model.{component}.compiled",
        "whether torch.compile is at work",
        "the module",
        Moves.ROUNDING,
    ),
    loaded_key(
        "model.{component}.inductor_sha256",
        "SHA-256 of the compiler's configuration, where torch.compile is at work",
        "torch._inductor.config",
        Moves.ROUNDING,
        locked=False,
    ),
    loaded_key(
        "model.{component}.quantisation",
        "how its weights are quantised",
        "its config, or the classes of its weights",
        follows=LIBRARIES,
    ),
    loaded_key(
        "model.{component}.memory_format",
        "how the weights of its convolutions lie in memory",
        "its parameters",
        Moves.ROUNDING,
    ),
    loaded_key("model.{component}.tiling", "large images are worked on in tiles", "use_tiling"),
    loaded_key(
        "model.{component}.slicing",
        "batches are worked on one by one",
        "use_slicing",
        Moves.ROUNDING,
    ),
    new_key(
        "model.{component}.hooks",
        "forward hooks on it and its parts, the harness's own and those that move weights left out",
        "the modules",
    ),
    new_key(
        "model.{component}.forwards",
        "methods of it and its parts that are not their class's own, or not its library's",
        "the modules",
    ),
    new_key(
        "model.{component}.switches",
        "what diffusers' switches set on its parts: FreeU, caches, chunks, tiles",
        "the modules",
    ),
    new_key(
        "model.{component}.attributes_sha256",
        "SHA-256 of all numbers, texts and switches that it and its parts hold, and of its options",
        "the modules",
        follows=LIBRARIES,
    ),
    new_key(
        "model.{component}.adapters",
        "LoRA adapters that are on, with their scales; inside a call where they are not the case's",
        "the modules",
    ),
    Key(
        "model.{component}.tips",
        "its norms of so few values that they return signs, which rounding tips",
        Kind.RECORDED,
        "the modules",
        Scope.LOADED,
        moves=Moves.NEITHER,
    ),
)
