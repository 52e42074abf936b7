"""The file of the history: filled twice, copied, cut, damaged, newer, busy or not to be written."""

from __future__ import annotations

import math
import random
import shutil
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.history import database
from goldenseed.history.asked import Past, chosen, pasts_of
from goldenseed.history.database import VERSION, History
from goldenseed.history.keeping import (
    FILE,
    ReadIn,
    add_runs,
    follow,
    read_in,
    remember,
    with_history,
)
from made_history import START, digest_of, made, run_on, written


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    folder = tmp_path / "reports"
    folder.mkdir()
    return folder


def asked(reports: Path, *measures: str) -> tuple[Past, ...]:
    def work(history: History) -> tuple[Past, ...]:
        return pasts_of(history, chosen(history, lambda _: True), measures)

    return with_history(reports, work)[0]


def runs_of(reports: Path) -> list[str]:
    return [point.run for each in asked(reports) for point in each.points]


def read(reports: Path, *, anew: bool = False) -> ReadIn:
    return with_history(reports, lambda history: read_in(history, reports, anew=anew))[0]


def test_what_is_put_in_comes_out_again(reports: Path):
    case = made("new", mean=0.25, steps=(1e-7, 2e-7), in_force={"call.guidance_scale": 4.0})
    assert remember(run_on(0, case), reports) is None
    (found,) = asked(reports, "mean_difference", "denoising_step[1]", "nothing")
    (point,) = found.points
    assert point.values == {
        "mean_difference": 0.25,
        "denoising_step[1]": 2e-7,
        "generate_seconds": 1.0,
    }
    assert (point.pixels, point.recipe) == (digest_of("new"), digest_of("recipe"))
    assert point.in_force == {"call.guidance_scale": 4.0}
    assert set(found.measures) >= {"mean_difference", "denoising_step[0]", "generate_seconds"}


def test_a_run_that_is_put_in_twice_is_in_once_as_it_is_now(reports: Path):
    remember(run_on(0, made(), made(name="pear")), reports)
    remember(run_on(0, made("new", mean=0.5)), reports)
    (found,) = asked(reports, "mean_difference")
    assert [point.values["mean_difference"] for point in found.points] == [0.5]


def test_points_come_in_the_order_of_time_whenever_they_were_put_in(reports: Path):
    for day in (2, 0, 1):
        remember(run_on(day, made()), reports)
    assert runs_of(reports) == sorted(runs_of(reports))


def test_runs_that_lack_are_read_from_their_folders_and_deleted_ones_stay(reports: Path):
    runs = [run_on(day, made()) for day in range(3)]
    written(reports, *runs)
    assert read(reports).added == 3
    shutil.rmtree(reports / runs[0].run_id)
    assert read(reports).added == 0
    assert read(reports, anew=True).added == 2
    assert runs_of(reports) == [run.run_id for run in runs]


def test_runs_that_have_not_ended_and_comparisons_are_no_points(reports: Path):
    compared = run_on(1, made(), options={"compared": "b with a"})
    written(reports, compared, run_on(0, made()))
    (reports / run_on(0).run_id / "cases.jsonl").write_text("")
    assert read(reports).added == 0
    assert asked(reports) == ()


def test_a_record_that_cannot_be_read_is_named_and_the_others_are_in(reports: Path):
    written(reports, run_on(0, made()))
    (reports / "broken").mkdir()
    (reports / "broken" / "run.json").write_text("{")
    done = read(reports)
    assert done.added == 1
    assert "broken" in done.notes[0]


def test_a_run_from_elsewhere_is_added(reports: Path, tmp_path: Path):
    written(tmp_path / "ci", run_on(5, made()))
    folder = tmp_path / "ci" / run_on(5).run_id
    with_history(reports, lambda history: add_runs(history, [folder]))
    assert runs_of(reports) == [run_on(5).run_id]


def _garbage(path: Path) -> None:
    path.write_bytes(b"no database at all" * 100)


def _half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _middle(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096 : len(data)] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)


def _sql(*statements: str) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    return damage


