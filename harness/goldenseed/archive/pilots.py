"""The pilots of an archived run judged again, from its cases and suites."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from goldenseed.archive.findings import Finding
from goldenseed.reporting.words import name_of
from goldenseed.runs.pilots import NOT_RUN, judged_pilots
from goldenseed.runs.record import RunRecord
from goldenseed.suite.cases import Suite


def check_pilots(run: RunRecord, suites: Mapping[str, Suite]) -> Iterator[Finding]:
    """Find pilots that did not hold as the record says, and cases left out for none on record.

    Of a run put together from others each part had a pilot of its own: that is not done again.
    ``suites`` are by their place.
    """
    if not run.parts:
        for said, so in zip(
            run.pilots,
            judged_pilots(run.pilots, run, run.options.get("update", "none")),
            strict=True,
        ):
            suite = suites.get(said.path)
            wanted = suite and suite.pilot and (suite.pilot.cases, suite.pilot.require)
            if said != so or wanted != (said.asked, said.require):
                what = "did not run, or hold, as the record says"
                yield Finding("pilot_differs", f"{said.suite}::pilot", what)
    broken = {each.path for each in run.pilots if not each.held}
    for left_out in run.not_compared:
        if left_out.why == NOT_RUN and left_out.path not in broken:
            what = "was not run for a pilot, and none on record did not hold"
            yield Finding("pilot_missing", name_of(left_out), what)
