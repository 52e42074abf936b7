"""``make coverage``: what the tests ran of each room, held against the floors in pyproject.toml."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PACKAGE = "goldenseed"


def rooms(files: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Return the percentage of lines and branches that ran, by the folder under the package.

    ``files`` is that part of coverage's JSON report. Modules of the package's own folder are the
    room ``goldenseed``.
    """
    ran: dict[str, int] = {}
    there: dict[str, int] = {}
    for path, report in files.items():
        inside = path.replace("\\", "/").rpartition(f"{PACKAGE}/")[2]
        room = inside.partition("/")[0] if "/" in inside else PACKAGE
        found = report["summary"]
        ran[room] = ran.get(room, 0) + found["covered_lines"] + found["covered_branches"]
        there[room] = there.get(room, 0) + found["num_statements"] + found["num_branches"]
    return {room: 100 * ran[room] / there[room] for room in sorted(there) if there[room]}


def shortfalls(measured: Mapping[str, float], floors: Mapping[str, float]) -> list[str]:
    """Say which rooms are below their floor, have none, or are no longer there."""
    low = [
        f"{room}: {measured[room]:.1f} % is below its floor of {floors[room]} %"
        for room in measured
        if room in floors and measured[room] < floors[room]
    ]
    new = [f"{room}: has no floor in pyproject.toml" for room in measured if room not in floors]
    gone = [f"{room}: has a floor but no code that ran" for room in floors if room not in measured]
    return low + new + gone


def main(data: str) -> int:
    """Combine what the processes wrote, print the rooms, and return 1 where one falls short."""
    from coverage import Coverage

    report = Path(data).with_name("report.json")
    coverage = Coverage(data_file=data, config_file=str(ROOT / "pyproject.toml"))
    coverage.combine()
    coverage.save()
    coverage.json_report(outfile=str(report))
    measured = rooms(json.loads(report.read_text())["files"])
    floors = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage-floors"]
    for room, percent in measured.items():
        print(f"{room:<12} {percent:5.1f} %  floor {floors.get(room, '-')}")
    problems = shortfalls(measured, floors)
    print(*problems, sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
