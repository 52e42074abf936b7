"""Processor and operating system, as far as they decide what numbers come out."""

from __future__ import annotations

import importlib
import platform
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from goldenseed.environment.keys import EnvironmentValue, guarded, unreadable

_CPUINFO = Path("/proc/cpuinfo")
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
_VECTOR_FLAG = re.compile(r"sse4_[12]|avx.*|fma|f16c|amx_.*|asimd.*|sve.*|sme(?!p).*|bf16|i8mm")
"""The instruction sets of x86 and ARM between which math libraries choose their code."""
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


def read_machine() -> Iterator[tuple[str, EnvironmentValue]]:
    """Yield the machine's keys; what the system does not tell is None. Takes a millisecond or two.

    py-cpuinfo is asked only where there is no ``/proc/cpuinfo``: on Linux it reads the same file,
    knows less of it (no microcode), and starts processes to do it.
    """
    yield "platform.machine", guarded(platform.machine)
    yield "platform.system", guarded(platform.system)
    yield "platform.kernel", guarded(platform.release)
    yield "platform.libc", guarded(lambda: " ".join(platform.libc_ver()).strip() or None)
    yield "python.version", guarded(platform.python_version)
    yield "python.implementation", guarded(platform.python_implementation)
    yield from _processor(_CPUINFO)
    yield from _caches()


def _processor(cpuinfo: Path) -> Iterator[tuple[str, EnvironmentValue]]:
    """Yield what the kernel says of the processor; where it says nothing, what py-cpuinfo finds."""
    info = _first_processor(cpuinfo) or _without_linux()
    if isinstance(info, str):
        yield from dict.fromkeys(("cpu.model", "cpu.vendor", "cpu.isa"), info).items()
        return
    yield "cpu.model", info.get("model name") or info.get("Model") or platform.processor() or None
    yield "cpu.vendor", info.get("vendor_id") or info.get("CPU implementer")
    yield "cpu.microcode", info.get("microcode")
    yield "cpu.isa", _instruction_sets(info.get("flags") or info.get("Features") or "")


def _first_processor(cpuinfo: Path) -> Mapping[str, str]:
    """Read what the kernel says of processor 0, and lines of the whole machine on ARM."""
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip():
            found.setdefault(key.strip(), value.strip())
    return found


def _without_linux() -> Mapping[str, str] | str:
    """Ask py-cpuinfo, in the words of ``/proc/cpuinfo``; or say why the processor is not known."""
    try:
        found = importlib.import_module("cpuinfo").get_cpu_info()
    except Exception as error:  # noqa: BLE001 - it runs the tools of five systems
        return unreadable(f"no {_CPUINFO} on {platform.system()}; {type(error).__name__}: {error}")
    return {
        "model name": str(found.get("brand_raw", "")),
        "vendor_id": str(found.get("vendor_id_raw", "")),
        "flags": " ".join(found.get("flags", ())),
    }


def _instruction_sets(flags: str) -> str | None:
    return " ".join(sorted(f for f in set(flags.split()) if _VECTOR_FLAG.fullmatch(f))) or None


def _caches() -> Iterator[tuple[str, EnvironmentValue]]:
    """Yield the bytes of each level; math libraries cut their blocks, and so their sums, by it."""
    for place in sorted(_CACHES.glob("index*")):
        try:
            level, kind, size = (
                (place / name).read_text(encoding="ascii").strip()
                for name in ("level", "type", "size")
            )
        except OSError:
            continue
        if kind != "Instruction":
            yield f"cpu.cache.l{level}", _bytes(size)


def _bytes(size: str) -> int | None:
    number, unit = size[:-1], size[-1:]
    return int(number) * _UNITS[unit] if number.isdigit() and unit in _UNITS else None
