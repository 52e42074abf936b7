"""Contact sheets: the images of a case that expands over alternatives, laid out in a grid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from goldenseed.reporting.view import CaseView

_OTHERS = "prompt and seed"


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows and columns are two axes' alternatives; what else varies is in the title."""

    title: str
    """``shapes::portrait``, or ``shapes::portrait, park, seed=3``."""
    axes: tuple[str, str]
    """What the rows and what the columns are: ``adapters``, ``scheduler``."""
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[CaseView | None, ...]], ...]
    """Name and cases of each row; None where the run has no such case."""


def sheets_of(cases: Iterable[CaseView]) -> tuple[Sheet, ...]:
    """Lay out the cases that are alternatives, entry by entry, in the order given."""
    entries: dict[tuple[str, str, tuple[str, ...]], list[CaseView]] = {}
    for case in cases:
        record = case.record
        if record.alternatives:
            axes = tuple(record.alternatives)
            key = record.path, record.id.partition("[")[0], axes
            entries.setdefault(key, []).append(case)
    return tuple(
        sheet
        for (_, name, axes), found in entries.items()
        for sheet in _sheets(f"{found[0].record.suite}::{name}", axes, found)
    )


def _sheets(name: str, axes: Sequence[str], cases: Sequence[CaseView]) -> Iterator[Sheet]:
    """Yield one sheet for each combination of what is neither in rows nor in columns."""
    parted: dict[str, dict[str, dict[str, CaseView]]] = {}
    columns: dict[str, None] = {}
    down, across = axes[0], axes[1] if len(axes) > 1 else None
    for case in cases:
        given = case.record.alternatives
        others = _others(case)
        rest = ", ".join([*(given[axis] for axis in axes[2:]), others])
        column, part = (others, "") if across is None else (given[across], rest)
        columns.setdefault(column)
        parted.setdefault(part, {}).setdefault(given[down], {})[column] = case
    for part, rows in parted.items():
        yield Sheet(
            title=f"{name}, {part}" if part else name,
            axes=(down, across or _OTHERS),
            columns=tuple(columns),
            rows=tuple(
                (row, tuple(found.get(column) for column in columns)) for row, found in rows.items()
            ),
        )


def _others(case: CaseView) -> str:
    """Return what an id's bracket holds beside the alternatives: ``park, seed=3``."""
    inside = case.record.id.partition("[")[2].removesuffix("]").split(",")
    prompts = inside[: len(inside) - len(case.record.alternatives) - 1]
    return ", ".join([*prompts, inside[-1]])
