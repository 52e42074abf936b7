"""A diagnosis from what is kept on disk, whatever of it can be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from pydantic import JsonValue

from harness.diagnosis.evidence import Blank, Evidence, Side
from harness.diagnosis.explain import explain
from harness.diagnosis.model import Diagnosis
from harness.environment.differences import Value
from harness.errors import GoldenseedError
from harness.generation.stages import Trace

if TYPE_CHECKING:
    from PIL.Image import Image

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of how one of two images was made; read only when it is asked for."""

    recipe: Mapping[str, JsonValue]
    environment: Callable[[], Mapping[str, Value] | None]
    trace: Callable[[], Trace | None]
    in_force: Mapping[str, Value] = field(default_factory=dict)
    """What the environment had otherwise inside the pipeline's call."""
    image: Image | None = None
    blank: Blank | None = None
    """What is known to be wrong with an image that is not kept."""
    missing: list[str] = field(default_factory=list)
    """Filled with why something could not be read."""

    def side(self) -> Side:
        """Read everything; what cannot be read is left out, and why is noted in ``missing``."""
        return Side(
            environment=self._read("the environment", self.environment),
            in_force=self.in_force,
            recipe=self.recipe,
            trace=self._read("the trace", self.trace),
            blank=self.blank if self.image is None else blank_of(self.image),
        )

    def _read(self, what: str, read: Callable[[], _Read | None]) -> _Read | None:
        try:
            return read()
        except GoldenseedError as error:
            self.missing.append(f"{what} cannot be read: {error}")
            return None


def diagnose(
    accepted: Kept, present: Kept, metrics: Mapping[str, float] | None = None
) -> Diagnosis | None:
    """Diagnose a difference from what is kept of both images; None where there is nothing to say.

    A file that is missing or damaged becomes a note or a remark of the diagnosis: it changes no
    verdict and raises nothing.
    """
    evidence = Evidence(accepted.side(), present.side(), metrics or {})
    found = explain(evidence)
    missing = [*accepted.missing, *present.missing]
    if missing:
        note = next((each for each in missing if each.startswith("the trace")), found.note)
        remarks = (*(each for each in missing if each != note), *found.remarks)
        found = found.model_copy(update={"note": note, "remarks": remarks})
    said = found.first_divergence or found.causes or found.note
    return found if said else None


def blank_of(image: Image) -> Blank | None:
    """Say whether an image shows nothing: all levels 0, or one colour everywhere."""
    extrema = image.convert("RGB").getextrema()
    lows, highs = zip(*extrema, strict=True)
    if lows != highs:
        return None
    return Blank.ONE_COLOUR if any(highs) else Blank.BLACK
