"""AUTOMATIC1111's and Forge's parameters, as their pictures carry them and people paste them.

Format: lines of the prompt, ``Negative prompt: …``, and a last line of ``Name: value`` pairs with
commas, values in JSON's quotes where they hold a comma (``modules/infotext_utils.py``,
``parse_generation_parameters``, there as ``generation_parameters_copypaste.py`` before 1.8).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from goldenseed.recipes.fields import Concept, Source, Stated, by_name, refuse_nothing

_PAIR = re.compile(r'\s*(\w[\w \-/.]*?):\s*("(?:\\.|[^\\"])*"|[^,]*)(?:,|$)')
_NEGATIVE = "Negative prompt:"
_CONCEPTS: Final = {
    "steps": Concept.STEPS,
    "sampler": Concept.SAMPLER,
    "schedule type": Concept.SCHEDULE,
    "cfg scale": Concept.GUIDANCE,
    "seed": Concept.SEED,
    "size": Concept.SIZE,
    "distilled cfg scale": Concept.DISTILLED,
    "clip skip": Concept.CLIP_SKIP,
    "eta": Concept.ETA,
    "eta ddim": Concept.ETA,
    "rng": Concept.RNG,
    "ensd": Concept.NOISE_DELTA,
    "eta noise seed delta": Concept.NOISE_DELTA,
    "model": Concept.MODEL,
    "version": Concept.FORMAT,
}
_TWO_PASSES = (
    "a second pass after an upscale: two cases, the second with the first's image as input"
)
_KNOWN: Final = {
    "model hash": "the start of a single file's SHA-256; the suite pins a folder's files",
    "denoising strength": _TWO_PASSES + ", or a picture that it began with",
    **dict.fromkeys(
        ("hires upscale", "hires steps", "hires upscaler", "hires resize", "hires cfg scale"),
        _TWO_PASSES,
    ),
    "variation seed": "noise between two seeds has no place in a suite",
    "variation seed strength": "noise between two seeds has no place in a suite",
    "vae": "give it under `model.components`",
    "vae hash": "give it under `model.components`",
    "refiner": "two cases, the second with the first's image as input",
    "refiner switch at": "two cases, the second with the first's image as input",
    "lora hashes": "the suite pins LoRA files by their SHA-256",
    "ti hashes": "give textual inversions under `model.embeddings`",
    "face restoration": "a step after the pipeline",
    "token merging ratio": "diffusers has no token merging",
    "hashes": "the suite pins files by their SHA-256",
}
FEWEST: Final = 3
"""Pairs of known names that make a line the one with the parameters, as the programs have it."""


def read_infotext(text: str, name: str) -> Source:
    """Return what the parameters state.

    ``GoldenseedError`` where nothing in the text is a field that is known.
    """
    lines = text.replace("\r\n", "\n").strip("\n").split("\n")
    pairs: list[tuple[str, str]] = []
    if lines and _known_pairs(lines[-1]) >= FEWEST:
        pairs = list(_pairs(lines.pop()))
    prompt, separator, negative = "\n".join(lines).partition(_NEGATIVE)
    stated = [Stated("Prompt", prompt.strip(), Concept.PROMPT)]
    if separator and negative.strip():
        stated.append(Stated("Negative prompt", negative.strip(), Concept.NEGATIVE))
    found = by_name(pairs, _CONCEPTS, _KNOWN)
    refuse_nothing(name, found)
    return Source(name, "a1111", (*stated, *found))


def is_infotext(text: str) -> bool:
    """Return whether the last line holds at least three parameters that are known."""
    return _known_pairs(text.strip().rsplit("\n", 1)[-1]) >= FEWEST


def _known_pairs(line: str) -> int:
    return sum(name.casefold() in _CONCEPTS for name, _ in _pairs(line))


def _pairs(line: str) -> Iterator[tuple[str, str]]:
    for name, value in _PAIR.findall(line):
        yield name.strip(), _unquoted(value.strip())


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value
