"""``goldenseed history``: a list, a plot, JSON, and what is said where something is not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from commands import goldenseed
from goldenseed.history.keeping import remember
from made_history import made, run_on, written

NEWER = {"package.diffusers": "0.31.0"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runs of twenty days; on the tenth an upgrade moved one of two cases."""
    folder = tmp_path_factory.mktemp("history")
    (folder / "reports").mkdir()
    for day in range(20):
        late = day >= 10
        apple = made("new", mean=0.002, steps=(1e-7, 3e-5)) if late else made()
        run = run_on(
            day,
            apple,
            made("pear", name="pear[seed=2]"),
            environment=NEWER if late else None,
            commit="d" if late else "c",
        )
        remember(run, folder / "reports")
    return folder


def lines(folder: Path, *arguments: str) -> list[str]:
    done = goldenseed(folder, "history", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_list_has_last_verdict_stability_and_last_change(folder: Path):
    head, apple, pear = lines(folder)
    assert head.split()[:3] == ["case", "profile", "last"]
    assert apple.split()[:4] == ["shapes::apple[seed=1]", "cpu-x86_64-avx512", "match", "20"]
    assert "100 % of 18 pairs (at least 86 %)" in apple
    assert apple.endswith("2024-01-11 image, certain: diffusers 0.30.0 → 0.31.0")
    assert pear.endswith("-")


def test_a_case_is_plotted_and_its_change_has_the_environments_difference(folder: Path):
    told = lines(folder, "apple", "--metric", "mean_difference", "--metric", "denoising_step[1]")
    text = "\n".join(told)
    assert "20 runs, 2024-01-01 to 2024-01-20; last: match, parts at denoising_step[0]" in text
    assert "mean_difference (levels), 0 to 0.002; drawn in 1e-03" in text
    assert "denoising_step[1], 0 to 3.0e-05; drawn in 1e-05" in text
    assert sum(line.startswith("  ┌") for line in told) == 2
    assert (
        "  2024-01-11 06:00  image, certain: diffusers 0.30.0 → 0.31.0, commit cccccccccc → "
        "dddddddddd  (20240111T060000Z-0064)" in told
    )


def test_a_value_that_never_moves_is_a_sentence_and_no_plot(folder: Path):
    told = lines(folder, "pear")
    assert "  mean_difference (levels): 0 in all 20 runs" in told
    assert "  no change points" in told


def test_a_suite_is_plotted_above_its_cases(folder: Path):
    told = lines(folder, "--suite", "shapes", "--metric", "generate_seconds")
    assert told[0] == "  generate_seconds: 2.00 s in all 20 runs"
    assert told[-1].startswith("shapes::pear")


def test_since_leaves_out_what_was_before(folder: Path):
    assert lines(folder, "--since", "2024-01-16")[1].split()[3] == "5"
    assert lines(folder, "--since", "1d") == ["no runs in the history of reports since then"]


def test_programs_get_everything_as_json(folder: Path):
    document = json.loads(goldenseed(folder, "history", "apple", "--json").stdout)
    (series,) = document["series"]
    assert (document["schema_version"], series["suite"], series["runs"]) == (1, "shapes", 20)
    assert series["stability"] == {
        "score": 1.0,
        "at_least": pytest.approx(0.869, abs=0.001),
        "pairs": 18,
        "flickers": 0,
    }
    (change,) = series["changes"]
    assert change["environment"] == [{"key": "package.diffusers", "old": "0.30.0", "new": "0.31.0"}]
    assert series["points"][-1]["values"]["denoising_step[1]"] == 3e-5
    assert series["points"][0]["values"]["denoising_step[1]"] == 0
    listed = json.loads(goldenseed(folder, "history", "--json").stdout)
    assert [len(each["last"]) for each in listed["series"]] == [1, 1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("nothing", "it has shapes::apple[seed=1], shapes::pear[seed=2], on cpu-x86_64-avx512"),
        ("apple --profile cuda", "the history has no such case"),
        ("apple --metric ssimm", "nothing that was measured is called 'ssimm'"),
        ('apple --metric a"b', "nothing that was measured is called"),
        ("--since tomorrow", "'tomorrow' is no day"),
        ("--since 2024-13-01", "'2024-13-01' is no day"),
        ("--add nowhere", "no run is called 'nowhere'"),
        ("--reports nowhere", "no such folder"),
    ],
)
def test_what_is_not_there_is_said_with_a_fix(folder: Path, words: str, said: str):
    done = goldenseed(folder, "history", *words.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "fix: " in done.stderr


def test_runs_of_elsewhere_are_added_and_folders_read_again(tmp_path: Path):
    written(tmp_path / "reports", run_on(0, made()))
    written(tmp_path / "ci", run_on(1, made()))
    added = goldenseed(tmp_path, "history", "--add", f"ci/{run_on(1).run_id}")
    assert "goldenseed: 2 runs read into the history" in added.stderr
    assert added.stdout.splitlines()[1].split()[3] == "2"
    again = goldenseed(tmp_path, "history", "--rebuild")
    assert "1 run read into the history" in again.stderr
    assert again.stdout == added.stdout


def test_a_damaged_file_is_said_and_made_anew(tmp_path: Path):
    written(tmp_path / "reports", run_on(0, made()))
    (tmp_path / "reports" / "history.sqlite").write_bytes(b"\0no database" * 500)
    done = goldenseed(tmp_path, "history")
    assert "history.sqlite was damaged" in done.stderr
    assert done.stdout.splitlines()[1].startswith("shapes::apple[seed=1]")


def test_nothing_yet_is_no_error(tmp_path: Path):
    (tmp_path / "reports").mkdir()
    assert lines(tmp_path) == ["no runs in the history of reports"]


def test_hostile_names_cannot_move_the_cursor_or_add_a_line(tmp_path: Path):
    hostile = made(name="\x1b[2Jfake\nline\u202e")
    written(tmp_path / "reports", run_on(0, hostile, environment={"package.x": "\x1b[31m"}))
    for words in ([], ["*"]):
        out = goldenseed(tmp_path, "history", *words).stdout
        assert not set(out) & {"\x1b", "\u202e"}
    assert len(lines(tmp_path)) == 2
