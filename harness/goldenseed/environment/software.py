"""Installed packages, linked libraries, and variables that change the arithmetic."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import PurePath
from typing import Any

from goldenseed.environment.keys import (
    EnvironmentValue,
    guarded,
    package_version,
    plain,
    unreadable,
)

_OWNERS = ("numpy", "torch")
"""What is imported wherever images are made. Others, SciPy for one, are imported at their leisure,
and the record must not depend on when it was written."""
_FIELDS = {"version": "version", "architecture": "architecture", "threads": "num_threads"}
"""Key to threadpoolctl's name; not every library has each."""


def read_linked_libraries() -> Iterator[tuple[str, EnvironmentValue]]:
    """Yield what NumPy was built with, and what threadpoolctl finds loaded. Takes milliseconds.

    threadpoolctl sees shared libraries only: MKL is part of torch's own file in the wheels for the
    CPU, and stands in ``torch.build.mkl``.
    """
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
    """Return the package that brings the file, ``shared`` if none does, None if it is another.

    Wheels keep their libraries in ``numpy.libs`` and in ``torch/lib``; conda and the system keep
    one that all packages share.
    """
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


def _public_version(package: str) -> str | None:
    """Drop the label of the build (PEP 440's local version): 2.13.0 for 2.13.0+cpu.

    Wheels of one release for CPU and CUDA differ in it, and one lock has to serve both; the whole
    version is in ``torch.version``.
    """
    version = package_version(package)
    return version.partition("+")[0] if version else None


def _nvidia_version(library: str) -> str | None:
    names = (f"nvidia-{library}{suffix}" for suffix in ("-cu13", "-cu12", "-cu11", ""))
    return next((found for found in map(package_version, names) if found), None)


def _codecs() -> Iterator[tuple[str, EnvironmentValue]]:
    from PIL import features

    for name in CODECS:
        yield f"codec.{name}", guarded(partial(features.version, name))
