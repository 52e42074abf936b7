"""Seeds for the library, made of a run's cases and of pictures that have their recipe in them."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from goldenseed.content.scores import Scene, plain_scores
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside, json_sha256
from goldenseed.core.pixels import pixels_sha256
from goldenseed.images.picture_files import read_picture
from goldenseed.recipes.interpreting import Given, interpret
from goldenseed.recipes.reading import read_source
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.seeds.entry import Seed, read_seed

if TYPE_CHECKING:
    from PIL.Image import Image

THUMBNAIL: Final = 160
"""Pixels of its longer side."""
_QUALITY: Final = 80


def of_case(record: RunRecord, folder: Path, case: CaseRecord) -> tuple[Seed, Image]:
    """Return the seed of a run's case and its RGB image.

    Raises:
        GoldenseedError: it has no image, or more than one, the file is another picture, or what the
            run says of it cannot be kept.

    """
    name = f"{case.suite}::{case.id}"
    if case.image is None or case.pixels_sha256 is None or case.elements:
        what = "has several images" if case.elements else "has no image"
        raise GoldenseedError(f"{name} {what}, and a seed of the library is of one", path=folder)
    path = inside(folder, case.image)
    picture = read_picture(path)
    if pixels_sha256(picture.image) != case.pixels_sha256:
        raise GoldenseedError(f"is not the image that the run made for {name}", path=path)
    image = Scene(picture.image).rgb
    said = {
        "recipe": case.recipe,
        "recipe_sha256": case.recipe_sha256,
        "pixels_sha256": case.pixels_sha256,
        "width": image.width,
        "height": image.height,
        "thumbnail": thumbnail(image),
        "scores": {**plain_scores(Scene(image)), **case.content},
        "written": "" if case.written is None else case.written.text,
        "made_at": record.started,
        "profile": case.profile,
        "environment_sha256": case.environment_sha256,
        "run": record.run_id,
        "suite": case.path,
        "case": case.id,
    }
    return read_seed(said, f"{folder}: {name}"), image


def of_picture(path: Path, model: str | None) -> tuple[Seed, Image]:
    """Return the seed of a picture with the recipe another program wrote into it, and the image.

    What the recipe does not say exactly is noted.

    Raises:
        GoldenseedError: it holds no recipe, or one without a seed.

    """
    recipe = interpret(read_source(path), Given(model=model))
    keys: dict[str, Any] = dict(recipe.keys)
    seeds = keys.pop("seeds", None)
    if not isinstance(seeds, list) or len(seeds) != 1:
        raise GoldenseedError("its recipe has no seed", path=path)
    plain: dict[str, Any] = {"seed": seeds[0]}
    for key, value in keys.items():
        section, _, name = key.partition(".")
        if name:
            plain.setdefault(section, {})[name] = value
        else:
            plain[key] = value
    if model is not None:
        plain["model"] = {"source": model, **plain.get("model", {})}
    picture = read_picture(path)
    image = Scene(picture.image).rgb
    unsure = [f"{each.name}: {each.why}" for each in recipe.fields if each.fidelity != "exact"]
    said = {
        "recipe": plain,
        "recipe_sha256": json_sha256(plain),
        "pixels_sha256": pixels_sha256(picture.image),
        "width": image.width,
        "height": image.height,
        "thumbnail": thumbnail(image),
        "scores": plain_scores(Scene(image)),
        "note": "; ".join(unsure),
        "made_by": recipe.source.format,
    }
    return read_seed(said, str(path)), image


def thumbnail(image: Image) -> str:
    """Return an RGB image as a small WebP picture in base64."""
    from PIL import Image as Pillow

    small = image.copy()
    small.thumbnail((THUMBNAIL, THUMBNAIL), Pillow.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "WEBP", quality=_QUALITY)
    return base64.b64encode(file.getvalue()).decode()
