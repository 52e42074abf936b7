"""From arrays to stage records, by NumPy alone: digests at once, norms and sketches on demand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from goldenseed.core.files import sha256_hex
from goldenseed.trace.sketch import measure
from goldenseed.trace.stages import Stage, StageDigest, StageRecord, Trace, stages_sha256

if TYPE_CHECKING:
    from goldenseed.core.elements import Content
    from goldenseed.trace.sketch import Array


@dataclass(frozen=True, slots=True)
class Kept:
    """A stage's digest, and its values for as long as norm and sketch may be asked for."""

    digest: StageDigest
    values: Array
    """The numbers, any shape; nobody may change them any more. bfloat16 as its bits, 16 each.

    None of those that have neither norm nor sketch, such as a picture's levels."""


def kept(
    stage: Stage, index: int, source: str | None, values: Array, dtype: str | None = None
) -> Kept:
    """Digest a stage's values, taken in C order; ``dtype`` is named where NumPy lacks it."""
    import numpy as np

    values = np.asarray(values, order="C")
    sha256 = sha256_hex(values.reshape(-1).view(np.uint8).data)
    digest = StageDigest(stage, index, source, values.shape, dtype or values.dtype.name, sha256)
    sketched = values.dtype.kind in "fc" or dtype == "bfloat16"
    return Kept(digest, values if sketched else values.reshape(-1)[:0].copy())


def records(kept: Sequence[Kept]) -> Trace:
    """Measure and sketch (see ``measure``) what was kept, and return the whole records."""
    found = measure([_numbers(each) for each in kept])
    return tuple(
        StageRecord(
            stage=each.digest.stage,
            index=each.digest.index,
            source=each.digest.source,
            shape=each.digest.shape,
            dtype=each.digest.dtype,
            sha256=each.digest.sha256,
            norm=norm,
            sketch=sketch,
        )
        for each, (norm, sketch) in zip(kept, found, strict=True)
    )


def _numbers(kept: Kept) -> Array:
    import numpy as np

    if kept.digest.dtype == "bfloat16":
        return (kept.values.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    return kept.values


def _is_level(record: StageDigest | StageRecord) -> bool:
    return record.stage is Stage.PIXELS


class Recording:
    """What was recorded of one image: ``kept``, after the whole records of ``before``.

    Norms and sketches take most of the time, and equal digests need none: they are made when asked
    for, and the values are held until then.
    """

    def __init__(self, kept: Sequence[Kept] = (), before: Trace = ()) -> None:
        self._before = before
        self._kept = tuple(kept)
        self.stages = (*(each.digest for each in before), *(each.digest for each in kept))
        """Every stage with its digest, in the order in which they came."""

    def after(self, values: Iterable[tuple[Stage, str | None, Array]]) -> Recording:
        """Return the recording with stages before all others: stage, source and values of each."""
        earlier = records([kept(stage, 0, source, array) for stage, source, array in values])
        return Recording(self._kept, (*earlier, *self._before))

    def ending_in(self, *pictures: Content) -> Recording:
        """Return the recording with each picture's levels at its end, if it says nothing of any."""
        import numpy as np

        if not self.stages or any(each.stage is Stage.PIXELS for each in self.stages):
            return self
        levels = (kept(Stage.PIXELS, n, None, np.array(each)) for n, each in enumerate(pictures))
        return Recording((*self._kept, *levels), self._before)

    def postprocessed(
        self, steps: Sequence[tuple[str, Sequence[Content]]], last: Sequence[Content]
    ) -> Recording:
        """Return the recording of what went through steps, each with its label and its pictures.

        The levels it had become ``UNPROCESSED``; it ends in the levels of ``last``.
        """
        import numpy as np

        if not self.stages:
            return self
        before = tuple(
            each.model_copy(update={"stage": Stage.UNPROCESSED}) if _is_level(each) else each
            for each in self._before
        )
        made = tuple(
            replace(each, digest=replace(each.digest, stage=Stage.UNPROCESSED))
            if _is_level(each.digest)
            else each
            for each in self._kept
        )
        known: dict[int, Kept] = {}
        for label, pictures in steps:
            for n, each in enumerate(pictures):
                known[id(each)] = kept(Stage.POSTPROCESSED, n, label, np.asarray(each))
                made += (known[id(each)],)
        for n, each in enumerate(last):
            found = known.get(id(each)) or kept(Stage.PIXELS, n, None, np.array(each))
            digest = replace(found.digest, stage=Stage.PIXELS, index=n, source=None)
            made += (replace(found, digest=digest),)
        return Recording(made, before)

    @cached_property
    def stages_sha256(self) -> str:
        """The digest of all stages' digests: see ``goldenseed.trace.stages.stages_sha256``."""
        return stages_sha256(self.stages)

    def values(self) -> Iterator[tuple[StageDigest, Array]]:
        """Yield the numbers of each stage that has some, as long as they are held."""
        yield from ((each.digest, _numbers(each)) for each in self._kept if each.values.size)

    @cached_property
    def trace(self) -> Trace:
        """The whole records, with norms and sketches; the values are let go of."""
        trace = self._before + records(self._kept)
        self._kept = ()
        return trace
