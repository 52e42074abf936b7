"""Contact sheets: a grid of the cases that expand over alternatives."""

from __future__ import annotations

from pathlib import Path

from goldenseed.reporting.sheets import Sheet
from goldenseed.reporting.view import run_view
from goldenseed.runs.record import RunRecord
from tests.unit.reporting.recorded import page_of, record, stored

LORAS = tuple(f"lora-{number}" for number in range(6))
SCHEDULERS = tuple(f"s{number}" for number in range(7))


def run_of(*cases: tuple[str, dict[str, str]]) -> RunRecord:
    """A run whose cases are one recorded one, under other ids."""
    made = [
        record().cases[0].model_copy(update={"id": name, "alternatives": alternatives})
        for name, alternatives in cases
    ]
    return record().model_copy(update={"cases": tuple(made)})


def sheets(*cases: tuple[str, dict[str, str]]) -> tuple[Sheet, ...]:
    return run_view(run_of(*cases)).sheets


def ids(sheet: Sheet) -> list[list[str | None]]:
    return [[case and case.record.id for case in row] for _, row in sheet.rows]


def test_two_axes_are_rows_and_columns():
    cases = [
        (f"face[{lora},{scheduler},seed=3]", {"adapters": lora, "scheduler": scheduler})
        for lora in LORAS
        for scheduler in SCHEDULERS
    ]
    (sheet,) = sheets(*cases)
    assert sheet.title.endswith("::face, seed=3")
    assert sheet.axes == ("adapters", "scheduler")
    assert sheet.columns == SCHEDULERS
    assert tuple(row for row, _ in sheet.rows) == LORAS
    assert ids(sheet)[1][2] == "face[lora-1,s2,seed=3]"


def test_prompts_and_seeds_are_the_columns_of_one_axis():
    (sheet,) = sheets(
        ("face[park,anna,seed=1]", {"adapters": "anna"}),
        ("face[park,ben,seed=1]", {"adapters": "ben"}),
        ("face[sea,ben,seed=1]", {"adapters": "ben"}),
    )
    assert (sheet.axes, sheet.columns) == (
        ("adapters", "prompt and seed"),
        ("park, seed=1", "sea, seed=1"),
    )
    assert ids(sheet)[0] == ["face[park,anna,seed=1]", None]


def test_what_else_varies_has_sheets_of_its_own():
    axes = {"adapters": "anna", "scheduler": "ddim", "dtype": "half"}
    found = sheets(
        ("face[park,anna,ddim,half,seed=1]", axes),
        ("face[park,anna,ddim,full,seed=1]", axes | {"dtype": "full"}),
        ("other[anna,seed=1]", {"adapters": "anna"}),
        ("plain[seed=1]", {}),
    )
    assert [each.title.partition("::")[2] for each in found] == [
        "face, half, park, seed=1",
        "face, full, park, seed=1",
        "other",
    ]


def test_an_altered_record_is_laid_out_all_the_same():
    (sheet,) = sheets(("no bracket", {"a": "<b>", "c": ""}))
    assert sheet.rows[0][0] == "<b>"


def test_the_page_shows_each_sheet_and_leads_to_its_cases(tmp_path: Path):
    first = stored(tmp_path).cases[0]
    case = first.model_copy(update={"id": "face[<i>,seed=1]", "alternatives": {"adapters": "<i>"}})
    view = run_view(stored(tmp_path).model_copy(update={"cases": (case,)}), tmp_path)
    page = page_of(view)
    assert "Contact sheets" in page
    (found,) = view.sheets[0].rows[0][1]
    assert found
    assert f'href="#{found.anchor}"' in page
    assert '<th scope="row">&lt;i&gt;</th>' in page
    assert "Contact sheets" not in page_of(run_view(record()))
