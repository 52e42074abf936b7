"""Six further architectures for the benchmark, random and small, none of them like the first three.

The rules may be mended on what is seen of ``TUNED``; ``HELD_OUT`` was chosen before anything was
looked at, and is only reported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kind_models import deepfloyd, kandinsky3, lumina2, pixart, sana, z_image
from models import CONTRAST, PROMPTS

SIDES = (128, 256)
IMAGES = 1
"""How many prompts are made at each size."""


@dataclass(frozen=True)
class Kind:
    """One architecture: how it is built, and what its suite says."""

    name: str
    build: Callable[[], Any]
    call: Mapping[str, Any] = field(default_factory=dict)
    steps: int = 6
    guidance: float = 4.5
    decoder: str | None = "vae"
    """The part that makes the picture; None in pixel space."""


def build_kind(kind: Kind, folder: Path) -> Mapping[int, Path]:
    """Write the model and a suite for each size below ``folder``, unless there; return those."""
    import json

    if not (folder / "model").exists():
        import torch

        torch.manual_seed(7)
        pipeline = kind.build()
        pipeline.set_progress_bar_config(disable=True)
        if kind.decoder:
            _give_contrast(pipeline, kind)
        pipeline.save_pretrained(folder / "model", safe_serialization=True)
    suites = {}
    for side in SIDES:
        call = {
            "num_inference_steps": kind.steps,
            "guidance_scale": kind.guidance,
            "height": side,
            "width": side,
            **kind.call,
        }
        for dtype in ("float32", "bfloat16"):
            document = {
                "suite": f"{folder.name}-{side}",
                "model": {"source": "model", "dtype": dtype},
                "defaults": {"call": call},
                "cases": [
                    {"id": f"case-{number}", "prompt": PROMPTS[number], "seeds": [100 + number]}
                    for number in range(IMAGES)
                ],
            }
            path = folder / f"{dtype}-{side}.suite.yaml"
            path.write_text(json.dumps(document), encoding="utf-8")
        suites[side] = folder / f"float32-{side}.suite.yaml"
    return suites


def _give_contrast(pipeline: Any, kind: Kind) -> None:
    """Scale the decoder's last layer so that pictures are neither grey nor clipped."""
    import torch

    decoder = getattr(pipeline, kind.decoder or "")
    values = []
    hook = decoder.decoder.register_forward_hook(lambda _m, _i, made: values.append(made))
    with torch.no_grad():
        pipeline(
            PROMPTS[0],
            num_inference_steps=kind.steps,
            guidance_scale=kind.guidance,
            height=SIDES[0],
            width=SIDES[0],
            generator=torch.Generator().manual_seed(1),
            output_type="np",
            **kind.call,
        )
    hook.remove()
    image = values[-1]
    last = decoder.decoder.conv_out
    factor = CONTRAST / image.std(dim=(0, 2, 3))
    last.bias.data = (last.bias.data - image.mean(dim=(0, 2, 3))) * factor
    last.weight.data *= factor[:, None, None, None]


_SHORT = {"max_sequence_length": 32}
_PLAIN = {"clean_caption": False, "use_resolution_binning": False, **_SHORT}
TUNED = (
    Kind("PixArt-alpha", pixart, _PLAIN),
    Kind("DeepFloyd IF", deepfloyd, {"clean_caption": False}, decoder=None, steps=4),
    Kind("Z-Image", z_image, {"cfg_normalization": True, **_SHORT}),
)
HELD_OUT = (
    Kind("Sana", sana, {"complex_human_instruction": [], **_PLAIN}),
    Kind("Lumina 2", lumina2, {"max_sequence_length": 256}),
    Kind("Kandinsky 3", kandinsky3, decoder="movq"),
)
KINDS: Mapping[str, Kind] = {each.name: each for each in (*TUNED, *HELD_OUT)}
