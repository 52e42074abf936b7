"""What the page's scripts are given: rows of all cases, and each case's details, as plain JSON.

Texts are as the record has them. The scripts write them as text, and make unseen characters seen.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from goldenseed.reporting.causes import cause_groups
from goldenseed.reporting.diagnosis import stage_limits
from goldenseed.reporting.facts import facts_of
from goldenseed.reporting.gallery import gallery_document
from goldenseed.reporting.history_data import case_history, suite_histories
from goldenseed.reporting.links import Picture
from goldenseed.reporting.numbers import MetricRow, content_in_words, scalar
from goldenseed.reporting.origin import origin_document
from goldenseed.reporting.view import CaseView, RunView
from goldenseed.reporting.words import About, Told, place_of, shortened
from goldenseed.runs.record import CaseRecord
from goldenseed.verdict.model import Verdict

_SEARCHED = 160
"""How much of a prompt the search looks at."""
_ACCEPTABLE, _REJECTABLE, _FAILS, _STANDS_IN = 1, 2, 4, 8
"""Bits of a row's flags."""

_BROKEN = "the image breaks a limit on its content."

Row = tuple[CaseView, int]
"""A case, and the number of the part that holds its pictures' bytes, -1 if none does."""


def rows_document(run: RunView, cases: Sequence[Row], per_part: int) -> dict[str, Any]:
    """Return what the grid, its filters and the decisions need of all cases, column by column.

    ``cases`` are in the order in which their details lie in parts of ``per_part``.
    """
    groups = cause_groups([case for case, _ in cases], run.record.verb)
    group_of = {id(case): n for n, group in enumerate(groups) for case in group.cases}
    columns = [_row(case, pixels, group_of[id(case)]) for case, pixels in cases]
    gallery = None
    if run.gallery is not None:
        shown = [case.shown for case, _ in cases if case.shown is not None]
        gallery, more = gallery_document(run.gallery, shown)
        columns = [row | also for row, also in zip(columns, more, strict=True)]
    names = {key: list(dict.fromkeys(row[key] for row in columns)) for key in _NAMED}
    places = {key: {each: n for n, each in enumerate(names[key])} for key in _NAMED}
    return {
        "run": run.record.run_id,
        "per_part": per_part,
        "gallery": gallery,
        "verdicts": [each.value for each in Verdict],
        "groups": [each.title for each in groups],
        "names": names,
        "command": " ".join(run.place.deciding()),
        "suites": suite_histories(run.history.values()),
        "columns": {
            key: [places[key][row[key]] if key in _NAMED else row[key] for row in columns]
            for key in (columns[0] if columns else ())
        },
    }


_NAMED = ("verdict", "suite", "path", "metric", "stage")
"""Columns of which a row has the number of a name."""


def _row(case: CaseView, pixels: int, group: int) -> dict[str, Any]:
    record, deciding = case.record, case.deciding
    diagnosis = record.diagnosis
    parts = diagnosis and diagnosis.first_divergence
    shown = case.current if case.current and case.current.found else case.baseline
    found = shown if shown and shown.found else None
    own = f"images/{record.pixels_sha256}.png"
    return {
        "verdict": record.verdict.value,
        "suite": record.suite,
        "path": record.path,
        "id": record.id,
        "anchor": case.anchor,
        "slug": int(case.slug is not None),
        "group": group,
        "metric": (deciding[0].reason.metric or "") if deciding else "",
        "says": shortened(deciding[0].statement, _SEARCHED) if deciding else "",
        "stage": f"parts at {place_of(parts.stage, parts.index)}" if parts else "",
        "distance": round(case.distance, 6),
        "sha": record.pixels_sha256 or "",
        "image": ("" if found.path == own else found.path) if found else None,
        "width": found.width if found else 0,
        "flags": _flags(case),
        "pixels": pixels,
        "prompt": shortened(case.prompt or "", _SEARCHED),
    }


def _flags(case: CaseView) -> int:
    return (
        _ACCEPTABLE * (_pickable(case.record) if case.shown else bool(case.accept))
        | _REJECTABLE * (not case.shown and bool(case.reject))
        | _FAILS * (not case.record.passed)
        | _STANDS_IN * bool(case.fallback)
    )


def _pickable(case: CaseRecord) -> bool:
    """Whether a library of seeds takes it: one picture, as it is on record."""
    return case.image is not None and not case.elements and case.error is None


