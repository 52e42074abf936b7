"""A shard that goes on with another keeps its cut, whatever the history has learned since."""

from __future__ import annotations

from pathlib import Path

import pytest

from goldenseed.runs.shards import CUT, CutCase, CutRecord, CutSuite
from goldenseed.session.options import Options
from goldenseed.session.sharding import as_before
from two_runs import Run, picture

FIRST = "20261120T151231Z-0001"


def cut_of(*costs: int, shards: int = 2, suite: str = "0" * 64) -> CutRecord:
    return CutRecord(
        shards=shards,
        by="history",
        suites={"shapes.suite.yaml": CutSuite(name="shapes", sha256=suite)},
        loads=(costs[0],),
        cases=tuple(
            CutCase(path="shapes.suite.yaml", id=f"disc[seed={seed}]", model=0, cost=cost)
            for seed, cost in enumerate(costs)
        ),
    )


def options(reports: Path, resume: str) -> Options:
    given = dict.fromkeys(("update", "require", "environment", "report", "unreferenced"), "")
    given |= dict.fromkeys(("annotations", "trace", "device"), "")
    folders = {"baselines": reports.parent / "baselines", "reports": reports}
    return Options(**given, **folders, shard="1/2", resume=resume)


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    run = Run(tmp_path / "reports" / FIRST)
    run.case("disc", picture())
    run.stored()
    (run.folder / CUT).write_text(cut_of(3, 3, 3).model_dump_json())
    return tmp_path / "reports"


def test_other_seconds_change_nothing_for_a_shard_that_goes_on(reports: Path):
    assert as_before(cut_of(1, 1, 9), options(reports, FIRST)) == cut_of(3, 3, 3)
    assert as_before(cut_of(1, 1, 9), options(reports, "")) == cut_of(1, 1, 9)


@pytest.mark.parametrize(
    "now",
    [cut_of(1, 1), cut_of(1, 1, 1, shards=3), cut_of(1, 1, 1, suite="1" * 64)],
    ids=["cases", "shards", "suite"],
)
def test_what_was_of_something_else_is_cut_anew(reports: Path, now: CutRecord):
    assert as_before(now, options(reports, FIRST)) == now
