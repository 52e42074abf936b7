"""What a pipeline returned: its pictures by name, as it made them, and as what is kept of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from goldenseed.backends.diffusers.foreign import is_foreign
from goldenseed.backends.protocol import Element, GenerationError, Unusable
from goldenseed.core.elements import MOST, TENSOR_MODES, read_returned
from goldenseed.core.errors import GoldenseedError

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

_PICTURES = ("images", "image", "frames", "videos", "rgb")
"""What diffusers' outputs call their pictures; where there are several, what comes first."""
_BESIDE = {"rgb": ("depth",)}
"""What else of an output counts beside its pictures."""
_NO_RESULT = frozenset(
    {"nsfw_content_detected", "nsfw_detected", "applied_safety_concept", "unsafe_images"}
)
DIMENSIONS = 3
"""Of one picture: height, width, channels."""
_CHANNELS = frozenset({1, 3, 4})


@dataclass(frozen=True, slots=True)
class Returned:
    """One picture or tensor as the pipeline returned it."""

    name: str
    value: Any
    """Floats (height, width, channels) in 0…1, a Pillow image, or, of a tensor, numbers."""
    is_picture: bool
    file: bytes | None = None
    """The file that ``value`` was decoded from, where one was returned."""


def flags_of(output: Any) -> tuple[bool, ...] | None:
    """Return what a safety checker says of each image of an output; None where none was asked."""
    for name in ("nsfw_content_detected", "nsfw_detected"):
        flags = getattr(output, name, None)
        if flags is not None:
            return tuple(map(bool, flags)) if isinstance(flags, list | tuple) else (bool(flags),)
    return None


def returned_by(output: Any) -> tuple[Returned, ...]:
    """Return the pictures and tensors of a pipeline's output, in order; none where it has none.

    Pictures of a batch or video are numbered (``images[1]``, ``frames[17]``) where there are more
    than one; an output without pictures gives each of its tensors, whole.
    """
    if isinstance(output, list | tuple | str | bytes | Path) or _is_picture(output):
        return tuple(_pictures("images", output))  # of a function that returns nothing around them
    name = next((each for each in _PICTURES if getattr(output, each, None) is not None), None)
    if name is not None:
        beside = (_tensors(each, getattr(output, each, None)) for each in _BESIDE.get(name, ()))
        return (
            *_pictures(name, getattr(output, name)),
            *(each for all_ in beside for each in all_),
        )
    fields = output if isinstance(output, Mapping) else getattr(output, "__dict__", {})
    named = ((name, value) for name, value in fields.items() if name not in _NO_RESULT)
    return tuple(each for name, value in named for each in _tensors(name, value))


def _is_picture(value: Any) -> bool:
    return hasattr(value, "getpixel") or getattr(value, "ndim", None) == DIMENSIONS


def _pictures(name: str, value: Any) -> Iterator[Returned]:
    """Part a batch into pictures; of a tensor on some device the pictures lie in memory."""
    if isinstance(value, str | bytes | Path):
        yield _read_file(name, value)
        return
    if hasattr(value, "detach"):
        value = value.detach().float().cpu().numpy()
    parted = isinstance(value, list | tuple) or getattr(value, "ndim", 0) > DIMENSIONS
    if not parted:
        yield Returned(name, value, is_picture=True)
        return
    for place, each in enumerate(value):
        yield from _pictures(name if len(value) == 1 else f"{name}[{place}]", each)


def _read_file(name: str, given: str | bytes | Path) -> Returned:
    """Decode a picture's file, given as its bytes or its path; ``GenerationError`` if it is none.

    Its bytes are kept as they are: what a file says of its origin is not in its pixels.
    """
    try:
        picture, data = read_returned(given, name)
        return Returned(name, picture, is_picture=True, file=data)
    except GoldenseedError as error:
        raise GenerationError(
            f"the file that was returned is no picture: {error.what}",
            path=error.path,
            fix="return a Pillow image, an array, or a PNG, JPEG or WebP file",
        ) from error


def _tensors(name: str, value: Any) -> Iterator[Returned]:
    import numpy as np

    if isinstance(value, list | tuple):
        for place, each in enumerate(value):
            yield from _tensors(name if len(value) == 1 else f"{name}[{place}]", each)
        return
    if hasattr(value, "detach"):
        held = value.detach().cpu()
        value = (held.float() if str(held.dtype) == "torch.bfloat16" else held).numpy()
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        yield Returned(name, value, is_picture=False)


ToLevels: TypeAlias = "Callable[[Any], Any]"
"""Makes Pillow images of floats (pictures, height, width, channels)."""


