"""The floors of ``make coverage``: every room counts by itself."""

from __future__ import annotations

import tomllib
from pathlib import Path

import goldenseed
from coverage_floors import rooms, shortfalls

ROOT = Path(__file__).parents[2]


def ran(lines: int, of: int, branches: int = 0, of_branches: int = 0) -> dict[str, dict[str, int]]:
    return {
        "summary": {
            "covered_lines": lines,
            "num_statements": of,
            "covered_branches": branches,
            "num_branches": of_branches,
        }
    }


def test_a_room_is_a_folder_with_all_that_lies_in_it():
    files = {
        "harness/goldenseed/plugin.py": ran(3, 4),
        "harness/goldenseed/suite/cases.py": ran(10, 10, 1, 2),
        "/venv/site-packages/goldenseed/suite/model.py": ran(0, 8),
        "harness/goldenseed/backends/diffusers/noise.py": ran(1, 1),
        "harness/goldenseed/core/__init__.py": ran(0, 0),
    }
    assert rooms(files) == {"backends": 100.0, "goldenseed": 75.0, "suite": 55.0}


def test_a_room_below_its_floor_without_one_or_gone_is_named():
    assert shortfalls({"suite": 90.0}, {"suite": 90}) == []
    low, new, gone = shortfalls({"suite": 89.9, "images": 99.0}, {"suite": 90, "trace": 80})
    assert low.startswith("suite: 89.9 %")
    assert new.startswith("images: ")
    assert gone.startswith("trace: ")


def test_every_room_has_a_floor():
    floors = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage-floors"]
    package = Path(goldenseed.__file__).parent
    folders = {each.name for each in package.iterdir() if (each / "__init__.py").is_file()}
    assert set(floors) == folders | {"goldenseed"}
