"""What ``goldenseed init`` reads of a folder that nobody vouches for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.starter import read_model_facts


@pytest.mark.parametrize("name", ["prior_" + "9" * 400, "../unet", "prior_\0", "unet/x"])
def test_a_denoiser_whose_name_is_no_folders_is_refused(tmp_path: Path, name: str):
    index = {"_class_name": "StableDiffusionPipeline", name: ["diffusers", "UNet2DConditionModel"]}
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    if name.startswith("prior"):
        with pytest.raises(GoldenseedError, match="no plain word"):
            read_model_facts(tmp_path)
    else:  # it is no denoiser's name, and no folder is looked for
        assert read_model_facts(tmp_path).pipeline == "StableDiffusionPipeline"
