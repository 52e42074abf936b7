"""What is declared of each key of a fingerprint."""

from __future__ import annotations

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


class Scope(StrEnum):
    """What has to be there for a key to be read."""

    PROCESS = "process"
    """Nothing: the key is there in every process."""
    GPU = "gpu"
    """A GPU that makes the images."""
    FILES = "files"
    """The files of a suite's model; nothing of them is loaded."""
    LOADED = "loaded"
    """A loaded pipeline."""
    CALL = "call"
    """A pipeline's call: it is read inside it, and in no fingerprint."""


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
