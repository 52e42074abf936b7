"""What is declared of each key of a fingerprint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a difference in a key means."""

    IDENTITY = "identity"
    """Which kind of machine it is: these keys, and no others, make the profile's slug."""
    NUMERIC = "numeric"
    """Can change the bits of an image."""
    RECORDED = "recorded"
    """Cannot change them as far as is known; kept for whoever has to find a machine again."""
    PASSING = "passing"
    """One card's alone, or this hour's: ``goldenseed env`` shows it, and nothing keeps it."""


class Scope(StrEnum):
    """What has to be there for a key to be read."""

    PROCESS = "process"
    """Nothing: the key is there in every process."""
    CPU = "cpu"
    """Nothing; a lock counts it where the CPU makes the images, for GPUs have other defaults."""
    GPU = "gpu"
    """A GPU that makes the images."""
    FILES = "files"
    """The files of a suite's model; nothing of them is loaded."""
    LOADED = "loaded"
    """A loaded pipeline."""
    CALL = "call"
    """A pipeline's call: it is read inside it, and in no fingerprint."""


class Moves(StrEnum):
    """How the bits of an image move where an identifying or numeric key differs."""

    ROUNDING = "rounding"
    """By rounding: other kernels, another order of sums, another last bit."""
    SUBSTANCE = "substance"
    """By what is computed (weights, dtypes, inputs, switches): never by rounding alone."""
    NEITHER = "neither"
    """By nothing of its own: it follows from other keys, or acts through a recorded stage."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key, or a family of keys: ``{name}`` stands for one part, ``{path}`` for all the rest."""

    pattern: str
    meaning: str
    kind: Kind
    read: str
    """Where the value comes from."""
    scope: Scope = Scope.PROCESS
    locked: bool = False
    """Whether a suite's lock pins it. What belongs to the machine is never locked."""
    of_cpu: bool = False
    """Whether it is the processor's own, and moves pixels only where the processor makes them."""
    moves: Moves = Moves.ROUNDING
    alike: Callable[[str, str], bool] | None = None
    """Says of two values that differ whether rounding is all that differs with them."""
    bystanders: frozenset[str] = frozenset()
    """Names of a family that are ``Moves.NEITHER`` all the same."""
    follows: tuple[str, ...] = ()
    """Keys that, where they differ as well, leave it open whether this one says anything."""
    since: int = 1
    """The version of fingerprints from which on its absence means that there is none of it."""
