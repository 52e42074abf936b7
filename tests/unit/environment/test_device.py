"""A device is asked what it is and can do; tried on one that is no CPU and is called ``twin``."""

from __future__ import annotations

import pytest
import torch

import accelerator_double
from accelerator_double import needs_double
from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.device import (
    copies_aside,
    device_for,
    empty_cache,
    forget_peak,
    module_of,
    peak_bytes,
)


@needs_double
@pytest.mark.parametrize(
    ("wanted", "index", "device"),
    [
        ("auto", 0, "twin:0"),
        ("auto", 3, "twin:1"),
        ("twin", 1, "twin:1"),
        ("twin:1", 0, "twin:1"),
        ("cpu", 1, "cpu"),
    ],
)
def test_a_device_of_any_kind_is_taken_as_a_gpu_is(wanted: str, index: int, device: str):
    with accelerator_double.in_use():
        assert device_for(wanted, index) == device


@needs_double
def test_a_number_too_high_names_how_many_there_are():
    with (
        accelerator_double.in_use(),
        pytest.raises(GoldenseedError, match=r"'twin:2'.*only 2 of twin") as caught,
    ):
        device_for("twin:2")
    assert caught.value.fix == "use a number from 0 to 1, or twin for any"


@needs_double
def test_a_kind_that_is_not_there_names_the_one_that_is():
    with (
        accelerator_double.in_use(),
        pytest.raises(GoldenseedError, match=r"'xpu' was asked for.*sees no xpu, but 2 of twin"),
    ):
        device_for("xpu")


@needs_double
def test_a_device_that_went_away_is_not_taken_for_another():
    with accelerator_double.in_use():
        pass
    assert device_for("auto") == "cpu"
    with pytest.raises(GoldenseedError, match="'twin:0' was asked for"):
        device_for("twin:0")


@needs_double
def test_without_the_dtype_auto_is_the_cpu_and_a_device_by_name_is_an_error():
    with accelerator_double.in_use(float64=False):
        assert device_for("auto", dtype=torch.float64) == "cpu"
        assert device_for("auto", dtype=torch.float32) == "twin:0"
        with pytest.raises(GoldenseedError, match="twin:1 has no float64"):
            device_for("twin:1", dtype=torch.float64)


@needs_double
def test_a_device_whose_memory_is_full_says_so_before_anything_is_loaded():
    with accelerator_double.in_use() as double:
        double.run = _full  # type: ignore[method-assign]
        with pytest.raises(GoldenseedError, match="twin:0 does not work: OutOfMemoryError: full"):
            device_for("twin:0", dtype=torch.float32)


def _full(_operation: str) -> None:
    raise torch.OutOfMemoryError("full")


@needs_double
def test_what_a_device_does_not_have_is_not_asked_of_it():
    with accelerator_double.in_use():
        assert not copies_aside("twin:0"), "it has no streams"
        forget_peak("twin:0")
        assert peak_bytes("twin:0") is None
        empty_cache("twin:0")
    assert module_of("cpu") is None
    assert peak_bytes("cpu") is None
    assert not copies_aside("cpu")
    empty_cache("cpu")
