"""The model section of a suite, resolved: frozen data for those who load and run the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
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
    """The switches of torch that make it repeat itself; the defaults are the strict ones."""

    algorithms: bool = True
    float32_precision: str = "ieee"
    """``ieee`` or ``tf32``."""
    cudnn_benchmark: bool = False
    reduced_precision_gemm: bool = False
    sdpa: str = "math"
    """The kernel of torch's attention: a key of ``determinism.SDPA_KERNELS``, or ``default``."""
    attention_backend: str | None = None
    """A back end of diffusers' ``set_attention_backend``; None leaves the model's own."""
    attention_processor: str | None = None
    """A class of diffusers' ``attention_processor``; None leaves the model's own."""
    threads: int = 1
    cpu_isa: str | None = None
    """A key of ``cpu_isa.VARIABLES``; None takes what the processor has."""
    portable: bool = False
    """The same bits on every machine: float64 throughout. Goes with the defaults of the others."""

    def relaxed(self) -> dict[str, JsonValue]:
        """Return the fields that are not at their strict default."""
        values = {each.name: (getattr(self, each.name), each.default) for each in fields(self)}
        return {name: value for name, (value, strict) in values.items() if value != strict}


@dataclass(frozen=True, slots=True)
class NoiseSpec:
    """Where the initial noise of an image comes from."""

    kind: str
    """``cpu``, ``device``, ``portable`` or ``file``."""
    source: str | None = None
    """Of a file: as the suite writes it."""
    path: Path | None = None
    """Of a file: the ``.npy`` or ``.safetensors`` file, absolute."""
    sha256: str | None = None
    """Of a file: the SHA-256 of its bytes when the suite was read, in hex."""


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
    allow_new_weights: tuple[str, ...] = ()
    """Components whose files may lack weights."""
