"""One run of many: the shards of one cut, or runs of other cases each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import TEMPORARY_PREFIX, json_sha256
from goldenseed.environment.freeze import Freeze
from goldenseed.runs.comparison import StoredRun
from goldenseed.runs.folder import new_run_id, write_run
from goldenseed.runs.mergeable import check_mergeable, check_same, cut_of
from goldenseed.runs.merged_sets import sets_of
from goldenseed.runs.named_files import files_of_run, link_files
from goldenseed.runs.parts import Extent, NotCompared, PilotRecord
from goldenseed.runs.record import CaseRecord, EnvironmentValue, RunRecord
from goldenseed.runs.relation_record import RelationRecord
from goldenseed.runs.shard_record import PartRecord
from goldenseed.runs.shards import CutRecord

T = TypeVar("T", CaseRecord, RelationRecord)
R = TypeVar("R", CaseRecord, RelationRecord, NotCompared)
Name = tuple[str, str]
"""Suite file and id."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What several runs make together."""

    record: RunRecord
    missing: tuple[NotCompared, ...]
    """What belongs to the cut and ran nowhere."""


def merge(parts: Sequence[StoredRun], output: Path, root: Path) -> Merged:
    """Make one run of ``parts`` in the folder ``output``, which must not be there.

    Images and traces are linked, not copied, where the disk allows it. No verdict is judged again:
    each was judged where its image was made. Sets, whose members may lie in several parts, are
    judged here.

    Args:
        parts: runs with their folders; of one that another went on with only the other counts.
        output: the new run's folder.
        root: pytest's root, below which the suites are looked for.

    Raises:
        GoldenseedError: the parts are not of one cut, of one suite, of one lock, of the same
            weights, or judged by the same options; two have other results of one case; a file that
            a record names is not there; ``output`` is there or cannot be written.

    """
    if output.exists() or output.is_symlink():
        raise GoldenseedError("is there already", path=output, fix="name another with --output")
    parts = kept_parts(parts)
    check_mergeable(parts)
    cut = cut_of(parts)
    cases = _together(parts, lambda run: run.cases)
    relations = _together(parts, lambda run: run.relations)
    met = {*cases, *relations}
    left_out = {(n.path, n.id): n for p in parts for n in p.record.not_compared}
    left_out = {name: each for name, each in left_out.items() if name not in met}
    missing = tuple(_missing(parts, cut, {*met, *left_out}))
    record = _record(
        parts,
        cases=_ordered(cases.values(), cut),
        relations=_ordered(relations.values(), cut),
        not_compared=_ordered((*left_out.values(), *missing), cut),
        complete=not missing and all(each.record.complete for each in parts),
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=output.parent, prefix=TEMPORARY_PREFIX) as made:
        folder = Path(made) / "run"
        for part in parts:
            link_files(files_of_run(part.record), part.folder, folder)
        sets = tuple(sets_of(record, parts, cut, folder, root))
        record = record.model_copy(update={"sets": sets})
        write_run(record, folder, durable=True)
        folder.rename(output)
    return Merged(record, missing)


def _ordered(found: Iterable[R], cut: CutRecord | None) -> tuple[R, ...]:
    """Order results as one session would: by file and line, then as they were collected."""
    cases = cut.cases if cut else ()
    collected = {(each.path, each.id): number for number, each in enumerate(cases)}

    def place(each: R) -> tuple[str, int, int]:
        return each.path, each.line or 0, collected.get((each.path, each.id), 0)

    return tuple(sorted(found, key=place))


def kept_parts(parts: Sequence[StoredRun]) -> list[StoredRun]:
    """Order parts by shard, then by their beginning; leave out what another went on with.

    Raises ``GoldenseedError`` where there is none, or two runs that differ have one id.
    """
    if not parts:
        raise GoldenseedError("nothing to merge", fix="name the runs of the shards")
    gone_on = {each.run_id for part in parts for each in part.record.parts}
    kept: dict[str, StoredRun] = {}
    for part in parts:
        other = kept.setdefault(part.record.run_id, part)
        if other is not part and other.record != part.record:
            raise GoldenseedError(
                f"another run than {other.folder}, and both are called {part.record.run_id}",
                path=part.folder,
                fix="run one of the two again: two that begin in one second may draw one id",
            )
    kept = {name: part for name, part in kept.items() if name not in gone_on}
    return sorted(
        kept.values(),
        key=lambda part: (
            part.record.shard.number if part.record.shard else 0,
            part.record.started,
            part.record.run_id,
        ),
    )


def _together(parts: Iterable[StoredRun], of: Callable[[RunRecord], Sequence[T]]) -> dict[Name, T]:
    """Gather the results of all parts by name; two of one name have to be the same."""
    found: dict[Name, T] = {}
    whose: dict[Name, str] = {}
    for part in parts:
        run = part.record
        for each in of(run):
            name = each.path, each.id
            if name in found:
                check_same(found[name], each, whose[name], run.run_id)
                continue
            whose[name] = run.run_id
            found[name] = _made_by(each, run)
    return found


def _made_by(found: T, run: RunRecord) -> T:
    """Say of a case which run made it."""
    if isinstance(found, CaseRecord) and found.part is None:
        return found.model_copy(update={"part": run.run_id})
    return found


