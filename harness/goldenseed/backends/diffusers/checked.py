"""All folders that a model is loaded from, checked before anything of them is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.backends.diffusers.components import CheckedPart, check_components, check_fit
from goldenseed.backends.diffusers.places import local_folder
from goldenseed.backends.diffusers.weights import CheckedModel, check_model

if TYPE_CHECKING:
    from goldenseed.suite.model import ModelSpec


def check_all(model: ModelSpec, suite: Path) -> tuple[CheckedModel, tuple[CheckedPart, ...]]:
    """Check the folder of a model and those of its components.

    Raises:
        GoldenseedError: one is not there or is refused, or they do not fit each other.

    """
    checked = check_model(
        local_folder(model, suite),
        variant=model.variant,
        allow_pickle=model.allow_pickle,
        without={each.name for each in model.components},
    )
    parts = check_components(model, suite, checked.classes)
    check_fit(parts, checked.folder, suite)
    return checked, parts
