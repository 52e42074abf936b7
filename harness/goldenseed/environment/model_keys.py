"""The keys that describe a model: its files, the pipeline as it was loaded, what is given to it."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Final

from goldenseed.environment.declaration import Key, Kind, Moves, Scope

AUTOCAST: Final = "torch.autocast"
"""The dtype of torch's autocast where it is on."""

EXACT_ATTENTION: Final = re.compile(
    r"(Attn|SlicedAttn|FusedAttn|XFormersAttn|FluxAttn)(AddedKV)?Processor(2_0)?"
    r"(\[(?!\w*sage)\w+\])?"
)
"""Processors of diffusers that compute one formula and differ in the order of sums alone."""


def exact_attention(old: str, new: str) -> bool:
    """Say whether two lists of processors differ in exact ones alone: ``AttnProcessor x 8``."""
    return _inexact(old) == _inexact(new)


def _inexact(processors: str) -> Counter[str]:
    """Count processors by class, all exact ones as one."""
    found: Counter[str] = Counter()
    for each in processors.split(", "):
        name, _, count = each.partition(" x ")
        found["" if EXACT_ATTENTION.fullmatch(name) else name] += int(count or 1)
    return found


def another_batch(old: str, new: str) -> bool:
    """Say whether two lists of rows, ``2 x 8, 1 x 12``, differ by one factor throughout."""
    a, b = (
        [tuple(map(int, each.split(" x "))) for each in rows.split(", ")] for rows in (old, new)
    )
    factors = {(x[0] * b[0][0], y[0] * a[0][0]) for x, y in zip(a, b, strict=False)}
    return [x[1] for x in a] == [y[1] for y in b] and all(x == y for x, y in factors)


def _file(pattern: str, meaning: str, read: str, moves: Moves = Moves.NEITHER) -> Key:
    return Key(pattern, meaning, Kind.NUMERIC, read, Scope.FILES, locked=True, moves=moves)


def _loaded(
    pattern: str,
    meaning: str,
    read: str,
    moves: Moves = Moves.SUBSTANCE,
    *,
    locked: bool = True,
    **more: Any,
) -> Key:
    return Key(
        pattern, meaning, Kind.NUMERIC, read, Scope.LOADED, locked=locked, moves=moves, **more
    )


def _new(pattern: str, meaning: str, read: str, **more: Any) -> Key:
    return _loaded(pattern, meaning, read, locked=False, since=2, **more)


def _call(
    pattern: str, meaning: str, read: str, moves: Moves = Moves.SUBSTANCE, **more: Any
) -> Key:
    return Key(pattern, meaning, Kind.NUMERIC, read, Scope.CALL, moves=moves, **more)


_LIBRARIES: Final = ("package.diffusers", "package.transformers", "package.torch", "package.peft")
_TOKENIZERS: Final = ("package.tokenizers", "package.transformers")

_COMPONENT_KEYS: Final = (
    _loaded("model.{component}.class", "a component's class", "type()"),
    _loaded("model.{component}.dtype", "the dtypes of its weights", "its parameters"),
    _loaded("model.{component}.parameters", "how many numbers it has", "its parameters"),
    _loaded(
        "model.{component}.weights_sha256",
        "SHA-256 of its parameters and buffers as they were loaded, in order and without names",
        "its parameters",
        since=2,
    ),
    _loaded(
        "model.{component}.sha256",
        "the same with their names; counts only beside a record of a release without the other",
        "its parameters",
        locked=False,
        follows=("package.transformers",),
    ),
    _loaded(
        "model.{component}.tables_sha256",
        "SHA-256 of buffers that are computed, not stored; processors differ in the last bit",
        "its buffers",
        Moves.NEITHER,
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
        Moves.NEITHER,
    ),
    _loaded("model.{component}.training", "whether dropout and the like are on", "the module"),
    _loaded(
        "model.{component}.compiled",
        "whether torch.compile is at work",
        "the module",
        Moves.ROUNDING,
    ),
    _loaded(
        "model.{component}.inductor_sha256",
        "SHA-256 of the compiler's configuration, where torch.compile is at work",
        "torch._inductor.config",
        Moves.ROUNDING,
        locked=False,
    ),
    _loaded(
        "model.{component}.quantisation",
        "how its weights are quantised",
        "its config",
        follows=_LIBRARIES,
    ),
    _loaded(
        "model.{component}.memory_format",
        "how the weights of its convolutions lie in memory",
        "its parameters",
        Moves.ROUNDING,
    ),
    _loaded("model.{component}.tiling", "large images are worked on in tiles", "use_tiling"),
    _loaded(
        "model.{component}.slicing",
        "batches are worked on one by one",
        "use_slicing",
        Moves.ROUNDING,
    ),
    _new(
        "model.{component}.hooks",
        "forward hooks on it and its parts, the harness's own and those that move weights left out",
        "the modules",
    ),
    _new(
        "model.{component}.forwards",
        "methods of it and its parts that are not their class's own, or not its library's",
        "the modules",
    ),
    _new(
        "model.{component}.switches",
        "what diffusers' switches set on its parts: FreeU, caches, chunks, tiles",
        "the modules",
    ),
    _new(
        "model.{component}.attributes_sha256",
        "SHA-256 of all numbers, texts and switches that it and its parts hold, and of its options",
        "the modules",
        follows=_LIBRARIES,
    ),
    _new(
        "model.{component}.adapters",
        "LoRA adapters that are on, with their scales; inside a call where they are not the case's",
        "the modules",
    ),
)

