"""What came of a sweep, as blocks for every reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from goldenseed.reporting.numbers import number
from goldenseed.runs.parts import Block, VerbRecord
from goldenseed.runs.record import RunRecord
from goldenseed.suite.cases import Limit
from goldenseed.tools.sweep.sweeping import Tried


def sweep_blocks(
    found: Sequence[Tried],
    best: Sequence[Tried],
    *,
    asked: int,
    limits: Mapping[str, Limit],
    by: str | None,
) -> tuple[Block, ...]:
    """Return what was made and kept, and a table of the best."""
    kept = sum(each.kept for each in found)
    held = ", ".join(f"{name} {limit.value:g}" for name, limit in limits.items())
    lines = [
        f"{len(found):,} of {asked:,} images made" + (f"; {kept:,} hold {held}" if held else "")
    ]
    if not best:
        return (Block(tuple(lines)),)
    scores = list(dict.fromkeys(score for each in best for score in each.scores))
    first = by.partition("_")[2] if by else None
    scores.sort(key=lambda name: name != first)
    head = ("case", *scores)
    rows = tuple((each.id, *(_cell(each, name) for name in scores)) for each in best)
    return Block(tuple(lines)), Block(columns=head, rows=rows)


def sweep_record(run: RunRecord, found: Sequence[Tried], blocks: tuple[Block, ...]) -> RunRecord:
    """Return the run with what came of it, the diversity of its images among their scores."""
    scores = {each.id: dict(each.scores) for each in found}
    cases = tuple(
        each.model_copy(update={"content": scores.get(each.id, each.content)}) for each in run.cases
    )
    verb = VerbRecord(
        name="sweep",
        passed=True,
        outcome=blocks[0].sentences[0],
        notes=blocks,
        alike={each.id: each.group for each in found if each.group is not None},
    )
    return run.model_copy(update={"cases": cases, "verb": verb})


def _cell(of: Tried, score: str) -> str:
    return number(score, of.scores[score]) if score in of.scores else ""
