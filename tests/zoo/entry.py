"""How one class of diffusers is built and called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROMPT = "a red apple on a white table"
PICTURE = {"file": "inputs/picture.png"}
OTHER_PICTURE = {"file": "inputs/other.png"}
SMALL = {"file": "inputs/small.png"}
MASK = {"file": "inputs/mask.png", "mode": "L"}
CONTROL = {"file": "inputs/control.png"}
TENSORS = "inputs/tensors.safetensors"


def size(side: int = 32, **other: Any) -> dict[str, Any]:
    """Return the arguments of two steps for a picture of ``side`` pixels."""
    return {"num_inference_steps": 2, "height": side, "width": side, **other}


def steps(number: int = 2, **other: Any) -> dict[str, Any]:
    """Return the arguments of ``number`` steps where the picture's size is not asked for."""
    return {"num_inference_steps": number, **other}


def tensor(name: str) -> dict[str, str]:
    """Return how a suite names the tensor ``name`` of the entry's ``tensors``."""
    return {"file": TENSORS, "key": name}


@dataclass(frozen=True)
class Entry:
    """Components of a pipeline, and what one call of it is given."""

    components: Callable[[Path], dict[str, Any]]
    call: Mapping[str, Any] = field(default_factory=steps)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    prompt: str | None = PROMPT
    tensors: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Shapes of what ``tensor`` names; the values are normal and always the same."""
    side: int = 64
    """Height and width of the pictures that are given, in pixels; ``SMALL`` has a quarter."""
    dtype: str = "float32"
    """Of the weights; some classes compute in one alone."""
    before: tuple[Mapping[str, Any], ...] = ()
    """The calls of other methods before it, as a suite has them."""

    def save(self, cls: str, folder: Path) -> None:
        """Build the pipeline ``cls`` with fixed random weights and write it into ``folder``."""
        import diffusers.pipelines
        import torch

        torch.manual_seed(20262)
        made = getattr(diffusers.pipelines, cls)(**self.components(folder))
        made.save_pretrained(folder, safe_serialization=True)

    def suite(self, cls: str) -> dict[str, Any]:
        """Return the suite of one image, for a model in the folder ``model`` beside it."""
        case: dict[str, Any] = {"id": "one", "seeds": [1]}
        if self.prompt is not None:
            case["prompt"] = self.prompt
        if self.inputs:
            case["inputs"] = dict(self.inputs)
        if self.before:
            case["before"] = list(self.before)
        return {
            "suite": cls,
            "model": {"source": "model", "dtype": self.dtype},
            "defaults": {"call": dict(self.call)},
            "cases": [case],
        }

    def write_inputs(self, folder: Path) -> None:
        """Write the pictures and tensors that the suite names."""
        import torch
        from safetensors.torch import save_file

        home = folder / "inputs"
        home.mkdir(parents=True, exist_ok=True)
        for name, picture in pictures(self.side).items():
            picture.save(home / f"{name}.png")
        if self.tensors:
            draw = torch.Generator().manual_seed(7)
            made = {
                name: torch.randn(shape, generator=draw) for name, shape in self.tensors.items()
            }
            save_file(made, folder / TENSORS)


def pictures(side: int) -> dict[str, Any]:
    """Return small pictures: a disc on a slope, another, a quarter's, a mask, and edges."""
    from PIL import Image, ImageDraw

    def drawn(mode: str, ground: Any, shape: Any, box: tuple[float, ...], across: int) -> Any:
        picture = Image.new(mode, (across, across), ground)
        ImageDraw.Draw(picture).ellipse([part * across for part in box], fill=shape)
        return picture

    plain, other = (0.25, 0.25, 0.75, 0.75), (0.1, 0.3, 0.6, 0.8)
    return {
        "picture": drawn("RGB", (200, 180, 120), (180, 30, 40), plain, side),
        "other": drawn("RGB", (60, 90, 160), (230, 220, 90), other, side),
        "small": drawn("RGB", (200, 180, 120), (180, 30, 40), plain, side // 4),
        "mask": drawn("L", 0, 255, (0.3, 0.2, 0.8, 0.7), side),
        "control": drawn("RGB", (0, 0, 0), (255, 255, 255), plain, side),
    }


@dataclass(frozen=True)
class ModularEntry(Entry):
    """A modular pipeline, saved of a pipeline of the class ``of`` with the same components."""

    of: str = ""

    def save(self, cls: str, folder: Path) -> None:
        """Build the pipeline and write its parts, and the index of its blocks, into ``folder``."""
        import diffusers

        whole = folder.with_name("whole")
        super().save(self.of, whole)
        made = getattr(diffusers, cls)(pretrained_model_name_or_path=str(whole))
        made.load_components()
        made.save_pretrained(str(folder.resolve()), overwrite_modular_index=True)
