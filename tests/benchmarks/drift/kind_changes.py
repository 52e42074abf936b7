"""What is done to the images of the further architectures, in float32 and in half precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import edits
from changes import Change, _added, _prompt

from goldenseed.tools.probe.changes.kernels import sliced_attention
from goldenseed.tools.probe.changes.memory import channels_last, in_a_batch, tiled

_NUMPY = "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR AVX2 FMA3"
_LOWEST = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_CBWR": "COMPATIBLE",
    "NPY_DISABLE_CPU_FEATURES": _NUMPY,
}

HARMLESS = (
    Change("the same again in a fresh process", env={"GOLDENSEED_BENCHMARK": "1"}),
    Change("2 threads", determinism={"threads": 2}, env={"OMP_NUM_THREADS": "2"}),
    Change("AVX2", env={"ATEN_CPU_CAPABILITY": "avx2"}),
    Change("lowest instruction set", env={"ATEN_CPU_CAPABILITY": "default"}),
    Change("oneDNN capped to AVX2", env={"ONEDNN_MAX_CPU_ISA": "AVX2"}),
    Change("MKL_CBWR=COMPATIBLE", env={"MKL_CBWR": "COMPATIBLE"}),
    Change("all capped, NumPy too", env=_LOWEST),
    Change("no oneDNN", prepare=edits.without_onednn),
    Change("flash attention kernel", determinism={"sdpa": "flash"}),
    Change("attention slicing", prepare=sliced_attention),
    Change("first of a batch of 2", prepare=partial(in_a_batch, position=0)),
    Change("second of a batch of 2", prepare=partial(in_a_batch, position=1)),
    Change("channels last", prepare=channels_last),
    Change(
        "all capped, channels last, second of a batch of 2",
        env={**_LOWEST, "GOLDENSEED_BENCHMARK": "2"},
        prepare=lambda pipeline: (channels_last(pipeline), in_a_batch(pipeline, position=1)),
    ),
)


def _part(names: tuple[str, ...], change: Callable[[str], edits.Edit]) -> edits.Edit:
    """Change the first of the parts that the pipeline has; nothing, and no image, without one."""

    def edit(pipeline: Any) -> None:
        from goldenseed.tools.probe.change import Unfit

        found = next((name for name in names if getattr(pipeline, name, None) is not None), None)
        if found is None:
            raise Unfit(f"no {names[0]}")
        change(found)(pipeline)

    return edit


def _noise(part: str, amount: float) -> edits.Edit:
    names = ("vae", "movq") if part == "vae" else (part,)
    if part == "denoiser":
        return edits.weight_noise(part, amount)
    return _part(names, lambda name: edits.weight_noise(name, amount))


def _dropout(pipeline: Any) -> None:
    """Leave dropout on in the text encoder, as after fine-tuning."""
    import torch

    encoder = pipeline.text_encoder.train()
    for module in encoder.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.1


def _without_guidance_from(step: int) -> edits.Edit:
    """Exchange the scheduler's input from a step on: what a step cache or a schedule does."""

    def edit(pipeline: Any) -> None:
        from goldenseed.tools.probe.change import call_otherwise

        def call(own_call: Callable[..., Any], **arguments: Any) -> Any:
            scheduler, calls = pipeline.scheduler, 0
            own = scheduler.step

            def stepped(output: Any, *args: Any, **kwargs: Any) -> Any:
                nonlocal calls
                calls += 1
                return own(output * 0.98 if calls > step else output, *args, **kwargs)

            scheduler.step = stepped
            try:
                return own_call(**arguments)
            finally:
                del scheduler.step

        call_otherwise(pipeline, call)

    return edit


def _rounded(names: tuple[str, ...], dtype: str) -> edits.Edit:
    return _part(names, lambda name: edits.rounded_weights(name, dtype))


