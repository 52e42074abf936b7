"""A run's folder: readable at every moment, strict about what it holds."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256
from goldenseed.runs.folder import RunWriter, going_on, load_run, new_run_id
from goldenseed.runs.journal import only_writer
from goldenseed.runs.parts import SetResult
from goldenseed.runs.record import CaseRecord, SetRecord, TraceStage
from goldenseed.trace.stages import Stage
from goldenseed.verdict.model import Reason, Verdict

START = datetime(2026, 11, 20, 15, 12, 33, tzinfo=UTC)
ENVIRONMENT = {"torch.version": "2.13.0", "cpu.threads": 1}


def case(name: str, line: int = 1) -> CaseRecord:
    return CaseRecord(
        id=name,
        suite="s",
        path="s.suite.yaml",
        line=line,
        recipe={"seed": 1},
        recipe_sha256="0" * 64,
        environment_sha256=json_sha256(ENVIRONMENT),
        verdict=Verdict.NEW,
        passed=False,
    )


@pytest.fixture
def writer(tmp_path: Path) -> RunWriter:
    return RunWriter(
        tmp_path, "20261120T151233Z-3f9a", started=START, git=None, options={"require": "warn"}
    )


def test_results_alone_are_read_without_traces_and_with_all_that_decides(writer: RunWriter):
    recipe = {"trace": [1], "diagnosis": "mine"}
    stage = TraceStage(stage=Stage.PIXELS, index=0, sha256="0" * 64)
    reason = Reason(code="gate", metric="ssim", value=0.5, limit=0.9)
    traced = case("a").model_copy(
        update={"recipe": recipe, "trace": (stage,), "trace_file": "t", "reasons": (reason,)}
    )
    writer.add(traced)
    writer.finish(finished=START, complete=True)
    whole, slim = (load_run(writer.folder, results_only=each) for each in (False, True))
    assert whole.cases == (traced,)
    assert slim.cases == (traced.model_copy(update={"trace": ()}),)


def test_what_goes_on_forgets_what_is_made_again(writer: RunWriter):
    failed = case("b").failed("generation_failed", "no memory")
    for each in (case("a"), failed, failed, case("c")):
        writer.add(each)
    with (writer.folder / "cases.jsonl").open("ab") as journal:
        journal.write(b'{"id": "cut of')
    again, before = going_on(writer.folder, lambda each: each.error is None)
    assert [each.id for each in before.cases] == ["a", "c"]
    again.add(case("b"))
    run = again.finish(finished=START, complete=True)
    assert {each.id: (each.error, each.tries) for each in run.cases} == dict.fromkeys(
        "abc", (None, ())
    )
    with pytest.raises(GoldenseedError, match="is finished"):
        going_on(writer.folder, lambda _: True)


def test_one_process_writes_a_run_at_a_time(tmp_path: Path):
    with only_writer(tmp_path / "run"):
        again = only_writer(tmp_path / "run")
        with pytest.raises(GoldenseedError, match="another process writes"), again:
            pass
        with only_writer(tmp_path / "other"):
            pass
    with only_writer(tmp_path / "run"):
        pass
    assert not list((tmp_path / "run").iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(GoldenseedError, match="cannot be locked"), only_writer(tmp_path / "file"):
        pass


def test_run_ids_begin_with_the_utc_second_and_differ():
    ids = {new_run_id(START) for _ in range(20)}
    assert all(name.startswith("20261120T151233Z-") for name in ids)
    assert len(ids) == 20


def test_a_record_stands_before_the_first_case_ends(writer: RunWriter):
    run = load_run(writer.folder)
    assert run.complete is False
    assert run.cases == ()


def test_cases_of_an_unfinished_run_are_read_from_its_journal(writer: RunWriter):
    writer.add(case("b", line=2))
    writer.add(case("a", line=1))
    run = load_run(writer.folder)
    assert [c.id for c in run.cases] == ["a", "b"]
    assert run.complete is False


def test_a_last_line_that_was_cut_off_is_left_out(writer: RunWriter):
    writer.add(case("a"))
    with (writer.folder / "cases.jsonl").open("ab") as journal:
        journal.write(b'{"id": "b", "suite"')
    assert [c.id for c in load_run(writer.folder).cases] == ["a"]


def test_a_finished_run_is_one_document_and_the_latest(writer: RunWriter, tmp_path: Path):
    writer.add(case("a"))
    writer.add_environment("cpu", ENVIRONMENT)
    writer.finish(finished=START, complete=True)
    writer.point_latest()
    assert sorted(p.name for p in writer.folder.iterdir()) == ["run.json"]
    assert (tmp_path / "latest").resolve() == writer.folder
    run = load_run(tmp_path / "latest")
    assert run.complete is True
    assert run.environment_of(run.cases[0]) == ENVIRONMENT
    assert run.counts() == {Verdict.NEW: 1}


def test_environments_of_other_workers_are_kept_beside_the_first(writer: RunWriter):
    writer.add_environment("cpu", {"cpu.threads": 9})
    writer.add_environment("cpu", ENVIRONMENT)
    writer.add_environment("cpu", ENVIRONMENT)
    writer.add(case("a"))
    run = writer.finish(finished=START, complete=True)
    assert run.environment == {"cpu.threads": 9}
    assert run.other_environments == (ENVIRONMENT,)
    assert run.environment_of(run.cases[0]) == ENVIRONMENT


def test_an_unknown_environment_is_an_error(writer: RunWriter):
    writer.add(case("a"))
    run = writer.finish(finished=START, complete=True)
    with pytest.raises(GoldenseedError, match="does not say in which environment a ran"):
        run.environment_of(run.cases[0])


def test_something_else_called_latest_is_not_replaced(writer: RunWriter, tmp_path: Path):
    (tmp_path / "latest").mkdir()
    writer.finish(finished=START, complete=True)
    with pytest.raises(GoldenseedError, match="in the way"):
        writer.point_latest()
    assert load_run(writer.folder).complete is True


def test_latest_moves_on_to_the_newer_run(writer: RunWriter, tmp_path: Path):
    writer.finish(finished=START, complete=True)
    writer.point_latest()
    other = RunWriter(tmp_path, "20261121T000000Z-0000", started=START, git=None, options={})
    other.finish(finished=START, complete=True)
    other.point_latest()
    assert (tmp_path / "latest").resolve() == other.folder


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "run.json"),
        ('{"schema_version": 99}', "schema version 99"),
        ("[]", "schema version None"),
        ('{"schema_version": 1, "run_id": "x"}', "started"),
        ('{"schema_version": 1, "schema_version": 1}', "schema_version"),
    ],
)
def test_a_damaged_record_is_one_clear_error(tmp_path: Path, text: str, message: str):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(GoldenseedError, match=message):
        load_run(tmp_path)


@pytest.mark.parametrize("text", ["NaN", "nan", "inf", "-Infinity", "1e999"])
@pytest.mark.parametrize(
    "field",
    [
        {"seconds": {"generate": "?"}},
        {"seconds": {"load": "?"}},
        {"metrics": {"ssim": "?"}},
        {"limits": {"min_ssim": "?"}},
        {"content": {"sharpness": "?"}},
        {"content_limits": {"min_sharpness": "?"}},
    ],
)
@pytest.mark.parametrize("finished", [True, False])
def test_a_text_that_python_reads_as_no_number_is_refused(
    writer: RunWriter, field: dict[str, dict[str, str]], text: str, *, finished: bool
):
    writer.add(case("a"))
    if finished:
        writer.finish(finished=START, complete=True)
    file = writer.folder / ("run.json" if finished else "cases.jsonl")
    of_case = {key: dict.fromkeys(value, text) for key, value in field.items()}
    document = json.loads(file.read_text())
    (document["cases"][0] if finished else document).update(of_case)
    file.write_text(json.dumps(document) + "\n")
    (name,) = field
    with pytest.raises(GoldenseedError, match=rf"{name}\.\w+: Input should be a finite number"):
        load_run(writer.folder)


def test_a_folder_without_a_record_says_what_to_name(tmp_path: Path):
    with pytest.raises(GoldenseedError, match="reports/latest"):
        load_run(tmp_path)


@pytest.mark.parametrize(
    ("verdict", "options", "passes"),
    [
        ("identical", {"require": "identical"}, True),
        ("match", {"require": "identical"}, False),
        ("match", {"require": "match"}, True),
        ("warn", {"require": "match"}, False),
        ("warn", {"require": "warn"}, True),
        ("warn", {"require": "match", "update": "changed"}, True),
        ("warn", {"require": "match", "update": "missing"}, False),
        ("warn", {"require": "match", "update": "nonsense"}, False),
        ("drift", {"require": "warn"}, False),
        ("warn", {}, True),
        ("warn", {"require": "nonsense"}, True),
    ],
)
@pytest.mark.parametrize("finished", [True, False])
def test_passed_is_not_believed_against_what_the_run_required(
    tmp_path: Path, verdict: str, options: dict[str, str], *, passes: bool, finished: bool
):
    writer = RunWriter(tmp_path, "run", started=START, git=None, options=options)
    writer.add(case("a").model_copy(update={"verdict": Verdict(verdict), "passed": True}))
    if finished:
        writer.finish(finished=START, complete=True)
    assert [each.passed for each in load_run(writer.folder).cases] == [passes]


def test_passed_is_not_believed_beside_a_broken_content_limit(writer: RunWriter):
    reason = Reason(code="content", metric="sharpness")
    update = {"verdict": Verdict.IDENTICAL, "passed": True, "reasons": (reason,)}
    writer.add(case("a").model_copy(update=update))
    assert [each.passed for each in load_run(writer.folder).cases] == [False]


def test_a_set_does_not_pass_beside_a_broken_limit(writer: RunWriter):
    broken = SetResult(
        limit_name="max_phash_distance",
        side="within",
        metric="phash_distance",
        limit=8.0,
        value=20.0,
        worst_value=20.0,
        worst_pair=("a", "b"),
        pairs=1,
        of_pairs=1,
        passed=False,
    )
    found = SetRecord(
        kind="consistency",
        id="apples",
        suite="shapes",
        path="shapes.suite.yaml",
        statistic="worst",
        cases=("a", "b"),
        passed=True,
    )
    writer.finish(finished=START, complete=True)
    writer.add_sets(
        [
            found,
            found.model_copy(update={"results": (broken,)}),
            found.model_copy(update={"error": "no images"}),
        ]
    )
    assert [each.passed for each in load_run(writer.folder).sets] == [True, False, False]
