"""What makes torch repeat itself: its switches, and the seeds of its generators."""

from __future__ import annotations

import importlib
import os
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from goldenseed.environment.device import module_of

if TYPE_CHECKING:
    from types import ModuleType

    from goldenseed.suite.model import Determinism


CUBLAS_WORKSPACE = ":4096:8"
"""The workspace with which cuBLAS repeats itself across streams (NVIDIA, cuBLAS "Results
reproducibility"; torch's notes on randomness)."""

FP32_PRECISION_SWITCHES = (
    "cuda.matmul",
    "cudnn.conv",
    "cudnn.rnn",
    "mkldnn.matmul",
    "mkldnn.conv",
    "mkldnn.rnn",
)
"""Every operation below ``torch.backends`` with an ``fp32_precision`` (torch 2.9 and later).

``torch.backends.fp32_precision`` itself overwrites them all. ``mkldnn.fp32_precision`` is left out
because its setter writes that one (torch 2.13.0).
"""
MATMUL_SWITCHES = (
    "allow_fp16_reduced_precision_reduction",
    "allow_bf16_reduced_precision_reduction",
    "allow_fp16_accumulation",
)
"""Switches of ``torch.backends.cuda.matmul`` that trade bits for speed."""
SDPA_KERNELS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "repeatable": ("FLASH_ATTENTION", "EFFICIENT_ATTENTION", "MATH", "OVERRIDEABLE"),
        "math": ("MATH",),
        "flash": ("FLASH_ATTENTION",),
        "efficient": ("EFFICIENT_ATTENTION",),
        "cudnn": ("CUDNN_ATTENTION",),
    }
)
"""``determinism.sdpa`` to the names in ``torch.nn.attention.SDPBackend``; ``default`` leaves all.

The forward of flash and of memory-efficient attention adds up in an order that only shapes decide;
what torch warns of is their backward. cuDNN's attention is not among the repeatable ones because
torch itself refuses it while deterministic algorithms are wanted (``check_cudnn_deterministic`` of
ATen's ``sdp_utils.cpp``). ``OVERRIDEABLE`` is the kernel of devices that bring their own.
"""


def set_before_torch() -> str | None:
    """Set what cuBLAS reads at first, unless the user did; return a note if it is too late."""
    # It is read once, when cuBLAS makes its first handle.
    chosen = os.environ.get("CUBLAS_WORKSPACE_CONFIG")
    if chosen is None and _cuda_is_initialised():
        return (
            "CUDA was already in use when goldenseed started, so CUBLAS_WORKSPACE_CONFIG could "
            f"not be set; export CUBLAS_WORKSPACE_CONFIG={CUBLAS_WORKSPACE} for repeatable results"
        )
    if chosen is None:
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = CUBLAS_WORKSPACE
        return None
    if chosen not in {CUBLAS_WORKSPACE, ":16:8"}:
        return (
            f"CUBLAS_WORKSPACE_CONFIG={chosen} does not make cuBLAS repeatable; "
            f"{CUBLAS_WORKSPACE} and :16:8 do"
        )
    return None


@contextmanager
def settings(determinism: Determinism, device: str = "cpu") -> Iterator[None]:
    """Apply a suite's determinism settings to torch; on exit every switch is as it was.

    diffusers' ``enable_full_determinism()`` is not used: it leaves TF32 convolutions on.
    Entering and leaving takes some tens of microseconds. The settings are global to the process.
    With deterministic algorithms torch fills all new memory, to show who reads what nobody wrote.
    That decides no bit of a forward pass unless an operation is broken, and costs a kernel for each
    new tensor, so that on any ``device`` but the CPU it is off.
    """
    on_cpu = device.partition(":")[0] == "cpu"
    import torch

    with ExitStack() as restore:
        _algorithms(torch, restore, wanted=determinism.algorithms)
        _fp32_precision(torch, restore, determinism.float32_precision)
        put = partial(_put, restore)
        put(torch.backends.cudnn, "deterministic", value=determinism.algorithms)
        put(torch.backends.cudnn, "benchmark", value=determinism.cudnn_benchmark)
        for switch in MATMUL_SWITCHES:
            put(torch.backends.cuda.matmul, switch, value=determinism.reduced_precision_gemm)
        if not on_cpu:
            put(torch.utils.deterministic, "fill_uninitialized_memory", value=False)
        _attention_kernels(torch, restore, determinism, on_cpu=on_cpu)
        if torch.get_num_threads() != determinism.threads:
            restore.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(determinism.threads)
        yield


