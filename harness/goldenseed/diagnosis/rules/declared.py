"""What the suite itself changed: fields of the recipe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from goldenseed.diagnosis import effects
from goldenseed.diagnosis.divergence import changed
from goldenseed.diagnosis.evidence import Findings
from goldenseed.diagnosis.model import Cause
from goldenseed.diagnosis.places import Place, Root
from goldenseed.diagnosis.suspicion import (
    DECLARED,
    Size,
    Suspicion,
    fit,
)
from goldenseed.suite.recipes import FieldDifference

_ATTENTION: Final = effects.DENOISER | effects.TEXT | effects.VAE
_LORA: Final = effects.DENOISER | effects.TEXT
_STEPS: Final = frozenset({Place.SCHEDULE, Place.LATER_STEP})
_LAYER: Final = effects.TEXT | effects.DENOISER | {Place.CONDITIONING}
"""The layers that are not recorded show where the denoiser is given one of them."""
_IMAGES: Final = effects.IMAGE_ENCODER | {Place.LATENTS}
_FIELDS: Final = (
    (r"prompt|call\.(negative_)?prompt(_\d)?", Cause.PROMPT, effects.TEXT | {Place.TOKEN_IDS}),
    (r"seed|noise(\..*)?|call\.latents", Cause.SEED, effects.NOISE),
    (r"call\.num_inference_steps", Cause.STEPS, _STEPS),
    (r"call\.(timesteps|sigmas|eta)(\..*)?", Cause.SCHEDULER, effects.SCHEDULE),
    (r"model\.scheduler(\..*)?", Cause.SCHEDULER, effects.SCHEDULE),
    (r"call\.\w*(guidance|cfg|pag_)\w*", Cause.GUIDANCE, effects.GUIDANCE),
    (r"call\.clip_skip", Cause.TEXT_ENCODER, _LAYER),
    (r"call\.(height|width)", Cause.NOISE, effects.SIZE),
    (r"call\.num_images_per_prompt", Cause.BATCH, effects.EVERYWHERE),
    (r"model\.adapters(\..*)?", Cause.LORA, _LORA),
    (r"call\.\w*attention_kwargs(\..*)?", Cause.LORA, _LORA),
    (r"call\.\w*image\w*(\..*)?", Cause.IMAGE_ENCODER, _IMAGES),
    (r"model\.dtype|determinism", Cause.DTYPE, effects.COMPUTED),
    (r"model\..*", Cause.MODEL, effects.EVERYWHERE),
    (r"determinism\.(threads|cpu_isa)", Cause.CPU, effects.COMPUTED),
    (r"determinism\.(sdpa|attention_\w+)", Cause.ATTENTION, _ATTENTION),
    (r"determinism\.(float32_precision|reduced_\w+)", Cause.MATMUL_PRECISION, effects.COMPUTED),
    (r"determinism\..*", Cause.KERNELS, effects.COMPUTED),
    (r"call\..*", Cause.CALL, effects.EVERYWHERE),
)
"""Field, cause, and where it takes effect; the first that fits."""
_COMPILED: Final = tuple((re.compile(field), cause, places) for field, cause, places in _FIELDS)
_SAID_BY_THE_CAUSE: Final = frozenset({"prompt", "seed", "num_inference_steps", "guidance_scale"})
_SIZES: Final = tuple(
    (re.compile(field), size)
    for field, size in (
        (r"determinism\.sdpa", Size.ROUNDING),
        (r"determinism\.attention_\w+", Size.LOSSY),
        (r"determinism\.(float32_precision|reduced_\w+)", Size.REDUCED),
        (r"determinism\..+", Size.ROUNDING),
    )
)
"""How far a setting of the arithmetic moves a stage; any other field, as far as may be."""
_VAGUE: Final = {Cause.CALL: 0.2, Cause.MODEL: 0.3}
"""What share of the weight remains where a field can mean much."""


def declared(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Suspect every field of the recipe that differs and takes effect at ``root``."""
    for difference in findings.fields.values():
        found = _cause_of(difference)
        if found is None or not effects.touches(found[1], root):
            continue
        cause, _ = found
        field = difference.field.removeprefix("call.")
        change = changed(field, difference.old, difference.new)
        words = change.removeprefix(f"{field} ") if field in _SAID_BY_THE_CAUSE else change
        weight = DECLARED * _share(cause, findings) * fit(_size(difference), findings, root)
        if weight:
            yield Suspicion(cause, weight, words, (f"the recipe differs: {change}",))


def _size(difference: FieldDifference) -> Size:
    found = (size for field, size in _SIZES if field.fullmatch(difference.field))
    return next(found, Size.ANY)


def _share(cause: Cause, findings: Findings) -> float:
    """Weigh how much a field says: another model where its parts are others says it all."""
    others = any(key.startswith("model.") and key.endswith(".sha256") for key in findings.keys)
    return 1.0 if cause is Cause.MODEL and others else _VAGUE.get(cause, 1.0)


def _cause_of(difference: FieldDifference) -> tuple[Cause, frozenset[Place]] | None:
    return next(
        (
            (cause, places)
            for field, cause, places in _COMPILED
            if field.fullmatch(difference.field)
        ),
        None,
    )