def case_document(case: CaseView, run: RunView, folder: Path | None = None) -> dict[str, Any]:
    """Return everything the page shows of one case once it is opened.

    In ``folder``, the run's, the files that a call returned are read.
    """
    record = case.record
    return {
        "prompt": case.prompt,
        "seed": None if case.seed is None else str(case.seed),
        "alarms": _alarms(case),
        "reasons": [_reason(each) for each in case.others],
        "error": record.error,
        "moved": case.moved,
        "peak": record.metrics.get("peak_difference"),
        "baseline": _picture(case.baseline),
        "current": _picture(case.current),
        "inputs": [
            {"argument": each.argument, "source": each.source, "sha": each.sha256,
             "picture": _picture(picture)}
            for each, (_, picture) in zip(record.inputs, case.inputs, strict=True)
        ],
        "elements": _elements(case),
        "origin": origin_document(record, folder),
        "why": _why(case),
        "metrics": [_metric(each) for each in (case.content if case.shown else case.metrics)],
        "content": "" if case.shown else content_in_words(case.content),
        "history": case_history(run.history.get((record.suite, record.id))),
        "facts": list(facts_of(case)),
        "warnings": by_count(record.warnings),
        "recipe": [record.recipe_sha256, sorted(flat(record.recipe))],
        "commands": [] if case.shown else list(_commands(case, run)),
    }  # fmt: skip


def _reason(told: Told) -> dict[str, Any]:
    return {
        "text": told.statement,
        "source": told.source,
        "rounding": told.about is About.TOLERANCE,
        "beyond": told.beyond,
    }


def _alarms(case: CaseView) -> list[str]:
    found = [each.words for each in case.fallback]
    if case.record.breaks_content:
        found.append(f"{'Left out' if case.shown else 'Fails'}: {_BROKEN}")
    elif case.shortfall and not case.shown:
        found.append(f"Fails: {case.shortfall}.")
    return found


def _picture(picture: Picture | None) -> dict[str, Any] | None:
    if picture is None:
        return None
    return {"path": picture.path, "width": picture.width, "height": picture.height}


def _elements(case: CaseView) -> dict[str, Any] | None:
    found = case.elements
    if found is None:
        return None
    return {
        "summary": found.summary,
        "curve": [list(point) for point in found.curve],
        "shown": [
            {"name": each.name, "verdict": each.verdict and each.verdict.value,
             "current": _picture(each.current), "baseline": _picture(each.baseline)}
            for each in found.shown
        ],
        "left_out": found.left_out,
    }  # fmt: skip


def _why(case: CaseView) -> dict[str, Any] | None:
    why, diagnosis = case.why, case.record.diagnosis
    if why is None or diagnosis is None:
        return None
    return {
        "divergence": why.divergence,
        "distances": why.distances,
        "environment": why.environment,
        "likely": why.likely,
        "others": list(why.others),
        "evidence": list(why.evidence),
        "remarks": list(why.remarks),
        "points": [list(point) for point in why.points],
        "limits": list(stage_limits(case.record)),
        "keys": [
            [each.key, scalar(each.old), scalar(each.new), each.explains]
            for each in diagnosis.environment
        ],
    }


def _metric(row: MetricRow) -> dict[str, Any]:
    value, limit = row.texts
    gate = row.gate
    return {
        "name": row.metric,
        "label": row.label,
        "value": value or "not measured",
        "gate": gate.name if gate else "",
        "limit": f"{'≥' if gate.direction == 'min' else '≤'} {limit}" if gate else "",
        "source": (gate.source or "") if gate else "",
        "passed": row.passed,
    }


def by_count(counts: Mapping[str, int]) -> list[tuple[int, str]]:
    """Return how often each kind of warning was met, the most frequent first."""
    return sorted(((count, kind) for kind, count in counts.items()), reverse=True)


def _commands(case: CaseView, run: RunView) -> Iterator[tuple[str, str]]:
    record, place = case.record, run.place
    changed = record.diagnosis.environment if record.diagnosis else ()
    packages = any(each.key.startswith("package.") for each in changed)
    for label, words in (
        ("accept", case.accept),
        ("reject", case.reject),
        ("run again", place.running(record.path, record.id)),
        ("trace every layer", place.running(record.path, record.id, deep=True)),
        ("bisect the packages", place.bisecting(record.path, record.id) if packages else ()),
        ("calibrate", case.calibrate),
    ):
        if words:
            yield label, " ".join(words)


def environment_changes(cases: Sequence[CaseRecord]) -> list[tuple[str, str, str, int]]:
    """Return every key whose value is not the accepted images', packages first, with its cases."""
    found = Counter(
        (each.key, scalar(each.old), scalar(each.new))
        for case in cases
        if case.diagnosis
        for each in dict.fromkeys(case.diagnosis.environment)
    )
    ordered = sorted(
        found.items(), key=lambda each: (not each[0][0].startswith("package."), each[0])
    )
    return [(*key, count) for key, count in ordered]


def flat(document: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Lay a nested document out as dotted names and values."""
    for name, value in document.items():
        dotted = f"{prefix}{name}"
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{dotted}.")
        elif isinstance(value, str | int | float | bool) or value is None:
            yield dotted, scalar(value)
        else:
            yield dotted, json.dumps(value, ensure_ascii=False, default=str)
