"""Pipelines that the user's code makes are loaded, called and traced as any."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_suites import CALL, one_case

from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.backends.diffusers.failures import OutOfMemoryError
from goldenseed.backends.protocol import Generation
from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.cases import Case
from goldenseed.trace import record
from goldenseed.trace.recording import recorded_by
from goldenseed.trace.stages import Stage

CODE = """
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from goldenseed.trace import record
from goldenseed.trace.recording import recorded_by


def euler(source, dtype):
    from diffusers import EulerDiscreteScheduler, StableDiffusionPipeline

    made = StableDiffusionPipeline.from_pretrained(Path(__file__).parent / source, dtype=dtype)
    made.scheduler = EulerDiscreteScheduler.from_config(made.scheduler.config)
    return made


def plain(kind="array"):
    def make(prompt, generator, size=16):
        noise = torch.randn(size, size, 3, generator=generator)
        record("initial_noise", noise)
        record("denoising_step", noise.numpy() * 2, source="refiner")
        image = (noise / 6 + 0.5).clamp(0, 1).numpy()
        picture = Image.fromarray((image * 255).round().astype("uint8"))
        return {"array": image, "picture": picture, "list": [picture], "none": None}[kind]

    return make


def forgetful():
    def make(prompt):
        return (torch.randn(8, 8, 3) / 6 + 0.5).clamp(0, 1).numpy()

    return make


def one_buffer(kind):
    picture, array = Image.new("RGB", (8, 8)), np.zeros((8, 8, 3), dtype="float32")

    def make(prompt, generator):
        array[...] = torch.rand(8, 8, 3, generator=generator).numpy()
        picture.frombytes((array * 255).astype("uint8").tobytes())
        return array if kind == "array" else picture

    return make


KEPT = []


def the_same_pipeline(source, by):
    from diffusers import StableDiffusionPipeline

    if not KEPT:
        KEPT.append(StableDiffusionPipeline.from_pretrained(Path(__file__).parent / source))
    with torch.no_grad():
        next(KEPT[0].unet.parameters()).add_(by)
    return KEPT[0]


def odd_stage():
    def make(prompt):
        record("nonsense", torch.zeros(1))

    return make


def nothing():
    return None


def raises():
    raise RuntimeError("not today")


def out_of_memory(kind):
    if kind == "torch":
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried")
    raise MemoryError("Unable to allocate 9 GiB")


def without_package():
    raise ModuleNotFoundError("No module named 'nowhere'", name="nowhere")


def stays_away():
    class Heavy:
        components = {}

        def __call__(self):
            return None

        def to(self, device):
            raise MemoryError("cannot move")

    return Heavy()


def with_sibling():
    import SIBLING  # found while the factory runs, too

    return lambda prompt: SIBLING.image


def random_weights(source):
    from diffusers import DiffusionPipeline

    return DiffusionPipeline.from_pretrained(Path(__file__).parent / source)
