"""From a run's record to what the baseline store can accept."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harness.baselines.store import Candidate
from harness.errors import GoldenseedError
from harness.files import inside
from harness.runs.record import CaseRecord, RunRecord


def candidates_of(
    run: RunRecord, folder: Path, cases: Iterable[CaseRecord]
) -> tuple[Candidate, ...]:
    """Turn records of ``run``, which lies in ``folder``, into candidates.

    Raises ``GoldenseedError`` for a case without an image or whose environment was not recorded.
    """
    return tuple(_candidate(run, folder, case) for case in cases)


def _candidate(run: RunRecord, folder: Path, case: CaseRecord) -> Candidate:
    if case.image is None or case.pixels_sha256 is None or case.profile is None:
        raise GoldenseedError(
            f"{case.id} has no image to accept: its verdict is {case.verdict.value}",
            path=folder / "run.json",
            fix="mend what the case's message names and run it again",
        )
    return Candidate(
        suite=case.suite,
        case=case.id,
        profile=case.profile,
        image=inside(folder, case.image),
        pixels_sha256=case.pixels_sha256,
        recipe=case.recipe,
        recipe_sha256=case.recipe_sha256,
        environment=run.environment_of(case),
        in_force=case.in_force,
        run_id=run.run_id,
        trace=None if case.trace_file is None else inside(folder, case.trace_file),
    )
