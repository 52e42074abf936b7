"""What is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import JsonValue

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class Subject:
    """The image to be judged and what it was made from."""

    image: Image
    pixels_sha256: str
    recipe: Mapping[str, JsonValue]
    recipe_sha256: str
    profile: str
