"""What NVML and torch say of GPUs, as recorded.

No machine that runs these tests has to have a GPU, so the module ``pynvml`` is replaced by one that
answers as the real one does: the same functions, arguments, types, errors and constants. Its errors
are those of the real nvidia-ml-py, which needs no driver to be imported.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest
import torch

from goldenseed.environment.gpu import read_gpu
from goldenseed.environment.keys import EnvironmentValue

UUID = "3f2b8c1e-0d8a-5b1f-9c57-6d1f0e9a7b42"

PROPERTIES = SimpleNamespace(
    name="NVIDIA H200",
    major=9,
    minor=0,
    multi_processor_count=132,
    max_threads_per_multi_processor=2048,
    total_memory=150_109_487_104,
    L2_cache_size=62_914_560,
    uuid=UUID,
    pci_domain_id=0,
    pci_bus_id=0x1B,
    pci_device_id=0,
)


class WholeCard:
    """``pynvml`` on a server with one H200."""

    NVMLError = pynvml.NVMLError
    NVML_ERROR_NOT_SUPPORTED = pynvml.NVML_ERROR_NOT_SUPPORTED
    NVML_MEMORY_ERROR_TYPE_CORRECTED = pynvml.NVML_MEMORY_ERROR_TYPE_CORRECTED
    NVML_MEMORY_ERROR_TYPE_UNCORRECTED = pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED
    NVML_VOLATILE_ECC = pynvml.NVML_VOLATILE_ECC

    uuid = f"GPU-{UUID}"
    mig = False

    def __init__(self) -> None:
        self.open = 0

    def nvmlInit(self) -> None:  # noqa: N802 - NVML's names
        self.open += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.open -= 1

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802
        return "570.86.15"

    def nvmlSystemGetCudaDriverVersion_v2(self) -> int:  # noqa: N802
        return 12080

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:  # noqa: N802
        if uuid != self.uuid:
            raise pynvml.NVMLError_NotFound
        return "slice" if uuid.startswith("MIG-") else "card"

    def nvmlDeviceGetHandleByPciBusId(self, place: str) -> str:  # noqa: N802
        if place != "00000000:1b:00.0":
            raise pynvml.NVMLError_NotFound
        return "card"

    def nvmlDeviceIsMigDeviceHandle(self, handle: str) -> int:  # noqa: N802
        return int(handle == "slice")

    def nvmlDeviceGetDeviceHandleFromMigDeviceHandle(self, handle: str) -> str:  # noqa: N802
        assert handle == "slice"
        return "card"

    def nvmlDeviceGetAttributes_v2(self, handle: str) -> Any:  # noqa: N802
        assert handle == "slice"
        return SimpleNamespace(gpuInstanceSliceCount=1, memorySizeMB=18_432)

    def nvmlDeviceGetMigMode(self, handle: str) -> list[int]:  # noqa: N802
        return [int(self._card(handle).mig), int(self.mig)]

    def nvmlDeviceGetEccMode(self, handle: str) -> list[int]:  # noqa: N802
        self._card(handle)
        return [1, 1]

    def nvmlDeviceGetTotalEccErrors(self, handle: str, error_type: int, counter: int) -> int:  # noqa: N802
        self._card(handle)
        assert counter == pynvml.NVML_VOLATILE_ECC
        return 3 if error_type == pynvml.NVML_MEMORY_ERROR_TYPE_CORRECTED else 0

    def nvmlDeviceGetVbiosVersion(self, handle: str) -> str:  # noqa: N802
        self._card(handle)
        return "96.00.A5.00.01"

    def nvmlDeviceGetGspFirmwareVersion(self, handle: str) -> bytes:  # noqa: N802
        self._card(handle)
        return b"570.86.15"

    def nvmlDeviceGetUUID(self, handle: str) -> str:  # noqa: N802
        return self.uuid

    def _card(self, handle: str) -> WholeCard:
        if handle != "card":
            raise pynvml.NVMLError_InvalidArgument
        return self


class Slice(WholeCard):
    """A MIG slice of that card."""

    uuid = f"MIG-{UUID}"
    mig = True


class Desktop(WholeCard):
    """A card without ECC, MIG and GSP firmware."""

    def nvmlDeviceGetEccMode(self, handle: str) -> list[int]:  # noqa: N802
        raise pynvml.NVMLError_NotSupported

    nvmlDeviceGetMigMode = nvmlDeviceGetEccMode  # noqa: N815

    def nvmlDeviceGetTotalEccErrors(self, handle: str, error_type: int, counter: int) -> int:  # noqa: N802
        raise pynvml.NVMLError_NotSupported

    def nvmlDeviceGetGspFirmwareVersion(self, handle: str) -> bytes:  # noqa: N802
        raise pynvml.NVMLError_NotSupported


class Forbidden(WholeCard):
    """A container that may not ask for everything."""

    def nvmlDeviceGetVbiosVersion(self, handle: str) -> str:  # noqa: N802
        raise pynvml.NVMLError_NoPermission


class Lost(WholeCard):
    """A card that fell off the bus."""

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:  # noqa: N802
        raise pynvml.NVMLError_GpuIsLost

    def nvmlDeviceGetHandleByPciBusId(self, place: str) -> str:  # noqa: N802
        raise pynvml.NVMLError_GpuIsLost


class OldDriverWithoutUuid(WholeCard):
    """A torch whose properties have another UUID than NVML knows: the PCI place has to do."""

    uuid = "GPU-00000000-0000-0000-0000-000000000000"


def install(patch: pytest.MonkeyPatch, recorded: WholeCard) -> WholeCard:
    """Let ``import pynvml`` find the recorded answers."""
    patch.setitem(sys.modules, "pynvml", recorded)  # type: ignore[arg-type]
    return recorded


def read_gpu_keys(patch: pytest.MonkeyPatch) -> Iterator[tuple[str, EnvironmentValue]]:
    """Read the GPU's keys with torch answering as on that server."""
    patch.setattr(torch.cuda, "get_device_properties", lambda device: PROPERTIES)
    patch.setattr(torch.cuda, "device_count", lambda: 8)
    return read_gpu("cuda:1")
