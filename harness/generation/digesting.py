"""From tensors to stage records.

On a GPU tensors of one size are measured together, so that few kernels run and one transfer
suffices. In the computer's own memory each is measured by itself, by NumPy, whose calls cost less.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.files import sha256_hex
from harness.generation.sketch import Sketcher, array_to_text, to_text
from harness.generation.stages import Stage, StageRecord, Trace

if TYPE_CHECKING:
    import torch

    Measures = tuple[str, float | None, str | None]


@dataclass(frozen=True, slots=True)
class Kept:
    """A stage's values, copied when they were seen."""

    stage: Stage
    index: int
    source: str | None
    values: torch.Tensor
    """Any shape, dtype and device; contiguous in C order."""


def records_of(kept: Sequence[Kept], sketcher: Sketcher) -> Trace:
    """Digest, measure and sketch what was kept, in its order."""
    alike: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    measures: dict[int, Measures] = {}
    for place, each in enumerate(kept):
        if each.values.is_cpu:
            measures[place] = _measured_here(each.values, sketcher)
        else:
            alike[each.values.numel(), each.values.dtype, each.values.device].append(place)
    for places in alike.values():
        found = _measures([kept[place].values for place in places], sketcher)
        measures.update(zip(places, found, strict=True))
    return tuple(_record(each, *measures[place]) for place, each in enumerate(kept))


def _record(kept: Kept, sha256: str, norm: float | None, sketch: str | None) -> StageRecord:
    return StageRecord(
        stage=kept.stage,
        index=kept.index,
        source=kept.source,
        shape=tuple(kept.values.shape),
        dtype=str(kept.values.dtype).removeprefix("torch."),
        sha256=sha256,
        norm=norm,
        sketch=sketch,
    )


def _measured_here(values: torch.Tensor, sketcher: Sketcher) -> Measures:
    import torch

    flat = values.reshape(-1)
    digest = sha256_hex(flat.view(torch.uint8).numpy().data)
    if flat.is_complex():
        flat = torch.view_as_real(flat).reshape(-1)
    if not flat.is_floating_point() or not flat.numel():
        return digest, None, None
    wide = flat.to(torch.float64).numpy()
    norm = math.sqrt(wide @ wide)
    sketch = array_to_text(sketcher.sketch(wide), wide=flat.dtype is torch.float64)
    return digest, (norm if math.isfinite(norm) else None), sketch


def _measures(tensors: Sequence[torch.Tensor], sketcher: Sketcher) -> Iterator[Measures]:
    """Yield digest, norm and sketch of each of several tensors of one size, dtype and device."""
    import torch

    rows = torch.stack([each.reshape(-1) for each in tensors])
    digests = [sha256_hex(row.data) for row in rows.cpu().view(torch.uint8).numpy()]
    if rows.is_complex():
        rows = torch.view_as_real(rows).flatten(1)
    if not rows.is_floating_point() or not rows.numel():
        yield from ((digest, None, None) for digest in digests)
        return
    # MPS has no float64.
    wide = (rows.cpu() if rows.device.type == "mps" else rows).to(torch.float64)
    norms = torch.linalg.vector_norm(wide, dim=1).tolist()
    sketches = sketcher.sketches(wide).cpu()
    precise = rows.dtype is torch.float64
    for digest, norm, sketch in zip(digests, norms, sketches, strict=True):
        yield digest, (norm if math.isfinite(norm) else None), to_text(sketch, wide=precise)
