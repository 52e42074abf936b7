"""What moves the pixels here, as a table for the terminal, for Markdown, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from goldenseed.environment.fingerprint import environment_differences
from goldenseed.reporting.comparison import table
from goldenseed.reporting.numbers import number
from goldenseed.reporting.text import visible
from goldenseed.tools.probe.probing import (
    WORST_LAST,
    Tried,
    by_movement,
    repeats_itself,
)

_METRICS = (
    ("peak_difference", max, "max"),
    ("mean_difference", max, "mean"),
    ("changed_fraction", max, "changed"),
    ("ssim", min, "ssim"),
)
"""Each metric with what makes it the worst over the cases, and its column's head."""

_UNMOVED = {"peak_difference": 0.0, "mean_difference": 0.0, "changed_fraction": 0.0, "ssim": 1.0}

HEAD = ("change", "verdict", *(label for _, _, label in _METRICS), "what")

_LONGEST_REASON = 200


def probe_lines(tried: Sequence[Tried]) -> list[str]:
    """Return the table and what follows from it, for the terminal; the same in a pipe."""
    rows = [_row(each) for each in tried]
    return [*table(HEAD, rows), "", *_conclusions(tried)]


def probe_markdown(tried: Sequence[Tried]) -> str:
    """Return the table as Markdown; ``|`` in a message is escaped, other text is our own."""
    rows = [HEAD, ("---",) * len(HEAD), *(_row(each) for each in tried)]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |\n" for row in rows)


def probe_document(tried: Sequence[Tried]) -> dict[str, Any]:
    """Return everything that was found as JSON data."""
    return {"repeats_itself": repeats_itself(tried), "changes": [_entry(each) for each in tried]}


def _row(tried: Tried) -> tuple[str, ...]:
    empty = ("",) * len(_METRICS)
    if tried.comparison is None:
        word, reason = ("skipped", tried.skipped) if tried.skipped else ("failed", tried.failed)
        return (tried.change.name, word, *empty, f"{tried.change.what}: {_short(reason or '')}")
    worst = worst_metrics(tried)
    values = (number(metric, worst[metric]) if worst else "" for metric, _, _ in _METRICS)
    error = next((pair.judged.error for pair in tried.comparison.pairs if pair.judged.error), None)
    what = f"{tried.change.what}: {_short(error)}" if error else tried.change.what
    return (tried.change.name, _verdict(tried), *values, what)


def worst_metrics(tried: Tried) -> dict[str, float]:
    """Return the worst value of each metric over the cases that were compared; {} if none was."""
    pairs = tried.comparison.pairs if tried.comparison else ()
    measured = [
        {**_UNMOVED, **pair.judged.metrics}
        for pair in pairs
        if pair.judged.metrics or pair.judged.verdict == "identical"
    ]
    if not measured:
        return {}
    return {metric: worst(each[metric] for each in measured) for metric, worst, _ in _METRICS}


def _verdict(tried: Tried) -> str:
    """Write the worst verdict, and how many cases have it if others do better."""
    verdict, pairs = tried.verdict, tried.comparison.pairs if tried.comparison else ()
    count = sum(pair.judged.verdict is verdict for pair in pairs)
    return f"{verdict}" if count == len(pairs) else f"{verdict} {count} of {len(pairs)}"


def _conclusions(tried: Sequence[Tried]) -> Iterator[str]:
    if not repeats_itself(tried):
        yield "the same once more gave other pixels: HERE THIS SUITE DOES NOT REPEAT ITSELF"
    groups = by_movement(tried)
    for key, words in (
        ("beyond", "moves the pixels beyond the noise"),
        ("noise", "moves them within the noise"),
        ("nothing", "moves nothing"),
    ):
        if groups[key]:
            yield f"{words}: {', '.join(groups[key])}"


def _entry(tried: Tried) -> dict[str, Any]:
    verdict = tried.verdict
    entry: dict[str, Any] = {
        "name": tried.change.name,
        "what": tried.change.what,
        "verdict": verdict and verdict.value,
        "skipped": tried.skipped,
        "failed": tried.failed,
        "worst": worst_metrics(tried),
    }
    if tried.comparison is not None:
        found = [pair.judged.verdict for pair in tried.comparison.pairs]
        old, new = tried.comparison.a.record.environment, tried.comparison.b.record.environment
        entry["counts"] = {each.value: found.count(each) for each in WORST_LAST if each in found}
        entry["cases"] = {
            pair.judged.id: {
                "verdict": pair.judged.verdict.value,
                "metrics": pair.judged.metrics,
                "error": pair.judged.error,
                "seconds": pair.pair.b.seconds.generate,
            }
            for pair in tried.comparison.pairs
        }
        entry["environment"] = [
            {"key": each.key, "kind": each.kind.value, "unchanged": each.old, "changed": each.new}
            for each in environment_differences(old, new)
        ]
    return entry


def _short(text: str) -> str:
    shown = " ".join(visible(text, lines=False).split())
    return shown if len(shown) <= _LONGEST_REASON else shown[: _LONGEST_REASON - 1] + "…"
