"""A project with a run to be decided on, for the tests of deciding."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goldenseed.baselines.entry import ProfileBaseline
from goldenseed.baselines.store import BaselineStore
from goldenseed.review.desk import Desk
from goldenseed.review.session import Review
from goldenseed.runs.folder import load_run
from goldenseed.runs.record import CaseRecord, RunRecord
from two_runs import Run, picture

PROFILE = "cpu-x86_64-avx512"


@dataclass(frozen=True)
class Reviewed:
    """A folder with ``reports/run`` of five cases, the last in error, and no baselines yet."""

    root: Path

    @property
    def folder(self) -> Path:
        return self.root / "reports" / "run"

    @property
    def record(self) -> RunRecord:
        return load_run(self.folder)

    @property
    def store(self) -> BaselineStore:
        return BaselineStore(self.root / "baselines")

    def desk(self, by: str = "ada") -> Desk:
        return Desk(self.record, self.folder, self.store, by, self.root)

    def review(self) -> Review:
        return Review(self.desk())

    def case(self, number: int) -> CaseRecord:
        return self.record.cases[number]

    def decision(self, number: int, decision: str = "accept", **fields: Any) -> dict[str, Any]:
        """Return a decision on the case of that number, as a page makes it."""
        case = self.case(number)
        made = {"suite": case.path, "case": case.id, "pixels_sha256": case.pixels_sha256}
        return {**made, "decision": decision, "reason": "looked at", **fields}

    def document(self, *decisions: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
        given = {"format": "goldenseed-decisions", "version": 1, "run": "run"}
        return {**given, "decisions": list(decisions), **fields}

    def write(self, *decisions: Mapping[str, Any], **fields: Any) -> Path:
        path = self.root / "decisions.json"
        path.write_text(json.dumps(self.document(*decisions, **fields), indent=1))
        return path

    def baseline(self, number: int) -> ProfileBaseline:
        case = self.case(number)
        entry = self.store.entry(case.suite, case.id)
        return entry.profiles[PROFILE] if entry else ProfileBaseline()

    def written(self) -> list[str]:
        """The files of the baselines that are there."""
        return sorted(path.name for path in self.store.root.rglob("*") if path.is_file())


def reviewed(root: Path) -> Reviewed:
    """Make the project."""
    run = Run(root / "reports" / "run", profile=PROFILE)
    for number in range(4):
        run.case(f"apple[seed={number}]", picture(number), suite="fruit")
    run.case("broken", None, suite="fruit", error="no blue today")
    run.stored()
    return Reviewed(root)
