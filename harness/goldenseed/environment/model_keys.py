"""The keys that describe a model: its files, the pipeline as it was loaded, what is given to it."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Final

from goldenseed.environment.component_keys import (
    COMPONENT_KEYS,
    LIBRARIES,
    file_key,
    loaded_key,
    new_key,
)
from goldenseed.environment.declaration import Key, Kind, Moves, Scope

AUTOCAST: Final = "torch.autocast"
PASSED_ON: Final = "pipeline.argument."
"""How keys of arguments begin that a pipeline's own call gets otherwise than they were given."""
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


def _call(
    pattern: str, meaning: str, read: str, moves: Moves = Moves.SUBSTANCE, **more: Any
) -> Key:
    return Key(pattern, meaning, Kind.NUMERIC, read, Scope.CALL, moves=moves, **more)


_TOKENIZERS: Final = ("package.tokenizers", "package.transformers")

_PUT_ON: Final = {"adapter": "a LoRA", "ip_adapter": "an IP-Adapter", "embedding": "an embedding"}

MODEL_KEYS: Final = (
    file_key("model.source", "the folder's name or the hub id", "the suite"),
    file_key("model.revision", "the commit of a hub id", "the suite"),
    file_key("model.factory_sha256", "SHA-256 of the module of the model's factory", "the file"),
    file_key(
        "model.pipeline_sha256",
        "SHA-256 of the module of a pipeline's class of your own",
        "the file",
        Moves.SUBSTANCE,
    ),
    file_key("model_file.{path}", "SHA-256 of a file of the model", "the file"),
    file_key(
        "language_model_file.{path}",
        "SHA-256 of a file of a language model that writes prompts",
        "the file",
    ),
    *(
        file_key(f"{kind}_file.{{path}}", f"SHA-256 of {what}'s file", "the file", Moves.SUBSTANCE)
        for kind, what in _PUT_ON.items()
    ),
    loaded_key("pipeline.class", "the pipeline's class", "type()"),
    loaded_key("pipeline.offload", "which parts wait on the CPU, and how", "hooks", Moves.ROUNDING),
    loaded_key("pipeline.fused_loras", "LoRA adapters merged into the weights", "the pipeline"),
    *COMPONENT_KEYS,
    loaded_key(
        "attention.{component}.processors",
        "classes, back ends, counts",
        "attn_processors",
        alike=exact_attention,
    ),
    new_key(
        "attention.{component}.processors_sha256",
        "SHA-256 of what processors hold that are not exact, and of the code of foreign ones",
        "the processors",
        follows=(*LIBRARIES, "python.version"),
    ),
    loaded_key(
        "attention.{component}.implementation",
        "what a component of transformers computes attention with",
        "its config",
        Moves.ROUNDING,
    ),
    loaded_key(
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
    new_key(
        "pipeline.methods",
        "methods of the pipeline and its image processors, and objects it keeps, that are not "
        "their library's",
        "their classes",
    ),
    new_key(
        "pipeline.functions",
        "functions in the modules of its parts' classes that no library has written",
        "sys.modules",
        follows=LIBRARIES,
    ),
    new_key(
        "pipeline.attributes_sha256",
        "SHA-256 of numbers, texts and options of the pipeline and its image processors",
        "the pipeline",
        follows=LIBRARIES,
    ),
    loaded_key(
        "pipeline.attributes.{path}",
        "one of them: a number, a text in short, an option",
        "the pipeline",
        Moves.NEITHER,
        locked=False,
        follows=LIBRARIES,
    ),
    loaded_key("guider.{component}.class", "a guider's class", "type()", since=3),
    loaded_key(
        "guider.{component}.config.{field}", "one field of its configuration", "config", since=3
    ),
    loaded_key("scheduler.class", "the scheduler's class", "type()"),
    new_key("scheduler.methods", "its methods that are not its library's", "its class"),
    new_key(
        "scheduler.attributes.sha256",
        "SHA-256 of its numbers and texts beside the configuration",
        "the scheduler",
        follows=LIBRARIES,
    ),
    loaded_key("scheduler.config.{field}", "one field of its configuration", "scheduler.config"),
    loaded_key(
        "scheduler.step_takes_generator",
        "whether noise of its steps comes from the case's generator",
        "the signature of its step()",
    ),
    loaded_key(
        "scheduler.{table}_sha256",
        "SHA-256 of a table it computed; processors differ in the last bit",
        "the scheduler's tensors",
        Moves.NEITHER,
        locked=False,
    ),
    loaded_key("tokenizer.{component}.class", "the tokenizer's class", "type()", Moves.NEITHER),
    loaded_key("tokenizer.{component}.backend", "rust or python", "is_fast", Moves.NEITHER),
    loaded_key("tokenizer.{component}.vocabulary_size", "how many tokens it knows", "len()"),
    loaded_key("tokenizer.{component}.maximum_length", "tokens of a prompt", "model_max_length"),
    loaded_key(
        "tokenizer.{component}.sha256",
        "SHA-256 of vocabulary and rules",
        "the tokenizer",
        follows=_TOKENIZERS,
    ),
    loaded_key(
        "tokenizer.{component}.settings",
        "on which side it pads and cuts, with what; digests of templates and of Python's rules",
        "the tokenizer",
        locked=False,
        since=3,
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
        follows=LIBRARIES,
    ),
    _call(
        "pipeline.callback",
        "what is called between the steps, and by whom it was written",
        "the pipeline's call",
        since=3,
    ),
    _call(
        f"{PASSED_ON}{{name}}",
        "an argument that a foreign call passes on otherwise than it was given",
        "the library's own call",
        since=4,
    ),
    _call(
        "call.guidance_scale",
        "the guidance scale, and in how many calls",
        "the pipeline",
        since=2,
    ),
    loaded_key("generation.batch", "images made in one call", "the back end", Moves.ROUNDING),
    loaded_key("generation.generator", "how long a generator lives", "the back end"),
    loaded_key("generation.conversion", "how floats become levels", "the back end"),
)
"""Every key of a model that this release writes."""
