from __future__ import annotations

import getpass
import importlib.metadata
import json
import platform
import re
from pathlib import Path

import pytest
import torch

from harness.environment.fingerprint import fingerprint_sha256, read_fingerprint


@pytest.fixture(scope="module")
def fingerprint() -> dict[str, object]:
    return read_fingerprint("cpu")


def test_it_is_flat_json(fingerprint: dict[str, object]):
    assert json.loads(json.dumps(fingerprint)) == fingerprint
    assert all(
        value is None or isinstance(value, (str, int, float, bool))
        for value in fingerprint.values()
    )


def test_it_names_the_versions_that_decide_pixels(fingerprint: dict[str, object]):
    for name in ("torch", "diffusers", "transformers", "pillow", "numpy"):
        assert fingerprint[f"package.{name}"] == importlib.metadata.version(name).split("+")[0]
    assert fingerprint["torch.version"] == torch.__version__
    assert fingerprint["torch.git_version"] == torch.version.git_version


def test_it_names_the_processor(fingerprint: dict[str, object]):
    assert fingerprint["cpu.capability"] == torch.backends.cpu.get_cpu_capability()
    assert fingerprint["cpu.model"]


def test_a_variable_is_recorded_as_it_is(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MKL_CBWR", "AVX2")
    monkeypatch.delenv("NVIDIA_TF32_OVERRIDE", raising=False)
    found = read_fingerprint("cpu")
    assert found["env.MKL_CBWR"] == "AVX2"
    assert found["env.NVIDIA_TF32_OVERRIDE"] is None


def test_a_getter_that_raises_is_recorded_as_unreadable(monkeypatch: pytest.MonkeyPatch):
    def refuse() -> str:
        raise RuntimeError("not today")

    monkeypatch.setattr(torch, "get_float32_matmul_precision", refuse)
    assert (
        read_fingerprint("cpu")["torch.float32_matmul_precision"]
        == "unreadable: RuntimeError: not today"
    )


def test_nothing_private_is_in_it(fingerprint: dict[str, object]):
    text = json.dumps(fingerprint)
    assert platform.node() not in text
    assert str(Path.home()) not in text
    assert str(Path.cwd()) not in text
    assert f'"{getpass.getuser()}"' not in text
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", text)


def test_the_digest_changes_with_any_field(fingerprint: dict[str, object]):
    assert fingerprint_sha256(fingerprint) == fingerprint_sha256(read_fingerprint("cpu"))
    assert fingerprint_sha256({**fingerprint, "cpu.threads": 99}) != fingerprint_sha256(fingerprint)
