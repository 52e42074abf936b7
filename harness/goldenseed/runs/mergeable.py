"""Whether runs can be parts of one: of one cut, judged alike, of the same weights, in agreement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import canonical_json
from goldenseed.core.listing import first_of
from goldenseed.environment.declaration import Scope
from goldenseed.environment.fingerprint import environment_differences
from goldenseed.environment.keys import declaration_of
from goldenseed.runs.comparison import StoredRun
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.runs.relation_record import RelationRecord
from goldenseed.runs.shards import CutRecord, read_cut

_JUDGED_BY = ("require", "update", "environment", "trace")
"""The options that decide verdicts, what passes, or what is on record."""
_OWN = {"seconds", "warnings", "part"}
"""What two records of the same case may differ in."""
_NAMED = 5
_WORN = ("scheduler",)
"""Keys of a recipe's model that decide nothing of its weights."""
_BESIDE = ("postprocess.", "language_model_file.")
"""Keys of weights that are not the model's own: of steps after it, and of what writes prompts."""


def check_mergeable(parts: Sequence[StoredRun]) -> None:
    """Raise ``GoldenseedError`` where the parts do not belong together."""
    for part in parts:
        _check_kind(part)
    _check_shards(parts)
    _check_places(parts)
    _check_options([part.record for part in parts])
    _check_weights([part.record for part in parts])


def _check_kind(part: StoredRun) -> None:
    run = part.record
    if run.verb is not None or {"compared", "change"} & run.options.keys():
        name = run.verb.name if run.verb else "diff"
        raise GoldenseedError(
            f"{run.run_id} is what `goldenseed {name}` left, and no run of a suite",
            path=part.folder,
            fix="name the runs that made the images",
        )


def _check_shards(parts: Sequence[StoredRun]) -> None:
    """Refuse runs of different cuts, and say in what these differ."""
    first, *others = parts
    for part in others:
        one, other = first.record.shard, part.record.shard
        if (one is None) != (other is None):
            shard, whole = (first, part) if other is None else (part, first)
            raise GoldenseedError(
                f"{shard.record.run_id} is a shard and {whole.record.run_id} is none",
                path=part.folder,
                fix="merge the shards of one cut, or runs that were not cut",
            )
        if one is not None and other is not None and one.cut_sha256 != other.cut_sha256:
            raise GoldenseedError(
                f"{first.record.run_id} (shard {one.number}/{one.of}) and {part.record.run_id} "
                f"(shard {other.number}/{other.of}) are of different cuts: "
                f"{_difference(read_cut(first.folder), read_cut(part.folder))}",
                path=part.folder,
                fix="run all shards at one commit, with the same options and the same history, or "
                "with --golden-shard-by=steps, which needs none",
            )


def _check_places(parts: Sequence[StoredRun]) -> None:
    """Refuse runs that know one suite by two paths: each of its cases would be there twice."""
    known: dict[str, tuple[str, str]] = {}
    for part in parts:
        run = part.record
        results: tuple[CaseRecord | RelationRecord, ...] = (*run.cases, *run.relations)
        for each in results:
            place, whose = known.setdefault(each.suite, (each.path, run.run_id))
            if place != each.path:
                raise GoldenseedError(
                    f"the suite {each.suite} is {place} in {whose} and {each.path} in {run.run_id}",
                    path=part.folder,
                    fix="run all of them from one root, with one --rootdir",
                )


def _difference(one: CutRecord | None, other: CutRecord | None) -> str:
    """Say in what two cuts differ."""
    if one is None or other is None:
        return "the file cut.json of one is not there to say in what"
    return next(_differences(one, other), "the seconds that they were cut by are not the same")


def _differences(one: CutRecord, other: CutRecord) -> Iterator[str]:
    if one.shards != other.shards:
        yield f"one has {one.shards} shards, the other {other.shards}"
    for place in sorted(one.suites.keys() | other.suites.keys()):
        these, those = one.suites.get(place), other.suites.get(place)
        if these is None or those is None:
            yield f"only one has {place}"
        elif these.sha256 != those.sha256:
            yield f"{place} was another file"
        elif these.lock_sha256 != those.lock_sha256:
            yield f"the lock of {place} was another one"
    cases = {(each.path, each.id) for each in one.cases}
    different = sorted(cases ^ {(each.path, each.id) for each in other.cases})
    if different:
        yield f"only one has {first_of(['::'.join(each) for each in different], _NAMED)}"


