"""The identity part of a fingerprint as a slug, and which profiles may stand in for another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from goldenseed.environment.fingerprint import EnvironmentValue
from goldenseed.environment.keys import UNREADABLE

CPU_LEVELS = ("default", "avx2", "avx512")
"""torch's CPU capability levels on x86-64, slowest first (``ATEN_CPU_CAPABILITY``)."""

PORTABLE = "portable"
"""The profile of images whose bits are the same on every machine (`determinism: portable`).

It has no fallback, and is none.
"""

_VENDOR_WORDS = frozenset({"nvidia", "amd", "intel", "tesla", "geforce", "instinct", "graphics"})
_CPU_SLUG = re.compile(r"cpu-(?P<machine>[a-z0-9_.]+)-(?P<level>[a-z0-9_.]+)")
_GPU_SLUG = re.compile(
    r"(?P<kind>cuda|rocm)-(?P<name>.+)-sm(?P<generation>\d+)-(?P<count>\d+)sm"
    r"(?:-(?P<processor>[a-z0-9_.]+-[a-z0-9_.]+))?"
)


def profile_slug(fingerprint: Mapping[str, EnvironmentValue], *, noise: str | None = None) -> str:
    """Name the kind of machine: ``cpu-x86_64-avx512``, ``cuda-h200-sm90-132sm-x86_64-avx512``.

    The SM count is part of it because cuBLAS and the CUDA noise generator depend on it. ROCm
    devices, which torch calls ``cuda`` too, are named ``rocm-…``. Where ``noise`` (the kind of a
    case's noise) is ``cpu``, a GPU's name ends in the processor that draws it, because the numbers
    of torch's CPU generator depend on the processor's instruction set.
    """
    device = _text(fingerprint, "device.type", "cpu")
    machine = _text(fingerprint, "platform.machine", "unknown").replace("-", "_")
    processor = f"{machine}-{_text(fingerprint, 'cpu.capability', 'default')}"
    if device == "cpu":
        return f"cpu-{processor}"
    drawn_by = f"-{processor}" if noise == "cpu" else ""
    if device != "cuda":
        name = _gpu_name(_text(fingerprint, "gpu.name", ""))
        return f"{device}-{machine if name == 'unknown' else name}{drawn_by}"
    return f"{_cuda_slug(fingerprint)}{drawn_by}"


def _cuda_slug(fingerprint: Mapping[str, EnvironmentValue]) -> str:
    kind = _text(fingerprint, "gpu.platform", "cuda")
    generation = _text(fingerprint, "gpu.compute_capability", "0").replace(".", "")
    count = _text(fingerprint, "gpu.multiprocessors", "0")
    return f"{kind}-{_gpu_name(_text(fingerprint, 'gpu.name', 'unknown'))}-sm{generation}-{count}sm"


def fallback_chain(slug: str, available: Iterable[str]) -> tuple[str, ...]:
    """List the available profiles that may stand in for ``slug``, most specific first.

    A CPU profile may fall back to other instruction-set levels of the same machine architecture,
    the nearest level first. A GPU profile may fall back to the same compute capability: the same
    card, first without a processor (as earlier releases named it), then with another one, then with
    another SM count, then other cards. No profile falls back to another device type.
    """
    ranked = [(_rank(slug, other), other) for other in set(available)]
    return tuple(other for rank, other in sorted(r for r in ranked if r[0]))


def _rank(slug: str, other: str) -> tuple[int, ...]:
    """How far ``other`` is from ``slug``; empty where it may not stand in for it."""
    if other == slug:
        return (0,)
    cpu, other_cpu = _CPU_SLUG.fullmatch(slug), _CPU_SLUG.fullmatch(other)
    if cpu and other_cpu and cpu["machine"] == other_cpu["machine"]:
        return (1, abs(_level(cpu["level"]) - _level(other_cpu["level"])))
    gpu, other_gpu = _GPU_SLUG.fullmatch(slug), _GPU_SLUG.fullmatch(other)
    if gpu and other_gpu and all(gpu[part] == other_gpu[part] for part in ("kind", "generation")):
        distance = abs(int(gpu["count"]) - int(other_gpu["count"]))
        same_processor = gpu["processor"] == other_gpu["processor"]
        processor = 0 if same_processor else 1 if other_gpu["processor"] is None else 2
        return (1 if gpu["name"] == other_gpu["name"] else 2, distance, processor)
    return ()


def _level(name: str) -> int:
    return CPU_LEVELS.index(name) if name in CPU_LEVELS else len(CPU_LEVELS)


def _gpu_name(name: str) -> str:
    """``NVIDIA GeForce RTX 4090`` → ``rtx-4090``."""
    words = re.findall(r"[a-z0-9]+", name)
    return "-".join(word for word in words if word not in _VENDOR_WORDS) or "unknown"


def _text(fingerprint: Mapping[str, EnvironmentValue], key: str, default: str) -> str:
    """Read a value as a slug's lower-case text; an unreadable one is ``unknown``, no guess."""
    if str(fingerprint.get(key)).startswith(UNREADABLE):
        return "unknown"
    value = re.sub(r"\((?:r|tm)\)|[^a-z0-9_. -]", "", str(fingerprint.get(key) or default).lower())
    return value.strip() or default
