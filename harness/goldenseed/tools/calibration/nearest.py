"""One case's images, each held against the accepted one that is nearest to it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from goldenseed.baselines.entry import AcceptedImage
from goldenseed.baselines.store import BaselineStore
from goldenseed.core.errors import GoldenseedError
from goldenseed.runs.comparison import StoredRun
from goldenseed.runs.record import CaseRecord
from goldenseed.runs.stored import stored_image, stored_trace
from goldenseed.suite.masking import MaskSpec
from goldenseed.suite.parts import Side
from goldenseed.tolerance.rounding import trace_measures, up_to_the_decoder
from goldenseed.tolerance.tolerance import unmeasured_noise
from goldenseed.tools.calibration.summary import (
    FLOAT_ERROR,
    PIXEL_METRICS,
    Picture,
    Seen,
    float_error,
)
from goldenseed.trace.stages import Stage

if TYPE_CHECKING:
    from PIL.Image import Image

    from goldenseed.trace.stages import Trace

_OF_THE_PICTURE = frozenset(stage for stage in Stage if stage.side is Side.IMAGE)
"""Stages of which a mask leaves parts out, so that their digests say nothing."""


class Nearest:
    """Measures images of one case as its verdict does: those pixels count that the mask leaves."""

    def __init__(
        self,
        store: BaselineStore,
        accepted: Sequence[AcceptedImage],
        dtype: str,
        mask: MaskSpec | None,
    ) -> None:
        self._noise = unmeasured_noise(dtype)
        self._accepted = [(each, store.image(each.pixels_sha256)) for each in accepted]
        self._traces = {
            each.trace_sha256: store.trace(each.trace_sha256)
            for each in accepted
            if each.trace_sha256
        }
        self._mask = _mask_of(self._accepted[0][1], mask)
        self.counted = frozenset(self._digest(image) for _, image in self._accepted)
        """The digests of what counts of the accepted pixels."""

    @property
    def traces(self) -> tuple[Trace, ...]:
        """The traces of the accepted images that have one."""
        return tuple(self._traces.values())

    def picture(self) -> Picture:
        """Return how many values of the accepted picture count."""
        image = self._accepted[0][1]
        mask = self._mask
        counted = image.width * image.height if mask is None else mask.histogram()[255]
        return Picture(counted, len(image.getbands()))

    def seen(self, run: StoredRun, case: CaseRecord) -> Seen:
        """Return what one image is, and how far it is from the nearest accepted one.

        ``beyond`` among what was measured is 1 where unmeasured noise does not explain it.
        """
        image, trace = stored_image(run.folder, case), stored_trace(run.folder, case)
        expected = self._accepted[0][1]
        if (image.size, image.mode) != (expected.size, expected.mode):
            raise GoldenseedError(
                f"{case.id}: {image.width} x {image.height} {image.mode} was made, and what is "
                f"accepted is {expected.width} x {expected.height} {expected.mode}",
                path=run.folder,
                fix="run the suite, look at what changed, and accept it before measuring its noise",
            )
        pixels = self._digest(image)
        known = [each.pixels_sha256 == case.pixels_sha256 for each, _ in self._accepted]
        found = [
            self._against(*each, image, trace, same=same)
            for each, same in zip(self._accepted, known, strict=True)
        ]
        stages = tuple(
            each.sha256
            for each in case.trace
            if self._mask is None or each.stage not in _OF_THE_PICTURE
        )
        return Seen(pixels, stages, min(found, key=lambda each: each["mean_difference"]))

    def _against(
        self,
        accepted: AcceptedImage,
        before: Image,
        image: Image,
        trace: Trace | None,
        *,
        same: bool,
    ) -> Mapping[str, float]:
        from goldenseed.images.measure import measure

        metrics = measure(image, before, PIXEL_METRICS, mask=self._mask)
        digest = accepted.trace_sha256
        both = (self._traces[digest], trace) if digest and trace else None
        measures = trace_measures(*both, self._noise.dtype) if both else None
        along = {
            each.metric: each.value
            for each in measures or ()
            if each.detail is None and math.isfinite(each.value)
        }
        if both and (error := float_error(*both)) is not None:
            along[FLOAT_ERROR] = error
        beyond = not (
            same
            or self._noise.explains(metrics, measures)
            or (not metrics["peak_difference"] and up_to_the_decoder(measures or ()))
        )
        return {**metrics, **along, "beyond": float(beyond)}

    def _digest(self, image: Image) -> str:
        """Digest the pixels that count."""
        from goldenseed.core.pixels import pixels_sha256

        if self._mask is not None and image.size == self._mask.size:
            from PIL import Image

            image = Image.composite(image, Image.new(image.mode, image.size), self._mask)
        return pixels_sha256(image)


def _mask_of(image: Image, spec: MaskSpec | None) -> Image | None:
    if spec is None:
        return None
    from goldenseed.images.terms import mask_of

    return mask_of(image.size, file=spec.file, ignore=spec.ignore, path=spec.path, line=spec.line)
