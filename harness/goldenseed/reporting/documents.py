"""What the verbs print with ``--json``: everything that was found, as plain data for programs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from goldenseed.environment.fingerprint import environment_differences
from goldenseed.reporting.probe import worst_metrics
from goldenseed.runs.comparison import JudgedPair, RunComparison, StoredRun
from goldenseed.runs.movement import Movement
from goldenseed.runs.pairing import Environments
from goldenseed.tools.probe.probing import WORST_LAST, Tried, repeats_itself
from goldenseed.tools.selfcheck.check import SelfCheck
from goldenseed.tools.selfcheck.findings import Findings, Room

SCHEMA_VERSION: Final = 1
"""What ``schema_version`` says; raised when a field changes its meaning."""
_NAME: Final = {"suite", "id"}
_JUDGED: Final = {"verdict", "reasons", "metrics", "limits", "error"}
_DIVERGENCE: Final = {"stage", "index", "of", "source", "words"}


def comparison_document(
    found: RunComparison, environments: Environments, movement: Movement
) -> dict[str, Any]:
    """Return everything a comparison found as JSON data; metrics are those of B against A."""
    together = asdict(movement)
    return {
        "schema_version": SCHEMA_VERSION,
        "a": _run(found.a),
        "b": _run(found.b),
        "same": found.same,
        "cases": [_case(pair) for pair in found.pairs],
        "only_in_a": [case.model_dump(include=_NAME) for case in found.pairing.only_in_a],
        "only_in_b": [case.model_dump(include=_NAME) for case in found.pairing.only_in_b],
        "together": together | together.pop("separation"),
        "environments": {
            "cases": environments.cases,
            "unknown": environments.unknown,
            "profiles": [{"a": a, "b": b, "cases": count} for a, b, count in environments.profiles],
            "differences": [
                {"key": d.key, "kind": d.kind.value, "a": d.old, "b": d.new, "cases": count}
                for d, count in environments.differences
            ],
        },
    }


def _run(run: StoredRun) -> dict[str, Any]:
    known = run.record.model_dump(include={"run_id", "profile", "complete"})
    return known | {"cases": len(run.record.cases)}


def _case(pair: JudgedPair) -> dict[str, Any]:
    judged, diagnosis = pair.judged, pair.judged.diagnosis
    found = diagnosis and diagnosis.model_dump(
        mode="json", include={"causes": True, "first_divergence": _DIVERGENCE}
    )
    return judged.model_dump(mode="json", include=_NAME | _JUDGED) | {
        "brighter": pair.brighter,
        "pixels_sha256_a": pair.pair.a.pixels_sha256,
        "pixels_sha256_b": pair.pair.b.pixels_sha256,
        "provenance_a": pair.pair.a.provenance and pair.pair.a.provenance.found,
        "provenance_b": pair.pair.b.provenance and pair.pair.b.provenance.found,
        "diagnosis": found,
    }


def selfcheck_document(check: SelfCheck, found: Findings) -> dict[str, Any]:
    """Return everything that was found as JSON data; an infinity is written as its word."""
    return {
        "suite": check.suite,
        "profile": check.profile,
        "passed": not check.passed,
        "cases": list(check.cases),
        "tests": found.tests,
        "tolerance": [
            {"case": each.case.id, "source": each.tolerance.source, "reach": dict(each.reach)}
            for each in check.right
        ],
        "gates": {gate: _gate_document(check, found, gate) for gate in found.gates},
        "table": {
            wrong: {
                gate or "any": {"caught": share.caught, "tests": share.tests}
                for gate, share in row.items()
            }
            for wrong, row in found.table.items()
        },
        "within_tolerance": [
            {"gate": each.gate, "limit": each.limit, "tolerance": _plain(each.tolerance)}
            for each in found.within_tolerance
        ],
        "room": [_room_document(room) for room in found.rooms],
        "proposed": dict(found.proposed),
        "passing_wrong_images": [
            {
                "case": trial.case,
                "wrong": trial.wrong,
                "verdict": trial.verdict.value,
                "metrics": {name: _plain(value) for name, value in trial.metrics.items()},
            }
            for trial in check.passed
        ],
        "by_content_alone": [
            {"case": trial.case, "wrong": trial.wrong, "scores": list(trial.content)}
            for trial in check.trials
            if trial.content
        ],
        "no_test": [
            {"case": each.case, "wrong": each.wrong, "why": each.no_test}
            for each in check.trials
            if each.no_test
        ],
        "left_out": [
            {"case": each.case, "wrong": each.wrong, "why": each.why} for each in check.left_out
        ],
    }


def _gate_document(check: SelfCheck, found: Findings, gate: str) -> dict[str, Any]:
    share = found.gates[gate]
    return {
        "limits": list(check.limits[gate]),
        "caught": share.caught,
        "tests": share.tests,
        "blind": gate in found.blind,
        "blind_to": list(found.blind_to.get(gate, ())),
        "dead": gate in found.dead,
    }


def _room_document(room: Room) -> dict[str, Any]:
    return {
        "metric": room.metric,
        "tolerance": None if room.tolerance is None else _plain(room.tolerance),
        "faintest": {"value": _plain(room.faintest), "wrong": room.wrong, "case": room.case},
    }


def _plain(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def probe_document(tried: Sequence[Tried]) -> dict[str, Any]:
    """Return everything that was found as JSON data."""
    return {"repeats_itself": repeats_itself(tried), "changes": [_entry(each) for each in tried]}


def _entry(tried: Tried) -> dict[str, Any]:
    verdict = tried.verdict
    entry: dict[str, Any] = {
        "name": tried.change.name,
        "what": tried.change.what,
        "verdict": verdict and verdict.value,
        "skipped": tried.skipped,
        "failed": tried.failed,
        "worst": worst_metrics(tried),
    }
    if tried.comparison is not None:
        found = [pair.judged.verdict for pair in tried.comparison.pairs]
        old, new = tried.comparison.a.record.environment, tried.comparison.b.record.environment
        entry["counts"] = {each.value: found.count(each) for each in WORST_LAST if each in found}
        entry["cases"] = {
            pair.judged.id: pair.judged.model_dump(
                mode="json", include={"verdict", "metrics", "error"}
            )
            | {"seconds": pair.pair.b.seconds.generate}
            for pair in tried.comparison.pairs
        }
        entry["environment"] = [
            {"key": each.key, "kind": each.kind.value, "unchanged": each.old, "changed": each.new}
            for each in environment_differences(old, new)
        ]
    return entry
