"""The step that enlarges by a model of super-resolution, Swin2SR of transformers."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.determinism import seeded, settings
from goldenseed.environment.file_digests import FileDigests
from goldenseed.environment.offline import offline

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

    from goldenseed.suite.model import Determinism

_MULTIPLE: Final = 8
"""Of pixels, to which Swin2SR's own image processor pads, mirroring the picture."""


class Upscaler:
    """A model of super-resolution, loaded from a folder in float32."""

    def __init__(self, folder: Path, device: str) -> None:
        self._device = device
        with ExitStack() as stack:
            stack.enter_context(offline())
            stack.enter_context(seeded(0, device))
            self._model = _loaded(folder).eval().to(device)
        self._scale = int(self._model.config.upscale)

    def applied(self, image: Image, determinism: Determinism) -> Image:
        """Return the picture enlarged by the model's own factor, in RGB.

        Padded as ``Swin2SRImageProcessor`` does; ``round(255 * x)`` of the values cut to 0…1.
        """
        import numpy as np
        import torch
        from PIL import Image as Images

        if image.mode != "RGB":
            raise GoldenseedError(f"it enlarges RGB pictures, and this is {image.mode}")
        height, width = image.height, image.width
        beyond = [(side // _MULTIPLE + 1) * _MULTIPLE - side for side in (height, width)]
        values = np.pad(
            np.asarray(image, np.float32) / np.float32(255),
            ((0, beyond[0]), (0, beyond[1]), (0, 0)),
            mode="symmetric",
        )
        given = torch.from_numpy(values).permute(2, 0, 1)[None].to(self._device)
        with settings(determinism, self._device), torch.no_grad():
            made = self._model(given).reconstruction[0]
        made = made[:, : height * self._scale, : width * self._scale]
        levels = (made.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0)
        return Images.fromarray(np.ascontiguousarray(levels.cpu().numpy()))


def _loaded(folder: Path) -> Any:
    from transformers import Swin2SRForImageSuperResolution

    try:
        model, found = Swin2SRForImageSuperResolution.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except Exception as error:  # whatever transformers raises over a folder, the folder is wrong
        first = str(error).partition("\n")[0]
        raise GoldenseedError(
            f"the model cannot be loaded: {first}",
            path=folder,
            fix="save it with save_pretrained(), as .safetensors",
        ) from error
    if missing := sorted(found["missing_keys"]):
        raise GoldenseedError(
            f"{len(missing)} weights are missing, {missing[0]} for one",
            path=folder,
            fix="use the whole model: what is missing would be filled at random",
        )
    return model


def weights_sha256(folder: Path) -> str:
    """Digest the folder's weights: one digest of those of its .safetensors files, by their name."""
    from goldenseed.core.files import json_sha256

    files = sorted(folder.glob("*.safetensors"))
    digests = FileDigests()
    return json_sha256({file.name: digests.sha256(file) for file in files})