DAMAGES = {
    "garbage": _garbage,
    "half of it": _half,
    "its pages overwritten": _middle,
    "a table gone": _sql("DROP TABLE environments"),
    "an unknown verdict": _sql("UPDATE points SET verdict = 'splendid'"),
    "measures that are no JSON": _sql("UPDATE points SET measures = '{'"),
    "text that is not UTF-8": _sql("UPDATE points SET divergence = CAST(x'b9b9' AS TEXT)"),
    "a name that is not UTF-8": _sql(
        "PRAGMA writable_schema = 1",
        "UPDATE sqlite_master SET sql = CAST(x'43b9' AS TEXT) WHERE name = 'points'",
    ),
    "a time that is none": _sql("UPDATE runs SET at = 'yesterday'"),
    "environments that are no JSON": _sql("UPDATE environments SET keys = '['"),
    "environments of lists": _sql("UPDATE environments SET keys = '[[\"a\", [1]]]'"),
    "endlessly many pairs": _sql("UPDATE points SET pairs = 1e999"),
    "more flickers than pairs": _sql("UPDATE points SET flickers = 7, pairs = 2"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_made_anew_from_the_runs_and_kept_aside(
    reports: Path, damage: Callable[[Path], None]
):
    runs = [run_on(day, made("new", mean=0.5)) for day in range(4)]
    written(reports, *runs)
    read(reports)
    path = reports / FILE
    damage(path)
    damaged = path.read_bytes()

    def work(history: History) -> tuple[Past, ...]:
        read_in(history, reports)
        return pasts_of(history, chosen(history, lambda _: True), ["mean_difference"])

    (found,), said = with_history(reports, work)
    assert len(found.points) == 4
    assert said is not None
    assert "was damaged" in said
    (aside,) = reports.glob("history.sqlite.damaged-*")
    assert aside.name in said
    assert aside.read_bytes() == damaged


def test_a_damaged_file_at_the_end_of_a_run_is_said_and_the_run_is_in_the_new_one(reports: Path):
    _garbage(reports / FILE)
    said = remember(run_on(0, made()), reports)
    assert said is not None
    assert "`goldenseed history` reads the earlier runs" in said
    assert runs_of(reports) == [run_on(0).run_id]


def test_a_newer_file_is_refused_and_left_as_it_is(reports: Path):
    remember(run_on(0, made()), reports)
    path = reports / FILE
    _sql(f"PRAGMA user_version = {VERSION + 1}")(path)
    before = path.read_bytes()
    with pytest.raises(GoldenseedError, match=r"newer release.*version 2, and this one reads 1"):
        remember(run_on(1, made()), reports)
    assert path.read_bytes() == before


def test_another_programs_database_is_refused_and_left_as_it_is(reports: Path):
    path = reports / FILE
    _sql("CREATE TABLE theirs (a)")(path)
    before = path.read_bytes()
    with pytest.raises(GoldenseedError, match="another program's"):
        remember(run_on(0, made()), reports)
    assert path.read_bytes() == before


def test_sessions_that_end_at_once_are_all_in(reports: Path):
    runs = [run_on(day, *(made(name=str(each)) for each in range(20))) for day in range(16)]
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda run: remember(run, reports), runs)) == {None}
    assert all(len(each.points) == 16 for each in asked(reports))


