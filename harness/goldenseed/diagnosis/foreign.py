"""Methods and functions of others in the places of the libraries': which are new, where they act.

The name of a method says at which stages it can act: ``encode_prompt`` makes embeddings, and no
latents. One whose name says nothing, ``__call__`` above all, may act anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from goldenseed.diagnosis import where
from goldenseed.diagnosis.effects import Effect
from goldenseed.diagnosis.model import Cause
from goldenseed.diagnosis.places import Place
from goldenseed.diagnosis.suspicion import LIKELY, RECORDED, SHOWN

if TYPE_CHECKING:
    from goldenseed.diagnosis.evidence import Findings
    from goldenseed.environment.fingerprint import Value

KEYS: Final = ("pipeline.methods", "pipeline.functions")
_ENTRY: Final = re.compile(r"(?P<place>.+?) = (?P<by>.+?)(@(?P<code>s?[0-9a-f]+))?( x \d+)?")
_GIVEN: Final = where.TOLD
_STARTED: Final = where.NOISE | where.STARTED
_SHOWN_OR_GIVEN: Final = where.CONVERSION | {Place.PICTURE}
_DECODED: Final = where.VAE | where.CONVERSION
_ACTS: Final = tuple(
    (re.compile(name), cause, places)
    for name, cause, places in (
        (r"\w*(safety|nsfw)\w*", Cause.SAFETY_CHECKER, where.CONVERSION),
        (
            r"\w*(watermark|postprocess|denormalize|to_pil|pt_to_numpy)\w*",
            Cause.POST_PROCESSING,
            where.CONVERSION,
        ),
        (r"\w*(decode|unpack|unpatch|upcast_vae)\w*", Cause.PATCH, _DECODED),
        (r"\w*(guidance|_cfg|cfg_)\w*", Cause.GUIDANCE, where.GUIDANCE),
        (r"\w*(timesteps|sigmas|calculate_shift)\w*", Cause.SCHEDULER, where.SCHEDULE),
        (r"\w*(attention|attn)\w*", Cause.ATTENTION, where.TEXT | where.DENOISER | where.VAE),
        (r"\w*(_ids|rotary|size_condition)\w*", Cause.PATCH, frozenset({Place.CONDITIONING})),
        (r"\w*(prompt|embed|token|text|caption)\w*", Cause.PATCH, _GIVEN),
        (r"\w*mask_latents\w*", Cause.PATCH, _STARTED | where.BETWEEN_STEPS),
        (r"\w*(latents|noise|randn|intermediate_images)\w*", Cause.PATCH, _STARTED),
        (r"\w+_pipe(line)?", Cause.PATCH, _GIVEN | where.DENOISER),
        (r"\w*(preprocess|encode_\w*image|vae_image)\w*", Cause.PATCH, _STARTED),
    )
)
"""What the name of a method or function says of it; the first that fits."""
_HOMES: Final = tuple(
    (re.compile(module), cause, places)
    for module, cause, places in (
        (r"diffusers\.schedulers\..*", Cause.SCHEDULER, where.SCHEDULE),
        (r"diffusers\.models\.(autoencoders|vae).*", Cause.PATCH, where.VAE),
        (r"diffusers\.models\.(transformers|unets|controlnet).*", Cause.PATCH, where.DENOISER),
        (r"transformers\.models\..*", Cause.PATCH, _GIVEN),
        (r"diffusers\.image_processor\..*|VaeImageProcessor\..*", Cause.PATCH, _SHOWN_OR_GIVEN),
    )
)
"""What the module or class of one says of it, where its name does not."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A method or function that is another one than on the accepted image's side."""

    key: str
    words: str
    """``StableDiffusionPipeline.encode_prompt = app.cached``."""
    effect: Effect


def foreign(findings: Findings) -> tuple[Foreign, ...]:
    """Return what is put in the places of the libraries' methods on one side alone, or otherwise.

    Not one whose code has another digest for another release of Python or of what it wraps.
    """
    return tuple(
        Foreign(key, words, effect_of_name(place))
        for key in KEYS
        if key in findings.keys
        for place, words in _changed(findings.keys[key].old, findings.keys[key].new, findings.keys)
    )


def acts_at(findings: Findings, place: Place, *, by_name: bool = False) -> bool:
    """Say whether a foreign method or function that is new on record can act at a place.

    With ``by_name`` only one whose name says that it acts there, as ``__call__`` does not.
    """
    found = (each.effect.places for each in foreign(findings))
    return any(place in each and not (by_name and each == where.EVERYWHERE) for each in found)


def effect_of_name(name: str) -> Effect:
    """Return what a method or function does by its name: ``Class.method``, ``module.function``."""
    home, _, own = name.rpartition(".")
    found = next((each for each in _ACTS if each[0].fullmatch(own)), None) or next(
        (each for each in _HOMES if each[0].fullmatch(f"{home}.")), None
    )
    if found is None:
        return Effect(Cause.PATCH, where.EVERYWHERE, 0.9 * LIKELY)
    _, cause, places = found
    return Effect(cause, places, 0.9 * (SHOWN if cause is Cause.PATCH else RECORDED))


def _changed(old: Value, new: Value, keys: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield the places at which one side has something else, and how to say so."""
    before, now = _entries(old), _entries(new)
    upgraded = any(key.startswith(("package.", "python.")) for key in keys)
    for place in dict.fromkeys((*now, *before)):
        was, has = before.get(place), now.get(place)
        if was == has or (upgraded and was and has and was[0] == has[0]):
            continue
        if has is None:
            yield place, f"{place} is no longer {was[0] if was else ''}"
        elif was is not None and was[0] == has[0]:
            yield place, f"{place} = {has[0]}, with other code"
        else:
            yield place, f"{place} = {has[0]}"


def _entries(value: Value) -> dict[str, tuple[str, str | None]]:
    """Parse ``Class.method = module.function@digest x 1, …``: the place, by whom, what code."""
    parts = (_ENTRY.fullmatch(each) for each in str(value or "").split(", "))
    return {each["place"]: (each["by"], each["code"]) for each in parts if each}
