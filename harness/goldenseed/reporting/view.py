"""The report's page as data: everything the template shows, worded, measured and ordered."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from goldenseed.images.gates import within
from goldenseed.reporting.anchors import anchors
from goldenseed.reporting.divergence import Plot, diagnosis_lines, plot_of
from goldenseed.reporting.headline import grouping_sentence
from goldenseed.reporting.numbers import number, scalar, seconds, value_and_limit
from goldenseed.reporting.pictures import Picture, picture_of
from goldenseed.reporting.sets import SetView, set_views
from goldenseed.reporting.terminal import accept_command
from goldenseed.reporting.text import (
    MEANINGS,
    WORST_FIRST,
    content_in_words,
    metric_label,
    outcome,
    prompt_of,
    reason_in_words,
    seed_of,
    visible,
)
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.verdict.model import Verdict

_LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric, or one gate on it; empty texts where there is none."""

    metric: str
    label: str
    value: str
    gate: str
    limit: str
    source: str
    passed: bool | None
    """Whether the gate holds; None where there is no gate or nothing was measured."""


def metric_rows(case: CaseRecord) -> tuple[MetricRow, ...]:
    """Every metric with each of its gates, gated metrics first; then gates on nothing measured."""
    gated = [metric for gate in case.limits for metric in [_metric_of(gate)]]
    ordered = [*dict.fromkeys(gated), *(name for name in case.metrics if name not in gated)]
    rows: list[MetricRow] = []
    for metric in ordered:
        gates = [gate for gate in case.limits if _metric_of(gate) == metric]
        rows += [_gated(case, metric, gate) for gate in gates] or [_ungated(case, metric)]
    return tuple(rows) if case.metrics else ()


def _metric_of(gate: str) -> str:
    return gate.removeprefix("min_").removeprefix("max_")


def _gated(case: CaseRecord, metric: str, gate: str) -> MetricRow:
    limit, value = case.limits[gate], case.metrics.get(metric)
    passed: bool | None = None
    value_text, limit_text = "", number(metric, limit)
    if value is not None:
        value_text, limit_text = value_and_limit(metric, value, limit)
        passed = within(value, "min" if gate.startswith("min_") else "max", limit)
    return MetricRow(
        metric=_word(metric),
        label=_word(metric_label(metric)),
        value=value_text,
        gate=_word(gate),
        limit=limit_text,
        source=_word(_source(case, metric)),
        passed=passed,
    )


def _ungated(case: CaseRecord, metric: str) -> MetricRow:
    value = number(metric, case.metrics[metric])
    return MetricRow(_word(metric), _word(metric_label(metric)), value, "", "", "", None)


def _word(text: str) -> str:
    """Shorten a name that no metric or gate would have, so that it cannot break the table."""
    shown = visible(text, lines=False)
    return shown if len(shown) <= _LONGEST_NAME else shown[: _LONGEST_NAME - 1] + "…"


def _source(case: CaseRecord, metric: str) -> str:
    """Say where the limit came from; a record says so only of gates that failed."""
    return next(
        (r.source for r in case.reasons if r.code == "gate" and r.metric == metric and r.source), ""
    )


@dataclass(frozen=True, slots=True)
class CaseView:
    """One card (or tile) of the page."""

    record: CaseRecord
    anchor: str
    slug: str | None
    prompt: str | None
    seed: int | None
    baseline: Picture | None
    current: Picture | None
    difference: Picture | None
    fallback: tuple[str, ...]
    reasons: tuple[str, ...]
    error: str | None
    rows: tuple[MetricRow, ...]
    divergence: tuple[str, ...]
    """Where the image parts from the accepted one, and why, in a few lines."""
    plot: Plot | None
    recipe: tuple[tuple[str, str], ...]
    content: str
    """The content scores and their limits in one line: ``sharpness 31.2 (min 20)``."""
    seconds: str | None
    command: tuple[str, ...]

    @property
    def comparable(self) -> bool:
        """Whether baseline and current can be laid over each other."""
        return bool(self.baseline and self.current and self.baseline.found and self.current.found)


