"""What the images of a calibration are held against: the accepted ones, and the exact one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from goldenseed.baselines.entry import AcceptedImage, ExactImage
from goldenseed.baselines.store import BaselineStore
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import write_atomically
from goldenseed.runs.comparison import StoredRun
from goldenseed.runs.made import mask_for
from goldenseed.runs.record import CaseRecord
from goldenseed.runs.stored import stored_evidence, stored_trace, trace_path
from goldenseed.suite.masking import MaskSpec
from goldenseed.suite.parts import Side
from goldenseed.tolerance.exact import exact_distances, stages_of
from goldenseed.tolerance.rounding import trace_measures
from goldenseed.tolerance.tolerance import assumed_tolerance
from goldenseed.tools.calibration.summary import (
    FLOAT_ERROR,
    PIXEL_METRICS,
    Picture,
    Seen,
    float_error,
    margin,
)
from goldenseed.trace.distances import aligned, either
from goldenseed.trace.files import encode_trace
from goldenseed.trace.sketch import relative_distance
from goldenseed.trace.stages import Stage, Trace
from goldenseed.verdict.evidence import Accepted, Evidence, Reference, accepted_evidence
from goldenseed.verdict.judge import Judgement, judge
from goldenseed.verdict.model import Verdict

if TYPE_CHECKING:
    from PIL.Image import Image

_OF_THE_PICTURE = frozenset(stage for stage in Stage if stage.side is Side.IMAGE)
"""Stages of which a mask leaves parts out, so that their digests say nothing."""
_SAME = 1e-6
"""A relative distance of noise that is the same: sketches of narrow values are kept in float32."""


class AcceptedImages:
    """The accepted images of one case, and how far others are from them."""

    def __init__(
        self,
        store: BaselineStore,
        profile: str,
        accepted: Sequence[AcceptedImage],
        dtype: str,
        mask: MaskSpec | None,
    ) -> None:
        self._known = tuple(accepted_evidence(store, profile, each) for each in accepted)
        self.tolerance = assumed_tolerance(dtype)
        """What is assumed of rounding where nobody measured."""
        self.digests = tuple(each.pixels_sha256 for each in accepted)
        self._mask = mask_for(self._known[0].size, mask)

    def check(self) -> None:
        """Read all that images are held against; raises ``GoldenseedError`` where that fails."""
        for each in self._known:
            assert each.image is not None  # noqa: S101 - it is there or raises
            each.trace  # noqa: B018 - reading is what is wanted

    @property
    def traces(self) -> tuple[Trace, ...]:
        """The traces of the accepted images that have one."""
        return tuple(each.trace for each in self._known if each.trace)

    @property
    def counted(self) -> frozenset[str]:
        """The digests of what counts of the accepted pixels."""
        return frozenset(self._digest(each.image) for each in self._known if each.image)

    def picture(self) -> Picture:
        """Return how many values of the accepted picture count."""
        first, mask = self._known[0], self._mask
        counted = math.prod(first.size) if mask is None else mask.histogram()[255]
        return Picture(counted, len(first.image.getbands()) if first.image else 1)

    def judged(self, now: Evidence) -> Judgement:
        """Judge an image without gates, by what is assumed of rounding."""
        return judge(
            now,
            Reference(Accepted(self._known)),
            limits={},
            tolerance=self.tolerance,
            mask=self._mask,
            shown=PIXEL_METRICS,
        )

    def seen(self, run: StoredRun, case: CaseRecord) -> Seen:
        """Return what one image is, how it is judged, and how far it is from the nearest."""
        now = stored_evidence(run.record, run.folder, case)
        assert now.image is not None  # noqa: S101 - it is there or raises
        judgement = self.judged(now)
        against = judgement.against
        if judgement.verdict is Verdict.INCOMPARABLE or against is None:
            raise GoldenseedError(
                f"{case.id}: {_kind(now)} was made, and what is accepted is "
                f"{_kind(self._known[0])}",
                path=run.folder,
                fix="run the suite, look at what changed, and accept it before calibrating",
            )
        stages = tuple(
            each.sha256
            for each in case.trace
            if self._mask is None or each.stage not in _OF_THE_PICTURE
        )
        measured = {
            **dict.fromkeys(PIXEL_METRICS, 0.0),
            **judgement.metrics,
            **dict(self._along(against, now)),
        }
        return Seen(self._digest(now.image), stages, measured, beyond=not judgement.explained)

    def _along(self, accepted: Evidence, now: Evidence) -> Iterator[tuple[str, float]]:
        """Yield what the two traces measure, of images with the same pixels too."""
        if not accepted.trace or not now.trace:
            return
        for each in trace_measures(accepted.trace, now.trace, self.tolerance.dtype):
            if each.detail is None and math.isfinite(each.value):
                yield each.metric, each.value
        if (error := float_error(accepted.trace, now.trace)) is not None:
            yield FLOAT_ERROR, error

    def _digest(self, image: Image) -> str:
        """Digest the pixels that count."""
        from goldenseed.core.pixels import pixels_sha256

        if self._mask is not None and image.size == self._mask.size:
            from PIL import Image

            image = Image.composite(image, Image.new(image.mode, image.size), self._mask)
        return pixels_sha256(image)


def _kind(evidence: Evidence) -> str:
    return f"{evidence.size[0]} x {evidence.size[1]} {evidence.mode}"


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

    The trace to be kept is written into the folder of ``run``. The limit is the farthest of
    ``made``, raised by the margin of as many as differ, two at least: images that repeat each other
    bit for bit tell the scale of rounding once.
    """
    if case.error:
        return case.error
    trace = stored_trace(run.folder, case)
    if not trace or not accepted:
        return "no trace tells how the accepted image was made: run and accept it again"
    if (reason := another_image(trace, accepted[0])) is not None:
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


def another_image(exact: Trace, accepted: Trace) -> str | None:
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
