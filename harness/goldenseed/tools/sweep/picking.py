"""The images of a sweep put in order: by seed, by score, by what they look like."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from goldenseed.images.looks import plain_vector
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
    smalls = [_with_diversity(each, float(unlike[each.tried.id])) for each in smalls]
    by_id = {each.tried.id: each for each in smalls}
    name = (by or f"max_{DIVERSITY}").partition("_")[2]
    in_groups = sorted(range(len(smalls)), key=lambda index: (group[index], index))
    numbers = {each.tried.id: float(group[index]) for index, each in enumerate(smalls)}
    orders = {
        "by-seed": (sorted(smalls, key=lambda each: each.tried.seed), labelled(name)),
        "by-likeness": ([smalls[index] for index in in_groups], _of_group(numbers)),
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


def _with_diversity(small: Small, value: float) -> Small:
    scores = {**small.tried.scores, DIVERSITY: value}
    return replace(small, tried=replace(small.tried, scores=scores))


def _of_group(numbers: Mapping[str, float]) -> Callable[[Small], str]:
    def label(small: Small) -> str:
        return f"seed {small.tried.seed}\ngroup {numbers[small.tried.id]:.0f}"

    return label
