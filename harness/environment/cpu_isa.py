"""Capping the instruction set: three variables of three libraries, read when torch is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from harness.errors import GoldenseedError

VARIABLES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "default": MappingProxyType(
            {
                "ATEN_CPU_CAPABILITY": "default",
                "ONEDNN_MAX_CPU_ISA": "SSE41",
                "MKL_CBWR": "COMPATIBLE",
            }
        ),
        "avx2": MappingProxyType(
            {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "AVX2"}
        ),
        "avx512": MappingProxyType(
            {
                "ATEN_CPU_CAPABILITY": "avx512",
                "ONEDNN_MAX_CPU_ISA": "AVX512_CORE",
                "MKL_CBWR": "AVX512",
            }
        ),
    }
)
"""``determinism.cpu_isa`` to the variables of torch's own kernels, of oneDNN and of MKL."""


def cap_cpu(isa: str | None, suite: Path) -> None:
    """Set the variables of ``isa``, which works until torch is imported; None leaves all alone.

    Raises:
        GoldenseedError: torch is imported already and a variable has another value.

    """
    missing = {
        name: value
        for name, value in (VARIABLES[isa].items() if isa else ())
        if os.environ.get(name) != value
    }
    if missing and "torch" in sys.modules:
        raise GoldenseedError(
            f"`determinism.cpu_isa` is {isa}, which has to be set before torch is imported, "
            f"and this process has imported it without {' and '.join(missing)}",
            path=suite,
            fix="export " + " ".join(f"{name}={value}" for name, value in missing.items()),
        )
    os.environ.update(missing)


def check_cpu(isa: str | None, suite: Path) -> None:
    """Check that torch runs with ``isa``; None is always right.

    Raises:
        GoldenseedError: it does not: the processor lacks it, or torch was imported before.

    """
    if isa is None:
        return
    import torch

    found = torch.backends.cpu.get_cpu_capability().lower()
    if found != isa:
        raise GoldenseedError(
            f"`determinism.cpu_isa` is {isa}, and torch runs with {found} here",
            path=suite,
            fix=f"run on a processor that has {isa}, or ask for another instruction set",
        )
