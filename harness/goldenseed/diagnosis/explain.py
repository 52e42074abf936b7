"""From the evidence, or what is kept of it on disk, to a diagnosis."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

from goldenseed.core.errors import GoldenseedError
from goldenseed.diagnosis.divergence import first_divergence
from goldenseed.diagnosis.effects import effect_of
from goldenseed.diagnosis.evidence import Blank, Findings, Side, Sides, findings_of, unreadable
from goldenseed.diagnosis.model import Cause, ChangedKey, Diagnosis
from goldenseed.diagnosis.ranking import ranked
from goldenseed.diagnosis.rules import ask, offered
from goldenseed.diagnosis.rules.on_record import takes_effect
from goldenseed.trace.stages import Stage, Trace
from goldenseed.verdict.evidence import Evidence as Known

if TYPE_CHECKING:
    from PIL.Image import Image


__all__ = ["Blank", "Side", "Sides", "explain"]

NO_ACCEPTED_TRACE = (
    "the accepted image has no trace: it was accepted before traces were kept, "
    "or from a run without them"
)
ALL_THE_SAME = "every recorded stage is identical: the difference arose after the last of them"
_NO_PRESENT_TRACE = "no trace of the present image was recorded"


def explain(sides: Sides) -> Diagnosis:
    """Say where the present image parts from the accepted one and why, the likeliest cause first.

    Whatever is missing on either side (trace, environment, recipe) is not used, and said. Two
    images without any difference have no causes.
    """
    before, now = sides.accepted.trace, sides.present.trace
    divergence, note = None, None
    if before and now:
        divergence = first_divergence(before, now)
        if divergence is None:
            return Diagnosis(note=ALL_THE_SAME)
    elif before or now:
        note = NO_ACCEPTED_TRACE if now else _NO_PRESENT_TRACE
    findings = findings_of(sides, divergence)
    offers, notes = ask(offered(), findings)
    causes = ranked(findings, offers)
    moved = any(sides.metrics.get(name) for name in ("peak_difference", "changed_fraction"))
    if divergence is None and causes[0].cause is Cause.UNKNOWN and not moved:
        causes = ()
    return Diagnosis(
        first_divergence=divergence,
        causes=causes,
        environment=tuple(_changed_keys(findings)),
        note=note,
        remarks=(*_remarks(sides), *notes),
    )


def _changed_keys(findings: Findings) -> Iterator[ChangedKey]:
    """Yield the keys that differ, and whether each can have made the difference where it began."""
    for key, each in findings.keys.items():
        effect = effect_of(key)
        explains = effect is None or any(
            takes_effect(effect, findings, root) for root in (*findings.roots, *findings.hidden)
        )
        yield ChangedKey(key=key, old=each.old, new=each.new, explains=explains)


def _remarks(sides: Sides) -> Iterator[str]:
    """Yield what the diagnosis has to do without."""
    named = (("accepted", sides.accepted), ("present", sides.present))
    for name, side in named:
        if side.environment is None:
            yield f"the environment of the {name} image is not on record"
    accepted, present = sides.accepted, sides.present
    for name, trace, other in (
        ("accepted", accepted.trace, present.trace),
        ("present", present.trace, accepted.trace),
    ):
        if trace and other and _has_pixels(other) and not _has_pixels(trace):
            last = trace[-1].key.words
            yield f"the trace of the {name} image ends early: {last} is its last stage"
    names = sorted(set(unreadable(sides)))
    if names:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield f"{names[0]}{more} could not be read and is not compared"


def _has_pixels(trace: Trace) -> bool:
    return any(each.stage is Stage.PIXELS for each in trace)


_Read = TypeVar("_Read")


def _side(known: Known, missing: list[str]) -> Side:
    """Read everything; what cannot be read is left out, and why is added to ``missing``."""

    def read(what: str, part: Callable[[], _Read]) -> _Read | None:
        try:
            return part()
        except GoldenseedError as error:
            missing.append(f"{what} cannot be read: {error}")
            return None

    environment = read("the environment", lambda: known.environment)
    trace = read("the trace", lambda: known.trace)
    image = None if known.unusable else read("the image", lambda: known.image)
    blank = blank_of(image) if image is not None else None
    return Side(
        environment=environment,
        in_force=known.in_force,
        recipe=known.recipe,
        trace=trace,
        blank=Blank(known.unusable.value) if known.unusable else blank,
    )


def diagnose(
    accepted: Known, present: Known, metrics: Mapping[str, float] | None = None
) -> Diagnosis | None:
    """Diagnose a difference; None where there is nothing to say.

    A file that is missing or damaged becomes a note or a remark, and raises nothing.
    """
    missing: list[str] = []
    found = explain(Sides(_side(accepted, missing), _side(present, missing), metrics or {}))
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