def test_a_file_that_stays_busy_is_said_and_no_damage(
    reports: Path, monkeypatch: pytest.MonkeyPatch
):
    remember(run_on(0, made()), reports)
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.1)
    with closing(sqlite3.connect(reports / FILE, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(GoldenseedError, match="locked"):
            remember(run_on(1, made()), reports)
    assert runs_of(reports) == [run_on(0).run_id]


def test_a_full_disk_is_said_and_no_damage(reports: Path):
    remember(run_on(0, made()), reports)
    written(reports, run_on(1, *(made(name=str(each)) for each in range(500))))

    def work(history: History) -> ReadIn:
        (pages,) = history._connection.execute("PRAGMA page_count").fetchone()
        history._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        return read_in(history, reports)

    read, damage = with_history(reports, work)
    assert damage is None
    assert "full" in read.notes[0]
    assert runs_of(reports) == [run_on(0).run_id]


def test_a_write_that_fails_half_way_leaves_nothing_of_the_run(reports: Path):
    remember(run_on(0, made()), reports)
    odd = made(name="pear").model_copy(update={"suite": "\ud800"})
    with pytest.raises(GoldenseedError):
        remember(run_on(1, made(), odd), reports)
    assert runs_of(reports) == [run_on(0).run_id]


def test_a_folder_that_is_not_there_is_an_error_and_no_traceback(tmp_path: Path):
    with pytest.raises(GoldenseedError, match="unable to open"):
        remember(run_on(0, made()), tmp_path / "nowhere")


def test_stages_of_identical_images_are_at_0_where_their_trace_is_the_accepted_one(reports: Path):
    for day in range(2):
        remember(run_on(day, made()), reports)
    remember(run_on(2, made("new", mean=0.5, steps=(1e-7, 2e-7))), reports)
    (found,) = asked(reports, "denoising_step[1]")
    assert [each.value("denoising_step[1]") for each in found.points] == [0, 0, 2e-7]
    remember(run_on(3, made(trace=made("other").trace)), reports)
    (found,) = asked(reports, "denoising_step[1]")
    assert [each.value("denoising_step[1]") for each in found.points] == [None, None, 2e-7, None]


def test_bytes_that_are_altered_anywhere_are_damage_or_nothing(reports: Path):
    run = run_on(0, made("new", mean=0.5), environment={f"key{each}": each for each in range(100)})
    remember(run, reports)
    path = reports / FILE
    whole, draw = path.read_bytes(), random.Random(3)

    def work(history: History) -> bool:
        pasts_of(history, chosen(history, lambda _: True), ["mean_difference"])
        read_in(history, reports, anew=True)
        return True

    for _ in range(60):
        data = bytearray(whole)
        for _ in range(draw.choice((1, 3, 20))):
            data[draw.randrange(100, len(data))] = draw.randrange(256)  # behind the file's header
        path.write_bytes(data)
        assert with_history(reports, work)[0]


def names(reports: Path) -> dict[str, int]:
    return {each.series.case: len(each.points) for each in asked(reports)}


def test_a_renamed_case_goes_on_under_its_new_name(reports: Path):
    for day in range(3):
        written(reports, run_on(day, made(name="apple"), made(name="pear")))
    read(reports)
    remember(run_on(3, made(name="red"), made(name="pear")), reports)
    renamed = ("shapes", "apple"), ("shapes", "red"), START + timedelta(days=3, hours=1)
    assert follow(reports, [renamed]) is None
    assert names(reports) == {"red": 4, "pear": 4}
    remember(run_on(4, made(name="apple")), reports)  # another case has that name by now
    assert names(reports) == {"red": 4, "pear": 4, "apple": 1}
    assert read(reports, anew=True).added == 3  # what is read again goes by it as well
    assert names(reports) == {"red": 4, "pear": 4, "apple": 1}


def test_a_case_that_was_renamed_twice_has_all_its_points(reports: Path):
    remember(run_on(0, made(name="a")), reports)
    remember(run_on(2, made(name="b")), reports)
    remember(run_on(4, made(name="c")), reports)
    first = ("shapes", "a"), ("shapes", "b"), START + timedelta(days=1)
    follow(reports, [first, (first[1], ("shapes", "c"), START + timedelta(days=3))])
    assert names(reports) == {"c": 3}
    remember(run_on(0, made(name="a")), reports)
    assert names(reports) == {"c": 3}


def test_without_a_history_a_rename_begins_none(reports: Path):
    assert follow(reports, [(("shapes", "a"), ("shapes", "b"), START)]) is None
    assert not (reports / FILE).exists()


def test_a_stage_whose_distance_is_no_number_damages_nothing(reports: Path):
    for day, far in enumerate((1e-7, math.nan, math.inf)):
        assert remember(run_on(day, made(f"{day}", mean=0.25, steps=(far,))), reports) is None
    (found,) = asked(reports, "denoising_step[0]", "mean_difference")
    assert [each.value("denoising_step[0]") for each in found.points] == [1e-7, None, None]
    assert [each.value("mean_difference") for each in found.points] == [0.25] * 3
