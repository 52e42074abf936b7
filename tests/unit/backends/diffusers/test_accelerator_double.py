"""The double itself: that it refuses what a device refuses, or tests on it would show nothing."""

from __future__ import annotations

import pytest
import torch

from accelerator_double import in_use, needs_double

pytestmark = needs_double


@pytest.mark.parametrize("device", ["twin:0", "twin:1"])
def test_values_stay_on_their_device_until_they_are_brought_off(device: str):
    with in_use() as double:
        values = torch.arange(6.0, device=device)
        made = (values.reshape(2, 3) @ torch.ones(3, 2, device=device))[:, 0].relu()
        assert (str(made.device), made.is_cpu, double.copies_off) == (device, False, 0)
        assert made.cpu().tolist() == [3.0, 12.0]
        assert (double.copies_off, double.reads) == (1, 0)
        assert made.sum().item() == 15.0
        assert double.reads == 1


def test_memory_that_lies_elsewhere_cannot_be_read():
    with in_use(), pytest.raises(TypeError, match="can't convert twin:0 device type tensor"):
        torch.ones(3, device="twin:0").numpy()


@pytest.mark.parametrize("other", ["twin:0", "cpu"])
def test_devices_are_not_mixed(other: str):
    with in_use(), pytest.raises(RuntimeError, match="on the same device in aten::add"):
        torch.ones(3, device="twin:1") + torch.ones(3, device=other)


def test_a_device_without_a_number_is_the_current_one():
    with in_use(current=1):
        assert torch.zeros(2, device="twin").device.index == 1
        torch.get_device_module("twin").set_device(0)
        assert torch.zeros(2, device="twin").device.index == 0
        assert torch.zeros(2, device="twin:1").add_(1).device.index == 1


def test_float64_is_refused_where_there_is_none():
    with in_use(float64=False):
        values = torch.ones(3, device="twin")
        with pytest.raises(TypeError, match="does not support"):
            values.double()


def test_memory_is_full_at_the_chosen_operation_and_not_before_or_after():
    with in_use(fails_at=3) as double:
        values = torch.ones(3, device="twin")  # one for the memory, one to fill it
        with pytest.raises(torch.OutOfMemoryError, match="twin out of memory in aten::mul"):
            values * 2
        assert (values * 2).cpu().tolist() == [2.0, 2.0, 2.0]
        assert double.fallen == ["aten::mul"]


def test_no_accelerator_is_found_once_it_is_out_of_use():
    with in_use():
        assert torch.accelerator.is_available()
        assert torch.accelerator.device_count() == 2
    assert not torch.accelerator.is_available()
    assert torch.accelerator.device_count() == 0
    with pytest.raises(RuntimeError, match="not available"):
        torch.ones(3, device="twin")
