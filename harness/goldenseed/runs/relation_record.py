"""The parts of a run's record on relations, and on what is kept with a run."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from goldenseed.diagnosis.model import Diagnosis
from goldenseed.environment.keys import EnvironmentValue
from goldenseed.runs.parts import Document, ElementRecord, Quarantined, Seconds
from goldenseed.verdict.model import Reason, Verdict


class MadeImage(Document):
    """One of the two images of a relation, as a case's record has it."""

    profile: str | None = None
    environment_sha256: str | None = None
    in_force: dict[str, EnvironmentValue] = Field(default_factory=dict)
    pixels_sha256: str
    image: str | None = None
    width: int
    height: int
    mode: str
    elements: tuple[ElementRecord, ...] = ()
    remarks: tuple[str, ...] = ()
    trace_file: str | None = None
    seconds: Seconds = Seconds()


class ExactDistance(Document):
    """How far the two images of a relation are from the exact one, at one kind of stage."""

    metric: str
    """``exact_latents_distance``: see ``goldenseed.tolerance.exact``."""
    reference: float | Literal["inf"]
    candidate: float | Literal["inf"]
    limit: float | Literal["inf"]
    passed: bool


class RelationRecord(Document):
    """What became of one relation of one case: two ways of making an image that must agree."""

    id: str
    """``batch-invariance[red-apple,seed=9999,batch=2,position=first]``"""
    relation: str
    """As the suite calls it."""
    suite: str
    path: str
    """The suite file, relative to pytest's root, with forward slashes."""
    line: int | None = None
    case: str
    """The id of the case."""
    vary: dict[str, JsonValue]
    """What was done otherwise: key of the table of changes to value."""
    hold: str | dict[str, float]
    """How the two have to agree, as the suite has it."""
    state: Literal["held", "broken", "cannot", "error"]
    """``cannot``: what is asked for does not exist here, and nothing was compared."""
    why: str | None = None
    """Why nothing could be compared: what is missing here, or what went wrong."""
    verdict: Verdict | None = None
    """Of the one made otherwise, against the one made as the suite says."""
    reasons: tuple[Reason, ...] = ()
    metrics: dict[str, float] = Field(default_factory=dict)
    reference: MadeImage | None = None
    """As the suite says."""
    candidate: MadeImage | None = None
    """Made otherwise."""
    difference: str | None = None
    diagnosis: Diagnosis | None = None
    """Where the two part, also where their pixels are the same; None where nothing parts."""
    exact_trace: str | None = None
    """The trace of the exact image, where the relation holds the two against that."""
    distances: tuple[ExactDistance, ...] = ()
    quarantine: Quarantined | None = None
    """By whose leave it may fail; the state and ``passed`` are as ever."""
    xfail: str | None = None
    """The reason of an xfail mark that it bears, where pytest went by it; may be empty."""

    @property
    def passed(self) -> bool:
        """Whether it fails no session: it holds, or cannot be tried here."""
        return self.state in {"held", "cannot"}

    @property
    def in_quarantine(self) -> bool:
        """Whether it fails, and is to fail nothing."""
        return self.quarantine is not None and not self.quarantine.over and not self.passed


class Attached(Document):
    """A document that is kept with a run, beside what the run itself made."""

    kind: str
    """What it is: the type of its predicate, an address."""
    file: str
    """Its place, relative to the run's folder: ``attached/<digest>.json``."""
    sha256: str
