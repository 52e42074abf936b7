"""How long cases took, as the history has it: what a cut into shards goes by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from goldenseed.core.errors import GoldenseedError
from goldenseed.history.keeping import FILE

LAST_RUNS: Final = 20
"""Of how many runs the medians are; older ones may be of another machine or library."""

Name = tuple[str, str]
"""Suite and case."""


@dataclass(frozen=True, slots=True)
class Took:
    """Medians over the last runs, in milliseconds, from 1."""

    generate: Mapping[Name, int] = field(default_factory=dict)
    """Of every case whose image was made."""
    load: Mapping[Name, int] = field(default_factory=dict)
    """Of loading its model, of cases for which that was done."""


def took(reports: Path) -> Took:
    """Read how long cases took; nothing where no history is kept.

    Seconds of different machines are not mixed: those of the profile are taken in which most cases
    were measured, by name where several are alike. Every shard that has the same history finds the
    same.

    Raises:
        GoldenseedError: the history cannot be read; it is left as it is.

    """
    if not (reports / FILE).exists():
        return Took()
    from goldenseed.history.database import DamagedError, opened

    try:
        with opened(reports / FILE) as history:
            rows = history.seconds(LAST_RUNS)
    except DamagedError as error:
        raise GoldenseedError(
            f"cannot be read: {error}",
            path=reports / FILE,
            fix="cut by --golden-shard-by=steps, which needs no history",
        ) from None
    measured: dict[str, set[Name]] = {}
    for suite, case, profile, _, made in rows:
        if made:
            measured.setdefault(profile, set()).add((suite, case))
    chosen = min(measured, key=lambda each: (-len(measured[each]), each), default=None)
    own = [row for row in rows if row[2] == chosen]
    return Took(
        generate=_medians(((suite, case), made) for suite, case, _, _, made in own),
        load=_medians(((suite, case), load) for suite, case, _, load, _ in own),
    )


def _medians(values: Iterable[tuple[Name, float | None]]) -> dict[Name, int]:
    found: dict[Name, list[float]] = {}
    for name, value in values:
        if value:
            found.setdefault(name, []).append(value)
    return {name: max(1, round(1000 * median(each))) for name, each in found.items()}
