"""The runs that a merged run, or one that was gone on with, is made of, and where each ran."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from goldenseed.core.files import json_sha256
from goldenseed.environment.fingerprint import environment_differences
from goldenseed.reporting.numbers import scalar, seconds
from goldenseed.reporting.words import count_of
from goldenseed.runs.parts import Block
from goldenseed.runs.record import EnvironmentValue, RunRecord
from goldenseed.runs.shard_record import PartRecord

_KEYS: Final = 200
"""Keys in which an environment is another that are named."""
_COMMIT: Final = 12


def part_blocks(run: RunRecord) -> tuple[Block, ...]:
    """Return a table of the parts, and of each environment but the first what is another there."""
    if not run.parts:
        return ()
    numbers = {json_sha256(each): n for n, each in enumerate(_environments(run), 1)}
    cases = Counter(each.part for each in run.cases)
    table = Block(
        columns=("part", "run", "cases", "began", "took", "commit", "environment"),
        rows=tuple(_row(part, cases[part.run_id], numbers) for part in run.parts),
        details=tuple(_notes(run)),
    )
    return (table, *_differences(run), *_packages(run.parts))


def _environments(run: RunRecord) -> tuple[Mapping[str, EnvironmentValue], ...]:
    found = (run.environment, *run.other_environments)
    return tuple(each for each in found if each)


def _row(part: PartRecord, cases: int, numbers: Mapping[str, int]) -> tuple[str, ...]:
    shard = part.shard
    took = (part.finished - part.started).total_seconds() if part.finished else None
    changed = " + changes" if part.git and part.git.dirty else ""
    return (
        f"{shard.number} of {shard.of}" if shard else "",
        part.run_id,
        f"{cases:,}",
        f"{part.started:%Y-%m-%d %H:%M %Z}",
        "did not finish" if took is None else seconds(max(took, 0.0)),
        part.git.commit[:_COMMIT] + changed if part.git else "",
        ", ".join(str(numbers.get(each, "unknown")) for each in part.environments) or "none",
    )


def _notes(run: RunRecord) -> Iterator[str]:
    """Say what of the parts is not whole, or not of one state of the repository."""
    if cut := [each.run_id for each in run.parts if not each.complete]:
        yield f"cut short: {', '.join(cut)}"
    if len({each.git and (each.git.commit, each.git.dirty) for each in run.parts}) > 1:
        yield "not all ran at the same commit"


def _differences(run: RunRecord) -> Iterator[Block]:
    first, *others = _environments(run) or ({},)
    for number, each in enumerate(others, 2):
        differing = environment_differences(first, each)
        yield Block(
            sentences=(
                f"environment {number} is another than 1 in {count_of(len(differing), 'key')}",
            ),
            columns=("key", "in 1", f"in {number}"),
            rows=tuple((d.key, scalar(d.old), scalar(d.new)) for d in differing[:_KEYS]),
            details=(f"… and {len(differing) - _KEYS:,} more",) if len(differing) > _KEYS else (),
        )


def _packages(parts: tuple[PartRecord, ...]) -> Iterator[Block]:
    """Yield the packages of which the parts do not all have one version."""
    frozen = [(each.run_id, each.freeze.packages) for each in parts if each.freeze]
    names = sorted({name for _, packages in frozen for name in packages})
    rows = [(name, *(packages.get(name, "none") for _, packages in frozen)) for name in names]
    differing = tuple(row for row in rows if len(set(row[1:])) > 1)
    if differing:
        yield Block(
            sentences=(f"{count_of(len(differing), 'package')} of other versions",),
            columns=("package", *(run_id for run_id, _ in frozen)),
            rows=differing[:_KEYS],
        )
