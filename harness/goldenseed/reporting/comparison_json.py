"""Two runs compared, as plain data for programs."""

from __future__ import annotations

from typing import Any, Final

from goldenseed.diagnosis.model import Diagnosis
from goldenseed.runs.comparison import JudgedPair, RunComparison, StoredRun
from goldenseed.runs.movement import FieldSplit, Movement
from goldenseed.runs.pairing import Environments
from goldenseed.runs.record import CaseRecord

SCHEMA_VERSION: Final = 1
"""What ``schema_version`` says; raised when a field changes its meaning."""


def comparison_document(
    found: RunComparison, environments: Environments, movement: Movement
) -> dict[str, Any]:
    """Return everything a comparison found as JSON data.

    ``same`` says that every pair is identical or within the noise. Each case has its verdict,
    reasons, metrics (B against A), both pixel digests, and where and why it parts.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "a": _run(found.a),
        "b": _run(found.b),
        "same": found.same,
        "cases": [_case(pair) for pair in found.pairs],
        "only_in_a": [_name(case) for case in found.pairing.only_in_a],
        "only_in_b": [_name(case) for case in found.pairing.only_in_b],
        "together": _together(movement),
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
    record = run.record
    return {
        "run_id": record.run_id,
        "profile": record.profile,
        "complete": record.complete,
        "cases": len(record.cases),
    }


def _name(case: CaseRecord) -> dict[str, str]:
    return {"suite": case.suite, "id": case.id}


def _case(pair: JudgedPair) -> dict[str, Any]:
    judged = pair.judged
    return {
        **_name(judged),
        "verdict": judged.verdict.value,
        "reasons": [reason.model_dump(mode="json") for reason in judged.reasons],
        "metrics": judged.metrics,
        "limits": judged.limits,
        "brighter": pair.brighter,
        "pixels_sha256_a": pair.pair.a.pixels_sha256,
        "pixels_sha256_b": pair.pair.b.pixels_sha256,
        "error": judged.error,
        "diagnosis": None if judged.diagnosis is None else _diagnosis(judged.diagnosis),
    }


def _diagnosis(diagnosis: Diagnosis) -> dict[str, Any]:
    found = diagnosis.first_divergence
    return {
        "first_divergence": None
        if found is None
        else found.model_dump(mode="json", include={"stage", "index", "of", "source", "words"}),
        "causes": [each.model_dump(mode="json") for each in diagnosis.causes],
    }


def _together(movement: Movement) -> dict[str, Any]:
    found = movement.separation
    return {
        "beyond_noise": movement.beyond_noise,
        "moved": found.moved,
        "held": found.held,
        "separating": [_split(each) for each in found.separating],
        "shared": [_split(each) for each in found.shared],
        "brighter": movement.brighter,
        "darker": movement.darker,
    }


def _split(split: FieldSplit) -> dict[str, Any]:
    return {
        "field": split.field,
        "values": list(split.values),
        "other_values": list(split.other_values),
        "held_with": split.held_with,
        "held_without": split.held_without,
    }
