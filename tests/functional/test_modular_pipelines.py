"""Folders of diffusers' modular pipelines, which are not loaded yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from goldenseed.backends.diffusers.weights import check_model
from goldenseed.core.errors import GoldenseedError


def test_a_modular_folder_is_refused_as_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "modular_model_index.json").write_text("{}")
    with pytest.raises(GoldenseedError, match="is a modular pipeline, which is not loaded yet"):
        check_model(tmp_path)
