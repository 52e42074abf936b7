"""Checks of a modular pipeline's folder before anything of it is loaded; free of diffusers."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goldenseed.backends.diffusers.part_files import (
    check_part,
    check_weights,
    class_in,
    read_object,
)
from goldenseed.backends.diffusers.weights import (
    MODEL_INDEX,
    CheckedModel,
    check_library,
)
from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.parts import check_names

MODULAR_INDEX = "modular_model_index.json"
_VARIANT = re.compile(r"[\w.-]{1,64}", re.ASCII)
_OWN_BLOCKS = "modular_config.json"
"""Where a folder says which code of its own has its blocks."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A component as the index names it."""

    name: str
    class_name: str | None
    source: str | None
    """What it is loaded from; None for one that stays empty."""
    subfolder: str
    variant: str | None


def is_modular(folder: Path, pipeline: str | None) -> bool:
    """Say whether a folder is loaded by its modular index: it has no other, or the suite says so.

    ``pipeline`` is the class that the suite names.
    """
    if not (folder / MODULAR_INDEX).exists():
        return False
    wanted = pipeline is not None and ("." in pipeline or "ModularPipeline" in pipeline)
    return wanted or not (folder / MODEL_INDEX).exists()


def check_modular(
    folder: Path,
    *,
    variant: str | None = None,
    allow_pickle: Collection[str] = (),
    without: Collection[str] = (),
    reach: Path | None = None,
    own_blocks: bool = False,
) -> CheckedModel:
    """Check a modular pipeline's folder as ``check_model`` does another's.

    A part is taken from the folder itself where it lies in it, as diffusers does, else from the
    folder that the index names, which has to lie within ``reach``; never from a hub. ``own_blocks``
    says that the suite names the code of the blocks.

    Raises:
        GoldenseedError: as ``check_model``; or a part lies elsewhere, or the folder brings code.

    """
    index = folder / MODULAR_INDEX
    document = read_object(index, missing="a modular pipeline's folder has this file")
    pipeline, blocks = document.get("_class_name"), document.get("_blocks_class_name")
    if not isinstance(pipeline, str):
        raise GoldenseedError(
            "has no _class_name, so the pipeline is not known",
            path=index,
            fix="save the model again with save_pretrained",
        )
    if (folder / _OWN_BLOCKS).exists() and not own_blocks:
        raise GoldenseedError(
            "the model brings blocks of its own, whose code is never run",
            path=folder / _OWN_BLOCKS,
            fix="name their class in code of yours: `pipeline: package.module.MyBlocks`",
        )
    classes: dict[str, str] = {}
    folders: dict[str, Path] = {}
    weights: list[Path] = []
    pickles: list[str] = []
    for entry in _entries(index, document):
        place = None if entry.name in without else _place(folder, entry, reach)
        class_name = entry.class_name or (class_in(place) if place else None)
        if class_name is not None and (place is not None or entry.name in without):
            classes[entry.name] = class_name
        if class_name is None or place is None:
            continue
        files = check_part(place, entry.name, class_name, entry.variant or variant)
        pickles += check_weights(place, files, allow_pickle, prefix=f"{entry.name}/")
        weights += files
        folders[entry.name] = place
    return CheckedModel(
        folder,
        pipeline,
        tuple(sorted(weights)),
        tuple(sorted(pickles)),
        tuple(folders),
        classes,
        folders,
        blocks if isinstance(blocks, str) else "",
    )


def _entries(index: Path, document: Mapping[str, Any]) -> Iterator[_Entry]:
    """Yield the components of an index; of known libraries, which reading it would import."""
    for name, value in document.items():
        match value:
            case [_, _, {"type_hint": [_, _]} as given] if not name.startswith("_"):
                pass
            case _:
                continue
        hint = given["type_hint"]
        for library, class_name in (value[:2], hint):
            if (library, class_name) != (None, None):
                check_names(index, name, library, class_name)
                check_library(index, name, library)
        told = {key: each for key, each in given.items() if isinstance(each, str) and each}
        source = told.get("pretrained_model_name_or_path", told.get("repo"))
        subfolder, variant = told.get("subfolder", ""), told.get("variant")
        if variant is not None and not _VARIANT.fullmatch(variant):
            raise GoldenseedError(
                f"component {name!r} has the variant {variant[:60]!r}, which is no part of a name",
                path=index,
                fix="save the model again with save_pretrained",
            )
        yield _Entry(name, value[1] or hint[1], source, subfolder, variant)


def _place(folder: Path, entry: _Entry, reach: Path | None) -> Path | None:
    """Return where a component lies, or None for an empty one; raises where that is elsewhere."""
    inside = _within(folder, folder / entry.subfolder)
    if entry.subfolder and inside is not None and _is_folder(inside):
        return inside
    if entry.source is None:
        return None
    named = Path(entry.source, entry.subfolder)
    found = _within(reach, named) if reach is not None and named.is_absolute() else None
    if found is not None and _is_folder(found):
        return found
    if entry.class_name is None:
        return None  # nor was there one when it was saved, and diffusers leaves it empty
    raise GoldenseedError(
        f"component {entry.name!r} is to come from {entry.source!r}, which is neither in the "
        "model's folder nor beside the suite, and nothing is downloaded during a run",
        path=folder / MODULAR_INDEX,
        fix=f"copy it to {entry.subfolder or entry.name}/ in the folder, or name it in the suite: "
        f"`components: {{{entry.name}: …}}`",
    )


def _is_folder(place: Path) -> bool:
    """Say whether a folder is there; none is under a name that no file can have."""
    try:
        return place.is_dir()
    except (OSError, ValueError):
        return False


def _within(root: Path, place: Path) -> Path | None:
    """Return ``place`` without ``..``, if it then lies below ``root``."""
    plain = Path(os.path.normpath(place))
    return plain if plain != root and plain.is_relative_to(os.path.normpath(root)) else None
