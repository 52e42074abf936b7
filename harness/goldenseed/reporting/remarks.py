"""What is odd of a run and changes no verdict, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from goldenseed.core.listing import first_of
from goldenseed.reporting.pilots import pilot_sentences
from goldenseed.reporting.words import name_of
from goldenseed.runs.record import RunRecord

_CASES = 3
"""How many cases a sentence names."""


def remarks_of(run: RunRecord) -> Iterator[str]:
    """Say what was not compared, and what is odd of images, each once with its cases."""
    yield from pilot_sentences(run)
    said: dict[str, list[str]] = {}
    for left_out in run.not_compared:
        said.setdefault(f"not compared, {left_out.why}", []).append(name_of(left_out))
    for case in run.cases:
        for remark in case.remarks:
            said.setdefault(remark, []).append(name_of(case))
    for text, names in said.items():
        yield f"{text} ({first_of(names, _CASES)})"
