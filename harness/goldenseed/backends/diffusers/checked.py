"""All folders that a model is loaded from, checked before anything of them is loaded."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.backends.diffusers.components import CheckedPart, check_components, check_fit
from goldenseed.backends.diffusers.modular_index import check_modular, is_modular
from goldenseed.backends.diffusers.places import local_folder
from goldenseed.backends.diffusers.weights import CheckedModel, check_model

if TYPE_CHECKING:
    from goldenseed.suite.model import ModelSpec


def check_all(model: ModelSpec, suite: Path) -> tuple[CheckedModel, tuple[CheckedPart, ...]]:
    """Check the folder of a model and those of its components.

    Raises:
        GoldenseedError: one is not there or is refused, or they do not fit each other.

    """
    folder = local_folder(model, suite)
    check = check_model
    if is_modular(folder, model.pipeline):
        own = model.pipeline is not None and "." in model.pipeline
        check = partial(check_modular, reach=suite.parent, own_blocks=own)
    checked = check(
        folder,
        variant=model.variant,
        allow_pickle=model.allow_pickle,
        without={each.name for each in model.components},
    )
    parts = check_components(model, suite, checked)
    check_fit(parts, checked.folder, suite)
    return checked, parts