@contextmanager
def seeded(seed: int, device: str = "cpu") -> Iterator[None]:
    """Seed the generators of Python, NumPy, torch and ``device``; on exit they go on as before.

    So a pipeline that draws elsewhere than it should repeats itself too, and takes no test's
    numbers. ``seed`` is from 0 to 2**63 - 1; NumPy's old generator takes its lower 32 bits.
    """
    import numpy as np
    import torch

    with ExitStack() as restore:
        restore.callback(random.setstate, random.getstate())
        restore.callback(np.random.set_state, np.random.get_state())
        random.seed(seed)
        np.random.seed(seed % 2**32)
        if _cuda_is_initialised():
            restore.enter_context(torch.random.fork_rng(range(torch.cuda.device_count())))
            torch.manual_seed(seed)
        else:
            # torch.manual_seed would also queue seeds for every kind of device there might be.
            restore.callback(torch.set_rng_state, torch.get_rng_state())
            torch.default_generator.manual_seed(seed)
            module = module_of(device)
            if module is not None and module.is_available():
                restore.callback(module.set_rng_state, module.get_rng_state())
                getattr(module, "manual_seed_all", module.manual_seed)(seed)
        yield


def _attention_kernels(
    torch: ModuleType, restore: ExitStack, determinism: Determinism, *, on_cpu: bool
) -> None:
    """Leave torch's attention the suite's kernels; the repeatable one of a CPU is math."""
    if determinism.sdpa != "default":
        attention = importlib.import_module("torch.nn.attention")
        instead = {"repeatable": "math"} if on_cpu else {}
        names = SDPA_KERNELS[instead.get(determinism.sdpa, determinism.sdpa)]
        known = attention.SDPBackend
        kernels = [getattr(known, name) for name in names if hasattr(known, name)]
        restore.enter_context(attention.sdpa_kernel(kernels))
    cuda = torch.backends.cuda
    if hasattr(cuda, "fp16_bf16_reduction_math_sdp_allowed"):
        before = cuda.fp16_bf16_reduction_math_sdp_allowed()
        restore.callback(cuda.allow_fp16_bf16_reduction_math_sdp, before)
        cuda.allow_fp16_bf16_reduction_math_sdp(determinism.reduced_precision_gemm)


def _cuda_is_initialised() -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and bool(torch.cuda.is_initialized())


def _algorithms(torch: ModuleType, restore: ExitStack, *, wanted: bool) -> None:
    restore.callback(
        torch.use_deterministic_algorithms,
        torch.are_deterministic_algorithms_enabled(),
        warn_only=torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    torch.use_deterministic_algorithms(wanted)


def _fp32_precision(torch: ModuleType, restore: ExitStack, precision: str) -> None:
    """Set every switch of float32 products, those that only older code reads included.

    Written last is what counts, so the new switches are written, and put back, after the old ones;
    without the old ones torch refuses to answer who asks for them ("a mix of the legacy and new
    APIs", torch 2.13.0).
    """
    operations = [
        (owner, owner.fp32_precision)
        for owner in (_owner(torch, name) for name in FP32_PRECISION_SWITCHES)
        if owner is not None
    ]
    for owner, before in operations:
        restore.callback(setattr, owner, "fp32_precision", before)
    matmul = _readable(torch.get_float32_matmul_precision)
    if matmul is not None:
        restore.callback(torch.set_float32_matmul_precision, matmul)
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    _put(restore, torch.backends.cudnn, "allow_tf32", value=precision == "tf32")
    if hasattr(torch.backends, "fp32_precision"):
        restore.callback(setattr, torch.backends, "fp32_precision", torch.backends.fp32_precision)
        torch.backends.fp32_precision = precision
    for owner, _ in operations:
        owner.fp32_precision = precision


def _owner(torch: ModuleType, name: str) -> Any:
    """Find what has the switch below ``torch.backends``; None where this torch has it not."""
    found = torch.backends
    for part in name.split("."):
        found = getattr(found, part, None)
    return found if hasattr(found, "fp32_precision") else None


def _put(restore: ExitStack, owner: object, name: str, *, value: bool) -> None:
    """Set an attribute that this torch has, and note how to put it back."""
    before = _readable(partial(getattr, owner, name))
    if before is None:
        return
    restore.callback(setattr, owner, name, before)
    setattr(owner, name, value)


def _readable(getter: Callable[[], Any]) -> Any:
    """Read a switch; None where this torch lacks it or refuses to say."""
    try:
        return getter()
    except (AttributeError, RuntimeError):
        return None
