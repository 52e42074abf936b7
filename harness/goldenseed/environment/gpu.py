"""The GPU that makes the images, and its driver: from torch, and from NVML where that is there."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from goldenseed.environment.keys import (
    EnvironmentValue,
    guarded,
    plain,
    unreadable,
)

_SALT = b"goldenseed gpu\0"
"""Keeps the digest of a card from being looked up in tables that others made of the same UUID."""


def read_gpu(device: str) -> Iterator[tuple[str, EnvironmentValue]]:
    """Yield the keys of the GPU that torch calls ``device``.

    Under MIG, torch's numbers are the slice's; mode and firmware are those of the card it is of.
    """
    import torch

    rocm = torch.version.hip is not None
    yield "gpu.platform", "rocm" if rocm else "cuda"
    try:
        properties = torch.cuda.get_device_properties(torch.device(device))
    except Exception as error:  # noqa: BLE001 - a card that was lost raises what its driver likes
        reason = unreadable(f"{type(error).__name__}: {error}")
        for name in ("name", "compute_capability", "multiprocessors"):
            yield f"gpu.{name}", reason
        return
    yield "gpu.name", plain(properties.name)
    yield "gpu.compute_capability", f"{properties.major}.{properties.minor}"
    yield "gpu.architecture", plain(getattr(properties, "gcnArchName", None))
    yield "gpu.multiprocessors", plain(properties.multi_processor_count)
    per_multiprocessor = getattr(properties, "max_threads_per_multi_processor", None)
    yield "gpu.threads_per_multiprocessor", plain(per_multiprocessor)
    yield "gpu.l2_cache_bytes", plain(getattr(properties, "L2_cache_size", None))
    yield "gpu.memory_bytes", plain(properties.total_memory)
    yield "gpu.visible", guarded(torch.cuda.device_count)
    if not rocm:
        yield from read_nvml(properties)


def read_nvml(properties: Any) -> Iterator[tuple[str, EnvironmentValue]]:
    """Yield what NVML says of the GPU with torch's ``properties``, or ``gpu.nvml``: why not."""
    try:
        nvml = importlib.import_module("pynvml")
        nvml.nvmlInit()
    except Exception as error:  # noqa: BLE001 - no package, no driver, no permission: all the same
        yield "gpu.nvml", unreadable(f"{type(error).__name__}: {error}")
        return
    try:
        yield "gpu.driver", guarded(nvml.nvmlSystemGetDriverVersion)
        driver = guarded(lambda: _cuda_release(nvml.nvmlSystemGetCudaDriverVersion_v2()))
        yield "gpu.cuda_driver", driver
        yield from _card(nvml, properties)
    finally:
        with suppress(nvml.NVMLError):
            nvml.nvmlShutdown()


def _card(nvml: Any, properties: Any) -> Iterator[tuple[str, EnvironmentValue]]:
    try:
        handle = _handle(nvml, properties)
        sliced = bool(nvml.nvmlDeviceIsMigDeviceHandle(handle))
        card = nvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(handle) if sliced else handle
    except Exception as error:  # noqa: BLE001 - NVML raises one class an error code, torch others
        yield "gpu.nvml", unreadable(f"{type(error).__name__}: {error}")
        return
    readers: dict[str, Callable[[], Any]] = {
        "gpu.mig": lambda: bool(nvml.nvmlDeviceGetMigMode(card)[0]),
        "gpu.mig_slice": lambda: _slice(nvml, handle) if sliced else None,
        "gpu.ecc": lambda: bool(nvml.nvmlDeviceGetEccMode(card)[0]),
        "gpu.vbios": partial(nvml.nvmlDeviceGetVbiosVersion, card),
        "gpu.gsp_firmware": partial(nvml.nvmlDeviceGetGspFirmwareVersion, card),
        "gpu.uuid_sha256": lambda: _salted(nvml.nvmlDeviceGetUUID(handle)),
    }
    for kind in ("CORRECTED", "UNCORRECTED"):
        readers[f"gpu.ecc_errors.{kind.lower()}"] = partial(_ecc_errors, nvml, card, kind)
    for key, read in readers.items():
        yield key, _asked(nvml, read)


def _handle(nvml: Any, properties: Any) -> Any:
    """Find torch's GPU in NVML: by its UUID, since the two count GPUs differently."""
    uuid = str(getattr(properties, "uuid", ""))
    for prefix in ("GPU-", "MIG-", ""):
        with suppress(nvml.NVMLError):
            return nvml.nvmlDeviceGetHandleByUUID(f"{prefix}{uuid}")
    place = (properties.pci_domain_id, properties.pci_bus_id, properties.pci_device_id)
    return nvml.nvmlDeviceGetHandleByPciBusId("{:08x}:{:02x}:{:02x}.0".format(*place))


def _asked(nvml: Any, read: Callable[[], Any]) -> EnvironmentValue:
    """Read one value; what a card does not have (ECC on a desktop's) is None."""
    try:
        return plain(read())
    except nvml.NVMLError as error:
        if getattr(error, "value", None) == nvml.NVML_ERROR_NOT_SUPPORTED:
            return None
        return unreadable(f"{type(error).__name__}: {error}")
    except Exception as error:  # noqa: BLE001 - an older nvidia-ml-py lacks some functions
        return unreadable(f"{type(error).__name__}: {error}")


def _ecc_errors(nvml: Any, card: Any, kind: str) -> int:
    error_type = getattr(nvml, f"NVML_MEMORY_ERROR_TYPE_{kind}")
    return int(nvml.nvmlDeviceGetTotalEccErrors(card, error_type, nvml.NVML_VOLATILE_ECC))


def _slice(nvml: Any, handle: Any) -> str:
    """Name a MIG slice as NVIDIA does: compute slices and memory, ``3g.40gb``."""
    attributes = nvml.nvmlDeviceGetAttributes_v2(handle)
    gigabytes = round(attributes.memorySizeMB / 1024)
    return f"{attributes.gpuInstanceSliceCount}g.{gigabytes}gb"


def _cuda_release(number: int) -> str:
    """``12080`` → ``12.8`` (NVML: major * 1000 + minor * 10)."""
    return f"{number // 1000}.{number % 1000 // 10}"


def _salted(uuid: str | bytes) -> str:
    raw = uuid if isinstance(uuid, bytes) else uuid.encode()
    return hashlib.sha256(_SALT + raw).hexdigest()[:16]
