"""Runs merged into one: what is together, what is missing, and what does not belong together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256, sha256_hex
from goldenseed.environment.freeze import Freeze
from goldenseed.runs.comparison import StoredRun
from goldenseed.runs.folder import load_run, write_run
from goldenseed.runs.merge import merge
from goldenseed.runs.named_files import link_files
from goldenseed.runs.parts import SetRecord, VerbRecord
from goldenseed.runs.shard_record import ShardRecord
from goldenseed.runs.shards import CUT, CutCase, CutRecord, CutSuite
from two_runs import AVX2, AVX512, Run, picture

SUITE = """\
suite: shapes
model: {backend: none, source: nowhere}
cases:
  - {id: disc, prompt: a disc, seeds: {start: 0, count: 6}}
consistency:
  - {id: discs, cases: [disc], within: {max_phash_distance: 10}}
"""
NAMES = [f"disc[seed={number}]" for number in range(6)]


def cut_of(names: list[str] = NAMES, shards: int = 3, **fields: Any) -> CutRecord:
    given: dict[str, Any] = {
        "shards": shards,
        "by": "steps",
        "suites": {"shapes.suite.yaml": CutSuite(name="shapes", sha256=sha256_hex(SUITE.encode()))},
        "loads": (1,),
        "cases": tuple(
            CutCase(path="shapes.suite.yaml", id=name, model=0, cost=10) for name in names
        ),
    }
    return CutRecord(**{**given, **fields})


Changes = Mapping[str, Any]


def shard(
    root: Path,
    number: int,
    *,
    cut: CutRecord | None = None,
    environment: Mapping[str, Any] = AVX512,
    only: int | None = None,
    change: Callable[[Run], None] | None = None,
    **fields: Any,
) -> StoredRun:
    """A run of one shard of ``cut``, as a session would leave it."""
    cut = cut or cut_of()
    run = Run(root / f"20261120T15123{number}Z-000{number}", environment)
    own = [e.id for e, s in zip(cut.cases, cut.assigned(), strict=True) if s == number]
    for name in own[:only]:
        run.case(name, picture(NAMES.index(name)), passed=True)
    if change:
        change(run)
    stored = run.stored()
    record = ShardRecord(number=number, of=cut.shards, cut_sha256=cut.sha256, whole=True)
    given = {"shard": record, "sets": (asked(),), **fields}
    record = stored.record.model_copy(update=given)
    write_run(record, stored.folder)
    (stored.folder / CUT).write_text(cut.model_dump_json())
    return StoredRun(load_run(stored.folder), stored.folder)


def asked() -> SetRecord:
    return SetRecord(
        kind="consistency",
        id="discs",
        suite="shapes",
        path="shapes.suite.yaml",
        statistic="worst",
        cases=tuple(NAMES),
        passed=True,
        not_judged=("2 of 6 cases ran",),
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "shapes.suite.yaml").write_text(SUITE)
    return tmp_path


def refused(parts: list[StoredRun], root: Path) -> str:
    with pytest.raises(GoldenseedError) as error:
        merge(parts, root / "merged", root)
    assert not (root / "merged").exists()
    return str(error.value)


def test_shards_in_any_order_are_one_run_in_the_suite_s_order(root: Path):
    parts = [shard(root, number) for number in (3, 1, 2)]
    found = merge(parts, root / "merged", root)
    run = load_run(root / "merged")
    assert run == found.record
    assert [case.id for case in run.cases] == NAMES
    assert (run.complete, found.missing, run.shard) == (True, (), None)
    assert run.extent is not None
    assert run.extent.whole
    assert [part.run_id for part in run.parts] == [f"20261120T15123{n}Z-000{n}" for n in (1, 2, 3)]
    assert {case.part for case in run.cases} == {part.run_id for part in run.parts}


def test_images_are_linked_and_not_copied(root: Path):
    parts = [shard(root, number) for number in (1, 2, 3)]
    merge(parts, root / "merged", root)
    images = list((root / "merged" / "images").iterdir())
    assert len(images) == 6
    assert {each.stat().st_nlink for each in images} == {2}


def test_a_set_is_judged_over_the_images_of_all_shards(root: Path):
    found = merge([shard(root, number) for number in (1, 2, 3)], root / "merged", root)
    (judged,) = found.record.sets
    assert (judged.passed, judged.not_judged) == (True, ())
    assert judged.results[0].pairs == 15


@pytest.mark.parametrize("changed", [True, False], ids=["changed", "gone"])
def test_a_set_whose_suite_is_another_by_now_does_not_pass(root: Path, changed: bool):
    parts = [shard(root, number) for number in (1, 2, 3)]
    file = root / "shapes.suite.yaml"
    file.write_text(SUITE.replace("10}", "12}")) if changed else file.unlink()
    (judged,) = merge(parts, root / "merged", root).record.sets
    assert not judged.passed
    why = "not the one that the merged runs had" if changed else "is not here"
    assert why in (judged.error or "")


def test_an_absent_shard_and_a_shard_cut_short_are_named_with_their_cases(root: Path):
    found = merge([shard(root, 1, only=1, complete=False), shard(root, 2)], root / "merged", root)
    assert not found.record.complete
    assert {each.why for each in found.missing} == {
        "shard 1/3 did not get to it",
        "shard 3/3 is not among the merged runs",
    }
    assert len(found.record.cases) == 3
    assert len(found.record.not_compared) == 3
    (judged,) = found.record.sets
    assert judged.not_judged == ("3 of 6 cases ran",)


def test_each_case_keeps_the_environment_of_its_shard(root: Path):
    parts = [shard(root, 1), shard(root, 2, environment=AVX2), shard(root, 3)]
    run = merge(parts, root / "merged", root).record
    capabilities = {
        case.part and case.part[-1]: run.environment_of(case)["cpu.capability"]
        for case in run.cases
    }
    assert capabilities == {"1": "AVX512", "2": "AVX2", "3": "AVX512"}
    assert run.parts[1].environments == (json_sha256(AVX2),)


def test_packages_that_differ_stay_with_their_parts_and_are_nobody_else_s(root: Path):
    ours, theirs = (
        Freeze(python="3.11.7", platform="linux-x86_64", packages={"torch": version})
        for version in ("2.12.0", "2.13.0")
    )
    parts = [shard(root, 1, freeze=ours), shard(root, 2, freeze=theirs), shard(root, 3)]
    run = merge(parts, root / "apart", root).record
    assert run.freeze is None
    assert [part.freeze for part in run.parts] == [ours, theirs, None]

    alike = [shard(root, number, freeze=ours) for number in (1, 2, 3)]
    run = merge(alike, root / "alike", root).record
    assert run.freeze == ours
    assert [part.freeze for part in run.parts] == [None, None, None]


def test_the_same_result_twice_is_fine_and_two_results_are_not(root: Path):
    first, second, third = (shard(root, number) for number in (1, 2, 3))
    (case, *_), others = first.record.cases, second.record.cases
    link_files([case.image or ""], first.folder, second.folder)
    both = second.record.model_copy(update={"cases": (*others, case)})
    merge([first, StoredRun(both, second.folder), third], root / "fine", root)

    other = case.model_copy(update={"pixels_sha256": "0" * 64})
    both = second.record.model_copy(update={"cases": (*others, other)})
    text = refused([first, StoredRun(both, second.folder), third], root)
    assert f"disagree on shapes::{case.id}: pixels_sha256" in text


@pytest.mark.parametrize(
    ("cut", "what"),
    [
        (cut_of(shards=4), "one has 3 shards, the other 4"),
        (cut_of(loads=(2,)), "the seconds that they were cut by"),
        (cut_of(NAMES[1:]), "only one has shapes.suite.yaml::disc[seed=0]"),
        (
            cut_of(suites={"shapes.suite.yaml": CutSuite(name="shapes", sha256="0" * 64)}),
            "shapes.suite.yaml was another file",
        ),
        (
            cut_of(
                suites={
                    "shapes.suite.yaml": CutSuite(
                        name="shapes", sha256=sha256_hex(SUITE.encode()), lock_sha256="1" * 64
                    )
                }
            ),
            "the lock of shapes.suite.yaml was another one",
        ),
    ],
    ids=["shards", "seconds", "cases", "suite", "lock"],
)
def test_shards_of_another_cut_are_refused_by_what_differs(root: Path, cut: CutRecord, what: str):
    assert what in refused([shard(root, 1), shard(root, 2, cut=cut)], root)


def test_other_weights_of_one_model_are_refused_by_name(root: Path):
    weights = {"model.unet.weights_sha256": "1" * 64}
    other = {**AVX512, "model.unet.weights_sha256": "2" * 64}
    parts = [shard(root, 1, environment={**AVX512, **weights}), shard(root, 2, environment=other)]
    assert "model.unet.weights_sha256" in refused(parts, root)


WEIGHTS = "model.unet.weights_sha256"
ENLARGES = "postprocess.upscale.weights_sha256"


def of_model(root: Path, number: int, place: str, recipe: Changes, **weights: str) -> StoredRun:
    """An uncut run of one case of the suite at ``place``."""
    run = Run(root / f"20261120T15123{number}Z-000{number}", {**AVX512, **weights})
    model = {"model": {"source": "model", "dtype": "float32"}}
    suite = place.removesuffix(".suite.yaml").rpartition("/")[2]
    run.case(f"disc-{number}", picture(), suite=suite, path=place, recipe={**model, **recipe})
    return run.stored()


def test_a_folder_s_name_is_one_model_only_beside_one_suite(root: Path):
    ours = of_model(root, 1, "ours/a.suite.yaml", {}, **{WEIGHTS: "1" * 64})
    theirs = of_model(root, 2, "theirs/b.suite.yaml", {}, **{WEIGHTS: "2" * 64})
    assert len(merge([ours, theirs], root / "apart", root).record.cases) == 2
    beside = of_model(root, 3, "ours/c.suite.yaml", {}, **{WEIGHTS: "3" * 64})
    assert WEIGHTS in refused([ours, beside], root)
    fixed = {"model": {"source": "org/name", "revision": "0" * 40}}
    parts = [
        of_model(
            root, number, f"{number}/d{number}.suite.yaml", fixed, **{WEIGHTS: f"{number}" * 64}
        )
        for number in (4, 5)
    ]
    assert WEIGHTS in refused(parts, root)


def test_what_enlarges_some_pictures_is_no_other_model_of_the_others(root: Path):
    steps = {"postprocess": [{"step": "upscale", "model": "up"}]}
    place = "shapes.suite.yaml"
    plain = of_model(root, 1, place, {}, **{WEIGHTS: "1" * 64})
    large = of_model(root, 2, place, steps, **{WEIGHTS: "1" * 64, ENLARGES: "1" * 64})
    assert len(merge([plain, large], root / "together", root).record.cases) == 2
    other = of_model(root, 3, place, steps, **{WEIGHTS: "1" * 64, ENLARGES: "2" * 64})
    assert ENLARGES in refused([plain, large, other], root)


def test_a_suite_by_two_paths_is_refused(root: Path):
    one = of_model(root, 1, "shapes.suite.yaml", {})
    assert "shapes is shapes.suite.yaml in" in refused(
        [one, of_model(root, 2, "suites/shapes.suite.yaml", {})], root
    )


def test_two_runs_of_one_id_are_not_taken_for_one(root: Path):
    first, second = (shard(root, number, shard=None) for number in (1, 2))
    namesake = second.record.model_copy(update={"run_id": first.record.run_id})
    assert "both are called" in refused([first, StoredRun(namesake, second.folder)], root)
    merge([first, second, first], root / "merged", root)


def test_the_sets_of_runs_that_were_never_cut_are_judged_by_their_suite_alone(root: Path):
    def uncut(digest: str | None) -> list[StoredRun]:
        sets = (asked().model_copy(update={"suite_sha256": digest}),)
        return [shard(root, number, shard=None, sets=sets) for number in (1, 2, 3)]

    merge(uncut(sha256_hex(SUITE.encode())), root / "same", root)
    assert load_run(root / "same").sets[0].passed
    merge(uncut("0" * 64), root / "other", root)
    assert "is not the one that the merged runs had" in (
        load_run(root / "other").sets[0].error or ""
    )


def test_what_was_judged_otherwise_or_is_no_run_of_a_suite_is_refused(root: Path):
    first = shard(root, 1, options={"require": "warn"})
    assert "--golden-require" in refused(
        [first, shard(root, 2, options={"require": "match"})], root
    )
    verb = VerbRecord(name="probe", passed=True)
    assert "goldenseed probe" in refused([first, shard(root, 2, verb=verb)], root)
    assert "is none" in refused([first, shard(root, 2, shard=None)], root)


def test_a_file_that_is_lost_is_named_and_nothing_is_left_behind(root: Path):
    parts = [shard(root, number) for number in (1, 2, 3)]
    image = parts[1].folder / (parts[1].record.cases[0].image or "")
    image.unlink()
    assert str(image) in refused(parts, root)


def test_a_link_in_a_shard_is_not_followed_out_of_it(root: Path):
    parts = [shard(root, number) for number in (1, 2, 3)]
    image = parts[1].folder / (parts[1].record.cases[0].image or "")
    image.unlink()
    image.symlink_to(root / "shapes.suite.yaml")
    assert "no regular file" in refused(parts, root)


def test_runs_that_were_never_cut_are_merged_by_their_cases(root: Path):
    parts = [shard(root, number, shard=None) for number in (1, 2)]
    run = merge(parts, root / "merged", root).record
    assert len(run.cases) == 4
    assert run.complete
    assert run.extent is not None
    assert not run.extent.whole