def foreign_levels(pipeline: Any) -> ToLevels | None:
    """Return what somebody put in the place of diffusers' ``numpy_to_pil``, if anybody did.

    What an application shows is made by it, though the pipeline is asked for floats here.
    """
    held = getattr(pipeline, "__dict__", {})
    parts = (value for name, value in held.items() if name.endswith(("_processor", "_pipe")))
    found = (getattr(each, "numpy_to_pil", None) for each in (pipeline, *parts))
    return next((each for each in found if each is not None and is_foreign(each)), None)


def element_of(
    returned: Returned, pipeline: str, dtype: str, levels: ToLevels | None = None
) -> Element:
    """Return what is kept of it: an 8-bit picture, or an array of floats.

    ``GenerationError`` where it is no picture of 1, 3 or 4 channels, or holds NaN; ``dtype`` is
    the model's, for the advice; ``levels`` is asked for the picture's levels where it is given.
    """
    from PIL.Image import Image

    if returned.is_picture and isinstance(returned.value, Image):
        # A copy: whose it is may write the next picture into the same memory.
        return Element(returned.name, returned.value.copy(), returned.file)
    values: Array = _array(returned.value)
    if returned.is_picture and (
        values.ndim != DIMENSIONS or values.shape[-1] not in _CHANNELS or values.dtype.kind != "f"
    ):
        raise GenerationError(
            f"{pipeline} returned {values.dtype} values of shape {values.shape}, which is no image",
            fix="use a pipeline that returns an image of 1, 3 or 4 channels",
        )
    _check_finite(values, returned, pipeline, dtype)
    if returned.is_picture:
        made = to_image(values) if levels is None else _made_by(levels, values, pipeline)
        return Element(returned.name, made)
    kept = values if str(values.dtype) in TENSOR_MODES else values.astype("float64")
    return Element(returned.name, kept)


def _made_by(levels: ToLevels, values: Array, pipeline: str) -> Image:
    try:
        (made,) = levels(values[None])
        size = made.size
    except Exception as error:
        raise GenerationError(
            f"numpy_to_pil of {pipeline}, which is not diffusers', failed: "
            f"{type(error).__name__}: {error}",
            fix="let it take floats of (pictures, height, width, channels) and return a list",
        ) from error
    if size != values.shape[1::-1]:
        raise GenerationError(
            f"numpy_to_pil of {pipeline}, which is not diffusers', made {size} of {values.shape}",
            fix="let it keep the size of the picture",
        )
    return cast("Image", made)


def elements_of(
    returned: tuple[Returned, ...], pipeline: str, dtype: str, levels: ToLevels | None = None
) -> tuple[Element, ...]:
    """Return what is kept of a call's output; raises as ``element_of``, and where it is nothing."""
    if not returned:
        raise GenerationError(
            f"{pipeline} returned no images",
            fix="use a pipeline whose output has images, frames or tensors; ask for one at least",
        )
    if len(returned) > MOST:
        raise GenerationError(
            f"{pipeline} returned {len(returned):,} images, more than the {MOST:,} of one case",
            fix="ask for fewer",
        )
    return tuple(element_of(each, pipeline, dtype, levels) for each in returned)


def _array(value: Any) -> Array:
    import numpy as np

    return np.asarray(value)


def to_image(pixels: Array) -> Image:
    """Turn (height, width, 1, 3 or 4) floats in [0, 1] into an 8-bit image: ``round(x * 255)``.

    Source: ``VaeImageProcessor.numpy_to_pil`` of diffusers 0.42.1; halves round to even.
    """
    from PIL import Image

    levels = (pixels * 255).round().astype("uint8")
    return Image.fromarray(levels.squeeze(-1) if levels.shape[-1] == 1 else levels)


_REMEDIES: Final = {
    "float16": "try bfloat16 or float32, for float16 overflows in many VAEs; or ",
    "bfloat16": "try float32; or ",
}


def _check_finite(values: Array, returned: Returned, pipeline: str, dtype: str) -> None:
    import numpy as np

    if np.isfinite(values).all():
        return
    share = 1.0 - float(np.isfinite(values).mean())
    kind = "NaN" if np.isnan(values).any() else "infinite values"
    what = "the image" if returned.name in {"images", "image"} else returned.name
    black = "; saved, the image would be black there" if returned.is_picture else ""
    error = GenerationError(
        f"{pipeline} returned {kind} in {share:.1%} of {what}{black}",
        fix=_REMEDIES.get(dtype, "") + "see in the report from which stage on, and whether the "
        "weights, adapters and patches of that part are sound",
    )
    error.unusable = Unusable.NOT_FINITE
    raise error
