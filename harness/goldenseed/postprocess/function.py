"""A step of the user's own: a function of an array."""

from __future__ import annotations

import inspect
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.own_code import found_first, own_code

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

    from goldenseed.suite.factory import FactorySpec

_MODES = ("L", "RGB", "RGBA")
_GREY = 2
"""Dimensions of a picture without channels."""


class OwnStep:
    """A function of the user's own, imported and known to take its arguments."""

    def __init__(self, spec: FactorySpec, suite: Path) -> None:
        self._spec = spec
        with found_first(spec.folder):
            self._function = own_code(spec, suite, "postprocess")
        try:
            takes = inspect.signature(self._function)
        except ValueError:  # one of C that does not say what it takes
            return
        try:
            takes.bind(None, **spec.arguments)
        except TypeError as error:
            raise GoldenseedError(
                f"{spec.name} does not take its `arguments`: {error}",
                path=suite,
                fix=f"it takes {takes}, a picture first",
            ) from error

    def __call__(self, image: Image) -> Image:
        """Give it a copy of the levels, and make a picture of what it returns.

        Raises:
            GoldenseedError: it raised, or returned no picture.

        """
        import numpy as np

        try:
            with found_first(self._spec.folder):
                made = self._function(np.array(image), **deepcopy(dict(self._spec.arguments)))
        except Exception as error:
            raise GoldenseedError(
                f"it raised {type(error).__name__}: {error}",
                fix="mend it, or see the original traceback with pytest --tb=long",
            ) from error
        return _picture(made)


def _picture(made: Any) -> Image:
    import numpy as np
    from PIL import Image

    if isinstance(made, Image.Image) and made.mode in _MODES and 0 not in made.size:
        return made
    shape: tuple[int, ...] = getattr(made, "shape", ())
    usable = isinstance(made, np.ndarray) and made.dtype == np.uint8 and 0 not in shape
    if not usable or not (len(shape) == _GREY or shape[_GREY:] in ((3,), (4,))):
        kind = f"{made.dtype} values of shape {shape}" if shape else f"a {type(made).__name__}"
        raise GoldenseedError(
            f"it returned {kind}, which is no picture",
            fix="return uint8 values of the shape (height, width), or with 3 or 4 channels",
        )
    return Image.fromarray(np.ascontiguousarray(made))