_PUT_ON: Final = {"adapter": "a LoRA", "ip_adapter": "an IP-Adapter", "embedding": "an embedding"}

MODEL_KEYS: Final = (
    _file("model.source", "the folder's name or the hub id", "the suite"),
    _file("model.revision", "the commit of a hub id", "the suite"),
    _file("model.factory_sha256", "SHA-256 of the module of the model's factory", "the file"),
    _file("model_file.{path}", "SHA-256 of a file of the model", "the file"),
    *(
        _file(f"{kind}_file.{{path}}", f"SHA-256 of {what}'s file", "the file", Moves.SUBSTANCE)
        for kind, what in _PUT_ON.items()
    ),
    _loaded("pipeline.class", "the pipeline's class", "type()"),
    _loaded("pipeline.offload", "which parts wait on the CPU, and how", "hooks", Moves.ROUNDING),
    _loaded("pipeline.fused_loras", "LoRA adapters merged into the weights", "the pipeline"),
    *_COMPONENT_KEYS,
    _loaded(
        "attention.{component}.processors",
        "classes, back ends, counts",
        "attn_processors",
        alike=exact_attention,
    ),
    _new(
        "attention.{component}.processors_sha256",
        "SHA-256 of what processors hold that are not exact, and of the code of foreign ones",
        "the processors",
        follows=(*_LIBRARIES, "python.version"),
    ),
    _loaded(
        "attention.{component}.implementation",
        "what a component of transformers computes attention with",
        "its config",
        Moves.ROUNDING,
    ),
    _loaded(
        "attention.{component}.kernel",
        "the kernel that its first attention calls",
        "a call of it, watched; torch._fused_sdp_choice() where it cannot be called",
        Moves.ROUNDING,
        locked=False,
    ),
    _call(
        "attention.{component}.kernel.{shape}",
        "the kernel of attention of these shapes, where it is not the first one's",
        "torch._fused_sdp_choice(), inside the call",
        Moves.ROUNDING,
    ),
    _new(
        "pipeline.methods",
        "methods of the pipeline and its image processors that are not their library's",
        "their classes",
    ),
    _new(
        "pipeline.functions",
        "functions in the modules of its parts' classes that no library has written",
        "sys.modules",
        follows=_LIBRARIES,
    ),
    _new(
        "pipeline.attributes_sha256",
        "SHA-256 of numbers, texts and options of the pipeline and its image processors",
        "the pipeline",
        follows=_LIBRARIES,
    ),
    _loaded("scheduler.class", "the scheduler's class", "type()"),
    _new("scheduler.methods", "its methods that are not its library's", "its class"),
    _new(
        "scheduler.attributes.sha256",
        "SHA-256 of its numbers and texts beside the configuration",
        "the scheduler",
        follows=_LIBRARIES,
    ),
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
        Moves.NEITHER,
        locked=False,
    ),
    _loaded("tokenizer.{component}.class", "the tokenizer's class", "type()", Moves.NEITHER),
    _loaded("tokenizer.{component}.backend", "rust or python", "is_fast", Moves.NEITHER),
    _loaded("tokenizer.{component}.vocabulary_size", "how many tokens it knows", "len()"),
    _loaded("tokenizer.{component}.maximum_length", "tokens of a prompt", "model_max_length"),
    _loaded(
        "tokenizer.{component}.sha256",
        "SHA-256 of vocabulary and rules",
        "the tokenizer",
        follows=_TOKENIZERS,
    ),
    _call(
        AUTOCAST,
        "the dtype in which autocast computes what it can, inside the call",
        "torch.get_autocast_dtype()",
    ),
    _call(
        "model.{component}.autocast",
        "the dtype in which autocast computes what it can inside this component",
        "torch.get_autocast_dtype()",
        since=2,
    ),
    _call(
        "call.{component}.rows",
        "rows that a denoiser is given, and in how many calls: `2 x 8, 1 x 12`",
        "its first argument",
        since=2,
        alike=another_batch,
    ),
    _call(
        "call.{component}.given",
        "what a text encoder is given that no arithmetic goes into: ids, masks, options",
        "its arguments, tensors by shape and digest",
        since=2,
        follows=_LIBRARIES,
    ),
    _call(
        "call.guidance_scale",
        "the guidance scale, and in how many calls",
        "the pipeline",
        since=2,
    ),
    _loaded("generation.batch", "images made in one call", "the back end", Moves.ROUNDING),
    _loaded("generation.generator", "how long a generator lives", "the back end"),
    _loaded("generation.conversion", "how floats become levels", "the back end"),
)
"""Every key of a model that this release writes."""
