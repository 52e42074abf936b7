"""The machine and what is installed: processor, system, packages, libraries, variables."""

from __future__ import annotations

import importlib
import os
import platform
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path, PurePath
from typing import Any

from goldenseed.environment.keys import (
    EnvironmentValue,
    guarded,
    package_version,
    plain,
    unreadable,
)

_CPUINFO = Path("/proc/cpuinfo")
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
_VECTOR_FLAG = re.compile(r"sse4_[12]|avx.*|fma|f16c|amx_.*|asimd.*|sve.*|sme(?!p).*|bf16|i8mm")
"""The instruction sets of x86 and ARM between which math libraries choose their code."""
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


def read_machine() -> Iterator[tuple[str, EnvironmentValue]]:
    """Yield the machine's keys; py-cpuinfo, which knows less, only without ``/proc/cpuinfo``."""
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


_OWNERS = ("numpy", "torch")
"""What is imported wherever images are made. Others, SciPy for one, are imported at their leisure,
and the record must not depend on when it was written."""
_FIELDS = {"version": "version", "architecture": "architecture", "threads": "num_threads"}
"""Key to threadpoolctl's name; not every library has each."""


def read_linked_libraries() -> Iterator[tuple[str, EnvironmentValue]]:
    """Yield what NumPy was built with, and which shared libraries threadpoolctl finds loaded."""
    # MKL is part of torch's own file in the wheels for the CPU, and stands in torch.build.mkl.
    for name in ("blas", "lapack"):
        yield f"numpy.{name}", guarded(lambda name=name: _built_with(name))  # type: ignore[misc]
    try:
        found = importlib.import_module("threadpoolctl").threadpool_info()
    except Exception as error:  # noqa: BLE001 - it walks foreign libraries
        yield "library.unread", unreadable(f"{type(error).__name__}: {error}")
        return
    for library in sorted(found, key=lambda each: str(each["filepath"])):
        owner = _owner(PurePath(library["filepath"]))
        if owner is not None:
            yield from _described(f"library.{owner}.{library['internal_api']}", library)


def _built_with(name: str) -> str:
    import numpy as np

    built: Mapping[str, Any] = np.show_config(mode="dicts")["Build Dependencies"]
    return f"{built[name]['name']} {built[name]['version']}"


def _described(prefix: str, library: Mapping[str, Any]) -> Iterator[tuple[str, EnvironmentValue]]:
    for field, told in _FIELDS.items():
        if library.get(told) is not None:
            yield f"{prefix}.{field}", plain(library[told])


def _owner(file: PurePath) -> str | None:
    """Return the package that brings the file, ``shared`` if none does, None if it is another."""
    # Wheels keep theirs in numpy.libs and torch/lib; conda and the system keep one for all.
    if "site-packages" not in file.parts:
        return "shared"
    package = file.parts[file.parts.index("site-packages") + 1].removesuffix(".libs")
    return package if package in _OWNERS else None


PACKAGES = (
    "accelerate",
    "diffusers",
    "numpy",
    "peft",
    "pillow",
    "safetensors",
    "scipy",
    "tokenizers",
    "torch",
    "transformers",
)
"""The packages that take part in computing an image; SciPy makes some schedulers' tables."""

OPTIONAL_PACKAGES = (
    "beautifulsoup4",
    "bitsandbytes",
    "compel",
    "flash-attn",
    "ftfy",
    "gguf",
    "invisible-watermark",
    "kernels",
    "kornia",
    "opencv-python",
    "opencv-python-headless",
    "optimum-quanto",
    "protobuf",
    "sageattention",
    "scikit-learn",
    "sentencepiece",
    "tiktoken",
    "timm",
    "tomesd",
    "torchao",
    "torchsde",
    "torchvision",
    "xformers",
)
"""Those that change an image by being there, and are named only where they are."""

TOOLS = ("huggingface_hub", "imagehash", "nvidia-ml-py", "pytest-goldenseed", "scikit-image")
"""Those that find a model, describe the machine, or judge the image."""

