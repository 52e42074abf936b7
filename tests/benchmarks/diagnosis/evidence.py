"""From the folders of two runs to the evidence that a diagnosis is made from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from goldenseed.diagnosis.evidence import Blank, Side, Sides
from goldenseed.diagnosis.explain import blank_of
from goldenseed.environment.fingerprint import environment_differences
from goldenseed.environment.keys import Kind
from goldenseed.runs.folder import load_run
from goldenseed.runs.record import CaseRecord
from goldenseed.runs.stored import stored_trace
from goldenseed.suite.recipes import recipe_differences
from tests.benchmarks.diagnosis.fault import Fault
from tests.benchmarks.diagnosis.generating import RUN, UNUSABLE, plain_run


@dataclass(frozen=True)
class Recorded:
    """What the runs left of one fault."""

    sides: Sides
    case: CaseRecord
    """The faulty one."""
    accepted_pixels: str | None
    """The digest of the plain run's image."""

    @property
    def same_pixels(self) -> bool:
        """Whether the fault changed no bit of the image."""
        return self.case.pixels_sha256 == self.accepted_pixels

    @property
    def shown_by(self) -> str:
        """Where the fault can be read off: recipe, fingerprint, call, or the trace alone.

        The call is what was in force inside it, where the fingerprint says otherwise.

        What a failed run told of its failure goes with its trace.
        """
        before, now = self.sides.accepted, self.sides.present
        if recipe_differences(before.recipe or {}, now.recipe or {}):
            return "recipe"
        differences = environment_differences(before.environment or {}, now.environment or {})
        if now.environment and any(each.kind is not Kind.RECORDED for each in differences):
            return "fingerprint"
        if before.in_force != now.in_force:
            return "call"
        return "trace"


def recorded(fault: Fault, work: Path) -> Recorded:
    """Read what the plain run and the faulty one left."""
    accepted, plain = _side(plain_run(fault), work)
    present, case = _side(fault, work)
    sides = Sides(accepted=accepted, present=present, metrics=case.metrics)
    return Recorded(sides, case, plain.pixels_sha256)


def _side(fault: Fault, work: Path) -> tuple[Side, CaseRecord]:
    folder = work / fault.name / RUN
    run = load_run(folder)
    (case,) = run.cases
    side = Side(
        environment=run.environment or None,
        in_force=case.in_force,
        recipe=case.recipe,
        trace=stored_trace(folder, case),
        blank=_blank(folder, case),
    )
    return side, case


def _blank(folder: Path, case: CaseRecord) -> Blank | None:
    from goldenseed.core.pixels import decode

    if case.image is not None:
        return blank_of(decode(folder / case.image))
    unusable = folder.parent / UNUSABLE
    return Blank(unusable.read_text(encoding="utf-8")) if unusable.is_file() else None
