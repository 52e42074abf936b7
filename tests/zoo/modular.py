"""Diffusers' modular pipelines of which the classic ones are built here."""

from __future__ import annotations

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
    "LTXModularPipeline": "LTXPipeline",
    "WanModularPipeline": "WanPipeline",
}
"""The class to the one that its parts are built for."""
_GUIDED = ("true_cfg_scale", "guidance_scale", "cfg_normalization", "cfg_truncation")
"""What a guider has in place of the call, in all families but those of Flux."""


def _entry(cls: str, of: str) -> ModularEntry:
    whole = ENTRIES[of]
    left_out = () if cls.startswith(("FluxM", "FluxK", "Flux2M")) else _GUIDED
    if cls.startswith("QwenImageEdit"):
        left_out = (*left_out, "max_sequence_length")
    call = {name: value for name, value in whole.call.items() if name not in left_out}
    return ModularEntry(
        whole.components,
        call,
        whole.inputs,
        whole.prompt,
        whole.tensors,
        whole.side,
        of=of,
    )


MODULAR = {cls: _entry(cls, of) for cls, of in _OF.items()}
ALL = {**ENTRIES, **MODULAR}
"""Every class that the sweep tries."""
