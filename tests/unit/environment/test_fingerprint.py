from __future__ import annotations

import getpass
import importlib.metadata
import json
import platform
import re
from pathlib import Path

import numpy as np
import pytest
import threadpoolctl
import torch
from PIL import features

from goldenseed.environment.fingerprint import fingerprint_sha256, read_fingerprint


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


GETTERS = {
    "torch.float32_matmul_precision": (torch, "get_float32_matmul_precision"),
    "torch.deterministic_algorithms": (torch, "are_deterministic_algorithms_enabled"),
    "torch.sdp.math": (torch.backends.cuda, "math_sdp_enabled"),
    "torch.preferred_blas_library": (torch.backends.cuda, "preferred_blas_library"),
    "torch.build.sha256": (torch.__config__, "show"),
    "cpu.capability": (torch.backends.cpu, "get_cpu_capability"),
    "cpu.threads": (torch, "get_num_threads"),
    "cpu.interop_threads": (torch, "get_num_interop_threads"),
    "platform.libc": (platform, "libc_ver"),
    "platform.machine": (platform, "machine"),
    "package.numpy": (importlib.metadata, "version"),
    "codec.webp": (features, "version"),
    "numpy.blas": (np, "show_config"),
    "library.unread": (threadpoolctl, "threadpool_info"),
}


@pytest.mark.parametrize("key", GETTERS)
def test_a_getter_that_raises_is_recorded_as_unreadable(key: str, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> str:
        raise SystemError("not today")

    owner, name = GETTERS[key]
    monkeypatch.setattr(owner, name, refuse)
    assert str(read_fingerprint("cpu")[key]).endswith("unreadable: SystemError: not today")


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
