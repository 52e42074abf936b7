"""torch.compile: other kernels for the same model."""

from __future__ import annotations

import importlib.util
import os
import shutil
from typing import Any

from harness.probe.change import Change, Situation
from harness.probe.changes.parts import denoiser_names, denoiser_of


def changes() -> tuple[Change, ...]:
    """Return the changes of this family."""
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
