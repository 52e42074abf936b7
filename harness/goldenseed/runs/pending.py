"""What is known of a case before it runs, and the record of one that came to nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from goldenseed.images.gates import default_limits
from goldenseed.runs.record import CaseRecord
from goldenseed.suite.cases import Limit
from goldenseed.suite.recipes import recipe_of, recipe_sha256
from goldenseed.verdict.model import Reason, Verdict

if TYPE_CHECKING:
    from goldenseed.suite.cases import Case


def sketch_of(case: Case, path: str) -> CaseRecord:
    """Return what is known of a case of the file ``path`` before it runs; it counts as failed."""
    recipe = recipe_of(case)
    return CaseRecord(
        id=case.id,
        suite=case.suite.name,
        path=path,
        line=case.line,
        recipe=recipe,
        recipe_sha256=recipe_sha256(recipe),
        limits={name: limit.value for name, limit in limits_of(case).items()},
        verdict=Verdict.ERROR,
        passed=False,
    )


def failed(sketch: CaseRecord, code: str, message: str) -> CaseRecord:
    """Complete ``sketch`` as the verdict ``error``, with what went wrong."""
    reason = Reason(code=code, detail=message)
    return sketch.model_copy(
        update={"verdict": Verdict.ERROR, "passed": False, "reasons": (reason,), "error": message}
    )


def limits_of(case: Case) -> Mapping[str, Limit]:
    """Return the gates in force for a case: its own, or the default ones."""
    return case.limits or default_limits()
