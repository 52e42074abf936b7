"""Warnings of other packages while images are made: each is shown once, and all are counted."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_LONGEST = 100
_SHOWN = 5


class ForeignWarnings:
    """Collects the warnings of one process; a pipeline may warn in every step of every image."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._news: Counter[str] = Counter()

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Count what is warned of in the block, and hand on the first of each kind.

        Filters are left as they are: what they ignore or make an error stays so. Texts that differ
        in numbers alone are one kind.
        """
        found: list[warnings.WarningMessage] = []
        try:
            with warnings.catch_warnings(record=True) as found:
                yield
        finally:
            for each in found:
                kind = _kind(each)
                self._news[kind] += 1
                if kind not in self._known:
                    self._known.add(kind)
                    warnings.warn_explicit(
                        each.message, each.category, each.filename, each.lineno, source=each.source
                    )

    def news(self) -> dict[str, int]:
        """Return how often each kind was met since this was last asked."""
        found, self._news = dict(self._news), Counter()
        return found


def told(counts: Mapping[str, int]) -> Iterator[str]:
    """Say how often each kind of warning was met, where any was met more than once."""
    total = sum(counts.values())
    if total <= len(counts):
        return
    yield (
        f"{total:,} warnings of other packages while images were made, {len(counts):,} different "
        "ones, each shown once:"
    )
    ordered = sorted(counts.items(), key=lambda each: -each[1])
    yield from (f"  {count:,} x {kind}" for kind, count in ordered[:_SHOWN])
    if len(ordered) > _SHOWN:
        yield f"  and {len(ordered) - _SHOWN:,} kinds more"


def _kind(found: warnings.WarningMessage) -> str:
    """Return category, place and first line of a warning, its numbers left out."""
    text = re.sub(r"0x[0-9a-fA-F]+|\d+(\.\d+)?", "…", (str(found.message).splitlines() or [""])[0])
    place = Path(found.filename)
    shown = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return f"{found.category.__name__} ({place.parent.name}/{place.name}): {shown}"
