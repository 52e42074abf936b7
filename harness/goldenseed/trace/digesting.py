"""From arrays to stage records: digests at once, norms and sketches when they are asked for.

NumPy alone suffices, so that whatever makes images can have its stages recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from goldenseed.core.files import sha256_hex
from goldenseed.trace.sketch import measure
from goldenseed.trace.stages import Stage, StageDigest, StageRecord, Trace, stages_sha256

if TYPE_CHECKING:
    from goldenseed.trace.sketch import Array


@dataclass(frozen=True, slots=True)
class Kept:
    """A stage's digest, and its values for as long as norm and sketch may be asked for."""

    digest: StageDigest
    values: Array
    """The numbers, any shape; nobody may change them any more. bfloat16 as its bits, 16 each."""

    @property
    def record(self) -> StageRecord:
        """The whole record, measured and sketched now."""
        norm, sketch = measured(self.values, self.digest.dtype)
        each = self.digest
        return StageRecord(
            stage=each.stage,
            index=each.index,
            source=each.source,
            shape=each.shape,
            dtype=each.dtype,
            sha256=each.sha256,
            norm=norm,
            sketch=sketch,
        )


def kept(
    stage: Stage, index: int, source: str | None, values: Array, dtype: str | None = None
) -> Kept:
    """Digest a stage's values, taken in C order; ``dtype`` is named where NumPy lacks it."""
    import numpy as np

    values = np.asarray(values, order="C")
    sha256 = sha256_hex(values.reshape(-1).view(np.uint8).data)
    digest = StageDigest(stage, index, source, values.shape, dtype or values.dtype.name, sha256)
    return Kept(digest, values)


def measured(values: Array, dtype: str) -> tuple[float | None, str | None]:
    """Return norm and sketch (see ``measure``) of values of a dtype that NumPy may lack."""
    import numpy as np

    if dtype == "bfloat16":
        values = (values.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    return measure(values)


class Recording:
    """What was recorded of one image.

    Of an image whose digests are the accepted ones nothing else is needed, so that norms and
    sketches, which take most of the time, are left until they are; the values are held until then.

    Args:
        kept: the stages in their order.
        before: records that came before these and are whole.

    """

    def __init__(self, kept: Sequence[Kept] = (), before: Trace = ()) -> None:
        self._before = before
        self._kept = tuple(kept)
        self.stages = (*(each.digest for each in before), *(each.digest for each in kept))
        """Every stage with its digest, in the order in which they came."""

    @property
    def held_bytes(self) -> int:
        """How much memory the values take that may yet have to be sketched."""
        return sum(each.values.nbytes for each in self._kept)

    @cached_property
    def stages_sha256(self) -> str:
        """The digest of all stages' digests: see ``goldenseed.trace.stages.stages_sha256``."""
        return stages_sha256(self.stages)

    @cached_property
    def trace(self) -> Trace:
        """The whole records, with norms and sketches; the values are let go of."""
        trace = self._before + tuple(each.record for each in self._kept)
        self._kept = ()
        return trace
