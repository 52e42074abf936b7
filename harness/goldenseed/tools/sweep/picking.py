"""The images of a sweep put in order: by seed, by score, by what they look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from goldenseed.core.files import inside, write_atomically
from goldenseed.images.looks import plain_vector
from goldenseed.runs.named_files import thumb_place
from goldenseed.tools.sweep.sheets import (
    Small,
    clusters,
    diversity,
    labelled,
    small_pictures,
    write_sheets,
)
from goldenseed.tools.sweep.sweeping import Tried, ranked

DIVERSITY = "diversity"
_LARGE_BYTES: Final = 2**16
"""A picture's file of more is shown by a smaller one among many."""


def write_all_sheets(
    found: Sequence[Tried], folder: Path, by: str | None
) -> tuple[list[Tried], list[Path]]:
    """Write the contact sheets of what was kept; return all images, those with their diversity.

    Sheets are by seed, by the score that is ranked by, and by likeness: images of one group beside
    each other, the largest group first, the groups' numbers below them.
    """
    kept = [each for each in found if each.kept]
    if not kept:
        return list(found), []
    smalls = list(small_pictures(kept, folder, plain_vector))
    looks = np.stack([each.looks for each in smalls])
    unlike = dict(zip((each.id for each in kept), diversity(looks), strict=True))
    group = clusters(looks)
    smalls = [
        _placed(each, float(unlike[each.tried.id]), int(of))
        for each, of in zip(smalls, group, strict=True)
    ]
    by_id = {each.tried.id: each for each in smalls}
    _write_thumbs(smalls, folder)
    name = (by or f"max_{DIVERSITY}").partition("_")[2]
    in_groups = sorted(range(len(smalls)), key=lambda index: (group[index], index))
    orders = {
        "by-seed": (sorted(smalls, key=lambda each: each.tried.seed), labelled(name)),
        "by-likeness": ([smalls[index] for index in in_groups], _group_of),
    }
    if by is not None:
        best = ranked([each.tried for each in smalls], by)
        orders[f"by-{name}"] = ([by_id[each.id] for each in best], labelled(name))
    written = [
        path
        for sheet, (order, label) in orders.items()
        for path in write_sheets(order, folder, sheet, label)
    ]
    return [by_id[each.id].tried if each.id in by_id else each for each in found], written


def _placed(small: Small, unlike: float, group: int) -> Small:
    """Return an image with how unlike the others it is, and with its group."""
    scores = {**small.tried.scores, DIVERSITY: unlike}
    return replace(small, tried=replace(small.tried, scores=scores, group=group))


def _write_thumbs(smalls: Sequence[Small], folder: Path) -> None:
    """Keep the small picture of each large one: a page shows hundreds of them at a time."""
    for each in smalls:
        if inside(folder, each.tried.image).stat().st_size > _LARGE_BYTES:
            place = inside(folder, thumb_place(each.tried.pixels_sha256))
            write_atomically(place, each.picture, durable=False)


def _group_of(small: Small) -> str:
    return f"seed {small.tried.seed}\ngroup {(small.tried.group or 0) + 1}"
