"""The history as plain JSON, for programs and for the page."""

from __future__ import annotations

from typing import Any

from goldenseed.history.asked import Past
from goldenseed.history.changes import Change


def series_document(told: Past, *, points: bool = True) -> dict[str, Any]:
    """Lay out what is told of a series; without ``points`` only the last of them."""
    shown = told.points if points else told.points[-1:]
    stability = told.stability
    return {
        "suite": told.series.suite,
        "case": told.series.case,
        "profile": told.series.profile,
        "runs": len(told.points),
        "stability": {
            "score": stability.score,
            "at_least": stability.at_least,
            "pairs": stability.pairs,
            "flickers": stability.flickers,
        },
        "changes": [change_document(each) for each in told.changes],
        "points" if points else "last": [
            {
                "run": each.run,
                "at": each.at.isoformat(),
                "commit": each.commit,
                "verdict": each.verdict.value,
                "passed": each.passed,
                "pixels_sha256": each.pixels,
                "accepted_sha256": each.accepted,
                "recipe_sha256": each.recipe,
                "environment_sha256": each.environment,
                "first_divergence": each.divergence,
                "values": {
                    name: value
                    for name in dict.fromkeys((*told.measures, *each.values))
                    if (value := each.value(name)) is not None
                },
            }
            for each in shown
        ],
    }


def change_document(change: Change) -> dict[str, Any]:
    """Lay out a change point."""
    differences = change.differences
    return {
        "run": change.point.run,
        "run_before": change.before.run,
        "at": change.point.at.isoformat(),
        "of": change.of,
        "certainty": change.certainty.value,
        **({"until": change.last.run, "runs": change.runs} if change.last else {}),
        "old": change.old,
        "new": change.new,
        "recipe_changed": change.recipe,
        "commits": change.commits,
        "environment": None
        if differences is None
        else [{"key": each.key, "old": each.old, "new": each.new} for each in differences],
    }
