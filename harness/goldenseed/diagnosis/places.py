"""What is computed where, and what a root is: a place that differs although nothing before does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from goldenseed.tolerance.rounding import TraceMeasure
from goldenseed.trace.distances import Pair, either, same
from goldenseed.trace.stages import FED_BY, Stage, StageRecord

EPSILONS: Final = {
    "float64": 32 * 2.0**-52,
    "float32": 32 * 2.0**-23,
    "float16": 4 * 2.0**-10,
    "bfloat16": 4 * 2.0**-7,
}
"""Up to which relative distance rounding moves one stage, by the dtype that computes.

Harmless changes moved the latents of 20 steps by at most 14 epsilons of float32 and by 0.6 of
bfloat16, whose sums are kept in float32 (docs/trace.md).
"""


def rounding_of(dtypes: Iterable[str]) -> float:
    """Return up to which relative distance rounding moves what is computed in the coarsest."""
    known = [EPSILONS[each] for each in dtypes if each in EPSILONS]
    return max(known, default=EPSILONS["float32"])


class Place(StrEnum):
    """What is computed, in the order of the flow, as people call it.

    The first denoising step is apart from the later ones, and timesteps and sigmas are one place.
    """

    WRITTEN = "written prompt"
    TOKEN_IDS = "token ids"  # noqa: S105 - no password
    EMBEDDINGS = "prompt embeddings"
    SCHEDULE = "timesteps and sigmas"
    NOISE = "initial noise"
    LATENTS = "initial latents"
    CONDITIONING = "what the denoiser is given"
    DENOISER = "the denoiser's output"
    GUIDANCE = "the guided output"
    STEP = "the arithmetic of the first step"
    FIRST_STEP = "denoising step 1"
    LATER_NOISE = "noise of later steps"
    LATER_STEP = "a later denoising step"
    BEFORE_VAE = "latents before the VAE"
    VAE = "the VAE's output"
    CONVERSION = "the float image made of the VAE's output"
    IMAGE = "float image"
    UNPROCESSED = "pixels before post-processing"
    POSTPROCESSED = "post-processing"
    PIXELS = "pixels"
    ANYWHERE = "a place that is not known"


_OF_THE_BATCH: Final = frozenset({Place.TOKEN_IDS, Place.EMBEDDINGS, Place.NOISE, Place.LATENTS})
"""Places with a row for each image, whatever the guidance; what the denoiser is given has more."""


@dataclass(frozen=True, slots=True)
class Root:
    """A place that differs although nothing before it does."""

    place: Place
    pairs: tuple[Pair, ...]
    """All records of the place, aligned; empty for ``ANYWHERE``."""
    distance: float | None = None
    """The largest relative distance of the records; None where none can be told."""
    beyond: TraceMeasure | None = None
    """What the verdict measures here that rounding does not explain; None where there is none."""
    carried: frozenset[Place] = frozenset()
    """Places before it at which the difference may have begun, hidden by rounding or not traced."""

    @property
    def differing(self) -> tuple[Pair, ...]:
        """The records that are not the same."""
        return tuple(pair for pair in self.pairs if not same(pair))

    @property
    def parts(self) -> tuple[str, ...]:
        """The pipeline's parts that made the records that differ, each once; empty for itself."""
        return tuple(dict.fromkeys(either(pair).key.part for pair in self.differing))

    @property
    def reshaped(self) -> tuple[tuple[StageRecord, StageRecord], ...]:
        """The records whose shapes differ."""
        return tuple((a, b) for a, b in self.differing if a and b and a.shape != b.shape)

    @property
    def recast(self) -> tuple[tuple[StageRecord, StageRecord], ...]:
        """The records whose dtypes differ."""
        return tuple((a, b) for a, b in self.differing if a and b and a.dtype != b.dtype)

    @property
    def one_sided(self) -> tuple[Pair, ...]:
        """The records that only one of the traces has."""
        return tuple(pair for pair in self.pairs if None in pair)

    @property
    def rows_alone(self) -> bool:
        """Whether there is another number of rows, and otherwise the same shapes: a batch."""
        made = self.place in _OF_THE_BATCH and bool(self.reshaped)
        return made and all(map(_another_number_of_rows, self.differing))


def _another_number_of_rows(pair: Pair) -> bool:
    a, b = pair
    if a is None or b is None or a.dtype != b.dtype:
        return False
    return len(a.shape) > 1 and a.shape[:1] != b.shape[:1] and a.shape[1:] == b.shape[1:]


NOWHERE = Root(Place.ANYWHERE, ())

_OF_STAGES: Final = {
    Stage.WRITTEN_PROMPT: Place.WRITTEN,
    Stage.TOKEN_IDS: Place.TOKEN_IDS,
    Stage.PROMPT_EMBEDDINGS: Place.EMBEDDINGS,
    Stage.TIMESTEPS: Place.SCHEDULE,
    Stage.SIGMAS: Place.SCHEDULE,
    Stage.INITIAL_NOISE: Place.NOISE,
    Stage.INITIAL_LATENTS: Place.LATENTS,
    Stage.DENOISER_INPUT: Place.CONDITIONING,
    Stage.DENOISER_OUTPUT: Place.DENOISER,
    Stage.GUIDED_OUTPUT: Place.GUIDANCE,
    Stage.DENOISING_STEP: Place.LATER_STEP,
    Stage.LATER_NOISE: Place.LATER_NOISE,
    Stage.LATENTS_BEFORE_VAE: Place.BEFORE_VAE,
    Stage.VAE_OUTPUT: Place.VAE,
    Stage.FLOAT_IMAGE: Place.IMAGE,
    Stage.UNPROCESSED: Place.UNPROCESSED,
    Stage.POSTPROCESSED: Place.POSTPROCESSED,
    Stage.PIXELS: Place.PIXELS,
}


PLACED: Final = frozenset(_OF_STAGES)
"""Stages that have a place; the others only tell rounding from change."""


def place_of(record: StageRecord) -> Place:
    """Return where a record of one of ``PLACED`` is from."""
    return placed(record.stage, record.index) or Place.ANYWHERE


def placed(stage: Stage, index: int) -> Place | None:
    """Return where a stage is made, or None for one that only tells rounding from change."""
    if stage is Stage.DENOISING_STEP and not index:
        return Place.FIRST_STEP
    return _OF_STAGES.get(stage)


FEEDS: Final[Mapping[Place, frozenset[Place]]] = MappingProxyType(
    {
        place: frozenset(
            _OF_STAGES[each]
            for stage, own in _OF_STAGES.items()
            if own is place
            for each in FED_BY[stage]
        )
        for place in _OF_STAGES.values()
    }
    | {
        Place.FIRST_STEP: frozenset({Place.GUIDANCE}),
        Place.LATER_STEP: frozenset({Place.FIRST_STEP, Place.LATER_NOISE}),
    }
)
"""What each place is computed from, one step back."""
