"""Keeping the cases of one shard of a session's, and leaving the others to other sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median_low
from typing import TYPE_CHECKING

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import pretty_json, read_regular, sha256_hex, write_atomically
from goldenseed.history.seconds import Took, took
from goldenseed.runs.parts import Extent
from goldenseed.runs.shard_record import ShardRecord
from goldenseed.runs.shards import (
    CUT,
    CutCase,
    CutRecord,
    CutSuite,
    estimated_work,
    lengths,
    read_cut,
)
from goldenseed.session.failure import CASE, MEMBER
from goldenseed.session.naming import unrepeated
from goldenseed.session.options import Options, read_options
from goldenseed.session.resuming import earlier_folder
from goldenseed.session.shard_option import Shard
from goldenseed.suite.recipes import model_key

if TYPE_CHECKING:
    from goldenseed.suite.cases import Case, Suite

_SUITE_LIMIT_BYTES = 1 << 26
_GUESSED_LOAD = 2
"""How many of its images loading a model is taken to last, where nothing was measured."""


def keep_shard(config: pytest.Config, items: list[pytest.Item]) -> CutRecord:
    """Leave those of ``items`` that are this shard's; return the cut.

    Tests that are no cases of a suite are the first shard's. Raises ``pytest.UsageError`` where
    the cut cannot be told.
    """
    try:
        options = read_options(config)
        asked = options.sharded
        assert asked is not None  # noqa: S101 - asked for by the caller
        found = as_before(cut_of(items, options, asked), options)
    except GoldenseedError as error:
        raise pytest.UsageError(str(error)) from None
    shards = dict(zip(((e.path, e.id) for e in found.cases), found.assigned(), strict=True))
    own: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        name = name_of(item)
        (own if (shards[name] if name else 1) == asked.number else others).append(item)
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = own
    return found


def as_before(found: CutRecord, options: Options) -> CutRecord:
    """Return the cut of the shard that is gone on with, where it is of the same cases.

    The history may know other seconds by now, and the other shards were cut by those of then.
    """
    folder = earlier_folder(options) if options.resume else None
    before = None if folder is None else read_cut(folder)
    return before if before is not None and before.of_the_same(found) else found


def name_of(item: pytest.Item) -> tuple[str, str] | None:
    """Return suite file and id of the case or relation that an item is; None of another test."""
    place, _, name = item.nodeid.partition("::")
    if CASE in item.stash:
        return place, item.stash[CASE].id
    return (place, unrepeated(name)) if MEMBER in item.stash else None


def cut_of(items: Sequence[pytest.Item], options: Options, asked: Shard) -> CutRecord:
    """Cut the cases among ``items``; raises ``GoldenseedError`` where a file cannot be read."""
    cases: dict[tuple[str, str], tuple[Case, int]] = {}
    for item in items:
        name = name_of(item)
        if name is None:
            continue
        case = item.stash[CASE] if CASE in item.stash else item.stash[MEMBER].case
        images = 1 if CASE in item.stash else 2
        cases[name] = case, images + (cases[name][1] if name in cases else 0)
    suites = {place: case.suite for (place, _), (case, _) in cases.items()}
    known = took(options.reports) if options.shard_by == "history" else Took()
    numbers: dict[str, int] = {}
    models = [numbers.setdefault(model_key(c.model), len(numbers)) for c, _ in cases.values()]
    costs = _costs([case for case, _ in cases.values()], models, known.generate)
    of_suite = [(case.suite.name, case.id) for case, _ in cases.values()]
    return CutRecord(
        shards=asked.of,
        by="history" if any(name in known.generate for name in of_suite) else "steps",
        measured=len({name for name in of_suite if name in known.generate}),
        suites={place: _as_cut(suite) for place, suite in suites.items()},
        loads=_loads(of_suite, models, costs, known.load),
        cases=tuple(
            CutCase(path=path, id=name, model=model, cost=cost * images)
            for ((path, name), (_, images)), model, cost in zip(
                cases.items(), models, costs, strict=True
            )
        ),
    )


def _as_cut(suite: Suite) -> CutSuite:
    lock = None if suite.lock is None else _digest(suite.lock)
    return CutSuite(name=suite.name, sha256=_digest(suite.path), lock_sha256=lock)


def _digest(file: Path) -> str:
    return sha256_hex(read_regular(file, _SUITE_LIMIT_BYTES))


def _costs(
    cases: Sequence[Case], models: Sequence[int], known: Mapping[tuple[str, str], int]
) -> list[int]:
    """Return what each image takes: as measured; else by its work, as others of its model took."""
    work = [estimated_work(case.call) for case in cases]
    took_for = [known.get((case.suite.name, case.id)) for case in cases]
    rates: dict[int | None, tuple[int, int]] = {}
    for model, own, milliseconds in zip(models, work, took_for, strict=True):
        if milliseconds is not None:
            for each in (model, None):
                before = rates.get(each, (0, 0))
                rates[each] = before[0] + milliseconds, before[1] + own
    found = []
    for model, own, milliseconds in zip(models, work, took_for, strict=True):
        spent, done = rates.get(model) or rates.get(None) or (1, 1)
        found.append(milliseconds or max(1, own * spent // done))
    return found


def _loads(
    names: Sequence[tuple[str, str]],
    models: Sequence[int],
    costs: Sequence[int],
    known: Mapping[tuple[str, str], int],
) -> tuple[int, ...]:
    """Return what loading each model takes: as measured, else as others took, else a guess."""
    own: dict[int, list[int]] = {}
    means: dict[int, list[int]] = {}
    for name, model, cost in zip(names, models, costs, strict=True):
        means.setdefault(model, []).append(cost)
        if name in known:
            own.setdefault(model, []).append(known[name])
    measured = {model: median_low(each) for model, each in own.items()}
    usual = median_low(measured.values()) if measured else None
    guesses = {model: _GUESSED_LOAD * sum(each) // len(each) for model, each in means.items()}
    return tuple(
        measured[model] if model in measured else guesses[model] if usual is None else usual
        for model in range(len(means))
    )


def write_cut(folder: Path, found: CutRecord) -> None:
    """Keep the cut in a run's folder, for whoever keeps its record; the same from every worker."""
    data = pretty_json(found.model_dump(mode="json"))
    write_atomically(folder / CUT, data, durable=False)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a session says of its shard."""

    extent: Extent
    """Alone a shard is never the whole of a project."""
    record: ShardRecord | None = None
    """None where nothing was cut."""
    lines: tuple[str, ...] = ()


def shard_of_run(options: Options, folder: Path) -> ShardRecord | None:
    """Describe the shard whose run is in ``folder``; of how much all are is known at its end."""
    shard = options.sharded
    found = None if shard is None else read_cut(folder)
    if shard is None or found is None:
        return None
    return ShardRecord(number=shard.number, of=shard.of, cut_sha256=found.sha256)


def shard_record(begun: ShardRecord | None, folder: Path, extent: Extent) -> Kept:
    """Describe the shard that the run in ``folder`` was; ``extent`` is that of all shards."""
    found = None if begun is None else read_cut(folder)
    if begun is None or found is None:
        return Kept(extent)
    record = begun.model_copy(update={"whole": extent.whole})
    update = {"whole": False, "narrowed": extent.narrowed or "--golden-shard"}
    return Kept(extent.model_copy(update=update), record, (told_of(found, begun.number),))


def told_of(found: CutRecord, number: int) -> str:
    """Say in a sentence what a shard has of a cut, and by what it was cut."""
    assigned = found.assigned()
    own = assigned.count(number)
    times, models = lengths(found)
    kinds, count = len(found.loads), models[number - 1]
    share = times[number - 1] / (sum(times) / len(times)) if any(times) else 1.0
    if found.by == "history":
        rest = len(found.cases) - found.measured
        by = f"the seconds of {found.measured:,} cases in the history"
        by += f", {rest:,} estimated from steps and pixels" if rest else ""
    else:
        by = "steps and pixels, as no seconds of these cases are in the history"
    return (
        f"shard {number}/{found.shards}: {own:,} of {len(found.cases):,} cases, "
        f"{count} of {kinds} models, {share:.2f} of an equal share; cut by {by}"
    )
