"""The attention back end a suite names is in force for its images and gone afterwards."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tiny_suites import one_case

from goldenseed.backends.diffusers.attention import attention_backend
from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.loading import load_suite

attention_dispatch = pytest.importorskip(
    "diffusers.models.attention_dispatch", reason="this diffusers has no attention back ends"
)


def case_with(folder: Path, kind: str, backend: str) -> Any:
    path = one_case(folder, kind).suite.path
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "determinism": {"attention_backend": backend}}))
    return load_suite(path).cases[0]


@pytest.fixture
def flux(models: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(models / "flux", tmp_path / "flux"))


def chosen(pipeline: Any) -> set[Any]:
    return {
        module.processor._attention_backend
        for module in pipeline.transformer.modules()
        if hasattr(getattr(module, "processor", None), "_attention_backend")
    }


def test_the_back_end_holds_inside_and_is_taken_back(flux: Path, tmp_path: Path):
    case = case_with(tmp_path, "flux", "_native_math")
    backend = DiffusersBackend()
    backend.load(case)
    pipeline = backend._loaded.pipeline
    before = chosen(pipeline), attention_dispatch._AttentionBackendRegistry.get_active_backend()[0]
    with attention_backend(pipeline, case.suite):
        assert {each.value for each in chosen(pipeline)} == {"_native_math"}
    after = chosen(pipeline), attention_dispatch._AttentionBackendRegistry.get_active_backend()[0]
    assert after == before


def test_the_back_end_is_the_one_that_computes(
    flux: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    registry = attention_dispatch._AttentionBackendRegistry._backends
    name = attention_dispatch.AttentionBackendName._NATIVE_MATH
    original, calls = registry[name], []

    def count(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        return original(*args, **kwargs)

    monkeypatch.setitem(registry, name, count)
    DiffusersBackend().generate(case_with(tmp_path, "flux", "_native_math"))
    assert calls


def test_an_unknown_back_end_is_an_error_with_the_near_miss(flux: Path, tmp_path: Path):
    with pytest.raises(GoldenseedError, match=r"did you mean .*native"):
        DiffusersBackend().generate(case_with(tmp_path, "flux", "natve"))


def test_a_back_end_that_is_not_installed_is_an_error_that_names_it(flux: Path, tmp_path: Path):
    with pytest.raises(GoldenseedError, match="'sage' cannot be used"):
        DiffusersBackend().generate(case_with(tmp_path, "flux", "sage"))


def test_a_model_that_takes_no_back_end_is_an_error_and_not_silence(sd: Path, tmp_path: Path):
    with pytest.raises(GoldenseedError, match="would change nothing"):
        DiffusersBackend().generate(case_with(tmp_path, "sd", "native"))
