"""The page's data: what lies within the page, what beside it, and what is left out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from goldenseed.cli.main import app
from goldenseed.reporting import page_parts, run_view, write_report
from goldenseed.reporting.page_parts import as_json, parts_of
from goldenseed.runs.folder import load_run, write_run
from tests.unit.reporting.recorded import HOSTILE_PROMPTS, case, record, run, stored


def rows(folder: Path, **asked: bool) -> dict[str, object]:
    parts = parts_of(run_view(stored(folder), folder), folder, single=asked.get("single", False))
    columns = json.loads(parts.inline["rows"])["columns"]
    return {"parts": parts, **columns}


def test_rows_stand_in_columns_of_one_length(tmp_path: Path) -> None:
    found = rows(tmp_path)
    parts = found.pop("parts")
    assert {len(column) for column in found.values()} == {len(record().cases)}
    assert set(parts.beside) == {"pixels-000"}


def test_pixels_come_along_for_pictures_that_differ(tmp_path: Path) -> None:
    found = rows(tmp_path)
    by_id = dict(zip(found["id"], found["pixels"], strict=True))
    assert by_id["red-apple[seed=7]"] == 0
    assert by_id["table[red,seed=1]"] == -1
    part = json.loads(found["parts"].beside["pixels-000"])
    assert all(uri.startswith("data:image/png;base64,iVBOR") for uri in part.values())


def test_a_page_by_itself_holds_every_picture(tmp_path: Path) -> None:
    found = rows(tmp_path, single=True)
    assert found["parts"].beside == {}
    pictured = [n for n, image in zip(found["pixels"], found["image"], strict=True) if image]
    assert -1 not in pictured


def test_what_does_not_fit_is_counted_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_parts, "PIXELS_BYTES", 10_000)
    view = run_view(stored(tmp_path), tmp_path)
    parts = parts_of(view, tmp_path, single=False)
    assert parts.left_out > 0
    assert f"for {parts.left_out} case" in write_report(view, tmp_path).read_text()


@pytest.mark.parametrize("prompt", HOSTILE_PROMPTS)
def test_no_text_ends_the_element_it_is_in(prompt: str) -> None:
    text = as_json({"a": prompt + "<!-- ]]> \u2028"})
    assert text.isascii()
    assert not set("<>&") & set(text)
    assert json.loads(text)["a"].startswith(prompt)


def test_parts_of_an_earlier_page_are_deleted(tmp_path: Path) -> None:
    many = run(*(case("drift", id=f"c{n}") for n in range(120)))
    write_report(run_view(many, tmp_path), tmp_path)
    assert sorted(each.name for each in (tmp_path / "data").iterdir()) == [
        "cases-001.js",
        "cases-002.js",
    ]
    write_report(run_view(run(case()), tmp_path), tmp_path)
    assert list((tmp_path / "data").iterdir()) == []


def test_the_command_writes_a_page_by_itself_and_takes_its_data_away(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    write_run(stored(folder), folder)
    for options, data in (((), 1), (("--single",), 0)):
        done = CliRunner().invoke(app, ["report", str(folder), *options])
        assert done.exit_code == 0, done.output
        assert len(list((folder / "data").iterdir())) == data
    assert 'id="part-pixels-000"' in (folder / "index.html").read_text()


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_json_has_not_is_written_as_a_word(word: str) -> None:
    text = as_json([{"a": (float(word), 1.5, "NaN-ish", None)}])
    assert json.loads(text, parse_constant=pytest.fail) == [{"a": [word, 1.5, "NaN-ish", None]}]


@pytest.mark.parametrize("word", ["NaN", "Infinity"])
def test_a_distance_that_is_no_finite_number_is_told_and_not_drawn_as_identical(
    tmp_path: Path, word: str
) -> None:
    write_run(stored(tmp_path), tmp_path)
    document = json.loads((tmp_path / "run.json").read_text())
    (first, *_) = [each for each in document["cases"] if each["diagnosis"]]
    first["diagnosis"]["first_divergence"]["distances"][-1]["distance"] = word
    (tmp_path / "run.json").write_text(json.dumps(document))
    parts = parts_of(run_view(load_run(tmp_path), tmp_path), tmp_path, single=True)
    shown = [
        point[1]
        for case in json.loads(parts.inline["cases-000"], parse_constant=pytest.fail)
        for point in (case["why"] or {}).get("points", ())
    ]
    assert word in shown
