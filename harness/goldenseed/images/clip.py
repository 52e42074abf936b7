"""Models of CLIP's kind from a local folder: what an image and a text mean, as vectors."""

from __future__ import annotations

from collections import OrderedDict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.pixels import pixels_sha256
from goldenseed.core.reading import check_regular
from goldenseed.environment.offline import offline

if TYPE_CHECKING:
    import torch

_VECTORS_KEPT = 256
"""Of 512 to 1,024 floats each."""


class Clip:
    """A ``CLIPModel`` of transformers in float32 on a CPU; its vectors have length 1.

    Those of the last images are kept: a set of n images has n(n-1)/2 pairs.
    """

    def __init__(self, model: Any, processor: Any, tokenizer: Any) -> None:
        self._vectors: OrderedDict[str, torch.Tensor] = OrderedDict()
        self._model = model
        self._processor = processor
        self._tokenizer = tokenizer

    @property
    def logit_scale(self) -> float:
        """What the model multiplies a cosine by."""
        return float(self._model.logit_scale.detach().exp())

    def cosine(self, image: Image.Image, text: str) -> float:
        """Return the cosine between an RGB image and a text, -1…1."""
        return within(float(self.image_vector(image) @ self.text_vector(text)))

    def image_vector(self, image: Image.Image) -> torch.Tensor:
        """Embed an RGB image: float32, the length of the model's projection."""
        digest = pixels_sha256(image)
        vector = self._vectors.pop(digest, None)
        self._vectors[digest] = self._embedded(image) if vector is None else vector
        if len(self._vectors) > _VECTORS_KEPT:
            self._vectors.popitem(last=False)
        return self._vectors[digest]

    def _embedded(self, image: Image.Image) -> torch.Tensor:
        import torch

        # Of a picture one pixel high the processor cannot tell which axis the colours are.
        given = {"images": image, "input_data_format": "channels_last", "return_tensors": "pt"}
        pixels = self._processor(**given)["pixel_values"]
        with torch.inference_mode():
            pooled = self._model.vision_model(pixel_values=pixels).pooler_output
            return _unit(self._model.visual_projection(pooled))

    def text_vector(self, text: str) -> torch.Tensor:
        """Embed a text: float32, the length of the model's projection."""
        import torch

        tokens = self._tokenizer(text, truncation=True, return_tensors="pt")
        with torch.inference_mode():
            pooled = self._model.text_model(
                input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]
            ).pooler_output
            return _unit(self._model.text_projection(pooled))


def within(cosine: float) -> float:
    """Return a cosine that rounding pushed beyond -1 or 1 to it."""
    return max(-1.0, min(1.0, cosine))


def open_clip(folder: Path) -> Clip:
    """Load a model saved by ``save_pretrained``; the last two are kept in memory.

    Nothing is downloaded, no code of the folder's runs, and only safetensors are read. Beside
    ``config.json`` and ``model.safetensors`` the folder has ``preprocessor_config.json`` and the
    tokenizer's files.

    Raises:
        ImportError: torch or transformers is not installed.
        GoldenseedError: no usable model in the folder.
    """
    config = folder / "config.json"
    if not config.is_file():
        raise GoldenseedError(
            "holds no model: there is no config.json",
            path=folder,
            fix="save one there with `save_pretrained`: model, image processor and tokenizer",
        )
    for file in folder.iterdir():
        if not file.is_dir():
            check_regular(file)
    return _opened(folder, config.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _opened(folder: Path, _changed: int) -> Clip:
    from transformers import AutoTokenizer, CLIPModel
    from transformers.utils import logging

    here: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with offline():
            model, loaded = CLIPModel.from_pretrained(
                folder, use_safetensors=True, output_loading_info=True, **here
            )
            processor = _processor_class().from_pretrained(folder, local_files_only=True)
            tokenizer = AutoTokenizer.from_pretrained(folder, **here)
    except Exception as error:  # whatever transformers raises over a folder, the folder is wrong
        raise GoldenseedError(
            f"holds no usable CLIP model: {error}",
            path=folder,
            fix="save it there with `save_pretrained`: model, image processor and tokenizer",
        ) from error
    finally:
        if shown:
            logging.enable_progress_bar()
    if loaded["missing_keys"]:
        raise GoldenseedError(
            f"has no weights for {', '.join(sorted(loaded['missing_keys'])[:3])}",
            path=folder,
            fix="save the whole model there; transformers would fill the rest at random",
        )
    return Clip(model.float().eval(), processor, tokenizer)


def _processor_class() -> Any:
    """Return the processor that needs no torchvision: transformers 5 has it under a name apart."""
    import transformers

    return getattr(transformers, "CLIPImageProcessorPil", None) or transformers.CLIPImageProcessor


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    vector: torch.Tensor = vectors[0] / vectors[0].norm()
    return vector
