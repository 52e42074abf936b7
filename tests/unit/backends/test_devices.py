"""Which device each process takes; the machine's GPUs are given as what NVML and CUDA would say."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from goldenseed.backends import devices
from goldenseed.backends.devices import (
    VISIBLE,
    Lending,
    Place,
    check_devices,
    check_repeatable,
    lending_for,
    place_of_worker,
    places_of,
    visible_gpus,
)
from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.cases import Suite
from goldenseed.suite.loading import load_suite

A, B = "GPU-8f3c2d1e-0000-1111-2222-333344445555", "MIG-11111111-2222-3333-4444-555555555555"


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    (tmp_path / "model").mkdir()
    path = tmp_path / "toy.suite.yaml"
    path.write_text(
        "suite: toy\nmodel: {source: model}\ncases:\n  - {id: a, prompt: x, seeds: [1]}\n"
    )
    return load_suite(path)


def on(suite: Suite, device: str) -> Suite:
    return replace(suite, model=replace(suite.model, device=device))


@pytest.mark.parametrize(
    ("chosen", "count", "seen"),
    [
        (None, 3, ("0", "1", "2")),
        (None, None, ()),
        ("", 4, ()),
        ("-1", 4, ()),
        ("NoDevFiles", 4, ()),
        ("3,5", None, ("3", "5")),
        ("3,5", 4, ("3",)),
        (" 1 , 0 ", 2, ("1", "0")),
        ("0,-1,1", 2, ("0",)),
        ("1,1", 2, ()),
        (f"{A},{B}", 8, (A, B)),
        (f"{A},x,1", 8, (A,)),
    ],
)
def test_the_gpus_seen_are_those_that_cuda_would_see(
    chosen: str | None, count: int | None, seen: tuple[str, ...]
):
    assert visible_gpus(chosen, count) == seen


@pytest.mark.parametrize(
    ("wanted", "gpus", "expected"),
    [
        ("auto", (), []),
        ("cuda", (), []),
        ("cpu", ("0",), []),
        ("auto", ("3", A), [("auto", "3", "cuda:0"), ("auto", A, "cuda:1")]),
        ("cuda:1", ("3", "5"), [("cuda", "5", "cuda:1")]),
        ("cuda:1,cuda:0", ("3", "5"), [("cuda", "5", "cuda:1"), ("cuda", "3", "cuda:0")]),
        ("cuda:0,cuda:0", ("3",), [("cuda", "3", "cuda:0")] * 2),
        ("cuda:1", (), [("cuda", "1", "cuda:1")]),
        ("mps", ("0",), [("mps", None, None)]),
        ("xpu:0,xpu:1,cpu", (), [(each, None, None) for each in ("xpu:0", "xpu:1", "cpu")]),
    ],
)
def test_each_place_is_one_process_s(
    wanted: str, gpus: tuple[str, ...], expected: list[tuple[str, str | None, str | None]]
):
    assert places_of(wanted, gpus) == tuple(Place(*each) for each in expected)


def test_a_gpu_beyond_those_seen_is_an_error_before_torch_is_asked():
    with pytest.raises(GoldenseedError, match="cuda:2 was asked for, and this process sees 2 GPUs"):
        places_of("cuda:0,cuda:2", ("3", "5"))


@pytest.mark.parametrize("wanted", ["auto", "cpu", "cuda:12", "mps", "xpu:1", "cuda:0,cuda:0,cpu"])
def test_any_device_of_torch_can_be_named(wanted: str):
    check_devices(wanted)


@pytest.mark.parametrize(
    "wanted", ["", "cuda:", "cuda:01", "cuda:0,", "cuda:0,auto", "CUDA", "a b"]
)
def test_what_is_no_device_is_refused(wanted: str):
    with pytest.raises(GoldenseedError, match="names no device"):
        check_devices(wanted)


def test_a_worker_takes_the_gpu_of_its_slot_and_sees_no_other(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(VISIBLE, "3,5")
    monkeypatch.setattr(devices, "count_gpus", lambda: None)
    place = place_of_worker(suite, "auto", "3,5", slot=1, workers=2)
    assert place is not None
    assert place.taken(too_late=False) == place
    assert os.environ[VISIBLE] == "5"


def test_where_cuda_has_started_its_number_is_asked_for_instead(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(VISIBLE, "3,5")
    monkeypatch.setattr(devices, "count_gpus", lambda: None)
    place = place_of_worker(suite, "auto", "3,5", slot=1, workers=2)
    assert place is not None
    assert place.taken(too_late=True).device == "cuda:1"
    assert os.environ[VISIBLE] == "3,5"


def test_workers_without_a_gpu_have_none_under_loadgroup_and_are_an_error_else(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(VISIBLE, "3,5")
    monkeypatch.setattr(devices, "count_gpus", lambda: None)
    assert place_of_worker(suite, "auto", "3,5", slot=2, workers=None) is None
    with pytest.raises(GoldenseedError, match="3 workers would share 2 of the device auto") as told:
        place_of_worker(suite, "auto", "3,5", slot=0, workers=3)
    assert told.value.path == suite.path
    shared = place_of_worker(suite, "cuda:0,cuda:0,cuda:1", "3,5", slot=1, workers=3)
    assert shared == Place("cuda", "3", "cuda:0")


@pytest.mark.parametrize(
    ("own", "option", "visible"),
    [("cpu", "auto", None), ("auto", "cpu", None), ("cuda", "cpu", "3"), ("cuda", "cuda:1", "5")],
)
def test_a_suite_s_own_device_comes_before_the_session_s(
    suite: Suite, monkeypatch: pytest.MonkeyPatch, own: str, option: str, visible: str | None
):
    monkeypatch.setenv(VISIBLE, "3,5")
    monkeypatch.setattr(devices, "count_gpus", lambda: None)
    place = place_of_worker(on(suite, own), option, "3,5", slot=0, workers=1)
    assert (place and place.visible) == visible


def test_a_suite_cannot_ask_a_worker_for_a_gpu_by_its_number(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(VISIBLE, "3,5")
    monkeypatch.setattr(devices, "count_gpus", lambda: None)
    with pytest.raises(GoldenseedError, match="under -n each worker sees one GPU only"):
        place_of_worker(on(suite, "cuda:1"), "auto", "3,5", slot=0, workers=2)


def test_no_place_is_lent_twice_at_once():
    lending = Lending([Place("cuda", "3"), Place("cuda", "5")])
    lent: list[str | None] = []
    most = 0
    both = threading.Barrier(2)

    def borrow(meet: bool) -> None:
        nonlocal most
        with lending.lent("auto") as place:
            lent.append(place.visible)
            most = max(most, len(lent))
            assert sorted(map(str, lent)) in (["3"], ["5"], ["3", "5"])
            if meet:
                both.wait(10)
            lent.remove(place.visible)

    threads = [threading.Thread(target=borrow, args=(n < 2,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    assert (lent, most) == ([], 2)


def test_a_child_sees_its_gpu_alone_unless_its_suite_names_one_by_number(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(VISIBLE, "3,5")
    monkeypatch.setattr(devices, "count_gpus", lambda: None)
    with lending_for(suite, "auto").lent("auto") as place:
        assert place.variables == {VISIBLE: "3"}
    with lending_for(on(suite, "cuda:1"), "auto").lent("auto") as place:
        assert (place.device, dict(place.variables)) == ("cuda:1", {})
    with lending_for(suite, "cpu").lent("cpu") as place:
        assert (place.device, dict(place.variables)) == ("cpu", {})


def test_gpus_are_counted_without_torch():
    code = (
        "import sys; from goldenseed.backends.devices import count_gpus, places; "
        "count_gpus(); places('auto', None); print('torch' in sys.modules, 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


class TestRepeatableCublas:
    """Without a GPU torch cannot say that CUDA has started, so that a stand-in says it."""

    @pytest.fixture
    def started(self, monkeypatch: pytest.MonkeyPatch) -> None:
        cuda = SimpleNamespace(is_initialized=lambda: True)
        monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))

    def test_its_workspace_is_set_when_a_suite_is_met(
        self, suite: Suite, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
        monkeypatch.delitem(sys.modules, "torch", raising=False)
        check_repeatable(suite, "auto")
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"

    @pytest.mark.usefixtures("started")
    def test_where_cuda_has_started_it_is_said_with_what_to_export(
        self, suite: Suite, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
        with pytest.raises(GoldenseedError, match="CUDA was already in use") as told:
            check_repeatable(suite, "auto")
        assert "export CUBLAS_WORKSPACE_CONFIG=:4096:8" in str(told.value.fix)
        check_repeatable(suite, "cpu")
        check_repeatable(on(suite, "cpu"), "auto")
        relaxed = replace(suite.determinism, algorithms=False)
        check_repeatable(replace(suite, determinism=relaxed), "auto")

    def test_a_value_that_repeats_nothing_matters_only_where_there_is_a_gpu(
        self, suite: Suite, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":0:0")
        monkeypatch.delitem(sys.modules, "torch", raising=False)
        monkeypatch.delenv(VISIBLE, raising=False)
        monkeypatch.setattr(devices, "count_gpus", lambda: None)
        check_repeatable(suite, "auto")
        monkeypatch.setattr(devices, "count_gpus", lambda: 1)
        with pytest.raises(GoldenseedError, match=":0:0 does not make cuBLAS repeatable"):
            check_repeatable(suite, "auto")
