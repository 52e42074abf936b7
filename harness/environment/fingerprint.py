"""Everything known of where a run happened, as one flat table of dotted keys.

What is recorded decides pixels (versions, switches, processor) and nothing else: no host name, no
user, no path, no serial number.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.environment.determinism import FP32_PRECISION_SWITCHES, MATMUL_SWITCHES
from harness.files import json_sha256

if TYPE_CHECKING:
    from types import ModuleType

EnvironmentValue = str | int | float | bool | None

PACKAGES = (
    "accelerate",
    "diffusers",
    "huggingface_hub",
    "imagehash",
    "numpy",
    "peft",
    "pillow",
    "safetensors",
    "scikit-image",
    "scipy",
    "tokenizers",
    "torch",
    "transformers",
    "triton",
)
"""The packages that touch the pixels or the judgement of them."""

ENVIRONMENT_VARIABLES = (
    "ATEN_CPU_CAPABILITY",
    "CUBLAS_WORKSPACE_CONFIG",
    "DIFFUSERS_ATTN_BACKEND",
    "MKL_CBWR",
    "MKL_NUM_THREADS",
    "NVIDIA_TF32_OVERRIDE",
    "OMP_NUM_THREADS",
    "ONEDNN_MAX_CPU_ISA",
    "PYTORCH_TUNABLEOP_ENABLED",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
)
"""The environment variables that change the arithmetic."""

_NVIDIA_LIBRARIES = ("cublas", "cuda-runtime", "cudnn", "cufft", "cusparse", "nccl", "nvjitlink")


def read_fingerprint(device: str) -> dict[str, EnvironmentValue]:
    """Read the environment as it is now, for a device such as ``cpu`` or ``cuda:0``.

    Flags are read inside whatever :func:`harness.environment.determinism.settings` is in force. A
    flag that torch refuses to tell is recorded as ``unreadable: …``; a package or variable that is
    not there is None. Takes some tens of milliseconds: read it once per process and settings.
    """
    found: dict[str, EnvironmentValue] = {
        "device.type": device.partition(":")[0],
        "python.version": platform.python_version(),
        "python.implementation": platform.python_implementation(),
        "platform.system": platform.system(),
        "platform.machine": platform.machine(),
        "platform.libc": " ".join(platform.libc_ver()).strip() or None,
        "cpu.model": _cpu_model(),
    }
    found |= {f"package.{name}": _version(name) for name in PACKAGES}
    found |= {f"env.{name}": os.environ.get(name) for name in ENVIRONMENT_VARIABLES}
    if importlib.util.find_spec("torch") is not None:
        found |= dict(_torch(device))
    return dict(sorted(found.items()))


def fingerprint_sha256(fingerprint: Mapping[str, EnvironmentValue]) -> str:
    """Digest a fingerprint: SHA-256 of its canonical JSON, in hex, the name it is stored under."""
    return json_sha256(dict(fingerprint))


def _torch(device: str) -> Iterator[tuple[str, EnvironmentValue]]:
    import torch

    yield "torch.version", str(torch.__version__)
    yield "torch.git_version", torch.version.git_version
    yield "torch.cuda", torch.version.cuda
    yield "torch.hip", torch.version.hip
    yield "cpu.capability", _guarded(torch.backends.cpu.get_cpu_capability)
    yield "cpu.threads", torch.get_num_threads()
    for name, getter in _torch_flags(torch).items():
        yield f"torch.{name}", _guarded(getter)
    if device.startswith("cuda"):
        yield "torch.cudnn", _guarded(torch.backends.cudnn.version)
        yield from _gpu(torch, device)
        for library in _NVIDIA_LIBRARIES:
            yield f"package.nvidia-{library}", _nvidia_version(library, torch.version.cuda)


def _torch_flags(torch: ModuleType) -> dict[str, Callable[[], Any]]:
    backends, cuda = torch.backends, torch.backends.cuda
    flags: dict[str, Callable[[], Any]] = {
        "deterministic_algorithms": torch.are_deterministic_algorithms_enabled,
        "deterministic_warn_only": torch.is_deterministic_algorithms_warn_only_enabled,
        "fill_uninitialized_memory": lambda: torch.utils.deterministic.fill_uninitialized_memory,
        "float32_matmul_precision": torch.get_float32_matmul_precision,
        "cudnn.deterministic": lambda: backends.cudnn.deterministic,
        "cudnn.benchmark": lambda: backends.cudnn.benchmark,
        "sdp.flash": cuda.flash_sdp_enabled,
        "sdp.mem_efficient": cuda.mem_efficient_sdp_enabled,
        "sdp.math": cuda.math_sdp_enabled,
        "sdp.cudnn": cuda.cudnn_sdp_enabled,
        "preferred_blas_library": lambda: cuda.preferred_blas_library().name,
    }
    for switch in MATMUL_SWITCHES:
        flags[f"matmul.{switch}"] = partial(getattr, cuda.matmul, switch)
    if hasattr(backends, "fp32_precision"):
        flags["fp32_precision"] = lambda: backends.fp32_precision
        for place in FP32_PRECISION_SWITCHES:
            name = f"{place}.fp32_precision"
            flags[name] = partial(_attribute, backends, name)
    else:
        flags["cuda.matmul.allow_tf32"] = lambda: cuda.matmul.allow_tf32
        flags["cudnn.allow_tf32"] = lambda: backends.cudnn.allow_tf32
    return flags


def _gpu(torch: ModuleType, device: str) -> Iterator[tuple[str, EnvironmentValue]]:
    properties = torch.cuda.get_device_properties(torch.device(device))
    yield "gpu.name", properties.name
    yield "gpu.compute_capability", f"{properties.major}.{properties.minor}"
    yield "gpu.architecture", getattr(properties, "gcnArchName", None)
    yield "gpu.multiprocessors", properties.multi_processor_count
    yield "gpu.memory_bytes", properties.total_memory
    yield "gpu.driver", _guarded(_nvidia_driver)


def _nvidia_driver() -> str | None:
    """Read the driver's version through nvidia-ml-py, or None where that is not installed."""
    if importlib.util.find_spec("pynvml") is None:
        return None
    pynvml = importlib.import_module("pynvml")
    pynvml.nvmlInit()
    try:
        return str(pynvml.nvmlSystemGetDriverVersion())
    finally:
        pynvml.nvmlShutdown()


def _nvidia_version(library: str, cuda: str | None) -> str | None:
    major = (cuda or "").partition(".")[0]
    return _version(f"nvidia-{library}-cu{major}") or _version(f"nvidia-{library}")


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cpu_model() -> str | None:
    """Read the processor's name as the kernel or the platform tells it."""
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split("\n"):
            key, _, value = line.partition(":")
            if key.strip() in {"model name", "Model"}:
                return value.strip()
    return platform.processor() or None


def _attribute(owner: object, dotted: str) -> Any:
    for part in dotted.split("."):
        owner = getattr(owner, part)
    return owner


def _guarded(getter: Callable[[], Any]) -> EnvironmentValue:
    """Record what the getter says, or why it does not: a flag must never stop a run."""
    try:
        value = getter()
    except Exception as error:  # noqa: BLE001 - torch's getters raise whatever they like
        return f"unreadable: {type(error).__name__}: {str(error).partition(chr(10))[0][:200]}"
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
