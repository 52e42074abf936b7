"""A case's metrics beside the gates in force on them, as rows of a table."""

from __future__ import annotations

from dataclasses import dataclass

from harness.comparison.gates import within
from harness.reporting.numbers import number, value_and_limit
from harness.reporting.text import metric_label, visible
from harness.runs.record import CaseRecord

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
