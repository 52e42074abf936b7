"""One lock serves machines with and without a GPU, though a GPU has other defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from goldenseed.environment.lock import lock_differences, lockable, read_lock, write_lock

CPU = {
    "device.type": "cpu",
    "package.torch": "2.13.0",
    "torch.sdp.flash": False,
    "torch.fill_uninitialized_memory": True,
}
CUDA = {
    "device.type": "cuda",
    "package.torch": "2.13.0",
    "torch.sdp.flash": True,
    "torch.fill_uninitialized_memory": False,
    "cuda.sdp_kernels": "flash mem_efficient math",
    "cuda.package.cublas": "12.8",
}
MPS = {**CPU, "device.type": "mps", "torch.sdp.flash": True}


@pytest.mark.parametrize("order", [(CPU, CUDA), (CUDA, CPU), (CUDA, MPS, CPU)])
def test_a_lock_written_anywhere_holds_everywhere(tmp_path: Path, order: tuple[dict[str, str]]):
    path = tmp_path / "tiny.lock.json"
    for environment in order:
        write_lock(path, "tiny", environment)
    lock = read_lock(path, "tiny")
    for environment in (CPU, CUDA, MPS):
        assert lock_differences(lock, environment) == ()


def test_each_kind_of_device_is_held_to_its_own_pins(tmp_path: Path):
    path = tmp_path / "tiny.lock.json"
    write_lock(path, "tiny", CUDA)
    lock = write_lock(path, "tiny", CPU)
    moved = lock_differences(lock, {**CUDA, "cuda.sdp_kernels": "math", "torch.sdp.flash": False})
    assert [each.key for each in moved] == ["cuda.sdp_kernels"]
    moved = lock_differences(lock, {**CPU, "torch.sdp.flash": True})
    assert [each.key for each in moved] == ["torch.sdp.flash"]


def test_a_device_pins_nothing_of_another():
    assert "torch.sdp.flash" in lockable(CPU)
    assert "torch.sdp.flash" not in lockable(CUDA)
    assert set(lockable(MPS)) == {"package.torch"}
