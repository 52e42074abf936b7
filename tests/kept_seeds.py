"""Seeds for a library to keep, each with a picture of its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
from PIL import Image

from goldenseed.content.scores import Scene, plain_scores
from goldenseed.core.files import json_sha256
from goldenseed.core.pixels import pixels_sha256
from goldenseed.seeds.entry import Seed
from goldenseed.seeds.library import Library
from goldenseed.seeds.making import thumbnail

Open = Callable[[], AbstractContextManager[Library]]


def picture(number: int) -> Image.Image:
    """A picture of its own of noise and a colour."""
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 64, (32, 48, 3)) + rng.integers(0, 192, 3)
    return Image.fromarray(pixels.astype(np.uint8))


def seed(number: int = 1, prompt: str = "a red apple", **changes: object) -> Seed:
    """A seed as a run would give it."""
    image = picture(number)
    recipe = {"prompt": prompt, "seed": number, "call": {}, "model": {"source": "model"}}
    made = Seed(
        recipe=recipe,
        recipe_sha256=json_sha256(recipe),
        pixels_sha256=pixels_sha256(image),
        width=image.width,
        height=image.height,
        thumbnail=thumbnail(image),
        scores=plain_scores(Scene(image)),
    )
    return Seed.model_validate({**made.model_dump(), **changes})
