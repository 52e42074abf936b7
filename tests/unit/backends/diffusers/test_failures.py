"""What stops a pipeline is told by its own cause, and full memory leaves nothing behind."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.configuration_utils import FrozenDict
from tiny_suites import one_case
from transformers import CLIPTextConfig

from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.backends.diffusers.failures import OutOfMemoryError
from goldenseed.backends.protocol import GenerationError
from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.loading import load_suite


@pytest.fixture
def case(sd: Path, tmp_path: Path) -> Any:
    return one_case(tmp_path, "sd")


Fault = Callable[..., Any]


def raising(error: Exception) -> Fault:
    def hook(*_: Any) -> None:
        raise error

    return hook


def raised_by(module: str, message: str) -> Fault:
    """Make a hook that raises an AttributeError as the code of ``module`` would."""
    names: dict[str, Any] = {"__name__": module}
    exec(f"def hook(*_):\n    raise AttributeError({message!r})", names)
    hook: Fault = names["hook"]
    return hook


class Wrapper:
    """Something of the user's in the place of a part."""


def asked_for_another(_module: Any, *_: Any) -> None:
    names: dict[str, Any] = {"__name__": "diffusers.pipelines.of_today"}
    exec("def ask(part):\n    return part.config", names)
    names["ask"](Wrapper())


def diffusers_asks(part: Any) -> Fault:
    names: dict[str, Any] = {"__name__": "diffusers.pipelines.of_today"}
    exec("def ask(part):\n    return part.what_is_not_there", names)
    return lambda *_: names["ask"](part)


def importing_what_is_gone(*_: Any) -> None:
    from transformers import what_an_application_wants  # noqa: F401


def unrepeatable(*_: Any) -> None:
    torch.zeros(4).put_(torch.tensor([1, 1]), torch.ones(2))


@pytest.mark.parametrize(
    ("fault", "what", "fix"),
    [
        (unrepeatable, "put_ does not repeat itself on cpu", "`determinism: {algorithms: false}`"),
        (
            raising(RuntimeError("... you must set CUBLAS_WORKSPACE_CONFIG=:4096:8 or ...")),
            "CUBLAS_WORKSPACE_CONFIG was not set",
            "export CUBLAS_WORKSPACE_CONFIG=:4096:8 before pytest starts",
        ),
        (
            raising(RuntimeError("\"conv\" not implemented for 'BFloat16'")),
            "cannot compute this in float32",
            "change `model.dtype`",
        ),
        (
            raising(torch.AcceleratorError("CUDA error: device-side assert triggered\nadvice")),
            "cpu failed: AcceleratorError: CUDA error: device-side assert triggered",
            "whether the device is sound",
        ),
        (raising(ValueError("no")), "raised ValueError: no", "correct the case's call"),
        (
            raising(AttributeError("'str' object has no attribute 'to'")),
            "raised AttributeError",
            "correct the case's call",
        ),
        (
            raised_by("transformers.models.clip", "'CLIPTextModel' has no attribute 'text_model'"),
            "do not fit together here: AttributeError: 'CLIPTextModel'",
            "install releases of the two",
        ),
        (
            raised_by("mypackage.hooks", "'Hook' object has no attribute 'other'"),
            "raised AttributeError: 'Hook' object",
            "correct the case's call",
        ),
        (
            diffusers_asks(CLIPTextConfig()),
            "do not fit together here: AttributeError",
            "install releases of the two",
        ),
        (  # as the Chroma inpainting of diffusers 0.42 asks for an option of Flux
            diffusers_asks(FrozenDict()),
            "raised AttributeError: 'FrozenDict' object",
            "correct the case's call",
        ),
        (asked_for_another, "raised AttributeError: 'Wrapper' object", "correct the case's call"),
        (importing_what_is_gone, "raised ImportError: cannot import", "correct the case's call"),
        (
            raising(ModuleNotFoundError("No module named 'ftfy'", name="ftfy")),
            "the package ftfy is not installed",
            "pip install ftfy",
        ),
        (
            raising(ImportError("\nT5 requires the SentencePiece library, see `pip install x`")),
            "the package SentencePiece is not installed",
            "pip install SentencePiece",
        ),
        (
            raising(ImportError("cannot import name 'apply_rotary' from 'transformers'")),
            "do not fit together here: ImportError",
            "install releases of the two",
        ),
    ],
)
def test_what_stops_a_pipeline_is_told_by_its_own_cause(
    case: Any, fault: Fault, what: str, fix: str
):
    backend = DiffusersBackend(
        device="cpu", prepare=lambda pipeline: pipeline.unet.register_forward_pre_hook(fault)
    )
    with pytest.raises(GenerationError) as caught:
        backend.generate(case)
    assert what in caught.value.what
    assert fix in str(caught.value.fix)
    if "call" not in fix:
        assert "case's call" not in str(caught.value.fix)


@pytest.mark.skipif(find_spec("torchsde") is not None, reason="torchsde is installed here")
@pytest.mark.parametrize("where", ["suite", "model"])
def test_a_class_that_needs_a_missing_package_names_it(sd: Path, tmp_path: Path, where: str):
    if where == "suite":
        case = one_case(tmp_path, "sd", model={"scheduler": {"class": "DPMSolverSDEScheduler"}})
    else:
        index = tmp_path / "sd" / "model_index.json"
        index.write_text(index.read_text().replace("PNDMScheduler", "DPMSolverSDEScheduler"))
        index.write_text(index.read_text().replace("DDIMScheduler", "DPMSolverSDEScheduler"))
        case = one_case(tmp_path, "sd")
        assert "DPMSolverSDEScheduler" in index.read_text()
    with pytest.raises(GoldenseedError, match=r"torchsde.* not installed") as caught:
        DiffusersBackend(device="cpu").generate(case)
    assert caught.value.fix == "pip install torchsde"


@pytest.mark.parametrize("sdpa", ["efficient", "cudnn"])
def test_a_kernel_that_cannot_take_the_values_names_its_setting(
    sd: Path, tmp_path: Path, sdpa: str
):
    case = one_case(tmp_path, "sd")
    path = case.suite.path
    path.write_text(
        path.read_text().replace('"cases"', f'"determinism": {{"sdpa": "{sdpa}"}}, "cases"')
    )

    with pytest.raises(GenerationError) as caught:
        DiffusersBackend(device="cpu").generate(load_suite(path).cases[0])
    assert f"`determinism.sdpa: {sdpa}` leaves torch no kernel of attention" in caught.value.what
    assert ("never uses cuDNN" in caught.value.what) == (sdpa == "cudnn")


def test_memory_that_does_not_suffice_frees_the_model_on_a_cpu_too(case: Any):
    full = [True]

    def hook(*_: Any) -> None:
        if full.pop() if full else False:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. More.")

    backend = DiffusersBackend(
        device="cpu", prepare=lambda pipeline: pipeline.unet.register_forward_hook(hook)
    )
    backend.load(case)
    pipeline = weakref.ref(backend._loaded.pipeline)  # type: ignore[union-attr]
    with pytest.raises(OutOfMemoryError, match=r"Tried to allocate 2\.00 GiB") as caught:
        backend.generate(case)
    assert "More" not in caught.value.what
    assert pipeline() is None
    assert backend.generate(case).image.size == (32, 32)
