"""The model section of a suite, resolved, and where its folder, adapters and lock lie."""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from pydantic import JsonValue

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside
from goldenseed.core.tensor_files import SUFFIXES
from goldenseed.suite.factory import FactorySpec
from goldenseed.suite.part_specs import (
    CompileSpec,
    ComponentSpec,
    EmbeddingSpec,
    IpAdapterSpec,
    QuantizationSpec,
    VaeSpec,
)
from goldenseed.suite.server import ServerSpec

DIFFUSERS = "diffusers"
"""The back end of this package, and of suites that name none."""


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
    scale: float = 1.0
    scales: tuple[tuple[str, float], ...] = ()
    """By component, in place of ``scale``; those that are not named have 1."""
    fused: bool = False
    """Whether it is merged into the weights when the model is loaded."""


@dataclass(frozen=True, slots=True)
class Determinism:
    """The switches of torch that make it repeat itself; the defaults are the strict ones."""

    algorithms: bool = True
    float32_precision: str = "ieee"
    """``ieee`` or ``tf32``."""
    cudnn_benchmark: bool = False
    reduced_precision_gemm: bool = False
    sdpa: str = "repeatable"
    """The kernels torch's attention may choose from: a key of ``determinism.SDPA_KERNELS``."""
    attention_backend: str | None = None
    """A back end of diffusers' ``set_attention_backend``; None leaves the model's own."""
    attention_processor: str | None = None
    """A class of diffusers' ``attention_processor``; None leaves the model's own."""
    threads: int = 1
    cpu_isa: str | None = None
    """A key of ``device.VARIABLES``; None takes what the processor has."""
    portable: bool = False
    """The same bits on every machine: float64 throughout. Goes with the defaults of the others."""

    def relaxed(self) -> dict[str, JsonValue]:
        """Return the fields that are not at their strict default, nor at a stricter value.

        ``sdpa: math`` was the default of earlier releases and is what a CPU computes with by
        default: recipes that name it have the digests of those that do not.
        """
        values = {each.name: (getattr(self, each.name), each.default) for each in fields(self)}
        return {
            name: value
            for name, (value, strict) in values.items()
            if value != strict and (name, value) != ("sdpa", "math")
        }


@dataclass(frozen=True, slots=True)
class NoiseSpec:
    """Where the initial noise of an image comes from."""

    kind: str
    """``cpu``, ``device``, ``portable``, ``file`` or ``between``."""
    source: str | None = None
    """Of a file: as the suite writes it."""
    path: Path | None = None
    """Of a file: the ``.npy`` or ``.safetensors`` file, absolute."""
    sha256: str | None = None
    """Of a file: the SHA-256 of its bytes when the suite was read, in hex."""
    between: tuple[int, int] | None = None
    """Two seeds, each of which draws noise as ``cpu`` (or, in portable mode, ``portable``) does."""
    at: float = 0.0
    """How far from the first to the second along the arc, 0 to 1."""

    @property
    def drawn_by(self) -> str:
        """The kind that draws it, whatever is made of what is drawn."""
        return "cpu" if self.kind == "between" else self.kind


@dataclass(frozen=True, slots=True, eq=False)
class ModelSpec:
    """What to load, and how."""

    source: str
    """As the suite writes it: a folder relative to the suite file, or a hub id."""
    folder: Path | None
    """The local folder, absolute; None for a hub id, or for what another back end understands."""
    revision: str | None
    """The 40-hex commit of a hub id; None for a folder."""
    variant: str | None
    pipeline: str | None
    """A class of diffusers, ``package.module.Class``, or None for ``model_index.json``'s."""
    dtype: str
    """``float16``, ``bfloat16``, ``float32`` or ``float64``."""
    device: str
    """``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``, ``xpu``, …"""
    scheduler: SchedulerSpec | None
    adapters: tuple[AdapterSpec, ...]
    allow_pickle: tuple[str, ...]
    """Names, relative to the model's folder, of pickle-format weight files that may be loaded."""
    allow_new_weights: tuple[str, ...] = ()
    """Components whose files may lack weights."""
    backend: str = DIFFUSERS
    """The name of what makes the images."""
    factory: FactorySpec | None = None
    """The user's code that puts the model together; then ``source`` is its name."""
    server: ServerSpec | None = None
    """The server that makes the images; then ``source`` is what it calls its model."""
    backend_line: int | None = None
    """Where it stands in the suite file; None where the file leaves it out."""
    pipeline_sha256: str | None = None
    """Of the module of a class of the user's own, in hex."""
    components: tuple[ComponentSpec, ...] = ()
    dtypes: tuple[tuple[str, str], ...] = ()
    """By component, over ``dtype``."""
    ip_adapters: tuple[IpAdapterSpec, ...] = ()
    embeddings: tuple[EmbeddingSpec, ...] = ()
    vae: VaeSpec = field(default_factory=VaeSpec)
    compile: CompileSpec | None = None
    quantization: QuantizationSpec | None = None
    offload: str = "none"
    """``none``, ``model``, ``sequential`` or ``group``."""
    device_map: str | None = None
    lines: Mapping[str, int] = field(default_factory=dict, repr=False)
    """Where keys of the section stand in the suite file."""

    def dtype_of(self, name: str) -> str:
        """Return the data type of the weights of a part, by its keyword."""
        own = {each.name: each.dtype for each in self.components if each.dtype is not None}
        return own.get(name) or dict(self.dtypes).get(name) or self.dtype

    def refusal(self, suite: Path, key: str, what: str, fix: str) -> GoldenseedError:
        """Return the error for what stands at a key of the section, with its line."""
        return GoldenseedError(what, path=suite, line=self.lines.get(key), fix=fix)

    @property
    def fused(self) -> tuple[AdapterSpec, ...]:
        """Return the adapters that are merged into the weights."""
        return tuple(each for each in self.adapters if each.fused)


_HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")

LARGEST_NOISE = 64 * 1024 * 1024
"""Bytes of a file of initial noise."""


def is_hub_id(suite: Path, source: str) -> bool:
    """Tell whether ``source`` is ``org/name`` on the hub; nothing of that name is beside it."""
    return bool(_HUB_ID.fullmatch(source)) and _mode(suite.parent / source) is None


def beside(suite: Path, relative: str) -> Path:
    """Return the absolute path of what a suite names; raises if that leaves its folder."""
    return inside(suite.parent.absolute(), relative)


def model_folder_beside(suite: Path, source: str, backend: str) -> Path | None:
    """Return the absolute folder beside the suite; None for a hub id or another back end's own."""
    if backend == DIFFUSERS:
        return None if is_hub_id(suite, source) else beside(suite, source)
    try:
        folder = beside(suite, source)
    except GoldenseedError:
        return None
    return folder if stat.S_ISDIR(_mode(folder) or 0) else None


def source_fault(suite: Path, source: str, revision: object) -> tuple[str, str, str] | None:
    """Say what is wrong with a model's source: the key at fault, what, and the fix."""
    if is_hub_id(suite, source):
        if revision is None:
            what = f"the hub id `{source}` has no revision, and there is no such folder here"
            return "source", what, "add `revision:` with the 40 hexadecimal digits of a commit"
        return None
    outside = "name a folder beside the suite file, or a hub id `org/name`"
    absent = "put the model into {}, or name a hub id `org/name` with its revision"
    if fault := absent_fault(suite, source, outside, absent, is_folder=True):
        return "source", *fault
    if revision is not None:
        what = f"`{source}` is a folder beside the suite file, and a folder has no revision"
        return "revision", what, "remove `revision`, or move the folder if the hub's is meant"
    return None


def adapter_fault(suite: Path, source: str, allowed: object) -> tuple[str, str] | None:
    """Say what is wrong with an adapter's file, and the fix."""
    absent = "put the file at {}; adapters are files beside the suite, never hub ids"
    fault = absent_fault(suite, source, "put the adapter's file into the suite's folder", absent)
    if fault is not None:
        return fault
    if Path(source).suffix != ".safetensors" and not (
        isinstance(allowed, list) and source in allowed
    ):
        fix = "convert it to .safetensors, or name it under `model.allow_pickle`"
        return f"`{source}` is not a .safetensors file: loading it could run code", fix
    return None


def folder_fault(suite: Path, folder: str) -> tuple[str, str] | None:
    """Say what is wrong with the folder of a content score's model, and the fix."""
    outside = "put the model into the suite's folder"
    return absent_fault(suite, folder, outside, "put the model into {}", is_folder=True)


def noise_fault(suite: Path, file: str) -> tuple[str, str] | None:
    """Say what is wrong with a file of initial noise, and the fix."""
    fault = absent_fault(suite, file, "put the file into the suite's folder", "put the file at {}")
    if fault is not None:
        return fault
    path = beside(suite, file)
    if path.suffix.lower() not in SUFFIXES:
        what = f"`{file}` is neither .npy nor .safetensors"
        return what, "save the noise with numpy.save or safetensors.numpy.save_file"
    size = path.stat().st_size
    if size > LARGEST_NOISE:
        what = f"`{file}` has {size:,} bytes, more than the {LARGEST_NOISE:,} that are read"
        return what, "store the noise of one image only"
    return None


def absent_fault(
    suite: Path, relative: str, outside: str, absent: str, *, is_folder: bool = False
) -> tuple[str, str] | None:
    """Say that what is named beside the suite leads out of its folder or is not there; the fix.

    ``outside`` is the fix for what leads out, ``absent`` that for what is not there, with a place
    for its path.
    """
    try:
        path = beside(suite, relative)
    except GoldenseedError as error:
        return error.what, outside
    is_there, kind = (stat.S_ISDIR, "folder") if is_folder else (stat.S_ISREG, "file")
    if is_there(_mode(path) or 0):
        return None
    return f"there is no {kind} `{relative}` beside the suite file", absent.format(path)


def is_file(path: Path) -> bool:
    """Tell whether a regular file is there; what cannot be reached is none."""
    return stat.S_ISREG(_mode(path) or 0)


def _mode(path: Path) -> int | None:
    """Return what stands at ``path``; None if nothing does, or nothing that could be reached."""
    try:
        return path.stat().st_mode
    except OSError:
        return None
