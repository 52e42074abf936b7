"""Which changes of ``goldenseed probe`` make what two fingerprints differ in, by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from goldenseed.environment.fingerprint import KeyDifference, Value
from goldenseed.environment.keys import declaration_of
from goldenseed.environment.profile import CPU_LEVELS

CAPABILITY: Final = "cpu.capability"
_INSTRUCTIONS = "cpu_isa="

_NAMED: Final = tuple(
    (re.compile(key), re.compile(value, re.IGNORECASE), name)
    for key, value, name in (
        (r"cpu\.capability|env\.ATEN_CPU_CAPABILITY", "default|avx2", "cpu_isa={}"),
        (r"env\.(ONEDNN_MAX_CPU_ISA|MKL_CBWR)", "avx2", "cpu_isa=avx2"),
        (r"env\.(ONEDNN_MAX_CPU_ISA|MKL_CBWR)", "sse41|compatible", "cpu_isa=default"),
        (r"cpu\.threads|library\..*\.threads", r"\d+", "threads={}"),
        (r"attention\..*\.processors", r"AttnProcessor x .*", "attention_processor=AttnProcessor"),
        (r"attention\..*\.processors", r"SlicedAttn.*", "attention_slicing"),
        (r"attention\..*\.kernel.*", "FLASH_ATTENTION", "sdpa=flash"),
        (r"attention\..*\.kernel.*", "EFFICIENT_ATTENTION", "sdpa=efficient"),
        (r"attention\..*\.kernel.*", "CUDNN_ATTENTION", "sdpa=cudnn"),
        (r"attention\..*\.kernel.*", "MATH", "sdpa=math"),
        (r"model\..*\.memory_format", "NHWC", "channels_last"),
        (r"model\..*\.tiling", "true", "vae_tiling"),
        (r"model\..*\.slicing", "true", "vae_slicing"),
        (r"model\..*\.compiled", "true", "compile=default"),
        (r"torch\.(cudnn\.deterministic|deterministic_algorithms)", "false", "algorithms=false"),
        (r"torch\.cudnn\.benchmark", "true", "cudnn_benchmark"),
        (r"torch\..*(fp32_precision|allow_tf32)", "tf32|true", "float32_precision=tf32"),
        (r"torch\..*(allow_(fp|bf)16|reduced_precision).*", "true", "reduced_precision_gemm"),
        (r"pipeline\.offload", ".+", "offload=model"),
        (r"pipeline\.fused_loras", ".+", "fuse_lora"),
    )
)
"""Key, value it came to have, and the change that gives it that; ``{}`` is the value itself."""

_FOLLOWING: Final = {
    _INSTRUCTIONS: r"scheduler\..*_sha256|model\..*\.tables_sha256",
    "attention_": r"attention\..*\.kernel.*|torch\.sdp\..*",
    "sdpa=": r"torch\.sdp\..*",
    "compile": r"model\..*\.inductor_sha256",
    "float32_precision=": r"torch\.(float32_matmul_precision|.*fp32_precision)",
}
"""How a change's name begins, and the keys that it moves besides."""


def of_processor(key: str) -> bool:
    """Say whether a key describes the processor, beside its instruction set and its threads."""
    declared = declaration_of(key)
    return declared is not None and declared.of_cpu and key != "cpu.threads"


def changes_that_make(
    differences: Sequence[KeyDifference], before: Mapping[str, Value]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of changes that make these differences from ``before``, and other keys.

    The other keys are those that no change gives the value they have. Another processor is made by
    another instruction set, the next lower one if none differs.
    """
    names = {each.key: _change_of(each) for each in differences}
    found = list(dict.fromkeys(name for name in names.values() if name))
    processor = [each.key for each in differences if of_processor(each.key)]
    if processor and not any(name.startswith(_INSTRUCTIONS) for name in found):
        found += _next_lower(before)
    following = [
        re.compile(keys)
        for start, keys in _FOLLOWING.items()
        if any(name.startswith(start) for name in found)
    ]
    simulated = any(name.startswith(_INSTRUCTIONS) for name in found)
    others = tuple(
        key
        for key, name in names.items()
        if name is None
        and not (simulated and key in processor)
        and not any(pattern.fullmatch(key) for pattern in following)
    )
    return tuple(found), others


def _change_of(difference: KeyDifference) -> str | None:
    """Name the change that gives a key its new value; None where none does."""
    value = "" if difference.new is None else str(difference.new)
    if difference.key == CAPABILITY and _level(value) >= _level(difference.old):
        return None  # no processor can be given instructions that it lacks
    for key, pattern, name in _NAMED:
        if key.fullmatch(difference.key) and pattern.fullmatch(value):
            return name.format(value.lower())
    return None


def _next_lower(before: Mapping[str, Value]) -> list[str]:
    level = _level(before.get(CAPABILITY))
    return [f"{_INSTRUCTIONS}{CPU_LEVELS[level - 1]}"] if level > 0 else []


def _level(capability: object) -> int:
    name = str(capability).lower()
    return CPU_LEVELS.index(name) if name in CPU_LEVELS else -1