_DECODERS = ("vae", "movq")
FLOAT32 = (
    *HARMLESS,
    Change("guidance + 0.0001", "faint", case=_added("guidance_scale", 1e-4)),
    Change("guidance + 0.001", "faint", case=_added("guidance_scale", 1e-3)),
    Change("denoiser's weights, noise 1e-6", "faint", prepare=_noise("denoiser", 1e-6)),
    Change("denoiser's weights, noise 1e-5", "faint", prepare=_noise("denoiser", 1e-5)),
    Change("VAE's weights, noise 1e-6", "faint", prepare=_noise("vae", 1e-6)),
    Change("VAE's weights, noise 1e-5", "faint", prepare=_noise("vae", 1e-5)),
    Change("text encoder, noise 1e-5", "faint", prepare=_noise("text_encoder", 1e-5)),
    Change("denoiser's weights, noise 1e-4", "slight", prepare=_noise("denoiser", 1e-4)),
    Change("denoiser's weights, noise 1e-3", "slight", prepare=_noise("denoiser", 1e-3)),
    Change("VAE's weights, noise 1e-4", "slight", prepare=_noise("vae", 1e-4)),
    Change("text encoder, noise 1e-3", "slight", prepare=_noise("text_encoder", 1e-3)),
    Change("guidance + 0.1", "slight", case=_added("guidance_scale", 0.1)),
    Change("one step more", "slight", case=_added("num_inference_steps", 1)),
    Change("gamma 1.003", "slight", prepare=edits.gamma(1.003)),
    Change("gamma 1.01", "slight", prepare=edits.gamma(1.01)),
    Change("one-level patch", "slight", prepare=edits.patch(1 / 255)),
    Change("one-level watermark", "slight", prepare=edits.watermark(1 / 255)),
    Change("JPEG quality 95", "slight", prepare=edits.round_trip("JPEG", quality=95)),
    Change(
        "2 % less of the output from the 3rd step on", "slight", prepare=_without_guidance_from(2)
    ),
    Change("VAE tiling", "slight", prepare=tiled),
    Change("VAE's weights rounded to float16", "slight", prepare=_rounded(_DECODERS, "float16")),
    Change(
        "denoiser's weights rounded to float16",
        "slight",
        prepare=edits.rounded_weights("denoiser", "float16"),
    ),
    Change("dropout left on in the text encoder", "plain", prepare=_dropout),
    Change("denoiser's weights, noise 1e-2", "plain", prepare=_noise("denoiser", 1e-2)),
    Change("VAE's weights, noise 1e-2", "plain", prepare=_noise("vae", 1e-2)),
    Change("guidance + 2", "plain", case=_added("guidance_scale", 2)),
    Change("Euler", "plain", prepare=edits.scheduler("EulerDiscreteScheduler")),
    Change("bfloat16", "plain", prepare=edits.as_dtype("bfloat16")),
    Change("one word of the prompt", "gross", case=_prompt(edits.other_word)),
)


def _in_float32(names: tuple[str, ...]) -> edits.Edit:
    """Cast a decoder, and what it is given, to float32, as a fall-back from NaN does."""

    def cast(name: str) -> edits.Edit:
        def edit(pipeline: Any) -> None:
            import torch

            part = getattr(pipeline, name).to(torch.float32)
            own = part.decode
            part.decode = lambda latents, *args, **kwargs: own(latents.float(), *args, **kwargs)

        return edit

    return _part(names, cast)


BFLOAT16 = (
    *HARMLESS,
    Change("guidance + 0.05", "slight", case=_added("guidance_scale", 0.05)),
    Change("guidance + 0.5", "plain", case=_added("guidance_scale", 0.5)),
    Change("denoiser's weights, noise 1e-3", "slight", prepare=_noise("denoiser", 1e-3)),
    Change("denoiser's weights, noise 1e-2", "plain", prepare=_noise("denoiser", 1e-2)),
    Change("denoiser's weights, noise 1e-1", "gross", prepare=_noise("denoiser", 1e-1)),
    Change("VAE's weights, noise 1e-2", "plain", prepare=_noise("vae", 1e-2)),
    Change("text encoder, noise 1e-2", "plain", prepare=_noise("text_encoder", 1e-2)),
    Change("VAE in float32", "slight", prepare=_in_float32(_DECODERS)),
    Change("gamma 1.003", "slight", prepare=edits.gamma(1.003)),
    Change("one-level patch", "slight", prepare=edits.patch(1 / 255)),
    Change("JPEG quality 95", "slight", prepare=edits.round_trip("JPEG", quality=95)),
    Change(
        "2 % less of the output from the 3rd step on", "slight", prepare=_without_guidance_from(2)
    ),
    Change("one step more", "slight", case=_added("num_inference_steps", 1)),
    Change("one word of the prompt", "gross", case=_prompt(edits.other_word)),
)
AT_256 = (
    "guidance + 0.0001",
    "denoiser's weights, noise 1e-5",
    "VAE's weights, noise 1e-5",
    "gamma 1.003",
)
"""Real changes that are made at the larger size, too."""
KIND_CHANGES: Mapping[str, Mapping[str, Change]] = MappingProxyType(
    {
        mode: MappingProxyType({change.name: change for change in changes})
        for mode, changes in (("float32", FLOAT32), ("bfloat16", BFLOAT16))
    }
)
"""dtype → name → change."""
