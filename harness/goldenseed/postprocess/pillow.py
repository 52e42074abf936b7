"""Steps that Pillow computes: resize, crop, sharpen, vignette, colour, watermark, encode."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular
from goldenseed.suite.cube import LARGEST_FILE, parsed_cube

if TYPE_CHECKING:
    from PIL.Image import Image

    from goldenseed.suite.postprocess import StepSpec

_SUBSAMPLING: Final = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}
_LEVELS: Final = 256


def resized(image: Image, step: StepSpec) -> Image:
    """Make the picture another size by Pillow's ``Image.resize``."""
    from PIL.Image import Resampling

    given = step.described
    filtered = Resampling[str(given["filter"]).upper()]
    return image.resize((_whole(given["width"]), _whole(given["height"])), filtered)


def cropped(image: Image, step: StepSpec) -> Image:
    """Cut a rectangle out; raises ``GoldenseedError`` where it is not inside the picture."""
    left, top, width, height = (
        _whole(step.described[key]) for key in ("left", "top", "width", "height")
    )
    if left + width > image.width or top + height > image.height:
        raise GoldenseedError(
            f"the rectangle reaches {left + width} x {top + height}, and the picture is "
            f"{image.width} x {image.height}",
            fix="make the rectangle smaller",
        )
    return image.crop((left, top, left + width, top + height))


def sharpened(image: Image, step: StepSpec) -> Image:
    """Filter by ``UnsharpMask``, or by ``Kernel``, whose numbers are not divided by their sum."""
    from PIL import ImageFilter

    given: Mapping[str, Any] = step.described
    if "kernel" in given:
        rows = given["kernel"]
        numbers = list(chain.from_iterable(rows))
        return image.filter(ImageFilter.Kernel((len(rows), len(rows)), numbers, scale=1))
    mask = ImageFilter.UnsharpMask(given["radius"], given["percent"], given["threshold"])
    return image.filter(mask)


def vignetted(image: Image, step: StepSpec) -> Image:
    """Darken towards the corners: each level times one of 256 shares of the light.

    With r the distance from the middle, 1 in the corner of the corner pixel, the share is
    ``1 - strength * (r**2 - radius**2) / (1 - radius**2)`` where that is below 1, rounded to one of
    255; levels are multiplied and rounded as ``ImageChops.multiply`` does.
    """
    from PIL import Image, ImageChops

    given: Mapping[str, Any] = step.described
    light = _light(image.size, float(given["strength"]), float(given["radius"]))
    bands = image.getbands()
    return ImageChops.multiply(image, Image.merge(image.mode, [light] * len(bands)))


@lru_cache(maxsize=4)  # of a size the same for every picture
def _light(size: tuple[int, int], strength: float, radius: float) -> Image:
    """Return the shares of the light; from sums, products and quotients, so of the same bits."""
    import numpy as np
    from PIL import Image

    across, down = (((2 * np.arange(side) + 1 - side) / side) ** 2 for side in size)
    squared = (across[None, :] + down[:, None]) / 2
    lost = np.maximum(squared - radius * radius, 0.0) / (1 - radius * radius)
    return Image.fromarray(np.rint(255 * (1 - strength * lost)).astype(np.uint8))


def coloured(image: Image, step: StepSpec) -> Image:
    """Change brightness, contrast, saturation and gamma; then look colours up in a table."""
    from PIL import ImageEnhance

    given: Mapping[str, Any] = step.described
    enhancers: tuple[tuple[str, Any], ...] = (
        ("brightness", ImageEnhance.Brightness),
        ("contrast", ImageEnhance.Contrast),
        ("saturation", ImageEnhance.Color),
    )
    for name, enhancer in enhancers:
        if given[name] != 1:
            image = enhancer(image).enhance(given[name])
    if given["gamma"] != 1:
        shares = ((level / 255) ** (1 / given["gamma"]) for level in range(_LEVELS))
        image = image.point([round(255 * share) for share in shares] * len(image.getbands()))
    if step.file is not None:
        image = image.convert("RGB").filter(_table(step.file, str(given["table_sha256"])))
    return image


