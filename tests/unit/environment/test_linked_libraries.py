"""Linear algebra and threads behind torch and NumPy."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import scipy.linalg  # noqa: F401 - its libraries are loaded and must not appear
import torch

from goldenseed.environment.keys import Kind, kind_of
from goldenseed.environment.machine import read_linked_libraries


def read() -> dict[str, object]:
    return dict(read_linked_libraries())


def test_what_numpy_was_built_with_is_named():
    built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    assert read()["numpy.blas"] == f"{built['name']} {built['version']}"


def test_the_libraries_are_those_of_torch_and_numpy_with_version_and_architecture():
    pytest.importorskip("threadpoolctl")
    found = read()
    owners = {key.split(".")[1] for key in found if key.startswith("library.")}
    assert owners
    assert owners <= {"numpy", "torch", "shared"}
    ends = {key.rpartition(".")[2] for key in found if key.startswith("library.")}
    assert ends == {"version", "architecture", "threads"}
    assert not [value for value in found.values() if "/" in str(value)]


def test_the_threads_of_torch_are_read_as_they_are():
    pytest.importorskip("threadpoolctl")
    before = torch.get_num_threads()
    key = next(key for key in read() if key.endswith(".openmp.threads"))
    try:
        torch.set_num_threads(before + 1)
        assert read()[key] == before + 1
    finally:
        torch.set_num_threads(before)


def test_without_threadpoolctl_the_reason_is_recorded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    found = read()
    assert str(found["library.unread"]).startswith("unreadable: ")
    assert not [key for key in found if key.endswith(".threads")]


def test_the_version_counts_and_the_threads_are_only_recorded():
    assert kind_of("library.numpy.openblas.version") is Kind.NUMERIC
    assert kind_of("library.numpy.openblas.threads") is Kind.RECORDED
