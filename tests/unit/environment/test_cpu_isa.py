"""Capping the instruction set before torch is imported, and when it is too late."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.device import VARIABLES, cap_cpu, check_cpu

SUITE = Path("shapes.suite.yaml")
NAMES = sorted(VARIABLES["avx2"])


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def fresh(code: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in NAMES}
    done = subprocess.run(
        [sys.executable, "-c", "from pathlib import Path\n" + code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_a_cap_that_is_set_before_torch_is_in_force_afterwards():
    code = (
        "from goldenseed.environment.device import cap_cpu, check_cpu\n"
        "cap_cpu('default', Path('a'))\n"
        "import torch\n"
        "check_cpu('default', Path('a'))\n"
        "print(torch.backends.cpu.get_cpu_capability())"
    )
    assert fresh(code) == "DEFAULT"


def test_setting_the_variables_needs_no_torch():
    code = (
        "import os, sys\n"
        "from goldenseed.environment.device import cap_cpu\n"
        "cap_cpu('avx2', Path('a'))\n"
        f"print([os.environ[name] for name in {NAMES}], 'torch' in sys.modules)"
    )
    assert fresh(code) == "['avx2', 'AVX2', 'AVX2'] False"


@pytest.mark.parametrize("isa", sorted(VARIABLES))
def test_a_cap_after_torch_is_an_error_that_says_what_to_export(
    clean: pytest.MonkeyPatch, isa: str
):
    with pytest.raises(GoldenseedError, match="before torch is imported") as caught:
        cap_cpu(isa, SUITE)
    wanted = " ".join(f"{name}={value}" for name, value in VARIABLES[isa].items())
    assert caught.value.fix == f"export {wanted}"
    assert caught.value.path == SUITE
    assert not [name for name in NAMES if name in os.environ]


def test_a_cap_that_the_user_exported_already_is_taken(clean: pytest.MonkeyPatch):
    for name, value in VARIABLES["avx2"].items():
        clean.setenv(name, value)
    cap_cpu("avx2", SUITE)


def test_only_the_variables_that_differ_are_named(clean: pytest.MonkeyPatch):
    clean.setenv("ATEN_CPU_CAPABILITY", "avx2")
    clean.setenv("MKL_CBWR", "AVX2")
    with pytest.raises(GoldenseedError, match="without ONEDNN_MAX_CPU_ISA") as caught:
        cap_cpu("avx2", SUITE)
    assert caught.value.fix == "export ONEDNN_MAX_CPU_ISA=AVX2"


def test_without_a_cap_nothing_is_touched(clean: pytest.MonkeyPatch):
    cap_cpu(None, SUITE)
    check_cpu(None, SUITE)
    assert not [name for name in NAMES if name in os.environ]


def test_an_instruction_set_that_torch_does_not_run_with_is_an_error():
    running = torch.backends.cpu.get_cpu_capability().lower()
    other = next(isa for isa in VARIABLES if isa != running)
    with pytest.raises(GoldenseedError, match=f"is {other}, and torch runs with {running}"):
        check_cpu(other, SUITE)