CUDA_PACKAGES = (
    "cublas",
    "cuda-nvrtc",
    "cuda-runtime",
    "cudnn",
    "cufft",
    "curand",
    "cusolver",
    "cusparse",
    "cusparselt",
    "nccl",
    "nvjitlink",
)
"""What torch's CUDA wheels depend on, named ``nvidia-cublas-cu12`` or, later, ``nvidia-cublas``."""

CODECS = ("libjpeg_turbo", "webp", "zlib", "zlib_ng")

VARIABLES = (
    "ATEN_CPU_CAPABILITY",
    "CUBLASLT_WORKSPACE_SIZE",
    "CUBLAS_WORKSPACE_CONFIG",
    "DIFFUSERS_ATTN_BACKEND",
    "DIFFUSERS_ATTN_CHECKS",
    "DISABLE_ADDMM_CUDA_LT",
    "DNNL_DEFAULT_FPMATH_MODE",
    "DNNL_MAX_CPU_ISA",
    "MKL_CBWR",
    "MKL_DYNAMIC",
    "MKL_ENABLE_INSTRUCTIONS",
    "NPY_DISABLE_CPU_FEATURES",
    "NVIDIA_TF32_OVERRIDE",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "ONEDNN_MAX_CPU_ISA",
    "PYTORCH_TUNABLEOP_ENABLED",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
    "TORCH_BLAS_PREFER_CUBLASLT",
    "TORCH_LINALG_PREFER_CUSOLVER",
)
"""Read by ATen, cuBLAS, oneDNN, MKL, NumPy or diffusers; none holds a path."""

MACHINE_VARIABLES = (
    "MKL_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_NUM_THREADS",
)
"""How a machine is set up, without a say in the images: the suite's ``determinism.threads``
overrules the first two in torch, and OpenBLAS serves NumPy's matrix products alone."""


def read_software(*, cuda: bool) -> Iterator[tuple[str, EnvironmentValue]]:
    """Yield packages, codecs and variables; what is not installed or not set is None."""
    for name in PACKAGES:
        yield f"package.{name}", guarded(partial(_public_version, name))
    installed = _installed()
    for name in OPTIONAL_PACKAGES:
        if name in installed:
            yield f"package.{name}", guarded(partial(_public_version, name))
    for name in TOOLS:
        yield f"tool.{name}", guarded(partial(package_version, name))
    for name in VARIABLES:
        yield f"env.{name}", os.environ.get(name)
    for name in MACHINE_VARIABLES:
        yield f"machine.env.{name}", os.environ.get(name)
    yield from _codecs()
    if cuda:
        yield "cuda.package.triton", guarded(partial(package_version, "triton"))
        for name in CUDA_PACKAGES:
            yield f"cuda.package.{name}", guarded(partial(_nvidia_version, name))


def _installed() -> set[str]:
    """Name what is installed by the folders of its metadata: asking for one takes far longer."""
    names: set[str] = set()
    for place in sys.path:
        with suppress(OSError):
            names |= {
                re.sub(r"[-_.]+", "-", each.partition("-")[0]).lower()
                for each in os.listdir(place or ".")  # noqa: PTH208 - ten times as fast
                if each.endswith((".dist-info", ".egg-info"))
            }
    return names


def _public_version(package: str) -> str | None:
    """Drop the build's label (2.13.0 for 2.13.0+cpu): one lock serves wheels of CPU and CUDA."""
    version = package_version(package)
    return version.partition("+")[0] if version else None


def _nvidia_version(library: str) -> str | None:
    names = (f"nvidia-{library}{suffix}" for suffix in ("-cu13", "-cu12", "-cu11", ""))
    return next((found for found in map(package_version, names) if found), None)


def _codecs() -> Iterator[tuple[str, EnvironmentValue]]:
    from PIL import features

    for name in CODECS:
        yield f"codec.{name}", guarded(partial(features.version, name))
