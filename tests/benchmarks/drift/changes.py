"""What is done to the images: harmless changes and real ones, as data.

The severity of a real change was set before anything was measured, by its size:
``faint`` (a ten-thousandth of a parameter, weights off by 1e-5 at most), ``slight`` (what people
do without a thought: one step more, guidance 5.1), ``plain`` (another scheduler, dtype, filter) and
``gross`` (another seed).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import edits

from goldenseed.tools.probe.changes.kernels import sliced_attention
from goldenseed.tools.probe.changes.memory import channels_last, in_a_batch, sliced, tiled

if TYPE_CHECKING:
    from goldenseed.suite.cases import Case

ALL = ("shapes-sd", "random SDXL", "random FLUX")
UNETS = ALL[:2]
SHAPES = ALL[:1]
FLUX = ALL[2:]


@dataclass(frozen=True)
class Change:
    """One thing done differently; without a severity it is harmless."""

    name: str
    severity: str | None = None
    models: tuple[str, ...] = ALL
    env: Mapping[str, str] = field(default_factory=dict)
    """Environment of a fresh process; without it, the process of the plain images' kind."""
    determinism: Mapping[str, Any] = field(default_factory=dict)
    prepare: Callable[[Any], object] = id
    """Given the loaded pipeline, to change it underneath."""
    case: Callable[[Case], Case] = lambda case: case
    """What the suite would say differently; the recipe is held to be the old one all the same."""
    portable: bool = True
    """Whether portable mode can do it at all: it makes one image at a time, in float64."""

    @property
    def harmless(self) -> bool:
        return self.severity is None


def _call(**values: Any) -> Callable[[Case], Case]:
    return lambda case: replace(case, call={**case.call, **values})


def _added(key: str, amount: float) -> Callable[[Case], Case]:
    return lambda case: replace(case, call={**case.call, key: case.call[key] + amount})


def _prompt(change: Callable[[str], str]) -> Callable[[Case], Case]:
    return lambda case: replace(case, prompt=change(case.prompt))


HARMLESS = (
    Change("the same again in a fresh process", env={"GOLDENSEED_BENCHMARK": "1"}),
    Change("2 threads", determinism={"threads": 2}, env={"OMP_NUM_THREADS": "2"}),
    Change("AVX2", env={"ATEN_CPU_CAPABILITY": "avx2"}),
    Change("lowest instruction set", env={"ATEN_CPU_CAPABILITY": "default"}),
    Change("oneDNN capped to AVX2", env={"ONEDNN_MAX_CPU_ISA": "AVX2"}),
    Change("MKL_CBWR=COMPATIBLE", env={"MKL_CBWR": "COMPATIBLE"}),
    Change("no oneDNN", prepare=edits.without_onednn),
    Change("flash attention kernel", determinism={"sdpa": "flash"}),
    Change("kernel that torch chooses", determinism={"sdpa": "default"}),
    Change(
        "plain attention processor",
        models=UNETS,
        determinism={"attention_processor": "AttnProcessor"},
        portable=False,
    ),
    Change("attention slicing", models=UNETS, prepare=sliced_attention),
    Change("first of a batch of 2", prepare=partial(in_a_batch, position=0), portable=False),
    Change("second of a batch of 2", prepare=partial(in_a_batch, position=1), portable=False),
    Change("channels last", prepare=channels_last),
    Change("VAE slicing", prepare=sliced, portable=False),
    Change("PNG round trip", prepare=edits.round_trip("PNG")),
    Change("lossless WebP round trip", prepare=edits.round_trip("WEBP", lossless=True)),
)

