"""The deep traces in runs' folders, and where two of them part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside, write_atomically
from goldenseed.diagnosis.divergence import first_differing_layer, layer_in_words
from goldenseed.runs.comparison import RunComparison
from goldenseed.runs.stored import FOLDER
from goldenseed.trace.files import LAYERS_SUFFIX, read_layers

if TYPE_CHECKING:
    from goldenseed.backends.diffusers.layers import DeepTrace


def kept_layers(folder: Path, layers: DeepTrace | None) -> dict[str, object]:
    """Write a deep trace into the run's folder under its digest; return a record's field on it.

    Raises:
        GoldenseedError: it cannot be written.

    """
    if layers is None:
        return {}
    place = f"{FOLDER}/{layers.sha256}{LAYERS_SUFFIX}"
    write_atomically(folder / place, layers.data, durable=False)
    return {"layers_file": place}


def layer_lines(found: RunComparison) -> Iterator[str]:
    """Say of each pair of which both runs have a deep trace at which layer they part.

    A file that is missing or damaged is named in place of that.
    """
    for each in found.pairs:
        a, b = each.pair.a, each.pair.b
        if a.layers_file is None or b.layers_file is None:
            continue
        try:
            layer = first_differing_layer(
                read_layers(inside(found.a.folder, a.layers_file)),
                read_layers(inside(found.b.folder, b.layers_file)),
            )
        except GoldenseedError as error:
            yield f"{b.id}: the deep trace cannot be read: {error}"
        else:
            yield f"{b.id}: {layer_in_words(layer)}"
