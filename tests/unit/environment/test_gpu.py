"""GPU and driver, from recorded answers: see ``recorded_gpu`` for why."""

from __future__ import annotations

import importlib.util
import re
import sys

import pytest
import recorded_gpu
import torch

from goldenseed.environment.fingerprint import fingerprint_sha256, lasting
from goldenseed.environment.gpu import read_gpu, read_nvml
from goldenseed.environment.keys import EnvironmentValue
from goldenseed.environment.profile import fallback_chain, profile_slug


def read(patch: pytest.MonkeyPatch, card: recorded_gpu.WholeCard) -> dict[str, EnvironmentValue]:
    recorded_gpu.install(patch, card)
    found = dict(read_nvml(recorded_gpu.PROPERTIES))
    assert card.open == 0, "NVML was left open"
    return found


def test_a_whole_card_is_described(monkeypatch: pytest.MonkeyPatch):
    found = read(monkeypatch, recorded_gpu.WholeCard())
    identifier = found.pop("gpu.uuid_sha256")
    assert found == {
        "gpu.driver": "570.86.15",
        "gpu.cuda_driver": "12.8",
        "gpu.mig": False,
        "gpu.mig_slice": None,
        "gpu.ecc": True,
        "gpu.vbios": "96.00.A5.00.01",
        "gpu.gsp_firmware": "570.86.15",
        "gpu.ecc_errors.corrected": 3,
        "gpu.ecc_errors.uncorrected": 0,
    }
    assert re.fullmatch(r"[0-9a-f]{16}", str(identifier))
    assert recorded_gpu.UUID not in str(identifier)


def test_of_a_slice_the_card_is_described_and_the_slice_named(monkeypatch: pytest.MonkeyPatch):
    found = read(monkeypatch, recorded_gpu.Slice())
    assert (found["gpu.mig"], found["gpu.mig_slice"]) == (True, "1g.18gb")
    assert found["gpu.vbios"] == "96.00.A5.00.01"


def test_what_a_card_does_not_have_is_none(monkeypatch: pytest.MonkeyPatch):
    found = read(monkeypatch, recorded_gpu.Desktop())
    empty = {key for key, value in found.items() if value is None}
    assert empty == {
        "gpu.mig",
        "gpu.mig_slice",
        "gpu.ecc",
        "gpu.gsp_firmware",
        "gpu.ecc_errors.corrected",
        "gpu.ecc_errors.uncorrected",
    }


def test_what_may_not_be_read_says_so_and_the_rest_is_read(monkeypatch: pytest.MonkeyPatch):
    found = read(monkeypatch, recorded_gpu.Forbidden())
    assert str(found["gpu.vbios"]).startswith("unreadable: NVMLError_NoPermission: ")
    assert found["gpu.ecc"] is True


def test_a_lost_card_leaves_the_driver_and_the_reason(monkeypatch: pytest.MonkeyPatch):
    found = read(monkeypatch, recorded_gpu.Lost())
    assert set(found) == {"gpu.driver", "gpu.cuda_driver", "gpu.nvml"}
    assert str(found["gpu.nvml"]).startswith("unreadable: NVMLError_GpuIsLost")


def test_a_card_whose_uuid_nvml_does_not_know_is_found_by_its_place(
    monkeypatch: pytest.MonkeyPatch,
):
    assert read(monkeypatch, recorded_gpu.OldDriverWithoutUuid())["gpu.ecc"] is True


@pytest.mark.skipif(torch.cuda.is_available(), reason="here NVML is there")
def test_without_a_driver_the_real_library_says_so():
    assert importlib.util.find_spec("pynvml"), "nvidia-ml-py belongs to the tested environment"
    found = dict(read_nvml(recorded_gpu.PROPERTIES))
    assert found == {
        "gpu.nvml": "unreadable: NVMLError_LibraryNotFound: NVML Shared Library Not Found"
    }


def test_without_the_library_that_is_the_reason(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    found = dict(read_nvml(recorded_gpu.PROPERTIES))
    assert list(found) == ["gpu.nvml"]
    assert "ModuleNotFoundError" in str(found["gpu.nvml"])


def test_of_several_gpus_the_one_that_makes_the_images_counts(monkeypatch: pytest.MonkeyPatch):
    recorded_gpu.install(monkeypatch, recorded_gpu.WholeCard())
    found = dict(recorded_gpu.read_gpu_keys(monkeypatch))
    assert found["gpu.visible"] == 8
    assert profile_slug({"device.type": "cuda", **found}) == "cuda-h200-sm90-132sm"


class Neighbour(recorded_gpu.WholeCard):
    """Another card of the same server: found by its place, with another UUID and more errors."""

    def nvmlDeviceGetUUID(self, handle: str) -> str:  # noqa: N802
        return "GPU-00000000-0000-0000-0000-000000000001"

    def nvmlDeviceGetTotalEccErrors(self, handle: str, error_type: int, counter: int) -> int:  # noqa: N802
        return 41


def test_a_fleet_has_one_fingerprint_and_its_cards_are_told_apart_for_people(
    monkeypatch: pytest.MonkeyPatch,
):
    found = []
    for card in (recorded_gpu.WholeCard(), Neighbour()):
        recorded_gpu.install(monkeypatch, card)
        found.append({"device.type": "cuda", **dict(recorded_gpu.read_gpu_keys(monkeypatch))})
    one, other = found
    assert {key for key in one if one[key] != other[key]} == {
        "gpu.ecc_errors.corrected",
        "gpu.ecc_errors.uncorrected",
        "gpu.uuid_sha256",
    }
    assert lasting(one) == lasting(other)
    assert fingerprint_sha256(one) == fingerprint_sha256(other)
    assert set(one) - set(lasting(one)) == {
        *("gpu.ecc_errors.corrected", "gpu.ecc_errors.uncorrected"),
        *("gpu.uuid_sha256", "gpu.visible"),
    }


def test_a_card_of_amd_is_not_asked_for_nvidias_library(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.version, "hip", "6.2.4")
    recorded_gpu.install(monkeypatch, recorded_gpu.Lost())
    found = dict(recorded_gpu.read_gpu_keys(monkeypatch))
    assert found["gpu.platform"] == "rocm"
    assert "gpu.driver" not in found


def test_a_card_that_torch_has_lost_is_unreadable_and_has_no_profile_of_another(
    monkeypatch: pytest.MonkeyPatch,
):
    def lost(_device: object) -> None:
        raise RuntimeError("CUDA error: device is lost")

    monkeypatch.setattr(torch.cuda, "get_device_properties", lost)
    found = dict(read_gpu("cuda:0"))
    assert found["gpu.name"] == "unreadable: RuntimeError: CUDA error: device is lost"
    slug = profile_slug({"device.type": "cuda", **found})
    assert slug == "cuda-unknown-smunknown-unknownsm"
    assert fallback_chain(slug, ["cuda-h200-sm90-132sm", "cpu-x86_64-avx512"]) == ()
