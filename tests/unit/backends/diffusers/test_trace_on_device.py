"""The trace of a pipeline on a device that is no CPU, by the double that tests have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline
from torch.nn.attention import SDPBackend, sdpa_kernel

from accelerator_double import in_use, needs_double
from goldenseed.backends.diffusers.layers import recorded_layers
from goldenseed.backends.diffusers.recorder import HELD_BYTES, Recorder
from goldenseed.backends.diffusers.trace import Tracing
from goldenseed.trace.digesting import kept, records
from goldenseed.trace.stages import Stage, Trace

pytestmark = needs_double
DTYPES = (
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
    *(torch.complex64, torch.complex128, torch.float8_e4m3fn, torch.complex32),
    *(torch.int64, torch.int32, torch.uint8, torch.bool),
)


@pytest.fixture
def pipeline(sd: Path) -> Any:
    loaded = DiffusionPipeline.from_pretrained(sd)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def call(pipeline: Any, steps: int = 3) -> Any:
    with sdpa_kernel(SDPBackend.MATH):  # the CPU has other kernels too, which round otherwise
        return pipeline(
            "a red ball",
            generator=torch.Generator().manual_seed(7),
            num_inference_steps=steps,
            height=32,
            width=32,
            output_type="np",
        )


def trace_of(pipeline: Any) -> Trace:
    with Tracing(pipeline).recorded() as recorder:
        call(pipeline)
    return recorder.finish().trace


def drawn(seed: int) -> torch.Tensor:
    """Values of some dtype, size and scale, now and then with NaN and infinity among them."""
    random = torch.Generator().manual_seed(seed)
    dtype = DTYPES[seed % len(DTYPES)]
    size = int(torch.randint(1, 5000, (), generator=random))
    values = torch.randn(size, generator=random, dtype=torch.float64)
    values *= 10 ** (2 * torch.randn((), generator=random, dtype=torch.float64))
    if seed % 7 == 0:
        values[0], values[-1] = float("nan"), float("-inf")
    return values.to(dtype)


def recorded(values: torch.Tensor) -> Trace:
    recorder = Recorder()
    recorder.add(Stage.DENOISING_STEP, None, values)
    return recorder.finish().trace


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_values_of_every_dtype_have_one_record_wherever_they_lie(dtype: torch.dtype):
    first = DTYPES.index(dtype)
    for seed in range(first, first + 12 * len(DTYPES), len(DTYPES)):
        values = drawn(seed)
        expected = recorded(values)
        if values.dtype not in {torch.bfloat16, torch.float8_e4m3fn, torch.complex32}:
            array = kept(Stage.DENOISING_STEP, 0, None, values.numpy())
            assert records([array]) == expected
        for device in ("twin:0", "twin:1"):
            with in_use(float64=values.dtype is torch.float64):
                assert recorded(values.to(device)) == expected


def test_dtypes_that_numpy_lacks_are_measured_as_the_numbers_they_are():
    values = torch.randn(500, generator=torch.Generator().manual_seed(1)).bfloat16()
    (found,), (plain,) = recorded(values), recorded(values.float())
    assert (found.norm, found.sketch, found.dtype) == (plain.norm, plain.sketch, "bfloat16")
    assert found.sha256 != plain.sha256
    small = values.to(torch.float8_e4m3fn)
    (found,), (plain,) = recorded(small), recorded(small.float())
    assert (found.norm, found.sketch, found.dtype) == (plain.norm, plain.sketch, "float8_e4m3fn")


@pytest.mark.parametrize("current", [0, 1])
@pytest.mark.parametrize("float64", [True, False])
def test_a_pipeline_has_the_trace_of_the_cpu(pipeline: Any, current: int, *, float64: bool):
    expected = trace_of(pipeline)
    with in_use(current=current, float64=float64):
        pipeline.to("twin:1")
        assert trace_of(pipeline) == expected


def test_no_step_waits_for_the_trace(pipeline: Any):
    with in_use() as double:
        pipeline.to("twin:0")
        call(pipeline, steps=20)
        plain = double.copies_off, double.reads
        double.copies_off = double.reads = 0
        with Tracing(pipeline).recorded() as recorder:
            call(pipeline, steps=20)
            assert (double.copies_off, double.reads) == plain
        recorder.finish().trace  # noqa: B018 - sketches, from what is in memory by then
        assert double.copies_off <= 10
        assert double.reads == plain[1]


def test_what_a_recorder_holds_on_a_device_is_bounded():
    with in_use() as double:
        recorder = Recorder()
        part = torch.zeros(HELD_BYTES // 16, device="twin:0")
        for _ in range(9):
            recorder.add(Stage.DENOISING_STEP, None, part)
        assert double.copies_off == 1
        recording = recorder.finish()
        assert double.copies_off == 2
        assert len(recording._kept) == 9
        assert [each.index for each in recording.trace] == list(range(9))
        assert recording._kept == ()


def test_bringing_values_off_a_full_device_takes_no_memory_there():
    with in_use() as double:
        recorder = Recorder()
        for number in range(3):
            values = torch.full((5,), float(number), device="twin:0")
            recorder.add(Stage.DENOISING_STEP, None, values)
        double.fails_at = double.operations + 1
        recording = recorder.finish()
        assert double.fallen == ["aten::stack"]
        assert [each.norm for each in recording.trace] == [
            pytest.approx(number * np.sqrt(5)) for number in range(3)
        ]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_an_image_that_found_the_memory_full_leaves_nothing_and_the_next_is_sound(
    pipeline: Any, share: float
):
    expected = trace_of(pipeline)
    kinds = type(pipeline.scheduler), type(pipeline.tokenizer)
    with in_use() as double:
        pipeline.to("twin:1")
        tracing = Tracing(pipeline)
        before = double.operations
        call(pipeline)
        double.fails_at = double.operations + int(share * (double.operations - before))
        with pytest.raises(torch.OutOfMemoryError), tracing.recorded() as recorder:
            call(pipeline)
        assert len(double.fallen) == 1
        assert recorder.recording().stages == ()
        assert recorder.until_first_step == []
        assert (type(pipeline.scheduler), type(pipeline.tokenizer)) == kinds
        assert "decode" not in vars(pipeline.vae)
        for model in (pipeline.text_encoder, pipeline.unet):
            assert not model._forward_hooks
            assert not model._forward_pre_hooks
        assert trace_of(pipeline) == expected


def test_layers_are_those_of_the_cpu(pipeline: Any):
    with recorded_layers(pipeline) as expected:
        call(pipeline)
    with in_use(float64=False):
        pipeline.to("twin:1")
        with recorded_layers(pipeline) as found:
            call(pipeline)
        assert found.finish() == expected.finish()
