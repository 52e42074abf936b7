"""The exact images of a calibration: whether they are the cases' own, and how near others are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from goldenseed.baselines.entry import ExactImage
from goldenseed.core.files import write_atomically
from goldenseed.runs.comparison import StoredRun
from goldenseed.runs.record import CaseRecord
from goldenseed.runs.stored import stored_trace, trace_path
from goldenseed.tolerance.exact import exact_distances, stages_of
from goldenseed.tools.calibration.summary import margin
from goldenseed.trace.distances import aligned, either
from goldenseed.trace.files import encode_trace
from goldenseed.trace.sketch import relative_distance
from goldenseed.trace.stages import Stage, Trace

_SAME = 1e-6
"""A relative distance of noise that is the same: sketches of narrow values are kept in float32."""


def exact_image(
    run: StoredRun,
    case: CaseRecord,
    *,
    accepted: Sequence[Trace],
    made: Sequence[Trace],
    by: str,
    now: datetime,
) -> ExactImage | str:
    """Return what is kept of a case's exact image, or why it is not to be used, for people.

    The limit is the farthest image made here, raised by the margin of as many as differ, two at
    least: images that repeat each other bit for bit tell the scale of rounding once.

    Args:
        run: the folder of the exact images, into which the trace to be kept is written.
        case: the record of this one.
        accepted: the traces of the accepted images.
        made: those of the images that the calibration made.
        by: who calibrates.
        now: when.

    """
    if case.error:
        return case.error
    trace = stored_trace(run.folder, case)
    if not trace or not accepted:
        return "no trace tells how the accepted image was made: run and accept it again"
    if (reason := _another(trace, accepted[0])) is not None:
        return reason
    kept = stages_of(trace)
    digest, data = encode_trace(kept)
    write_atomically(trace_path(run.folder, digest), data, durable=False)
    before = [exact_distances(kept, each) for each in accepted]
    here = [exact_distances(kept, each) for each in made]
    if not all(math.isfinite(value) for each in (*before, *here) for value in each.values()):
        return "a trace lacks stages that the exact image has, or has values that are not finite"
    different = len({tuple(each.sha256 for each in one) for one in made})
    raised = margin(max(2, different))
    distances = {name: max(each[name] for each in before) for name in before[0]}
    return ExactImage(
        trace_sha256=digest,
        distances=distances,
        limits={
            name: raised * max(value, *(each[name] for each in here))
            for name, value in distances.items()
        },
        images=different,
        recipe_sha256=case.recipe_sha256,
        made_at=now,
        made_by=by,
    )


def _another(exact: Trace, accepted: Trace) -> str | None:
    """Say in what the exact image is not the accepted one without its rounding."""
    for before, now in aligned(accepted, exact):
        record = either((before, now))
        if before is None or now is None or before.shape != now.shape:
            return f"in float64 the pipeline goes other ways: its {record.stage} is another"
        if record.stage is Stage.TOKEN_IDS and before.sha256 != now.sha256:
            return "the prompt's token ids are others than when the image was accepted"
        if record.stage in {Stage.INITIAL_NOISE, Stage.LATER_NOISE}:
            distance = relative_distance(now, before)
            if distance is None or distance > _SAME:
                return f"its {record.stage} is not the accepted image's"
    return None
