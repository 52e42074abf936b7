"""What a recipe says, field by field, and how much of each a suite can say too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from goldenseed.core.errors import GoldenseedError


class Fidelity(StrEnum):
    """How much of a field comes over."""

    EXACT = "exact"
    """The same thing is asked for; whether the same pixels come is for a run to say."""
    APPROXIMATE = "approximate"
    """Something near it is asked for; ``Field.why`` says what differs."""
    UNSUPPORTED = "unsupported"
    """It is left out; ``Field.why`` says why."""


class Concept(StrEnum):
    """What a field is about, whatever its program calls it."""

    PROMPT = "prompt"
    NEGATIVE = "negative prompt"
    SEED = "seed"
    SIZE = "size"
    WIDTH = "width"
    HEIGHT = "height"
    STEPS = "steps"
    GUIDANCE = "guidance"
    DISTILLED = "distilled guidance"
    SAMPLER = "sampler"
    SCHEDULE = "schedule"
    CLIP_SKIP = "clip skip"
    ETA = "eta"
    RNG = "random numbers"
    NOISE_DELTA = "seed of the noise of the steps"
    DENOISE = "denoising strength"
    MODEL = "model"
    FORMAT = "made by"


@dataclass(frozen=True, slots=True)
class Stated:
    """One field as its source has it."""

    name: str
    value: str
    concept: Concept | None = None
    """None where nothing here knows the field."""
    known: str = ""
    """Why it is left out, where that is known of this program's field."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field, and what became of it."""

    name: str
    value: str
    fidelity: Fidelity
    why: str = ""
    keys: Mapping[str, Any] = field(default_factory=dict)
    """What of a case it sets: ``call.guidance_scale``, ``model.scheduler``, ``seeds``."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a file or a text states, before anything is made of it."""

    name: str
    """The file's name, or ``-``."""
    format: str
    """Of what program: ``a1111``, ``comfyui``, ``invokeai``, ``fooocus``, ``novelai``, ``text``."""
    stated: tuple[Stated, ...]

    def of(self, concept: Concept) -> Stated | None:
        """Return the first field about the concept."""
        return next((each for each in self.stated if each.concept is concept), None)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe as far as a case of a suite can say it."""

    source: Source
    fields: tuple[Field, ...]

    @property
    def keys(self) -> dict[str, Any]:
        """Everything the case sets, by dotted key."""
        return {key: value for each in self.fields for key, value in each.keys.items()}

    def count(self, fidelity: Fidelity) -> int:
        """Return how many fields came over so."""
        return sum(each.fidelity is fidelity for each in self.fields)


def exact(stated: Stated, keys: Mapping[str, Any], why: str = "") -> Field:
    """Return the field as one that comes over whole."""
    return Field(stated.name, stated.value, Fidelity.EXACT, why, keys)


def approximate(stated: Stated, keys: Mapping[str, Any], why: str) -> Field:
    """Return the field as one of which something near is asked for."""
    return Field(stated.name, stated.value, Fidelity.APPROXIMATE, why, keys)


def unsupported(stated: Stated, why: str) -> Field:
    """Return the field as one that is left out."""
    return Field(stated.name, stated.value, Fidelity.UNSUPPORTED, why)


def by_name(
    pairs: Iterable[tuple[str, str]],
    concepts: Mapping[str, Concept],
    known: Mapping[str, str] | None = None,
) -> tuple[Stated, ...]:
    """Give each pair of a name and a value its concept; names are compared without letter case."""
    return tuple(
        Stated(
            name,
            value,
            concepts.get(name.casefold()),
            (known or {}).get(name.casefold(), ""),
        )
        for name, value in pairs
    )


def refuse_nothing(name: str, stated: Sequence[Stated]) -> None:
    """Refuse a source in which no field has a meaning here."""
    if not any(each.concept for each in stated):
        raise GoldenseedError(
            "holds no recipe: none of its fields is one that is known here",
            path=name,
            fix="give a picture with its parameters, or lines such as `Seed: 1` and `Prompt: …`",
        )
