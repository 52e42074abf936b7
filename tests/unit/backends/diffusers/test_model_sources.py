from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest
import torch

from goldenseed.backends.diffusers.places import dtype_for
from goldenseed.backends.protocol import GenerationError
from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.device import device_for


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    def pretend(count: int) -> None:
        # A device written in Python, once registered by another test, stays torch's accelerator.
        monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda *_, **__: None)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return pretend


@pytest.mark.parametrize(
    ("wanted", "count", "index", "device"),
    [
        ("auto", 0, 3, "cpu"),
        ("auto", 2, 0, "cuda:0"),
        ("auto", 2, 3, "cuda:1"),
        ("cuda", 2, 3, "cuda:1"),
        ("cuda:1", 2, 0, "cuda:1"),
        ("cpu", 2, 0, "cpu"),
    ],
)
def test_workers_take_the_gpus_in_turn(
    gpus: Callable[[int], None], wanted: str, count: int, index: int, device: str
):
    gpus(count)
    assert device_for(wanted, index) == device


@pytest.mark.parametrize(("wanted", "count"), [("cuda", 0), ("cuda:2", 2), ("gramophone", 0)])
def test_a_device_that_is_not_there_is_an_error(
    gpus: Callable[[int], None], wanted: str, count: int
):
    gpus(count)
    with pytest.raises(GoldenseedError, match=wanted):
        device_for(wanted)


def test_dtypes_go_by_torchs_names():
    assert dtype_for("bfloat16") is torch.bfloat16


@pytest.mark.parametrize("name", ["int8", "float31", "nn"])
def test_what_is_no_floating_dtype_is_an_error(name: str):
    with pytest.raises(GoldenseedError, match=name):
        dtype_for(name)


def test_an_error_travels_between_processes_as_what_it_is():
    error = GenerationError("raised", path="a.suite.yaml", line=3, fix="mend it")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (GenerationError, str(error))