_CHANGED = (
    Change("guidance + 0.0001", "faint", case=_added("guidance_scale", 1e-4)),
    Change("guidance - 0.0001", "faint", case=_added("guidance_scale", -1e-4)),
    Change("guidance + 0.001", "faint", case=_added("guidance_scale", 1e-3)),
    Change("denoiser's weights, noise 1e-6", "faint", prepare=edits.weight_noise("denoiser", 1e-6)),
    Change("denoiser's weights, noise 1e-5", "faint", prepare=edits.weight_noise("denoiser", 1e-5)),
    Change("VAE's weights, noise 1e-5", "faint", prepare=edits.weight_noise("vae", 1e-5)),
    Change("text encoder, noise 1e-5", "faint", prepare=edits.weight_noise("text_encoder", 1e-5)),
    Change("LoRA-like update, scale 1e-5", "faint", prepare=edits.low_rank(1e-5)),
    Change(
        "denoiser's weights, noise 1e-4", "slight", prepare=edits.weight_noise("denoiser", 1e-4)
    ),
    Change(
        "denoiser's weights, noise 1e-3", "slight", prepare=edits.weight_noise("denoiser", 1e-3)
    ),
    Change("VAE's weights, noise 1e-3", "slight", prepare=edits.weight_noise("vae", 1e-3)),
    Change("text encoder, noise 1e-3", "slight", prepare=edits.weight_noise("text_encoder", 1e-3)),
    Change("LoRA-like update, scale 0.01", "slight", prepare=edits.low_rank(0.01)),
    Change("guidance + 0.01", "slight", case=_added("guidance_scale", 0.01)),
    Change("guidance + 0.1", "slight", case=_added("guidance_scale", 0.1)),
    Change("guidance - 0.1", "slight", case=_added("guidance_scale", -0.1)),
    Change("one step more", "slight", case=_added("num_inference_steps", 1)),
    Change("one step fewer", "slight", case=_added("num_inference_steps", -1)),
    Change("a comma in the prompt", "slight", case=_prompt(lambda text: text + ",")),
    Change("gamma 1.01", "slight", prepare=edits.gamma(1.01)),
    Change("JPEG quality 95", "slight", prepare=edits.round_trip("JPEG", quality=95)),
    Change("one-level watermark", "slight", prepare=edits.watermark(1 / 255)),
    Change("one-level patch", "slight", prepare=edits.patch(1 / 255)),
    Change("one pixel off by 2 levels", "slight", prepare=edits.one_pixel(2 / 255)),
    Change("VAE tiling", "slight", prepare=tiled),
    Change("float16 VAE", "slight", models=UNETS, prepare=edits.rounded_weights("vae", "float16")),
    Change(
        "denoiser's weights rounded to float16",
        "slight",
        prepare=edits.rounded_weights("denoiser", "float16"),
    ),
    Change("denoiser's weights, noise 1e-2", "plain", prepare=edits.weight_noise("denoiser", 1e-2)),
    Change("VAE's weights, noise 1e-2", "plain", prepare=edits.weight_noise("vae", 1e-2)),
    Change("another VAE", "plain", prepare=edits.weight_noise("vae", 0.1)),
    Change("LoRA-like update, scale 0.1", "plain", prepare=edits.low_rank(0.1)),
    Change("guidance + 0.2", "plain", case=_added("guidance_scale", 0.2)),
    Change("guidance + 2", "plain", case=_added("guidance_scale", 2)),
    Change("guidance - 2", "plain", case=_added("guidance_scale", -2)),
    Change("Euler", "plain", models=SHAPES, prepare=edits.scheduler("EulerDiscreteScheduler")),
    Change(
        "DPM++ 2M", "plain", models=UNETS, prepare=edits.scheduler("DPMSolverMultistepScheduler")
    ),
    Change("DDIM", "plain", models=("random SDXL",), prepare=edits.scheduler("DDIMScheduler")),
    Change(
        "shift 1 for 3",
        "plain",
        models=FLUX,
        prepare=edits.scheduler("FlowMatchEulerDiscreteScheduler", shift=1.0),
    ),
    Change(
        "shift 3.1 for 3",
        "slight",
        models=FLUX,
        prepare=edits.scheduler("FlowMatchEulerDiscreteScheduler", shift=3.1),
    ),
    Change("bfloat16", "plain", prepare=edits.as_dtype("bfloat16"), portable=False),
    Change("float16", "plain", prepare=edits.as_dtype("float16"), portable=False),
    Change("two tokens exchanged", "plain", prepare=edits.other_tokens),
    Change("resized by bilinear and back", "plain", prepare=edits.resized("BILINEAR")),
    Change("resized by Lanczos and back", "plain", prepare=edits.resized("LANCZOS")),
    Change("visible watermark", "plain", prepare=edits.watermark(16 / 255)),
    Change("colour profile: gamma 1.1", "plain", prepare=edits.gamma(1.1)),
    Change("JPEG quality 75", "plain", prepare=edits.round_trip("JPEG", quality=75)),
    Change("JPEG quality 30", "plain", prepare=edits.round_trip("JPEG", quality=30)),
    Change("shifted by one pixel", "plain", prepare=edits.shifted(1)),
    Change("one word of the prompt", "gross", case=_prompt(edits.other_word)),
    Change("the next seed", "gross", case=lambda case: replace(case, seed=case.seed + 1)),
    Change("denoiser's weights, noise 1e-1", "gross", prepare=edits.weight_noise("denoiser", 1e-1)),
    Change("LoRA-like update, scale 1", "gross", prepare=edits.low_rank(1.0)),
)

CHANGES: Mapping[str, Change] = MappingProxyType(
    {change.name: change for change in (*HARMLESS, *_CHANGED)}
)
