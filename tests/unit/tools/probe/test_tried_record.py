from __future__ import annotations

import pytest

from goldenseed.reporting.sheets import sheets_of
from goldenseed.reporting.view import run_view
from goldenseed.tools.probe.record import as_alternative
from tests.unit.reporting.recorded import case, run


@pytest.mark.parametrize(
    ("case_id", "alternatives", "named"),
    [
        ("apple[seed=1]", {}, "apple[tf32,seed=1]"),
        ("balls[red,seed=0]", {}, "balls[red,tf32,seed=0]"),
        ("cat[night,euler,seed=2]", {"scheduler": "euler"}, "cat[night,tf32,euler,seed=2]"),
        ("hero", {}, "hero[tf32]"),
    ],
)
def test_a_change_stands_in_the_id_before_what_the_case_varies_itself(
    case_id: str, alternatives: dict[str, str], named: str
):
    found = as_alternative(case(id=case_id, alternatives=alternatives), "change", "tf32")
    assert found.id == named
    assert list(found.alternatives) == ["change", *alternatives]


def test_the_changes_are_the_rows_of_a_sheet_and_the_images_its_columns():
    cases = [
        as_alternative(case(id=f"balls[{name},seed=0]"), "change", change)
        for change in ("tf32", "repeat")
        for name in ("red", "blue")
    ]
    (sheet,) = sheets_of(run_view(run(*cases)).cases)
    assert sheet.axes[0] == "change"
    assert [name for name, _ in sheet.rows] == ["tf32", "repeat"]
    assert sheet.columns == ("red, seed=0", "blue, seed=0")
