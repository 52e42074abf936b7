"""A comparison of two runs as a run record, for everything that works from one."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from goldenseed.core.files import write_atomically
from goldenseed.runs.comparison import RunComparison
from goldenseed.runs.folder import RECORD
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.verdict.model import Reason, Verdict


def comparison_id(a: RunRecord, b: RunRecord) -> str:
    """Name the comparison, and the folder it is kept in: ``diff-<id of A>-<id of B>``."""
    return f"diff-{a.run_id}-{b.run_id}"


def comparison_record(found: RunComparison, *, started: datetime, finished: datetime) -> RunRecord:
    """Describe the comparison as the run B would have been, had A been its baselines.

    A case that only B has is ``new``; one that only A has is an ``error``, since a case that is
    missing must not pass. What passes is what did not move: ``identical`` and ``match``.
    """
    a, b = found.a.record, found.b.record
    unpaired = (
        *(_missing_in_b(case, b) for case in found.pairing.only_in_a),
        *(_missing_in_a(case, a) for case in found.pairing.only_in_b),
    )
    return b.model_copy(
        update={
            "run_id": comparison_id(a, b),
            "started": started,
            "finished": finished,
            "complete": a.complete and b.complete,
            "options": {"compared": f"{b.run_id} with {a.run_id}", "require": "match"},
            "cases": (*(pair.judged for pair in found.pairs), *unpaired),
        }
    )


def write_comparison_record(record: RunRecord, folder: Path) -> None:
    """Write the record as ``run.json``, so that every verb that takes a run takes the comparison.

    Raises:
        GoldenseedError: it cannot be written.

    """
    data = record.model_dump_json(indent=1).encode() + b"\n"
    write_atomically(folder / RECORD, data, durable=False)


def _missing_in_b(case: CaseRecord, b: RunRecord) -> CaseRecord:
    message = f"only in run A: {b.run_id} has no such case"
    return _without_picture(case, Verdict.ERROR, Reason(code="only_in_a", detail=message), message)


def _missing_in_a(case: CaseRecord, a: RunRecord) -> CaseRecord:
    reason = Reason(
        code="no_baseline",
        source="run A",
        detail=f"only in run B: {a.run_id} has no such case",
    )
    return _without_picture(case, Verdict.NEW, reason, None)


def _without_picture(
    case: CaseRecord, verdict: Verdict, reason: Reason, error: str | None
) -> CaseRecord:
    return case.model_copy(
        update={
            "verdict": verdict,
            "passed": False,
            "reasons": (reason,),
            "error": error,
            "metrics": {},
            "trace_file": None,
            "layers_file": None,
            "diagnosis": None,
            "image": None,
            "baseline": None,
            "difference": None,
        }
    )
