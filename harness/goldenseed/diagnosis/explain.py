"""From the evidence, or what is kept of it on disk, to a diagnosis."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.listing import first_of
from goldenseed.diagnosis.divergence import first_divergence
from goldenseed.diagnosis.elsewhere import fitted
from goldenseed.diagnosis.evidence import Blank, Findings, Side, Sides, findings_of, unreadable
from goldenseed.diagnosis.idle import idle
from goldenseed.diagnosis.model import Cause, ChangedKey, Diagnosis
from goldenseed.diagnosis.ranking import ranked
from goldenseed.diagnosis.rules import ask, offered
from goldenseed.diagnosis.rules.on_record import explains
from goldenseed.diagnosis.rules.postprocess import unlike_before
from goldenseed.suite.recipes import recipe_differences
from goldenseed.trace.stages import Stage, StageName, Trace
from goldenseed.verdict.evidence import Evidence as Known

if TYPE_CHECKING:
    from PIL.Image import Image


__all__ = ["Blank", "Side", "Sides", "explain"]

NO_ACCEPTED_TRACE = (
    "the accepted image has no trace: it was accepted before traces were kept, "
    "or from a run without them"
)
ALL_THE_SAME = "every recorded stage is identical: the difference arose after the last of them"
SAME_PIXELS = "the two images are the same, pixel by pixel"
_NO_PRESENT_TRACE = "no trace of the present image was recorded"


def explain(sides: Sides) -> Diagnosis:
    """Say where the present image parts from the accepted one and why, the likeliest cause first.

    Whatever is missing on either side (trace, environment, recipe) is not used, and said. Two
    images without any difference have no causes.
    """
    sides, of_engines = fitted(sides)
    sides, unused = _without_idle(sides)
    before, now = sides.accepted.trace, sides.present.trace
    equal = _equal_pixels(sides)
    divergence, note = None, None
    if before and now:
        divergence = first_divergence(before, now)
        if divergence is None:
            said = SAME_PIXELS if equal else ALL_THE_SAME
            return Diagnosis(note=said, remarks=(*_unread_prompt(sides, unused), *of_engines))
    elif before or now:
        note = NO_ACCEPTED_TRACE if now else _NO_PRESENT_TRACE
    findings = findings_of(sides, divergence)
    offers, notes = ask(offered(), findings)
    causes = ranked(findings, offers)
    moved = any(sides.metrics.get(name) for name in _MOVED)
    if equal or (divergence is None and causes[0].cause is Cause.UNKNOWN and not moved):
        causes = ()
    return Diagnosis(
        first_divergence=divergence,
        causes=causes,
        environment=tuple(_changed_keys(findings)),
        note=SAME_PIXELS if equal and note is None and divergence is None else note,
        remarks=(*_remarks(sides), *_unread_prompt(sides, unused), *of_engines, *notes),
    )


_MOVED = ("peak_difference", "changed_fraction")
"""Metrics that are 0 for equal pixels alone."""


def _equal_pixels(sides: Sides) -> bool:
    """Say whether the two images are known to be the same, pixel by pixel."""
    measured = any(name in sides.metrics for name in _MOVED)
    return measured and not any(sides.metrics.get(name) for name in _MOVED)


def _without_idle(sides: Sides) -> tuple[Sides, frozenset[StageName]]:
    """Leave out the records of text that feed nothing, and return which."""
    before, now = sides.accepted.trace, sides.present.trace
    unused = idle(before, now) if before and now else frozenset()
    if not unused:
        return sides, unused
    kept = (
        replace(side, trace=tuple(each for each in side.trace or () if each.key not in unused))
        for side in (sides.accepted, sides.present)
    )
    accepted, present = kept
    return Sides(accepted, present, sides.metrics), unused


def _unread_prompt(sides: Sides, unused: frozenset[StageName]) -> Iterator[str]:
    """Say that a prompt was changed where no text encoder sees it."""
    before, now = sides.accepted, sides.present
    differing = recipe_differences(before.recipe or {}, now.recipe or {})
    prompts = [each.field for each in differing if _PROMPT.fullmatch(each.field)]
    if before.recipe is None or now.recipe is None or not prompts or not _same_text(sides):
        return
    beyond = any(key.stage is Stage.TOKEN_IDS for key in unused)
    why = "the change lies beyond the tokenizer's limit" if beyond else "its tokens are the same"
    yield f"{prompts[0].removeprefix('call.')} differs, but no text encoder sees it: {why}"


def _same_text(sides: Sides) -> bool:
    embeddings = [
        {each.key: each.sha256 for each in side.trace or () if each.stage in _TEXT}
        for side in (sides.accepted, sides.present)
    ]
    return bool(embeddings[0]) and embeddings[0] == embeddings[1]


def _changed_keys(findings: Findings) -> Iterator[ChangedKey]:
    """Yield the keys that differ, and whether each can have made the difference where it began."""
    for key, each in findings.keys.items():
        told = explains(key, findings, (*findings.roots, *findings.hidden))
        yield ChangedKey(key=key, old=each.old, new=each.new, explains=told)


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
    yield from unlike_before(accepted, present)
    names = sorted(set(unreadable(sides)))
    if names:
        yield f"{first_of(names, 1)} could not be read and is not compared"


def _has_pixels(trace: Trace) -> bool:
    return any(each.stage is Stage.PIXELS for each in trace)


_TEXT = (Stage.TOKEN_IDS, Stage.PROMPT_EMBEDDINGS)
_PROMPT = re.compile(r"prompt|call\.(negative_)?prompt(_\d)?")
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
        written=known.written,
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
    middle = image.width // 2, image.height // 2
    if image.mode in {"L", "RGB"} and image.getpixel((0, 0)) != image.getpixel(middle):
        return None  # as of nearly all: to look at every pixel takes milliseconds
    extrema = image.convert("RGB").getextrema()
    lows, highs = zip(*extrema, strict=True)
    if lows != highs:
        return None
    return Blank.ONE_COLOUR if any(highs) else Blank.BLACK
