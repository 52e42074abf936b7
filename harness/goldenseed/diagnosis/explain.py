"""From the evidence, or what is kept of it on disk, to a diagnosis."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from pydantic import JsonValue

from goldenseed.core.errors import GoldenseedError
from goldenseed.diagnosis.divergence import first_divergence
from goldenseed.diagnosis.effects import effect_of
from goldenseed.diagnosis.evidence import Blank, Evidence, Findings, Side, findings_of, unreadable
from goldenseed.diagnosis.model import Cause, ChangedKey, Diagnosis
from goldenseed.diagnosis.ranking import ranked
from goldenseed.diagnosis.rules import ask, offered
from goldenseed.diagnosis.rules.on_record import takes_effect
from goldenseed.environment.fingerprint import Value
from goldenseed.trace.stages import Stage, Trace

if TYPE_CHECKING:
    from PIL.Image import Image


__all__ = ["Blank", "Evidence", "Side", "explain"]

NO_ACCEPTED_TRACE = (
    "the accepted image has no trace: it was accepted before traces were kept, "
    "or from a run without them"
)
ALL_THE_SAME = "every recorded stage is identical: the difference arose after the last of them"
_NO_PRESENT_TRACE = "no trace of the present image was recorded"


def explain(evidence: Evidence) -> Diagnosis:
    """Say where the present image parts from the accepted one and why, the likeliest cause first.

    The same evidence gives the same diagnosis, as long as the same packages offer rules. Whatever
    is missing on either side (trace, environment, recipe) is not used, and said. Two images without
    any difference have no causes.
    """
    before, now = evidence.accepted.trace, evidence.present.trace
    divergence, note = None, None
    if before and now:
        divergence = first_divergence(before, now)
        if divergence is None:
            return Diagnosis(note=ALL_THE_SAME)
    elif before or now:
        note = NO_ACCEPTED_TRACE if now else _NO_PRESENT_TRACE
    findings = findings_of(evidence, divergence)
    offers, notes = ask(offered(), findings)
    causes = ranked(findings, offers)
    if divergence is None and causes[0].cause is Cause.UNKNOWN and not _moved(evidence):
        causes = ()
    return Diagnosis(
        first_divergence=divergence,
        causes=causes,
        environment=tuple(_changed_keys(findings)),
        note=note,
        remarks=(*_remarks(evidence), *notes),
    )


def _moved(evidence: Evidence) -> bool:
    return any(evidence.metrics.get(name) for name in ("peak_difference", "changed_fraction"))


def _changed_keys(findings: Findings) -> Iterator[ChangedKey]:
    """Yield the keys that differ, and whether each can have made the difference where it began."""
    for key, each in findings.keys.items():
        effect = effect_of(key)
        explains = effect is None or any(
            takes_effect(effect, findings, root) for root in (*findings.roots, *findings.hidden)
        )
        yield ChangedKey(key=key, old=each.old, new=each.new, explains=explains)


def _remarks(evidence: Evidence) -> Iterator[str]:
    """Yield what the diagnosis has to do without."""
    sides = (("accepted", evidence.accepted), ("present", evidence.present))
    for name, side in sides:
        if side.environment is None:
            yield f"the environment of the {name} image is not on record"
    (_, accepted), (_, present) = sides
    for name, trace, other in (
        ("accepted", accepted.trace, present.trace),
        ("present", present.trace, accepted.trace),
    ):
        if trace and other and _ends_early(trace, other):
            yield f"the trace of the {name} image ends early: {_last(trace)} is its last stage"
    names = sorted(set(unreadable(evidence)))
    if names:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield f"{names[0]}{more} could not be read and is not compared"


def _ends_early(trace: Trace, other: Trace) -> bool:
    return _has_pixels(other) and not _has_pixels(trace)


def _has_pixels(trace: Trace) -> bool:
    return any(each.stage is Stage.PIXELS for each in trace)


def _last(trace: Trace) -> str:
    return trace[-1].key.words


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
