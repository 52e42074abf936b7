"""The model section of a suite, resolved: frozen data for those who load and run the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue


@dataclass(frozen=True, slots=True, eq=False)
class SchedulerSpec:
    """A scheduler of diffusers and the configuration it is given."""

    class_name: str
    config: Mapping[str, JsonValue]
    """Overrides of single fields of the scheduler's configuration."""


@dataclass(frozen=True, slots=True)
class AdapterSpec:
    """A LoRA adapter."""

    source: str
    """As the suite writes it."""
    path: Path
    """The ``.safetensors`` file, absolute."""
    scale: float


@dataclass(frozen=True, slots=True)
class Determinism:
    """The switches of torch that make it repeat itself."""

    algorithms: bool = True
    float32_precision: str = "ieee"
    """``ieee`` or ``tf32``."""
    cudnn_benchmark: bool = False
    threads: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class ModelSpec:
    """What to load, and how."""

    source: str
    """As the suite writes it: a folder relative to the suite file, or a hub id."""
    folder: Path | None
    """The local folder, absolute; None for a hub id."""
    revision: str | None
    """The 40-hex commit of a hub id; None for a folder."""
    variant: str | None
    pipeline: str | None
    """A class of diffusers, or None for what ``model_index.json`` names."""
    dtype: str
    """``float16``, ``bfloat16``, ``float32`` or ``float64``."""
    device: str
    """``auto``, ``cpu`` or ``cuda``."""
    scheduler: SchedulerSpec | None
    adapters: tuple[AdapterSpec, ...]
    allow_pickle: tuple[str, ...]
    """Names, relative to the model's folder, of pickle-format weight files that may be loaded."""
