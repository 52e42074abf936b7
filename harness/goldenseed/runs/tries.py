"""Several tries at one case, by reruns or repetitions, as one record that forgets none of them."""

from __future__ import annotations

from collections.abc import Sequence

from goldenseed.runs.parts import Try
from goldenseed.runs.record import CaseRecord
from goldenseed.verdict.model import PASSING


def together(tries: Sequence[CaseRecord]) -> CaseRecord:
    """Return the record of the try that counts, with all of them in it where there are several.

    A try because of which the case was run again does not count where another follows. Of those
    that count, as repetitions do, the worst stands for the case: a failure before all others.
    """
    if len(tries) == 1:
        return tries[0]
    counting = [each for each in tries if not each.retried] or tries[-1:]
    return max(counting, key=_badness).model_copy(update={"tries": tuple(map(_try, tries))})


def _badness(record: CaseRecord) -> tuple[bool, int]:
    order = PASSING.index(record.verdict) if record.verdict in PASSING else len(PASSING)
    return not record.passed, order


def _try(record: CaseRecord) -> Try:
    return Try(**{name: getattr(record, name) for name in Try.model_fields})
