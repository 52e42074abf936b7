"""The steps of ``postprocess:`` as a suite file writes them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Discriminator, Field, JsonValue, StringConstraints, Tag

from goldenseed.suite.factory import PATTERN
from goldenseed.suite.sections import NonEmpty, Section

LARGEST_SIDE = 16384
"""Pixels of a side that a step may make."""

_Side = Annotated[int, Field(ge=1, le=LARGEST_SIDE)]
_Offset = Annotated[int, Field(ge=0, le=LARGEST_SIDE)]
_Share = Annotated[float, Field(ge=0, le=1)]
_Factor = Annotated[float, Field(ge=0, le=10)]
_Row = Annotated[tuple[float, ...], Field(strict=False, max_length=31)]
_Kernel = Annotated[tuple[_Row, ...], Field(strict=False, max_length=31)]
_Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9a-f]{6}$")]
Library = Literal["pillow", "opencv"]


class ResizeStep(Section):
    """Make the picture another size."""

    step: Literal["resize"]
    """`resize`."""
    width: _Side
    """Pixels."""
    height: _Side
    """Pixels."""
    filter: Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos", "area"]
    """How pixels are mixed. Pillow has no `area`, OpenCV neither `box` nor `hamming`."""
    library: Library = "pillow"
    """Which library computes it."""


class CropStep(Section):
    """Cut a rectangle out."""

    step: Literal["crop"]
    """`crop`."""
    left: _Offset
    """Pixels from the left."""
    top: _Offset
    """Pixels from the top."""
    width: _Side
    """Pixels."""
    height: _Side
    """Pixels."""


class SharpenStep(Section):
    """Sharpen by an unsharp mask (`radius`, `percent`) or by a `kernel`."""

    step: Literal["sharpen"]
    """`sharpen`."""
    library: Library = "pillow"
    """Which library computes it: Pillow's `UnsharpMask` and `Kernel`, OpenCV's `GaussianBlur` and
    `filter2D`."""
    radius: Annotated[float, Field(gt=0, le=100)] | None = None
    """Of an unsharp mask: the standard deviation of its blur, in pixels."""
    percent: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Of an unsharp mask: how much of the difference to the blurred picture is added."""
    threshold: Annotated[int, Field(ge=0, le=255)] = 0
    """Of Pillow's unsharp mask: the least difference that is added."""
    kernel: _Kernel | None = None
    """Rows of numbers by which a pixel and its neighbours count: of odd sides, 3 or 5 for
    Pillow."""


class VignetteStep(Section):
    """Darken towards the corners."""

    step: Literal["vignette"]
    """`vignette`."""
    strength: Annotated[float, Field(gt=0, le=1)]
    """How much of the light is lost in the very corner."""
    radius: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Up to which share of the way to the corner nothing is lost."""


class ColourStep(Section):
    """Change brightness, contrast, saturation, gamma and a table of colours, in this order."""

    step: Literal["colour"]
    """`colour`."""
    brightness: _Factor = 1.0
    """Pillow's `ImageEnhance.Brightness`: 0 is black, 1 changes nothing."""
    contrast: _Factor = 1.0
    """Pillow's `ImageEnhance.Contrast`: 0 is grey, 1 changes nothing."""
    saturation: _Factor = 1.0
    """Pillow's `ImageEnhance.Color`: 0 has no colour, 1 changes nothing."""
    gamma: Annotated[float, Field(ge=0.1, le=10)] = 1.0
    """A level becomes its share of 255 to the power of 1 / gamma."""
    table: NonEmpty | None = None
    """A `.cube` file of a 3D table, beside the suite; put on by Pillow's `Color3DLUT`."""


class WatermarkStep(Section):
    """Lay a text or a picture over the picture."""

    step: Literal["watermark"]
    """`watermark`."""
    text: NonEmpty | None = None
    """What is written; or `picture`."""
    picture: NonEmpty | None = None
    """A PNG beside the suite that is laid on, with its own transparency."""
    place: Literal["top-left", "top-right", "bottom-left", "bottom-right", "centre"]
    """Where it stands."""
    opacity: _Share
    """How much it covers: 1 hides what is below."""
    margin: _Offset = 0
    """Pixels from the edges."""
    size: Annotated[int, Field(ge=4, le=1000)] | None = None
    """Of a text: its height in pixels."""
    colour: _Colour | None = None
    """Of a text: `#rrggbb`."""
    font: NonEmpty | None = None
    """Of a text: a `.ttf` or `.otf` file beside the suite; by default the one inside Pillow."""


class UpscaleStep(Section):
    """Enlarge by a model of super-resolution."""

    step: Literal["upscale"]
    """`upscale`."""
    model: NonEmpty
    """A folder beside the suite with a Swin2SR model of transformers."""


class EncodeStep(Section):
    """Write the picture as a file and read it back, with what that loses."""

    step: Literal["encode"]
    """`encode`."""
    format: Literal["jpeg", "webp"]
    """What the file is."""
    quality: Annotated[int, Field(ge=1, le=100)] | None = None
    """As of Pillow; not needed where nothing is lost."""
    subsampling: Literal["4:4:4", "4:2:2", "4:2:0"] | None = None
    """Of a JPEG: how much coarser its colours are kept."""
    lossless: bool = False
    """Of a WebP."""


class FunctionStep(Section):
    """A function of your own."""

    step: Annotated[str, StringConstraints(pattern=PATTERN)]
    """`package.module:function`, which is given an array and returns one."""
    arguments: dict[NonEmpty, JsonValue] = Field(default_factory=dict)
    """What it is called with besides."""


STEPS: Mapping[str, type[Section]] = MappingProxyType(
    {
        "resize": ResizeStep,
        "crop": CropStep,
        "sharpen": SharpenStep,
        "vignette": VignetteStep,
        "colour": ColourStep,
        "watermark": WatermarkStep,
        "upscale": UpscaleStep,
        "encode": EncodeStep,
    }
)
"""The steps there are, by name."""
_TAG = "<step "


def _tag(value: object) -> str:
    step = value.get("step") if isinstance(value, dict) else getattr(value, "step", None)
    return f"{_TAG}{step if isinstance(step, str) and step in STEPS else 'function'}>"


def section_of(part: object) -> type[Section] | None:
    """Return the section that a part of pydantic's location stands for; None for other parts."""
    if not isinstance(part, str) or not part.startswith(_TAG):
        return None
    return STEPS.get(part.removeprefix(_TAG).removesuffix(">"), FunctionStep)


_Step = Annotated[
    Annotated[ResizeStep, Tag("<step resize>")]
    | Annotated[CropStep, Tag("<step crop>")]
    | Annotated[SharpenStep, Tag("<step sharpen>")]
    | Annotated[VignetteStep, Tag("<step vignette>")]
    | Annotated[ColourStep, Tag("<step colour>")]
    | Annotated[WatermarkStep, Tag("<step watermark>")]
    | Annotated[UpscaleStep, Tag("<step upscale>")]
    | Annotated[EncodeStep, Tag("<step encode>")]
    | Annotated[FunctionStep, Tag("<step function>")],
    Discriminator(_tag),
]
Steps = Annotated[tuple[_Step, ...], Field(strict=False, max_length=100)]