def cut_of(parts: Sequence[StoredRun]) -> CutRecord | None:
    """Return the cut that all parts are of; None where there is none.

    Raises ``GoldenseedError`` where none of them has it as its record names it.
    """
    shard = parts[0].record.shard
    if shard is None:
        return None
    for part in parts:
        found = read_cut(part.folder)
        if found is not None and found.sha256 == shard.cut_sha256:
            return found
    raise GoldenseedError(
        "no cut.json that the records name: what is missing cannot be told",
        path=parts[0].folder,
        fix="copy the runs' folders whole, cut.json among them",
    )


def _check_options(runs: Sequence[RunRecord]) -> None:
    first, *others = runs
    for run in others:
        for name in _JUDGED_BY:
            these, those = first.options.get(name), run.options.get(name)
            if these != those:
                raise GoldenseedError(
                    f"{first.run_id} ran with --golden-{name}={these}, {run.run_id} with {those}",
                    fix="run all of them with the same options",
                )


def _check_weights(runs: Sequence[RunRecord]) -> None:
    """Refuse runs in which one model of a suite had other weights or files."""
    seen: dict[tuple[str, bytes, bool], tuple[str, RunRecord, CaseRecord]] = {}
    compared: set[tuple[str, str, bool]] = set()
    for run in runs:
        for case in run.cases:
            digest = case.environment_sha256
            for key in () if digest is None else _weighed(case):
                first = seen.setdefault(key, (digest or "", run, case))
                pair = (first[0], digest or "", key[2])
                if first[0] != digest and pair not in compared:
                    compared.add(pair)
                    _check_same_model(first[1], first[2], run, case, beside=key[2])


def _weighed(case: CaseRecord) -> Iterator[tuple[str, bytes, bool]]:
    """Yield what has the same weights wherever it is the same: the model, and what is beside it.

    A folder's name says which one it is only below the folder of its suite.
    """
    model = case.recipe.get("model")
    if isinstance(model, dict):
        bare = {name: value for name, value in model.items() if name not in _WORN}
        home = "" if "revision" in model else PurePosixPath(case.path).parent.as_posix()
        yield home, canonical_json(bare), False
    yield case.path, canonical_json(case.recipe.get("postprocess")), True


def _check_same_model(
    one: RunRecord, its: CaseRecord, other: RunRecord, others: CaseRecord, *, beside: bool
) -> None:
    found = _other_weights(one, its, other, others)
    keys = [each for each in found if each.startswith(_BESIDE) == beside]
    if keys:
        raise GoldenseedError(
            f"{one.run_id} and {other.run_id} had other models for {others.suite}::{others.id}: "
            f"{first_of(keys, _NAMED)}",
            fix="put the same files of the model on all machines and run the shard again",
        )


def _other_weights(
    one: RunRecord, its: CaseRecord, other: RunRecord, others: CaseRecord
) -> Iterator[str]:
    for each in environment_differences(one.environment_of(its), other.environment_of(others)):
        declared = declaration_of(each.key)
        of_files = declared is not None and declared.scope is Scope.FILES
        if of_files or each.key.endswith("weights_sha256"):
            yield each.key


def check_same(
    one: CaseRecord | RelationRecord, other: CaseRecord | RelationRecord, first: str, second: str
) -> None:
    """Raise ``GoldenseedError`` where two runs have other results of one case or relation."""
    these, those = (each.model_dump(exclude=_OWN) for each in (one, other))
    differing = [key for key in these if these[key] != those[key]]
    if differing:
        raise GoldenseedError(
            f"{first} and {second} disagree on {one.suite}::{one.id}: {', '.join(differing)}",
            fix="merge only one of them, or run the case again where it belongs",
        )
