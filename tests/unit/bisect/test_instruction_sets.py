"""Sides that were computed with another instruction set than this machine's."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from goldenseed.bisect import sides
from goldenseed.bisect.packages import Packages
from goldenseed.bisect.sides import Side, _as_recorded, _instruction_set

Recorded = Callable[..., Side]
HERE = "avx avx2 avx512bw avx512dq avx512f avx512vl fma sse4_1 sse4_2"


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    monkeypatch.setattr(sides, "read_machine", lambda: iter([("cpu.isa", HERE)]))
    return lambda **environment: _as_recorded(
        Side("then", Packages()),
        {key.replace("__", "."): each for key, each in environment.items()},
    )


def test_a_lower_instruction_set_is_one_change_with_all_its_variables(recorded: Recorded):
    side = recorded(cpu__capability="AVX2", env__ATEN_CPU_CAPABILITY=None, env__MKL_CBWR=None)
    assert side.isa == "avx2"
    assert not {"ATEN_CPU_CAPABILITY", "MKL_CBWR"} & side.variables.keys()
    assert recorded(cpu__capability="AVX512").isa is None


def test_a_variable_that_lowers_it_stays_the_change_that_it_is(recorded: Recorded):
    side = recorded(cpu__capability="AVX2", env__ATEN_CPU_CAPABILITY="avx2")
    assert side.isa is None
    assert side.variables["ATEN_CPU_CAPABILITY"] == "avx2"


def test_one_that_this_processor_lacks_cannot_be_had_and_that_is_said(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sides, "read_machine", lambda: iter([("cpu.isa", "avx avx2 sse4_2")]))
    side = recorded(cpu__capability="AVX512")
    assert side.isa is None
    assert "computed with avx512, and this processor has avx2 only" in side.notes[0]


def test_torch_s_level_is_told_by_the_processor_s_flags():
    assert _instruction_set(HERE.split()) == "avx512"
    assert _instruction_set(["avx2", "avx512f", "sse4_1"]) == "avx2"
    assert _instruction_set(["sse4_1"]) == "default"
    assert _instruction_set(["asimd", "sve"]) is None
