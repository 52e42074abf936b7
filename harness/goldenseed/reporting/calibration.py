"""What a calibration measured: in words, and as a run whose first images stand for the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from goldenseed.baselines.candidate import Measurement
from goldenseed.baselines.entry import Pattern
from goldenseed.reporting.words import count_of
from goldenseed.runs.comparison import StoredRun, compare_runs
from goldenseed.runs.parts import Block, VerbRecord
from goldenseed.runs.record import RunRecord
from goldenseed.tools.probe.change import UNCHANGED
from goldenseed.tools.probe.record import tried_record


def calibration_lines(found: Sequence[Measurement]) -> list[str]:
    """Say of each case what its images have in common."""
    return [f"{each.unchanged.name}: {_in_words(each)}" for each in found]


def calibration_record(
    runs: Sequence[StoredRun],
    found: Sequence[Measurement],
    folder: Path,
    *,
    started: datetime,
    finished: datetime,
) -> RunRecord:
    """Hold the images of all runs, at least two, against those of the first; keep their pictures.

    Raises:
        GoldenseedError: a picture cannot be kept.

    """
    first, *others = runs
    against_first = [
        (_name(number, run), compare_runs(first, run, pictures=folder))
        for number, run in enumerate(others, 2)
    ]
    patterns = Counter(each.tolerance.pattern.value for each in found)
    kinds = ", ".join(f"{count} {pattern}" for pattern, count in patterns.most_common())
    return tried_record(
        against_first,
        first.record,
        run_id=folder.name,
        started=started,
        finished=finished,
        verb=VerbRecord(
            name="calibrate",
            passed=True,
            outcome=f"{count_of(len(found), 'case')} measured by {len(runs)} runs: {kinds}",
            notes=(
                Block(
                    ("what was measured, and is kept with the baselines:",),
                    details=tuple(calibration_lines(found)),
                ),
                Block(("below: each run's images, those of the first in the baselines' place",)),
            ),
        ),
    )


def _name(number: int, run: StoredRun) -> str:
    change = run.record.options.get("change", UNCHANGED)
    return f"run-{number}" if change == UNCHANGED else change


def _in_words(found: Measurement) -> str:
    kept = found.tolerance
    match kept.pattern:
        case Pattern.IDENTICAL:
            return f"{kept.images} images, all identical"
        case Pattern.MODES:
            return f"{kept.images} images in modes, {len(found.modes)} newly accepted"
        case Pattern.ENVELOPE:
            limits = ", ".join(f"{name} {limit:.3g}" for name, limit in kept.limits.items())
            return f"{kept.images} images in an envelope: {limits}"
