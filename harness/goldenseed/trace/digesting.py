"""From tensors to stage records: digests at once, norms and sketches when they are asked for.

On a GPU tensors of one size are taken together, so that few kernels run and one transfer suffices.
In the computer's own memory each is taken by itself, by NumPy, whose calls cost less.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from goldenseed.core.files import sha256_hex
from goldenseed.trace.sketch import Sketcher, array_to_text, to_text
from goldenseed.trace.stages import (
    Stage,
    StageDigest,
    StageRecord,
    Trace,
    stages_sha256,
)

if TYPE_CHECKING:
    import torch

    Measures = tuple[float | None, str | None]


@dataclass(frozen=True, slots=True)
class Kept:
    """A stage's values, copied when they were seen."""

    stage: Stage
    index: int
    source: str | None
    values: torch.Tensor
    """Any shape, dtype and device; contiguous in C order."""


class Recording:
    """What was recorded of one image.

    Of an image whose digests are the accepted ones nothing else is needed, so that norms and
    sketches, which take most of the time, are left until they are.

    Args:
        before: what was digested, measured and sketched already.
        kept: what came after that.
        sketcher: makes the sketches.

    """

    def __init__(self, before: Trace, kept: Sequence[Kept], sketcher: Sketcher) -> None:
        self._before = before
        self._kept = kept
        self._digests = _digests([each.values for each in kept])
        self._sketcher = sketcher

    @cached_property
    def stages(self) -> tuple[StageDigest, ...]:
        """Every stage with its digest, in the order in which they came."""
        later = (
            StageDigest(
                each.stage,
                each.index,
                each.source,
                tuple(each.values.shape),
                str(each.values.dtype).removeprefix("torch."),
                sha256,
            )
            for each, sha256 in zip(self._kept, self._digests, strict=True)
        )
        return (*(each.digest for each in self._before), *later)

    @cached_property
    def stages_sha256(self) -> str:
        """The digest of all stages' digests: see ``goldenseed.trace.stages.stages_sha256``."""
        return stages_sha256(self.stages)

    @cached_property
    def trace(self) -> Trace:
        """The whole records, with norms and sketches."""
        measured = _measures([each.values for each in self._kept], self._sketcher)
        later = self.stages[len(self._before) :]
        return self._before + tuple(
            StageRecord(
                stage=each.stage,
                index=each.index,
                source=each.source,
                shape=each.shape,
                dtype=each.dtype,
                sha256=each.sha256,
                norm=norm,
                sketch=sketch,
            )
            for each, (norm, sketch) in zip(later, measured, strict=True)
        )


def record_of(kept: Kept, sketcher: Sketcher) -> StageRecord:
    """Digest, measure and sketch one stage's values."""
    (record,) = Recording((), [kept], sketcher).trace
    return record


def _alike(tensors: Sequence[torch.Tensor]) -> Iterator[list[int]]:
    """Yield the places of tensors that are taken together: of one size and dtype, on one GPU."""
    together: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    for place, each in enumerate(tensors):
        if each.is_cpu:
            yield [place]
        else:
            together[each.numel(), each.dtype, each.device].append(place)
    yield from together.values()


def _rows(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    import torch

    return torch.stack([each.reshape(-1) for each in tensors])


def _digests(tensors: Sequence[torch.Tensor]) -> list[str]:
    """Return the SHA-256 of each tensor's bytes in C order."""
    import torch

    found: dict[int, str] = {}
    for places in _alike(tensors):
        together = [tensors[place] for place in places]
        if together[0].is_cpu:
            found[places[0]] = sha256_hex(together[0].reshape(-1).view(torch.uint8).numpy().data)
        else:
            rows = _rows(together).cpu().view(torch.uint8).numpy()
            found.update(zip(places, (sha256_hex(row.data) for row in rows), strict=True))
    return [found[place] for place in range(len(tensors))]


def _measures(tensors: Sequence[torch.Tensor], sketcher: Sketcher) -> list[Measures]:
    """Return norm and sketch of each tensor; both are None for integers and empty tensors."""
    found: dict[int, Measures] = {}
    for places in _alike(tensors):
        together = [tensors[place] for place in places]
        first = together[0]
        measured: Iterable[Measures]
        if not first.numel() or not (first.is_floating_point() or first.is_complex()):
            measured = [(None, None)] * len(places)
        elif first.is_cpu:
            measured = [_measured_here(first, sketcher)]
        else:
            measured = _measured_there(_rows(together), sketcher)
        found.update(zip(places, measured, strict=True))
    return [found[place] for place in range(len(tensors))]


def _measured_here(values: torch.Tensor, sketcher: Sketcher) -> Measures:
    import torch

    flat = values.reshape(-1)
    if flat.is_complex():
        flat = torch.view_as_real(flat).reshape(-1)
    wide = flat.to(torch.float64).numpy()
    norm = math.sqrt(wide @ wide)
    sketch = array_to_text(sketcher.sketch(wide), wide=flat.dtype is torch.float64)
    return (norm if math.isfinite(norm) else None), sketch


def _measured_there(rows: torch.Tensor, sketcher: Sketcher) -> Iterator[Measures]:
    """Yield norm and sketch of each row of a tensor on a GPU."""
    import torch

    if rows.is_complex():
        rows = torch.view_as_real(rows).flatten(1)
    # MPS has no float64.
    wide = (rows.cpu() if rows.device.type == "mps" else rows).to(torch.float64)
    norms = torch.linalg.vector_norm(wide, dim=1).tolist()
    sketches = sketcher.sketches(wide).cpu()
    precise = rows.dtype is torch.float64
    for norm, sketch in zip(norms, sketches, strict=True):
        yield (norm if math.isfinite(norm) else None), to_text(sketch, wide=precise)
