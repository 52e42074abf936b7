"""What an earlier run made is taken over if it is what would be made now, and judged anew."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.runs.comparison import StoredRun
from goldenseed.runs.parts import Try, VerbRecord
from goldenseed.runs.record import CaseRecord
from goldenseed.runs.resume import Earlier, NotTakenError, earlier_runs, folder_of
from goldenseed.runs.shard_record import PartRecord, ShardRecord
from goldenseed.runs.stored import Pictures
from goldenseed.verdict.model import Verdict
from two_runs import AVX2, AVX512, Run, picture, rounded

FIRST, SECOND, THIRD = (f"20261120T15123{number}Z-000{number}" for number in (1, 2, 3))


SHARD = ShardRecord(number=1, of=2, cut_sha256="0" * 64)
STARTED = datetime(2026, 11, 20, 15, 12, 31, tzinfo=UTC)


def left(reports: Path, name: str, **fields: Any) -> tuple[StoredRun, CaseRecord]:
    """A run of one case, with fields of its record as given."""
    run = Run(reports / name)
    case = run.case("disc", picture(), **fields)
    return run.stored(), case


def taken_from(stored: StoredRun, asked: CaseRecord, environment: Any = AVX512) -> Any:
    return Earlier.of((stored,)).taken(asked, environment, trace="off")


def test_an_image_of_the_same_recipe_and_environment_is_taken_and_linked(tmp_path: Path):
    stored, case = left(tmp_path, FIRST, remarks=("the image is round",))
    taken = taken_from(stored, case)
    kept = taken.kept(tmp_path / "now", Pictures(tmp_path / "now"))
    assert kept["part"] == FIRST
    assert kept["remarks"] == ("the image is round",)
    assert (tmp_path / "now" / str(kept["image"])).stat().st_nlink == 2
    assert not {"verdict", "passed", "metrics", "baseline", "reasons"} & kept.keys()


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"verdict": Verdict.ERROR}, "no image was made of it"),
        ({"profile": None}, "no image was made of it"),
        ({"retried": True}, "it was tried more than once"),
        ({"tries": (Try(verdict=Verdict.NEW, passed=False),) * 2}, "it was tried more than once"),
        ({"trace_file": "traces/0.json.gz"}, "its trace is not the one that is asked for"),
        ({"width": 33}, "the record of disc was altered"),
        ({"pixels_sha256": "0" * 64}, "holds the pixels"),
    ],
)
def test_what_is_in_doubt_is_made_again(tmp_path: Path, fields: dict[str, Any], why: str):
    stored, case = left(tmp_path, FIRST, **fields)
    with pytest.raises(NotTakenError, match=why):
        taken_from(stored, case)


def test_a_safety_checker_that_is_required_has_to_have_been_asked(tmp_path: Path):
    stored, case = left(tmp_path, FIRST)
    asked, _ = left(tmp_path, SECOND, flagged=(False,))
    with pytest.raises(NotTakenError, match="no safety checker was asked"):
        Earlier.of((stored,)).taken(case, AVX512, trace="off", flagged=True)
    Earlier.of((asked,)).taken(case, AVX512, trace="off", flagged=True)


def test_what_the_marks_of_then_made_of_it_is_not_said_again(tmp_path: Path):
    remarks = ("the image is round", "fails behind an xfail mark: not yet")
    stored, case = left(tmp_path, FIRST, remarks=remarks, xfail="not yet")
    kept = taken_from(stored, case).kept(tmp_path / "now", Pictures(tmp_path / "now"))
    assert kept["remarks"] == ("the image is round",)


def test_another_recipe_or_environment_is_another_image(tmp_path: Path):
    stored, case = left(tmp_path, FIRST)
    with pytest.raises(NotTakenError, match="the environment is another now"):
        taken_from(stored, case, AVX2)
    recipe = {**case.recipe, "seed": 2}
    with pytest.raises(NotTakenError, match="its recipe is another now"):
        taken_from(stored, case.model_copy(update={"recipe": recipe}))


def test_the_newest_of_several_runs_counts_and_all_are_parts(tmp_path: Path):
    old = Run(tmp_path / FIRST)
    asked = old.case("disc", rounded())
    only = old.case("other", picture(3))
    new, case = left(tmp_path, SECOND)
    earlier = Earlier.of((new, old.stored()))
    assert earlier.taken(asked, AVX512, trace="off").pixels_sha256 == case.pixels_sha256
    assert earlier.taken(only, AVX512, trace="off").pixels_sha256 == only.pixels_sha256
    assert [part.run_id for part in earlier.parts] == [FIRST, SECOND]


def shard_run(
    reports: Path, name: str, shard: str | None, *, complete: bool, **fields: Any
) -> None:
    run = Run(reports / name)
    run.case("disc", picture())
    record = run.stored().record
    options = {"shard": shard} if shard else {}
    record = record.model_copy(update={"options": options, "complete": complete, **fields})
    (run.folder / "run.json").write_text(record.model_dump_json())


@pytest.mark.parametrize(
    ("shard", "found"), [("1/2", [FIRST]), ("2/2", []), (None, []), ("3/3", [])]
)
def test_last_is_the_newest_of_the_same_shard_unless_that_one_ended(
    tmp_path: Path, shard: str | None, found: list[str]
):
    shard_run(tmp_path, FIRST, "1/2", complete=False)
    shard_run(tmp_path, SECOND, "2/2", complete=False)
    shard_run(tmp_path, THIRD, "2/2", complete=True)
    folder = folder_of(tmp_path, "last", shard)
    runs = earlier_runs(folder).runs if folder else ()
    assert [each.record.run_id for each in runs] == found


@pytest.mark.parametrize(
    "fields",
    [
        {"verb": VerbRecord(name="import", passed=True)},
        {"parts": (PartRecord(run_id=FIRST, shard=SHARD, started=STARTED),)},
    ],
    ids=["verb", "merged"],
)
def test_what_no_session_left_hides_no_session_that_was_cut_short(
    tmp_path: Path, fields: dict[str, Any]
):
    shard_run(tmp_path, FIRST, None, complete=False)
    shard_run(tmp_path, SECOND, None, complete=True, **fields)
    assert folder_of(tmp_path, "last", None) == tmp_path / FIRST


def test_a_run_that_is_not_there_is_refused_and_no_last_one_is_not(tmp_path: Path):
    with pytest.raises(GoldenseedError, match="no run 'gone' to go on with"):
        folder_of(tmp_path, "gone", None)
    assert folder_of(tmp_path / "nowhere", "last", None) is None
