"""How the model is executed: the process, compiled kernels, adapters fused."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from pydantic import JsonValue

from goldenseed.suite.cases import Case, Suite
from goldenseed.suite.part_specs import CompileSpec
from goldenseed.suite.recipes import cases_by_model, model_key
from goldenseed.tools.probe.change import (
    Change,
    Situation,
    Unfit,
    Way,
    call_otherwise,
    is_number,
    is_true,
    is_word,
)

_LEVELS = {"default": "what every x86-64 CPU has", "avx2": "AVX2", "avx512": "AVX-512"}
"""torch's names for what x86-64 processors have, each containing those before it."""
_MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")
_MOST_IMAGES = 1000
NOBODY_ELSE = "no other case has the same model: there is nothing to make before it"

Asked = Mapping[str, JsonValue]


def process_ways() -> tuple[Way, ...]:
    """Return what runs the process otherwise."""
    return (
        Way("process", "fresh", is_word("fresh"), _fresh, ({"process": "fresh"},)),
        Way("order", f"a whole number from 2 to {_MOST_IMAGES}", is_number(2, _MOST_IMAGES), _nth),
        Way(
            "threads",
            "a whole number from 1 to 1024",
            is_number(1, 1024),
            _threads,
            ({"threads": 2},),
        ),
        Way(
            "cpu_isa",
            ", ".join(_LEVELS),
            is_word(*_LEVELS),
            _isa,
            ({"cpu_isa": "avx2"}, {"cpu_isa": "default"}),
        ),
        Way("algorithms", "false", lambda value: value is False, _any, ({"algorithms": False},)),
    )


def _fresh(_value: str, _asked: Asked) -> Change:
    return Change("process=fresh", "the same once more, in a fresh process", alone=True)


def _nth(number: int, _asked: Asked) -> Change:
    what = f"image {number} of its process"
    return Change(f"order={number}", what, alone=True, after=number - 1, against=_order_against)


def _order_against(suite: Suite, cases: Sequence[Case]) -> str | None:
    alike = {model_key(each.model) for each in cases}
    counts = (len(of) for key, of in cases_by_model(suite).items() if key in alike)
    return None if min(counts, default=0) > 1 else NOBODY_ELSE


def _threads(number: int, _asked: Asked) -> Change:
    what = f"{number} CPU threads an operation"
    return Change(f"threads={number}", what, determinism={"threads": number})


def _isa(level: str, _asked: Asked) -> Change:
    return Change(
        f"cpu_isa={level}",
        f"torch, oneDNN and MKL kept to {_LEVELS[level]}",
        determinism={"cpu_isa": level},
        unfit=partial(_isa_unfit, level),
        alone=True,
    )


def _any(_value: bool, _asked: Asked) -> Change:  # noqa: FBT001 - the table hands it on
    what = "algorithms allowed that are not deterministic"
    return Change("algorithms=false", what, determinism={"algorithms": False})


def _isa_unfit(level: str, situation: Situation) -> str | None:
    levels = tuple(_LEVELS)
    own = str(situation.environment.get("cpu.capability", "")).lower()
    if own not in levels:
        return f"this CPU has no such levels: its capability is {own or 'unknown'}"
    if levels.index(own) < levels.index(level):
        return f"this CPU has {own} only"
    return f"is what this CPU has: {own}" if own == level else None


def compilation_ways() -> tuple[Way, ...]:
    """Return what compiles the denoiser."""
    return (
        Way("compile", ", ".join(_MODES), is_word(*_MODES), _compiled, ({"compile": "default"},)),
    )


def _compiled(mode: str, _asked: Asked) -> Change:
    return Change(
        f"compile={mode}",
        "denoiser compiled by torch.compile",
        model={"compile": CompileSpec(options={} if mode == "default" else {"mode": mode})},
        unfit=_compile_unfit,
    )


def _compile_unfit(situation: Situation) -> str | None:
    if situation.on_gpu:
        found = importlib.util.find_spec("triton") is not None
        return None if found else "torch.compile needs the package triton on a GPU"
    names = (os.environ.get("CXX"), "g++", "clang++")
    found = any(name and shutil.which(name) for name in names)
    return None if found else "torch.compile needs a C++ compiler on a CPU, and there is none"


def adapter_ways() -> tuple[Way, ...]:
    """Return what applies adapters otherwise."""
    return (Way("fuse_lora", "true", is_true, _fused, ({"fuse_lora": True},)),)


def _fused(_value: bool, _asked: Asked) -> Change:  # noqa: FBT001 - the table hands it on
    what = "LoRA adapters fused into the weights"
    return Change("fuse_lora", what, tweak=fused, against=_fused_against)


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


def _fused_against(_suite: Suite, cases: Sequence[Case]) -> str | None:
    if not all(case.adapters for case in cases):
        return "the cases have no adapters"
    if len({case.adapters for case in cases}) > 1:
        return "the cases have different adapters: name cases that share theirs"
    return None