def _missing(
    parts: Sequence[StoredRun], cut: CutRecord | None, known: set[Name]
) -> Iterator[NotCompared]:
    """Yield what the cut has and no part: a shard that is absent, a case that it did not get to."""
    if cut is None:
        return
    here = {part.record.shard.number for part in parts if part.record.shard}
    for case, number in zip(cut.cases, cut.assigned(), strict=True):
        if (case.path, case.id) not in known:
            what = "did not get to it" if number in here else "is not among the merged runs"
            yield NotCompared(
                id=case.id,
                suite=cut.suites[case.path].name,
                path=case.path,
                why=f"shard {number}/{cut.shards} {what}",
            )


def _record(
    parts: Sequence[StoredRun],
    *,
    cases: tuple[CaseRecord, ...],
    relations: tuple[RelationRecord, ...],
    not_compared: tuple[NotCompared, ...],
    complete: bool,
) -> RunRecord:
    runs = [part.record for part in parts]
    first, started = runs[0], min(run.started for run in runs)
    environments = _environments(runs, cases)
    commits = {run.git for run in runs}
    freeze = first.freeze if all(run.freeze == first.freeze for run in runs) else None
    warnings: Counter[str] = Counter()
    for run in runs:
        warnings.update(run.warnings)
    return RunRecord(
        run_id=merged_id(runs),
        started=started,
        finished=max(run.finished or run.started for run in runs),
        complete=complete,
        git=first.git if len(commits) == 1 else None,
        profile=next((case.profile for case in cases if case.profile), first.profile),
        environment=environments[0] if environments else {},
        other_environments=tuple(environments[1:]),
        freeze=freeze,
        lock_differences=tuple(dict.fromkeys(d for run in runs for d in run.lock_differences)),
        options=_options(runs),
        cases=cases,
        not_compared=not_compared,
        relations=relations,
        attached=tuple({each.file: each for run in runs for each in run.attached}.values()),
        extent=_extent(runs, complete=complete),
        parts=tuple(_parts(runs, freeze)),
        pilots=tuple(_pilots(runs)),
        warnings=dict(warnings),
    )


def merged_id(runs: Sequence[RunRecord]) -> str:
    """Name the run that several make: by the first one's beginning, and always alike."""
    digits = json_sha256(sorted(run.run_id for run in runs))[:8]
    return new_run_id(min(run.started for run in runs), digits)


def _environments(
    runs: Iterable[RunRecord], cases: Iterable[CaseRecord]
) -> list[dict[str, EnvironmentValue]]:
    """Return every environment of the parts once, in the order of the cases that were made in it.

    That of a case is known by its digest.
    """
    listed = (each for run in runs for each in (run.environment, *run.other_environments) if each)
    found = {json_sha256(each): each for each in listed}
    used = dict.fromkeys(case.environment_sha256 for case in cases)
    return [found[each] for each in dict.fromkeys((*used, *found)) if each in found]


def _options(runs: Sequence[RunRecord]) -> dict[str, str]:
    """Return the options of all parts; they may differ in devices."""
    devices = dict.fromkeys(each for run in runs for each in [run.options.get("device")] if each)
    found = {name: each for name, each in runs[0].options.items() if name != "shard"}
    return found | {"device": ",".join(devices)} if len(devices) > 1 else found


def _extent(runs: Sequence[RunRecord], *, complete: bool) -> Extent:
    """Return how much of the project all parts ran: all of it, if they are shards of all of it."""
    of_all = complete and all(run.shard is not None and run.shard.whole for run in runs)
    extents = [run.extent for run in runs if run.extent is not None]
    narrowed = (each.narrowed for each in extents if each.narrowed != "--golden-shard")
    return Extent(
        whole=of_all,
        narrowed=None if of_all else next(narrowed, "parts of it were merged"),
        failed=sum(each.failed for each in extents),
        tests={name: tests for each in extents for name, tests in each.tests.items()},
    )


def _pilots(runs: Sequence[RunRecord]) -> Iterator[PilotRecord]:
    """Put the pilots of each suite together: every part has its own, and each has to hold."""
    found: dict[str, list[PilotRecord]] = {}
    for each in (pilot for run in runs for pilot in run.pilots):
        found.setdefault(each.path, []).append(each)
    for own in found.values():
        update = {
            "cases": tuple(dict.fromkeys(name for each in own for name in each.cases)),
            "held": all(each.held for each in own),
            "broken": tuple(dict.fromkeys(name for each in own for name in each.broken)),
            "not_run": sum(each.not_run for each in own),
        }
        yield own[0].model_copy(update=update)


def _parts(runs: Sequence[RunRecord], freeze: Freeze | None) -> Iterator[PartRecord]:
    """Describe the parts, and the runs that they themselves are of."""
    known: set[str] = set()
    for run in runs:
        for each in (*run.parts, part_of(run, freeze)):
            if each.run_id not in known:
                known.add(each.run_id)
                yield each


def part_of(run: RunRecord, freeze: Freeze | None = None) -> PartRecord:
    """Describe a run as a part of another whose packages are those of ``freeze``."""
    digests = dict.fromkeys(case.environment_sha256 for case in run.cases)
    return PartRecord(
        run_id=run.run_id,
        shard=run.shard,
        started=run.started,
        finished=run.finished,
        complete=run.complete,
        git=run.git,
        environments=tuple(filter(None, digests)),
        freeze=None if run.freeze == freeze else run.freeze,
    )
