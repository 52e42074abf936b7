"""What moves the pixels here, as a table for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from goldenseed.reporting.numbers import number
from goldenseed.reporting.words import shortened, visible
from goldenseed.runs.parts import Block, VerbRecord
from goldenseed.runs.record import RunRecord
from goldenseed.tools.probe.probing import Tried, by_movement, repeats_itself
from goldenseed.tools.probe.record import tried_record

_METRICS = (
    ("peak_difference", max, "max"),
    ("mean_difference", max, "mean"),
    ("changed_fraction", max, "changed"),
    ("ssim", min, "ssim"),
)
"""Each metric with what makes it the worst over the cases, and its column's head."""

_UNMOVED = {"peak_difference": 0.0, "mean_difference": 0.0, "changed_fraction": 0.0, "ssim": 1.0}

_HEAD = ("change", "verdict", *(label for _, _, label in _METRICS), "what")

_LONGEST_REASON = 200


def probe_blocks(tried: Sequence[Tried]) -> tuple[Block, ...]:
    """Return the table and what follows from it."""
    rows = tuple(_row(each) for each in tried)
    return Block(columns=_HEAD, rows=rows), Block(tuple(_conclusions(tried)))


def probe_record(
    tried: Sequence[Tried], folder: Path, *, started: datetime, finished: datetime
) -> RunRecord | None:
    """Describe what was found as a run; None where nothing could be compared."""
    compared = [(each.change.name, each.comparison) for each in tried if each.comparison]
    if not compared:
        return None
    return tried_record(
        compared,
        compared[0][1].a.record,
        run_id=folder.name,
        started=started,
        finished=finished,
        verb=VerbRecord(
            name="probe",
            passed=repeats_itself(tried),
            outcome="; ".join(_conclusions(tried)) or "no change could be compared",
            notes=probe_blocks(tried)[:1],
        ),
    )


def probe_markdown(tried: Sequence[Tried]) -> str:
    """Return the table as Markdown; ``|`` in a message is escaped, other text is our own."""
    rows = [_HEAD, ("---",) * len(_HEAD), *(_row(each) for each in tried)]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |\n" for row in rows)


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
        ("beyond", "moves the pixels beyond the tolerance"),
        ("tolerance", "moves them within the tolerance"),
        ("nothing", "moves nothing"),
    ):
        if groups[key]:
            yield f"{words}: {', '.join(groups[key])}"


def _short(text: str) -> str:
    return shortened(" ".join(visible(text, lines=False).split()), _LONGEST_REASON)
