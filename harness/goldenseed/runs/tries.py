"""Several tries at one case, by reruns or repetitions, as one record that forgets none of them."""

from __future__ import annotations

from collections.abc import Sequence

from goldenseed.core.listing import first_of
from goldenseed.runs.parts import Try
from goldenseed.runs.record import CaseRecord
from goldenseed.verdict.model import Verdict

_WORSE_AND_WORSE = (
    Verdict.IDENTICAL,
    Verdict.MATCH,
    Verdict.WARN,
    Verdict.NEW,
    Verdict.REJECTED,
    Verdict.INCOMPARABLE,
    Verdict.DRIFT,
    Verdict.ERROR,
)
_TOLD = 6
"""How many tries a sentence tells one by one."""


def together(tries: Sequence[CaseRecord]) -> CaseRecord:
    """Return the record of the try that counts, with all of them in it where there are several.

    A try because of which the case was run again does not count where another follows. Of those
    that count, as repetitions do, the worst stands for the case: a failure before all others.
    """
    if len(tries) == 1:
        return tries[0]
    counting = [each for each in tries if not each.retried] or tries[-1:]
    worst = max(counting, key=_badness)
    remarks = (*worst.remarks, in_words(tries))
    return worst.model_copy(update={"tries": tuple(map(_try, tries)), "remarks": remarks})


def _badness(record: CaseRecord) -> tuple[int, bool]:
    return _WORSE_AND_WORSE.index(record.verdict), not record.passed


def in_words(tries: Sequence[CaseRecord]) -> str:
    """Say what came of several tries: ``drift at try 1, identical at try 2``."""
    verdicts = {each.verdict for each in tries}
    if len(verdicts) == 1:
        (verdict,) = verdicts
        images = {each.pixels_sha256 for each in tries}
        which = "the same pixels" if len(images) == 1 else f"{len(images)} different images"
        which = "no image" if images == {None} else which
        return f"{verdict} at each of {len(tries)} tries: {which}"
    told = [f"{each.verdict} at try {number}" for number, each in enumerate(tries, 1)]
    return first_of(told, _TOLD)


def _try(record: CaseRecord) -> Try:
    return Try(**{name: getattr(record, name) for name in Try.model_fields})
