"""The processor, on Linux and where there is no /proc/cpuinfo."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from goldenseed.environment import machine
from goldenseed.environment.machine import read_machine


def processor(cpuinfo: Path | None = None) -> dict[str, object]:
    with pytest.MonkeyPatch.context() as patch:
        if cpuinfo is not None:
            patch.setattr(machine, "_CPUINFO", cpuinfo)
        return {key: value for key, value in read_machine() if key.startswith("cpu.")}


def test_an_arm_kernel_says_it_in_other_words(tmp_path: Path):
    """The lines are those that Linux writes on a 64-bit ARM processor."""
    file = tmp_path / "cpuinfo"
    file.write_text(
        "processor\t: 0\nFeatures\t: fp asimd aes atomics sve\nCPU implementer\t: 0x41\n"
        "CPU part\t: 0xd40\n\nprocessor\t: 1\nFeatures\t: fp\n"
    )
    found = processor(file)
    assert (found["cpu.isa"], found["cpu.vendor"]) == ("asimd sve", "0x41")


def test_where_the_kernel_says_nothing_py_cpuinfo_is_asked(tmp_path: Path):
    pytest.importorskip("cpuinfo")
    found, here = processor(tmp_path / "none"), processor()
    assert found["cpu.model"] == here["cpu.model"]
    assert found["cpu.vendor"] == here["cpu.vendor"]
    # It asks the processor itself too, and so may know more than the kernel tells.
    assert set(str(here["cpu.isa"]).split()) <= set(str(found["cpu.isa"]).split())


def test_without_it_the_processor_is_unreadable_and_the_reason_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "cpuinfo", None)
    found = processor(tmp_path / "none")
    for key in ("cpu.model", "cpu.vendor", "cpu.isa"):
        assert str(found[key]).startswith("unreadable: no ")
        assert "cpuinfo" in str(found[key])