@lru_cache(maxsize=4)  # by what is in it
def _table(file: Path, _sha256: str) -> Any:
    from PIL import ImageFilter

    side, numbers = parsed_cube(read_regular(file, LARGEST_FILE))
    return ImageFilter.Color3DLUT(side, numbers)


def watermarked(image: Image, step: StepSpec) -> Image:
    """Lay a text or a picture over the picture; raises ``GoldenseedError`` for a larger one."""
    from PIL import Image as Images

    given: Mapping[str, Any] = step.described
    mark = _text_of(step) if "text" in given else _picture_of(step)
    margin = given["margin"]
    room = (image.width - mark.width - margin, image.height - mark.height - margin)
    if min(room) < margin:
        raise GoldenseedError(
            f"it is {mark.width} x {mark.height} pixels with a margin of {margin}, and the "
            f"picture is {image.width} x {image.height}",
            fix="use a smaller watermark",
        )
    place = given["place"]
    left = margin if "left" in place else room[0]
    top = margin if "top" in place else room[1]
    if place == "centre":
        left, top = ((image.width - mark.width) // 2, (image.height - mark.height) // 2)
    covered = Images.new("RGBA", image.size)
    covered.paste(mark, (left, top))
    alpha = covered.getchannel("A").point([round(n * given["opacity"]) for n in range(_LEVELS)])
    covered.putalpha(alpha)
    laid = Images.alpha_composite(image.convert("RGBA"), covered)
    return laid.convert(image.mode)


def _text_of(step: StepSpec) -> Image:
    """Draw a text on nothing; lines are laid out by Pillow's own engine, whatever is installed."""
    from PIL import Image, ImageDraw, ImageFont

    given: Mapping[str, Any] = step.described
    basic = ImageFont.Layout.BASIC
    font: Any = ImageFont.load_default(given["size"])
    if step.file is not None:
        font = ImageFont.truetype(str(step.file), given["size"], layout_engine=basic)
    elif isinstance(font, ImageFont.FreeTypeFont):
        font = font.font_variant(layout_engine=basic)
    left, top, right, bottom = ImageDraw.Draw(Image.new("L", (1, 1))).multiline_textbbox(
        (0, 0), given["text"], font=font
    )
    drawn = Image.new("L", (max(int(right - left), 1), max(int(bottom - top), 1)))
    ImageDraw.Draw(drawn).multiline_text((-left, -top), given["text"], fill=255, font=font)
    mark = Image.new("RGBA", drawn.size, given["colour"])
    mark.putalpha(drawn)
    return mark


def _picture_of(step: StepSpec) -> Image:
    from goldenseed.core.pixels import decode

    assert step.file is not None  # noqa: S101 - of a picture
    return decode(step.file, formats=("PNG",)).convert("RGBA")


def encoded_and_back(image: Image, step: StepSpec) -> Image:
    """Write a JPEG or WebP and decode it; raises ``GoldenseedError`` for a JPEG with alpha."""
    from PIL import Image as Images

    given: Mapping[str, Any] = step.described
    options: dict[str, Any] = {"quality": given["quality"]} if "quality" in given else {}
    if given["format"] == "jpeg":
        if image.mode == "RGBA":
            raise GoldenseedError("a JPEG has no transparency", fix="use webp")
        options["subsampling"] = _SUBSAMPLING[given["subsampling"]]
    else:
        options |= {"lossless": given["lossless"], "exact": True}
    buffer = io.BytesIO()
    image.save(buffer, format=given["format"].upper(), **options)
    decoded = Images.open(io.BytesIO(buffer.getvalue()))
    return decoded.convert(image.mode)


def _whole(value: object) -> int:
    assert isinstance(value, int)  # noqa: S101 - the schema says so
    return value


Step = Callable[["Image", "StepSpec"], "Image"]
PILLOW: Final[Mapping[str, Step]] = MappingProxyType(
    {
        "resize": resized,
        "crop": cropped,
        "sharpen": sharpened,
        "vignette": vignetted,
        "colour": coloured,
        "watermark": watermarked,
        "encode": encoded_and_back,
    }
)
"""What makes another picture of one of mode L, RGB or RGBA, by a step's kind."""
OF_COLOURS: Final = frozenset({"sharpen", "vignette", "colour"})
"""Steps that leave the transparency of a picture alone."""
