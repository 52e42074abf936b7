"""torch: how it was built, and every switch of it that decides bits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from operator import attrgetter
from types import ModuleType
from typing import Any

from goldenseed.core.files import sha256_hex
from goldenseed.environment.determinism import FP32_PRECISION_SWITCHES, MATMUL_SWITCHES
from goldenseed.environment.keys import UNREADABLE, EnvironmentValue, guarded, plain

_BUILT_WITH = {
    "compiler": re.compile(r"^  - ((?:GCC|clang|MSVC|LLVM)\b.*)$", re.IGNORECASE | re.MULTILINE),
    "mkl": re.compile(r"Math Kernel Library Version ([^\s]+ \S+ \S+)"),
    "onednn": re.compile(r"MKL-DNN (v\S+)"),
    "openmp": re.compile(r"OpenMP (\d+)"),
    "blas": re.compile(r"BLAS_INFO=([^,\s]+)"),
    "lapack": re.compile(r"LAPACK_INFO=([^,\s]+)"),
}
_CAPABILITY_LINE = re.compile(r"^.*CPU capability usage.*\n", re.MULTILINE)
"""A line of the build's description that tells of the machine."""


def read_switches(*, cuda: bool) -> Iterator[tuple[str, EnvironmentValue]]:
    """Yield torch's keys as they are now; a switch that it refuses to tell is unreadable."""
    import torch

    yield "torch.version", plain(torch.__version__)
    yield "torch.git_version", plain(torch.version.git_version)
    yield "torch.cuda", torch.version.cuda
    yield "torch.hip", torch.version.hip
    yield from _build(torch)
    yield "cpu.capability", guarded(torch.backends.cpu.get_cpu_capability)
    yield "cpu.interop_threads", guarded(torch.get_num_interop_threads)
    for key, getter in switch_readers().items():
        yield key, guarded(getter)
    if cuda:
        yield "torch.cudnn", guarded(torch.backends.cudnn.version)
        yield "cuda.sdp_kernels", guarded(lambda: _sdp_kernels(torch))


def _sdp_kernels(torch: ModuleType) -> str:
    switches = _switches(torch)
    names = ("flash", "mem_efficient", "math", "cudnn")
    return " ".join(name for name in names if switches[f"sdp.{name}"]())


def switch_readers() -> dict[str, Callable[[], Any]]:
    """Return by key what reads each switch of a running process: ten microseconds for all."""
    import torch

    found = {f"torch.{name}": getter for name, getter in _switches(torch).items()}
    return {"cpu.threads": torch.get_num_threads, **found}


def _build(torch: ModuleType) -> Iterator[tuple[str, EnvironmentValue]]:
    text = str(guarded(torch.__config__.show))
    if text.startswith(UNREADABLE):
        yield from ((f"torch.build.{name}", text) for name in (*_BUILT_WITH, "sha256"))
        return
    for name, pattern in _BUILT_WITH.items():
        found = pattern.search(text)
        yield f"torch.build.{name}", found[1] if found else None
    yield "torch.build.sha256", sha256_hex(_CAPABILITY_LINE.sub("", text).encode())


def _switches(torch: ModuleType) -> dict[str, Callable[[], Any]]:
    backends, cuda = torch.backends, torch.backends.cuda
    found: dict[str, Callable[[], Any]] = {
        "deterministic_algorithms": torch.are_deterministic_algorithms_enabled,
        "deterministic_warn_only": torch.is_deterministic_algorithms_warn_only_enabled,
        "fill_uninitialized_memory": lambda: torch.utils.deterministic.fill_uninitialized_memory,
        "default_dtype": lambda: str(torch.get_default_dtype()).removeprefix("torch."),
        "float32_matmul_precision": torch.get_float32_matmul_precision,
        "cudnn.enabled": lambda: backends.cudnn.enabled,
        "cudnn.deterministic": lambda: backends.cudnn.deterministic,
        "cudnn.benchmark": lambda: backends.cudnn.benchmark,
        "mkldnn.enabled": lambda: backends.mkldnn.enabled,
        "mkldnn.deterministic": lambda: getattr(backends.mkldnn, "deterministic", None),
        "sdp.flash": cuda.flash_sdp_enabled,
        "sdp.mem_efficient": cuda.mem_efficient_sdp_enabled,
        "sdp.math": cuda.math_sdp_enabled,
        "sdp.cudnn": cuda.cudnn_sdp_enabled,
        "sdp.math_reduced_precision": cuda.fp16_bf16_reduction_math_sdp_allowed,
        "preferred_blas_library": lambda: cuda.preferred_blas_library().name,
        "preferred_linalg_library": lambda: cuda.preferred_linalg_library().name,
    }
    for switch in MATMUL_SWITCHES:
        found[f"matmul.{switch}"] = partial(getattr, cuda.matmul, switch)
    if hasattr(backends, "fp32_precision"):
        found["fp32_precision"] = lambda: backends.fp32_precision
        for place in FP32_PRECISION_SWITCHES:
            owner = attrgetter(place)(backends)
            found[f"{place}.fp32_precision"] = partial(getattr, owner, "fp32_precision")
    else:
        found["cuda.matmul.allow_tf32"] = lambda: cuda.matmul.allow_tf32
        found["cudnn.allow_tf32"] = lambda: backends.cudnn.allow_tf32
    return found
