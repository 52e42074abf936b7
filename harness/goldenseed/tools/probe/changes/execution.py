"""How the model is executed: the process, compiled kernels, adapters fused."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable
from functools import partial
from typing import Any

from goldenseed.tools.probe.change import (
    Change,
    Situation,
    Unfit,
    call_otherwise,
    denoiser_names,
    denoiser_of,
)

_LEVELS = ("default", "avx2", "avx512")
"""torch's names for what x86-64 processors have, each containing those before it."""


def process_changes() -> tuple[Change, ...]:
    """Return what runs the process otherwise."""
    return (
        Change("repeat", "the same once more, in a fresh process"),
        threads(2),
        *(
            Change(
                f"isa-{level}",
                f"torch, oneDNN and MKL kept to {words}",
                determinism={"cpu_isa": level},
                unfit=partial(_isa_unfit, level),
            )
            for level, words in (("avx2", "AVX2"), ("default", "what every x86-64 CPU has"))
        ),
        Change(
            "any-algorithm",
            "algorithms allowed that are not deterministic",
            determinism={"algorithms": False},
        ),
    )


def threads(number: int) -> Change:
    """Return what lets that many threads work on one operation."""
    what = f"{number} CPU threads an operation"
    return Change(f"threads-{number}", what, determinism={"threads": number})


def _isa_unfit(level: str, situation: Situation) -> str | None:
    own = str(situation.environment.get("cpu.capability", "")).lower()
    if own not in _LEVELS:
        return f"this CPU has no such levels: its capability is {own or 'unknown'}"
    if _LEVELS.index(own) < _LEVELS.index(level):
        return f"this CPU has {own} only"
    return f"is what this CPU has: {own}" if own == level else None


def compilation_changes() -> tuple[Change, ...]:
    """Return what compiles the denoiser."""
    return (
        Change(
            "compile",
            "denoiser compiled by torch.compile",
            tweak=compiled,
            unfit=_compile_unfit,
        ),
    )


def compiled(pipeline: Any) -> None:
    """Compile every model that is called once a step, in place."""
    denoiser_of(pipeline)
    for name in denoiser_names(pipeline):
        getattr(pipeline, name).compile()


def _compile_unfit(situation: Situation) -> str | None:
    if situation.on_gpu:
        found = importlib.util.find_spec("triton") is not None
        return None if found else "torch.compile needs the package triton on a GPU"
    names = (os.environ.get("CXX"), "g++", "clang++")
    found = any(name and shutil.which(name) for name in names)
    return None if found else "torch.compile needs a C++ compiler on a CPU, and there is none"


def adapter_changes() -> tuple[Change, ...]:
    """Return what applies adapters otherwise."""
    return (
        Change(
            "lora-fused", "LoRA adapters fused into the weights", tweak=fused, unfit=_fused_unfit
        ),
    )


def fused(pipeline: Any) -> None:
    """Fuse the adapters when the pipeline is first called, wearing them; or ``Unfit``."""
    if not hasattr(pipeline, "fuse_lora"):
        raise Unfit(f"{type(pipeline).__name__} takes no LoRA adapters")
    done: list[bool] = []

    def call(own_call: Callable[..., Any], **arguments: Any) -> Any:
        if not done:
            pipeline.fuse_lora()
            done.append(True)
        return own_call(**arguments)

    call_otherwise(pipeline, call)


def _fused_unfit(situation: Situation) -> str | None:
    if not all(case.adapters for case in situation.cases):
        return "the cases have no adapters"
    if len({case.adapters for case in situation.cases}) > 1:
        return "the cases have different adapters: name cases that share theirs"
    return None
