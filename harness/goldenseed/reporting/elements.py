"""A case's elements (several images, a video's frames, tensors) as the report shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from goldenseed.core.listing import from_to
from goldenseed.reporting.links import Picture, picture_of
from goldenseed.runs.parts import ElementRecord
from goldenseed.runs.record import CaseRecord
from goldenseed.verdict.model import Verdict

SHOWN = 256
"""How many elements of a case the page shows; the run's folder has them all."""
_LEVELS = 255
_FEW = 3


@dataclass(frozen=True, slots=True)
class ElementView:
    """One element."""

    name: str
    verdict: Verdict | None
    current: Picture | None
    """None of a tensor."""
    baseline: Picture | None
    """None where it is the same as the current one."""


@dataclass(frozen=True, slots=True)
class ElementsView:
    """All elements of a case."""

    summary: str
    """How many of which kind came out how: ``16 elements (frames[0] … frames[15]): 2 drift, …``."""
    curve: tuple[tuple[str, float], ...]
    """Each element's name and its distance from the accepted one, as a part of the full range."""
    shown: tuple[ElementView, ...]
    left_out: int


def elements_view(case: CaseRecord, folder: Path | None) -> ElementsView | None:
    """Make the view of a case's elements; None of a case that is one image."""
    if not case.elements:
        return None
    compared = any(each.baseline for each in case.elements)
    return ElementsView(
        summary=elements_in_words(case.elements),
        curve=tuple((each.name, _distance(each)) for each in case.elements) if compared else (),
        shown=tuple(_view(each, folder) for each in case.elements[:SHOWN]),
        left_out=max(0, len(case.elements) - SHOWN),
    )


def elements_in_words(elements: Sequence[ElementRecord]) -> str:
    """Say how many elements there are, which, and what became of them."""
    names = [each.name for each in elements]
    found = Counter(each.verdict for each in elements)
    counts = ", ".join(f"{found[each]} {each}" for each in reversed(Verdict) if found[each])
    noun = "element" if len(names) == 1 else "elements"
    return f"{len(names):,} {noun} ({from_to(names, _FEW)})" + (f": {counts}" if counts else "")


def _distance(element: ElementRecord) -> float:
    mean = element.metrics.get("mean_difference")
    if mean is not None:
        return mean / _LEVELS
    return element.metrics.get("relative_distance", 0.0)


def _view(element: ElementRecord, folder: Path | None) -> ElementView:
    other = element.baseline if element.baseline != element.file else None
    return ElementView(
        name=element.name,
        verdict=element.verdict,
        current=picture_of("current", _png(element.file), folder),
        baseline=picture_of("baseline", _png(other), folder),
    )


def _png(place: str | None) -> str | None:
    return place if place and place.endswith(".png") else None
