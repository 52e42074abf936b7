"""The contact sheet: prompts and what the model makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from diffusers import StableDiffusionPipeline
from PIL import Image, ImageDraw

from .sampling import Sampling, generate
from .scenes import SIZE

PROMPTS: Final = (
    "a red apple on a white table",
    "an orange cat on a window sill at night",
    "a pink heart in the snow at sunset",
    "a big green house on green grass",
    "a purple star on a sandy beach at night",
    "a yellow flower on a window sill",
    "a white mug on a wooden table",
    "a blue ball on a sandy beach at sunset",
    "a red mushroom on green grass",
    "a black cat on a white table at sunset",
    "a blue cube left of a yellow ball on a wooden table",
    "a red cone right of a green cone in the snow at night",
)
_COLUMNS: Final = 6
_CAPTION: Final = 30
_GAP: Final = 6


def _wrap(prompt: str, width: int = 22) -> str:
    """Break a prompt into lines of at most `width` letters."""
    lines = [""]
    for word in prompt.split():
        if len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


def make_sheet(
    pipeline: StableDiffusionPipeline, sampling: Sampling, prompts: Sequence[str] = PROMPTS
) -> Image.Image:
    """Generate each prompt once, with seed 0 for all, and lay the pictures out in rows."""
    rows = -(-len(prompts) // _COLUMNS)
    wide, high = SIZE + _GAP, SIZE + _CAPTION + _GAP
    sheet = Image.new("RGB", (_COLUMNS * wide + _GAP, rows * high + _GAP), "white")
    canvas = ImageDraw.Draw(sheet)
    for index, prompt in enumerate(prompts):
        x, y = _GAP + index % _COLUMNS * wide, _GAP + index // _COLUMNS * high
        sheet.paste(generate(pipeline, prompt, 0, sampling), (x, y))
        canvas.multiline_text((x, y + SIZE + 2), _wrap(prompt), fill="black", spacing=1)
    return sheet
