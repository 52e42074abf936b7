"""What is in force inside a call is seen where the models compute, and nothing else is said."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor
from tiny_suites import one_case

from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.backends.diffusers.foreign import callback_around
from goldenseed.backends.diffusers.in_force import differing
from goldenseed.backends.protocol import GenerationError
from goldenseed.suite.loading import load_suite
from goldenseed.tools.probe.change import call_otherwise

Change = Callable[[Any, ExitStack], None]


def made_with(case: Any, change: Change | None) -> tuple[dict[str, Any], bytes]:
    """Return what is said to be in force, and the pixels, with ``change`` made inside the call."""

    def prepare(pipeline: Any) -> None:
        def call(own: Callable[..., Any], **arguments: Any) -> Any:
            with ExitStack() as undo:
                if change is not None:
                    change(pipeline, undo)
                return own(**arguments)

        call_otherwise(pipeline, call)

    backend = DiffusersBackend(device="cpu", prepare=prepare)
    made = backend.generate(case)
    found = differing(made.in_force, backend.fingerprint())
    assert found.pop("call.unet.rows") == "2 x 2"
    assert found.pop("call.guidance_scale") == "7.5 x 2"
    assert "input_ids=1x77:" in found.pop("call.text_encoder.given")
    return found, made.image.tobytes()


@pytest.fixture
def case(sd: Path, tmp_path: Path) -> Any:
    return one_case(tmp_path, "sd")


def threads(_pipeline: Any, undo: ExitStack) -> None:
    undo.callback(torch.set_num_threads, torch.get_num_threads())
    torch.set_num_threads(3)


def precision(_pipeline: Any, undo: ExitStack) -> None:
    matmul: Any = torch.backends.mkldnn.matmul
    undo.callback(setattr, matmul, "fp32_precision", matmul.fp32_precision)
    matmul.fp32_precision = "bf16"


def autocast(_pipeline: Any, undo: ExitStack) -> None:
    undo.enter_context(torch.autocast("cpu", dtype=torch.bfloat16))


def processor(pipeline: Any, undo: ExitStack) -> None:
    undo.callback(pipeline.unet.set_attn_processor, pipeline.unet.attn_processors)
    pipeline.unet.set_attn_processor(AttnProcessor())


def tiling(pipeline: Any, undo: ExitStack) -> None:
    undo.enter_context(mock.patch.object(pipeline.vae, "use_tiling", new=True))


def training(pipeline: Any, undo: ExitStack) -> None:
    undo.callback(pipeline.unet.eval)
    pipeline.unet.train()


def channels_last(pipeline: Any, undo: ExitStack) -> None:
    undo.callback(pipeline.unet.to, memory_format=torch.contiguous_format)
    pipeline.unet.to(memory_format=torch.channels_last)


def encoder_in_bfloat16(pipeline: Any, undo: ExitStack) -> None:
    own = type(pipeline.text_encoder).forward

    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return own(self, *args, **kwargs)

    undo.enter_context(
        mock.patch.object(pipeline.text_encoder, "forward", forward.__get__(pipeline.text_encoder))
    )


def free_u(pipeline: Any, undo: ExitStack) -> None:
    undo.callback(pipeline.disable_freeu)
    pipeline.enable_freeu(s1=0.9, s2=0.2, b1=1.2, b2=1.4)


@pytest.mark.parametrize(
    ("change", "key", "value"),
    [
        (encoder_in_bfloat16, "model.text_encoder.autocast", "bfloat16"),
        (free_u, "model.unet.switches", "b1=1.2 x 2, b2=1.4 x 2, s1=0.9 x 2, s2=0.2 x 2"),
        (threads, "cpu.threads", 3),
        (precision, "torch.mkldnn.matmul.fp32_precision", "bf16"),
        (autocast, "torch.autocast", "bfloat16"),
        (tiling, "model.vae.tiling", True),
        (training, "model.unet.training", True),
        (channels_last, "model.unet.memory_format", "NHWC"),
    ],
)
def test_a_switch_turned_inside_the_call_is_named(case: Any, change: Change, key: str, value: Any):
    assert made_with(case, change)[0][key] == value


def nudge(weight: torch.Tensor) -> None:
    with torch.no_grad():
        weight.mul_(1.01)


def other_scale(pipeline: Any, undo: ExitStack) -> None:
    attention = next(part for part in pipeline.unet.modules() if hasattr(part, "to_q"))
    undo.enter_context(mock.patch.object(attention, "scale", attention.scale * 1.01))


def other_weight(pipeline: Any, undo: ExitStack) -> None:
    kernel = pipeline.vae.post_quant_conv.weight
    undo.callback(setattr, kernel, "data", kernel.data)
    kernel.data = kernel.data * 1.01


def hooked(pipeline: Any, undo: ExitStack) -> None:
    handle = pipeline.unet.mid_block.register_forward_hook(lambda _m, _a, output: output * 1.01)
    undo.callback(handle.remove)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (other_scale, "model.unet.attributes_sha256"),
        (other_weight, "model.vae.weights_sha256"),
        (hooked, "model.unet.hooks"),
        (lambda pipeline, _undo: nudge(pipeline.unet.conv_in.bias), "model.unet.weights_sha256"),
        (
            lambda pipeline, _undo: nudge(pipeline.text_encoder.get_input_embeddings().weight),
            "model.text_encoder.weights_sha256",
        ),
    ],
)
def test_what_a_model_holds_is_read_again_where_it_is_changed_inside_the_call(
    case: Any, change: Change, key: str
):
    assert key in made_with(case, change)[0]


@pytest.mark.parametrize("name", ["callback_on_step_end", "callback"])
def test_what_is_called_between_the_steps_is_named(name: str):
    def shown(*_: Any) -> dict[str, Any]:
        return {}

    class Pipeline:
        def __call__(
            self, prompt: str, callback_on_step_end: Any = None, callback: Any = None
        ) -> str | None:
            return callback_around(sys._getframe())

    called = Pipeline()
    assert called("a", **{name: None}) is None
    assert str(called("a", **{name: shown})).startswith(f"{__name__}.")


def test_a_callback_that_an_application_brings_is_in_force_inside_the_call(case: Any):
    def call(own: Callable[..., Any], **arguments: Any) -> Any:
        return own(**arguments, callback_on_step_end=lambda *_: {})

    backend = DiffusersBackend(device="cpu", prepare=lambda each: call_otherwise(each, call))
    found = differing(backend.generate(case).in_force, backend.fingerprint())
    assert "<lambda>" in str(found["pipeline.callback"])


def test_guidance_that_ends_within_the_call_is_told_by_rows_and_scale(case: Any):
    def prepare(pipeline: Any) -> None:
        def stop(pipe: Any, _step: int, _time: Any, values: dict[str, Any]) -> dict[str, Any]:
            pipe._guidance_scale = 1.0
            values["prompt_embeds"] = values["prompt_embeds"].chunk(2)[-1]
            return values

        call_otherwise(
            pipeline,
            lambda own, **arguments: own(
                **arguments,
                callback_on_step_end=stop,
                callback_on_step_end_tensor_inputs=["prompt_embeds"],
            ),
        )

    backend = DiffusersBackend(device="cpu", prepare=prepare)
    found = differing(backend.generate(case).in_force, backend.fingerprint())
    assert found["call.unet.rows"] == "2 x 1, 1 x 1"
    assert found["call.guidance_scale"] == "7.5 x 1, 1.0 x 1"


def test_an_attention_processor_exchanged_inside_the_call_is_named(case: Any):
    found, _ = made_with(case, processor)
    assert set(found) == {"attention.unet.processors"}
    assert str(found["attention.unet.processors"]).startswith("AttnProcessor x ")


def test_nothing_is_said_of_a_call_that_turns_nothing_and_no_pixel_changes(case: Any):
    found, pixels = made_with(case, None)
    assert found == {}
    assert pixels == DiffusersBackend(device="cpu", trace=False).generate(case).image.tobytes()


def test_nothing_is_left_on_the_models(case: Any):
    backend = DiffusersBackend(device="cpu")
    moments = backend.generate(case).in_force
    assert len(moments) == 5, "the first calls of encoder, denoiser and VAE; all of the first two"
    pipeline = backend._loaded.pipeline  # type: ignore[union-attr]
    models = (pipeline.text_encoder, pipeline.unet, pipeline.vae)
    assert not any(part._forward_pre_hooks for each in models for part in each.modules())
    assert "decode" not in vars(pipeline.vae)


def test_a_key_that_the_fingerprint_lacks_tells_nothing():
    reading = {"torch.sdp.math": True, "cpu.threads": 2, "model.unet.dtype": "float32"}
    around = {"cpu.threads": 1, "model.unet.dtype": "bfloat16 float32"}
    assert differing([reading], around) == {"cpu.threads": 2}


def slow_attention(_pipeline: Any, undo: ExitStack) -> None:
    undo.enter_context(torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH))


def test_a_kernel_of_attention_exchanged_inside_the_call_is_named_with_its_shapes(
    sd: Path, tmp_path: Path
):
    case = one_case(tmp_path, "sd")
    text = case.suite.path.read_text().replace(
        '"cases"', '"determinism": {"sdpa": "flash"}, "cases"'
    )
    case.suite.path.write_text(text)
    case = load_suite(case.suite.path).cases[0]
    assert made_with(case, None)[0] == {}
    found, _ = made_with(case, slow_attention)
    kernels = {key: value for key, value in found.items() if key.startswith("attention.")}
    assert set(kernels.values()) == {"MATH"}
    tokens = (32 // 4) ** 2
    assert f"attention.unet.kernel.{tokens}x{tokens}x" in " ".join(kernels)
    assert found["torch.sdp.flash"] is False


def test_on_a_gpu_the_kernels_of_all_shapes_are_told_and_on_a_cpu_the_others():
    reading = {
        "attention.unet.kernel.64x64x8": "FLASH_ATTENTION",
        "attention.unet.kernel.64x77x8-mask": "MATH",
        "attention.other.kernel.64x64x8": "MATH",
    }
    around = {"attention.unet.kernel": "FLASH_ATTENTION (asked)", "device.type": "cpu"}
    masked = {"attention.unet.kernel.64x77x8-mask": "MATH"}
    assert differing([reading], around) == masked
    flash = {"attention.unet.kernel.64x64x8": "FLASH_ATTENTION"}
    assert differing([reading], {**around, "device.type": "cuda"}) == flash | masked


def test_torchs_attention_is_left_as_it_was_also_after_an_error(case: Any):
    own = torch.nn.functional.scaled_dot_product_attention

    def fails(pipeline: Any, undo: ExitStack) -> None:
        def hook(*_: Any) -> None:
            assert torch.nn.functional.scaled_dot_product_attention is not own
            raise ZeroDivisionError

        undo.callback(pipeline.unet.mid_block.register_forward_hook(hook).remove)

    with pytest.raises(GenerationError, match="ZeroDivisionError"):
        made_with(case, fails)
    assert torch.nn.functional.scaled_dot_product_attention is own
