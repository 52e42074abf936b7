"""Diffusers' modular pipelines of which the classic ones are built here."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from tests.zoo.classes import ENTRIES
from tests.zoo.entry import ModularEntry

_OF = {
    "StableDiffusionXLModularPipeline": "StableDiffusionXLPipeline",
    "StableDiffusion3ModularPipeline": "StableDiffusion3Pipeline",
    "FluxModularPipeline": "FluxPipeline",
    "FluxKontextModularPipeline": "FluxKontextPipeline",
    "Flux2ModularPipeline": "Flux2Pipeline",
    "Flux2KleinBaseModularPipeline": "Flux2KleinPipeline",
    "QwenImageModularPipeline": "QwenImagePipeline",
    "QwenImageEditModularPipeline": "QwenImageEditPipeline",
    "QwenImageEditPlusModularPipeline": "QwenImageEditPlusPipeline",
    "QwenImageLayeredModularPipeline": "QwenImageLayeredPipeline",
    "QwenImage21ModularPipeline": "QwenImage21Pipeline",
    "ZImageModularPipeline": "ZImagePipeline",
    "Krea2ModularPipeline": "Krea2Pipeline",
    "ErnieImageModularPipeline": "ErnieImagePipeline",
    "Ideogram4ModularPipeline": "Ideogram4Pipeline",
    "LTXModularPipeline": "LTXPipeline",
    "WanModularPipeline": "WanPipeline",
}
"""The class to the one that its parts are built for."""
_GUIDED = ("true_cfg_scale", "guidance_scale", "cfg_normalization", "cfg_truncation")
"""What a guider has in place of the call, in all families but those of Flux."""
_CALLED: dict[str, dict[str, Any]] = {
    "Ideogram4ModularPipeline": {"guidance_schedule": [3.0, 3.0]},
}
"""What a call is given that the classic one is not."""


def _entry(cls: str, of: str) -> ModularEntry:
    whole = ENTRIES[of]
    left_out = () if cls.startswith(("FluxM", "FluxK", "Flux2M")) else _GUIDED
    if cls.startswith("QwenImageEdit"):
        left_out = (*left_out, "max_sequence_length")
    call = {name: value for name, value in whole.call.items() if name not in left_out}
    call |= _CALLED.get(cls, {})
    return ModularEntry(**vars(whole) | {"call": call}, of=of)


MODULAR = {cls: _entry(cls, of) for cls, of in _OF.items()}
_KREA = MODULAR["Krea2ModularPipeline"]
MODULAR["Krea2ModularPipeline"] = replace(_KREA, components=partial(_KREA.components, modular=True))
ALL = {**ENTRIES, **MODULAR}
"""Every class that the sweep tries."""
