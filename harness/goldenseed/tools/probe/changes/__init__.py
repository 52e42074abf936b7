"""The table of changes: what can be done otherwise, one module a family."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches

from pydantic import JsonValue

from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.nodes import plain_scalar
from goldenseed.tools.probe.change import Change, Way, joined
from goldenseed.tools.probe.changes import execution, kernels, memory

FAMILIES = (
    execution.process_ways,
    memory.batch_ways,
    kernels.attention_ways,
    kernels.precision_ways,
    memory.memory_ways,
    execution.adapter_ways,
    execution.compilation_ways,
)
FORMER = {
    "repeat": "process=fresh",
    "isa-avx2": "cpu_isa=avx2",
    "isa-default": "cpu_isa=default",
    "any-algorithm": "algorithms=false",
    "batch-2-first": "batch=2+position=first",
    "batch-2-second": "batch=2+position=last",
    "attn-processor": "attention_processor=AttnProcessor",
    "attn-slicing": "attention_slicing",
    "attn-backend-native": "attention_backend=native",
    "tf32": "float32_precision=tf32",
    "reduced-gemm": "reduced_precision_gemm",
    "cudnn-benchmark": "cudnn_benchmark",
    "float64": "dtype=float64",
    "bfloat16": "dtype=bfloat16",
    "float16": "dtype=float16",
    "vae-tiling": "vae_tiling",
    "vae-slicing": "vae_slicing",
    "channels-last": "channels_last",
    "cpu-offload": "offload=model",
    "lora-fused": "fuse_lora",
    "compile": "compile=default",
}
"""What changes were called before 0.3, as baselines have it."""
_FORMER_VALUE = re.compile(r"(threads|sdpa)-(\w+)")


def table() -> dict[str, Way]:
    """Return every way of doing something otherwise by its key, in the order it is shown in."""
    return {way.key: way for family in FAMILIES for way in family()}


def all_changes() -> tuple[Change, ...]:
    """Return every change that is tried, in the order in which it is tried and shown."""
    return tuple(change_of(vary) for way in table().values() for vary in way.tried)


def change_of(vary: Mapping[str, JsonValue]) -> Change:
    """Return the one change of all these keys and values, whatever their order.

    Raises GoldenseedError for an unknown key, a value that a key does not take, and one that means
    nothing without another.
    """
    known = table()
    for key, value in vary.items():
        way = known.get(key)
        if way is None:
            near = get_close_matches(key, known, n=1)
            fix = f"use `{near[0]}`" if near else f"use some of {', '.join(known)}"
            raise GoldenseedError(f"there is no change `{key}`", fix=fix)
        if not way.takes(value):
            raise GoldenseedError(f"`{key}` cannot be {value!r}", fix=f"give it {way.values}")
        if way.needs is not None and way.needs not in vary:
            raise GoldenseedError(
                f"`{key}` means nothing without `{way.needs}`", fix=f"add `{way.needs}`"
            )
    made = [way.change(vary[key], vary) for key, way in known.items() if key in vary and way.change]
    if not made:
        raise GoldenseedError("no change is named", fix=f"use some of {', '.join(known)}")
    return joined(made, dict(vary))


def read_change(text: str) -> dict[str, JsonValue]:
    """Read what ``change_of`` takes: ``threads=2``, ``batch=2+position=last``, ``channels_last``.

    What changes were called before is read as well.
    """
    given = FORMER.get(text, _FORMER_VALUE.sub(r"\1=\2", text))
    pairs = (each.strip().partition("=") for each in given.split("+"))
    return {key: _value(value) if equals else True for key, equals, value in pairs}


def change_named(name: str) -> Change:
    """Return the change of that name; ``threads=7`` is one as well as the ``threads=2`` listed.

    Raises GoldenseedError where there is none.
    """
    vary = read_change(name)
    try:
        return change_of(vary)
    except GoldenseedError as error:
        why = f": {error.what}" if vary.keys() <= table().keys() else ""
        raise GoldenseedError(f"there is no change {name!r}{why}", fix=error.fix) from None


def _value(text: str) -> JsonValue:
    try:
        return plain_scalar(text) if text else text
    except ValueError as error:
        raise GoldenseedError(str(error), fix="write a finite number") from None
