"""The sets of a run as the report's page shows them, the broken ones first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.reporting.pictures import Picture, picture_of
from harness.reporting.sets import (
    MEANINGS,
    ResultText,
    name_of,
    place_of,
    result_text,
    set_notes,
    state_of,
)
from harness.reporting.text import visible
from harness.runs.record import CaseRecord, RunRecord, SetRecord, SetResult

_ORDER = tuple(MEANINGS)
_TONES = {"broken": "drift", "held": "identical", "not judged": "warn"}


@dataclass(frozen=True, slots=True)
class ResultView:
    """One limit on a set, with the pictures of its worst pair."""

    text: ResultText
    pictures: tuple[tuple[str, Picture], ...]
    """Case id and picture; none where a result above has the same worst pair."""


@dataclass(frozen=True, slots=True)
class SetView:
    """One set."""

    name: str
    place: str
    state: str
    tone: str
    meaning: str
    results: tuple[ResultView, ...]
    notes: tuple[str, ...]
    error: str | None


def set_views(run: RunRecord, folder: Path) -> tuple[SetView, ...]:
    """Prepare the sets of a run for the page."""
    cases = {(case.path, case.id): case for case in run.cases}
    ordered = sorted(run.sets, key=lambda each: _ORDER.index(state_of(each)))
    return tuple(_view(each, cases, folder) for each in ordered)


def _view(found: SetRecord, cases: Mapping[tuple[str, str], CaseRecord], folder: Path) -> SetView:
    state = state_of(found)
    results = sorted(found.results, key=lambda each: each.passed)
    pairs = [each.worst_pair for each in results]
    first = [pair not in pairs[:index] for index, pair in enumerate(pairs)]
    return SetView(
        name=name_of(found),
        place=place_of(found),
        state=state,
        tone=_TONES[state],
        meaning=MEANINGS[state],
        results=tuple(
            ResultView(
                result_text(found, each), _pictures(found, each, cases, folder) if new else ()
            )
            for each, new in zip(results, first, strict=True)
        ),
        notes=tuple(set_notes(found)),
        error=None if found.error is None else visible(found.error),
    )


def _pictures(
    found: SetRecord,
    result: SetResult,
    cases: Mapping[tuple[str, str], CaseRecord],
    folder: Path,
) -> tuple[tuple[str, Picture], ...]:
    pictures = []
    for case_id in result.worst_pair:
        case = cases.get((found.path, case_id))
        picture = picture_of("current", case.image if case else None, folder)
        if picture is not None:
            pictures.append((visible(case_id, lines=False), picture))
    return tuple(pictures)