@dataclass(frozen=True, slots=True)
class Section:
    """The cases of one verdict."""

    verdict: Verdict
    meaning: str
    cases: tuple[CaseView, ...]
    offset: float
    """Where its part of the bar over all cases begins, in percent."""
    share: float
    """How long that part is, in percent."""


@dataclass(frozen=True, slots=True)
class RunView:
    """The whole page."""

    record: RunRecord
    suites: tuple[str, ...]
    headline: str
    shared: str | None
    """What the cases that moved have in common, as a sentence."""
    duration: str | None
    sections: tuple[Section, ...]
    sets: tuple[SetView, ...]
    environment: tuple[tuple[str, str], ...]
    options: tuple[tuple[str, str], ...]


def run_view(run: RunRecord, folder: Path) -> RunView:
    """Prepare a run for the page; looks at the PNG headers in ``folder`` and at nothing else."""
    views = [
        _case_view(case, run.run_id, folder, anchor, slug)
        for case, (anchor, slug) in zip(run.cases, anchors(run.cases), strict=True)
    ]
    headline = outcome(run)
    took = (run.finished - run.started).total_seconds() if run.finished else None
    return RunView(
        record=run,
        suites=tuple(dict.fromkeys(visible(case.suite, lines=False) for case in run.cases)),
        headline=headline[0].upper() + headline[1:],
        shared=grouping_sentence(run.cases),
        duration=None if took is None else seconds(max(took, 0.0)),
        sections=tuple(_sections(views)),
        sets=set_views(run, folder),
        environment=_fields(run.environment),
        options=_fields(run.options),
    )


def _sections(views: list[CaseView]) -> Iterator[Section]:
    offset = 0.0
    for verdict in WORST_FIRST:
        cases = tuple(view for view in views if view.record.verdict is verdict)
        if cases:
            share = 100 * len(cases) / len(views)
            yield Section(verdict, MEANINGS[verdict], cases, round(offset, 4), round(share, 4))
            offset += share


def _case_view(
    case: CaseRecord, run_id: str, folder: Path, anchor: str, slug: str | None
) -> CaseView:
    prompt = prompt_of(case)
    fallback = [reason for reason in case.reasons if reason.code == "profile_fallback"]
    reasons = [reason for reason in case.reasons if reason not in fallback]
    took = case.seconds.generate + case.seconds.compare
    divergence = case.diagnosis.first_divergence if case.diagnosis else None
    return CaseView(
        record=case,
        anchor=anchor,
        slug=slug,
        prompt=None if prompt is None else visible(prompt),
        seed=seed_of(case),
        baseline=picture_of("baseline", case.baseline.image if case.baseline else None, folder),
        current=picture_of("current", case.image, folder),
        difference=picture_of("difference", case.difference, folder),
        fallback=tuple(reason_in_words(reason, case) for reason in fallback),
        reasons=tuple(reason_in_words(reason, case) for reason in reasons),
        error=None if case.error is None else visible(case.error.rstrip()),
        rows=metric_rows(case),
        divergence=tuple(diagnosis_lines(case.diagnosis)) if case.diagnosis else (),
        plot=None if divergence is None else plot_of(divergence),
        recipe=_fields(case.recipe),
        content=visible(content_in_words(case), lines=False),
        seconds=seconds(took) if took else None,
        command=tuple(visible(word) for word in accept_command(case, run_id)),
    )


def _fields(document: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Lay a nested document out as dotted names and values, sorted by name."""
    return tuple((visible(name, lines=False), text) for name, text in sorted(_flat(document, "")))


def _flat(document: Mapping[str, object], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in document.items():
        dotted = f"{prefix}{name}"
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{dotted}.")
        elif isinstance(value, str | int | float | bool) or value is None:
            yield dotted, visible(scalar(value))
        else:
            yield dotted, visible(json.dumps(value, ensure_ascii=False, default=str))