"""

CaseOf = Callable[..., Case]
Make = Callable[..., Generation]


@pytest.fixture
def case_of(sd: Path, tmp_path: Path, request: pytest.FixtureRequest) -> CaseOf:
    module = f"mine_{abs(hash(request.node.name))}"  # each test has a module of its own
    (tmp_path / f"{module}.py").write_text(CODE.replace("SIBLING", f"{module}_sibling"))
    image = "from PIL import Image\n\nimage = Image.new('RGB', (8, 8))\n"
    (tmp_path / f"{module}_sibling.py").write_text(image)

    def case_of(function: str, arguments: dict[str, Any], **case: Any) -> Case:
        model = {"factory": f"{module}:{function}", "arguments": arguments}
        return one_case(tmp_path, model, **case)

    return case_of


@pytest.fixture
def make(case_of: CaseOf) -> Make:
    def make(function: str, call: dict[str, Any] | None = None, **arguments: Any) -> Generation:
        return DiffusersBackend().generate(case_of(function, arguments, call=call or {}))

    return make


def test_a_pipeline_is_what_the_folder_with_the_same_scheduler_gives(make: Make, tmp_path: Path):
    model = {"source": "sd", "scheduler": {"class": "EulerDiscreteScheduler"}}
    expected = DiffusersBackend().generate(one_case(tmp_path, model))
    made = make("euler", CALL, source="sd")
    assert made.image.tobytes() == expected.image.tobytes()
    assert [each.sha256 for each in made.trace] == [each.sha256 for each in expected.trace]


@pytest.mark.parametrize("kind", ["array", "picture", "list"])
def test_a_function_s_images_are_taken_and_what_it_records(make: Make, kind: str):
    made = make("plain", kind=kind)
    assert made.image.size == (16, 16)
    told = [(each.stage, each.source) for each in made.trace]
    assert told[:2] == [(Stage.INITIAL_NOISE, None), (Stage.DENOISING_STEP, "refiner")]
    assert make("plain", kind=kind).image.tobytes() == made.image.tobytes()
    assert make("plain", {"size": 8}, kind=kind).image.size == (8, 8)
    assert made.remarks == ()


def test_what_is_drawn_from_the_global_generator_is_said(make: Make):
    made = make("forgetful")
    assert "global generator" in made.remarks[0]
    assert make("forgetful").image.tobytes() == made.image.tobytes()


@pytest.mark.parametrize("kind", ["array", "picture"])
def test_a_function_that_writes_over_what_it_returned_before_changes_no_image(
    case_of: CaseOf, kind: str
):
    backend = DiffusersBackend()
    one, two = (case_of("one_buffer", {"kind": kind}, seeds=[seed], call={}) for seed in (1, 2))
    first = backend.generate(one)
    before = first.image.tobytes()
    second = backend.generate(two)
    assert first.image.tobytes() == before != second.image.tobytes()


def test_a_pipeline_that_another_call_of_the_factory_changed_has_other_weights_on_record(
    case_of: CaseOf,
):
    backend = DiffusersBackend()
    told = []
    for by in (1.0, 2.0, 1.0):  # the third is called as the first, and gets another model
        arguments = {"source": "sd", "by": by}
        backend.load(case_of("the_same_pipeline", arguments))
        told.append(dict(backend.fingerprint()))
    weights = [each["model.unet.weights_sha256"] for each in told]
    assert len(set(weights)) == len(weights)
    assert len({each["model.vae.weights_sha256"] for each in told}) == 1


def test_nothing_is_recorded_where_no_golden_image_is_made():
    taken: list[tuple[str, Any, str | None]] = []
    record("nonsense", None)
    with recorded_by(lambda *told: taken.append(told)):
        record("nonsense", 1, source="a")
    record("nonsense", None)
    assert taken == [("nonsense", 1, "a")]


@pytest.mark.parametrize(
    ("function", "arguments", "what"),
    [
        ("nothing", {}, "returned NoneType, which makes no images"),
        ("raises", {}, "raised RuntimeError: not today"),
        ("gone", {}, "has no function gone"),
        ("euler", {}, "missing a required argument: 'source'"),
        ("euler", {"source": "sd", "other": 1}, "unexpected keyword argument 'other'"),
        ("plain", {"kind": "none"}, "make returned no images"),
        ("odd_stage", {}, "there is no stage 'nonsense' to record"),
    ],
)
def test_what_goes_wrong_is_told_by_its_own_cause(
    make: Make, function: str, arguments: dict[str, Any], what: str
):
    with pytest.raises(GoldenseedError) as caught:
        make(function, **arguments)
    assert what in caught.value.what


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("out_of_memory", {"kind": "torch"}),
        ("out_of_memory", {"kind": "python"}),
        ("stays_away", {}),
    ],
)
def test_too_little_memory_is_said_with_what_helps(
    make: Make, function: str, arguments: dict[str, Any]
):
    with pytest.raises(OutOfMemoryError, match="too little memory") as caught:
        make(function, **arguments)
    assert "model.dtype: bfloat16" in str(caught.value)


def test_a_package_that_the_factory_lacks_is_named(make: Make):
    with pytest.raises(GoldenseedError, match="the package nowhere is not installed"):
        make("without_package")


def test_the_factory_may_import_what_lies_beside_it_while_it_runs(make: Make):
    before = list(sys.path)
    assert make("with_sibling").image.size == (8, 8)
    assert sys.path == before


@pytest.mark.parametrize(
    "at_import",
    [
        "sys.path.insert(0, HERE)",
        "sys.path.insert(0, 'elsewhere')",
        "sys.path.remove(HERE)",
        "sys.path = ['elsewhere', *sys.path]",
    ],
)
def test_only_the_place_that_was_added_is_taken_back(
    sd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_import: str
):
    module = f"moves_{abs(hash(at_import))}"
    code = (
        f"import sys\n\nHERE = {str(tmp_path)!r}\n{at_import}\n\n\ndef build():\n    return None\n"
    )
    (tmp_path / f"{module}.py").write_text(code)
    monkeypatch.setattr(sys, "path", ["first", str(tmp_path), *sys.path])
    expected = ["first", str(tmp_path), *sys.path[2:]]
    if "insert(0, HERE)" in at_import:
        expected = [str(tmp_path), *expected]
    elif "elsewhere" in at_import:
        expected = ["elsewhere", *expected]
    with pytest.raises(GoldenseedError, match="makes no images"):
        DiffusersBackend().generate(one_case(tmp_path, {"factory": f"{module}:build"}, call={}))
    assert sys.path == expected


def test_weights_that_are_missing_are_refused_here_too(make: Make, tmp_path: Path):
    from safetensors.torch import load_file, save_file

    file = tmp_path / "sd" / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    tensors.popitem()
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(GoldenseedError, match="weights are missing"):
        make("random_weights", CALL, source="sd")
