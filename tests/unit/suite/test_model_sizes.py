from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.cases import Suite
from goldenseed.suite.pipelines import size_multiple

Load = Callable[[str | bytes], Suite]

UNET: dict[str, Any] = {"unet": ["diffusers", "UNet2DConditionModel"]}
TRANSFORMER: dict[str, Any] = {"transformer": ["diffusers", "T"], "unet": [None, None]}


def vae(blocks: int, name: str = "AutoencoderKL", channels: int = 16) -> dict[str, Any]:
    return {
        "_class_name": name,
        "block_out_channels": [8] * blocks,
        "latent_channels": channels,
    }


def write(folder: Path, **configs: dict[str, Any]) -> Path:
    for name, config in configs.items():
        path = folder / ("model_index.json" if name == "index" else f"{name}/config.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize(
    ("configs", "multiple"),
    [
        pytest.param({"index": UNET, "vae": vae(4)}, 8, id="Stable Diffusion"),
        pytest.param({"index": UNET, "vae": vae(3)}, 8, id="a small VAE: its pipeline wants 8"),
        pytest.param({"index": UNET, "vae": vae(5)}, 16, id="a large VAE"),
        pytest.param(
            {"index": TRANSFORMER, "vae": vae(4), "transformer": {"patch_size": 2}},
            16,
            id="Stable Diffusion 3",
        ),
        pytest.param(
            {
                "index": TRANSFORMER,
                "vae": vae(4),
                "transformer": {"patch_size": 1, "in_channels": 64},
            },
            16,
            id="FLUX: packed latents",
        ),
        pytest.param(
            {"index": TRANSFORMER, "vae": vae(4), "transformer": {"all_patch_size": [2]}},
            16,
            id="Z-Image",
        ),
        pytest.param(
            {"index": TRANSFORMER, "vae": vae(4), "transformer": {"patch_size": 1}},
            8,
            id="a transformer without patches",
        ),
        pytest.param({"index": UNET, "vae": vae(4, "AutoencoderDC")}, None, id="another VAE"),
        pytest.param({"index": {"prior": ["d", "P"]}, "vae": vae(4)}, None, id="neither"),
        pytest.param({"index": UNET}, None, id="no VAE"),
        pytest.param({}, None, id="an empty folder"),
    ],
)
def test_the_multiple_is_read_from_the_configuration(
    tmp_path: Path, configs: dict[str, dict[str, Any]], multiple: int | None
):
    assert size_multiple(write(tmp_path, **configs)) == multiple


def test_a_broken_configuration_says_nothing(tmp_path: Path):
    write(tmp_path, index=UNET, vae=vae(4))
    (tmp_path / "vae" / "config.json").write_text("{")
    assert size_multiple(tmp_path) is None


SUITE = """\
suite: s
model: {source: org/name, revision: 0123456789abcdef0123456789abcdef01234567}
cases: [{id: a, prompt: x, seeds: [0], call: {height: 100}}]
"""


def test_a_hub_model_is_checked_where_the_cache_holds_it(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert len(load(SUITE).cases) == 1
    revision = "0123456789abcdef0123456789abcdef01234567"
    write(tmp_path / "models--org--name" / "snapshots" / revision, index=UNET, vae=vae(4))
    with pytest.raises(GoldenseedError, match="multiples of 8"):
        load(SUITE)
