"""Where an image and what it is held against are from, in pairs of words."""

from __future__ import annotations

from collections.abc import Iterator

from goldenseed.reporting.asked import made_with
from goldenseed.reporting.numbers import seconds
from goldenseed.reporting.view import CaseView
from goldenseed.runs.record import BaselineUsed


def facts_of(case: CaseView) -> Iterator[tuple[str, str]]:
    """Yield where image and baseline are from, who accepted it, and what was noticed."""
    record = case.record
    if case.shown:
        yield from case.shown.facts
    if record.baseline is not None:
        yield from _accepted(record.baseline)
    if record.pixels_sha256:
        known = record.width and record.height
        size = f"{record.width} × {record.height}" if known else ""  # noqa: RUF001 - as printed
        yield "Pixels", " ".join(filter(None, (record.pixels_sha256, size, record.mode)))
    if record.profile:
        yield "Made in", record.profile
    if record.part:
        yield "By the run", record.part
    if record.quarantine:
        yield "Quarantine", record.quarantine.words
    yield from made_with(record)
    for remark in record.remarks:
        yield "Note", remark
    if record.unstable:
        yield "Tries", ", ".join(each.verdict.value for each in record.tries)
    if took := record.seconds.generate + record.seconds.compare:
        yield "Took", seconds(took)
    yield "From", f"{record.path}:{record.line}" if record.line else record.path


def _accepted(used: BaselineUsed) -> Iterator[tuple[str, str]]:
    yield "Baseline", used.pixels_sha256
    yield (
        ("of run", used.run) if used.run else ("accepted", f"{used.accepted_at:%Y-%m-%d %H:%M %Z}")
    )
    if used.accepted_by:
        yield "accepted by", used.accepted_by
    if used.reason:
        yield "reason", used.reason
    yield "in profile", used.profile
