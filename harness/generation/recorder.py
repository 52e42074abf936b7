"""What keeps the stages of one image while they are seen, and digests them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.generation.digesting import Kept, records_of
from harness.generation.sketch import Sketcher
from harness.generation.stages import Stage, Trace

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL.Image import Image

HELD_BYTES = 2**26
"""How much a recorder holds before it digests; it lies where the pipeline's values lie."""
_WITHOUT_ROWS = frozenset({Stage.TIMESTEPS, Stage.SIGMAS, Stage.DENOISER_OUTPUT})
"""Stages whose values have no rows for the images of a batch, or come without the others'."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which image of a batch is the one that is made; the others are company.

    A pipeline whose calls make such a batch has it as its attribute ``goldenseed_place``.
    """

    row: int
    of: int

    def own(self, values: torch.Tensor) -> torch.Tensor:
        """Return the image's own rows of values that have one or, for guidance, up to three each.

        Other values are returned as they are: the batch shares them.
        """
        rows = values.shape[0] if values.ndim else 0
        mine = rows in {self.of, 2 * self.of, 3 * self.of}
        return values[self.row :: self.of] if mine else values


class Recorder:
    """Collects the stages of one image; once closed it takes only the image itself.

    Values are copied where they lie as they come, and digested when the image is done or when
    ``HELD_BYTES`` are held: a GPU is not made to wait in every step.
    """

    def __init__(self, sketcher: Sketcher, *, place: Place | None = None) -> None:
        self._sketcher = sketcher
        self._place = place
        self._records: Trace = ()
        self._kept: list[Kept] = []
        self._held_bytes = 0
        self._counts: Counter[tuple[Stage, str | None]] = Counter()
        self._seen: set[Stage] = set()
        self._open = True

    @property
    def trace(self) -> Trace:
        """The records so far."""
        self._digest()
        return self._records

    def add(self, stage: Stage, source: str | None, values: Any) -> None:
        """Take a tensor; anything else, or a tensor without bytes in memory, is passed over."""
        import torch

        if not self._open or not isinstance(values, torch.Tensor):
            return
        if not values.is_meta and values.layout is torch.strided and not values.is_quantized:
            own = values if stage in _WITHOUT_ROWS else self.own(values)
            copy = own.detach().clone(memory_format=torch.contiguous_format)
            self._keep(stage, source, copy)

    def own(self, values: torch.Tensor) -> torch.Tensor:
        """Return what is of the image itself where it is made in a batch."""
        return values if self._place is None else self._place.own(values)

    def seen(self, stage: Stage) -> bool:
        """Say whether anything was recorded for a stage."""
        return stage in self._seen

    def count(self, stage: Stage) -> int:
        """Say how many values were recorded for a stage."""
        return sum(n for (found, _source), n in self._counts.items() if found is stage)

    def add_image(self, output: Any, image: Image) -> None:
        """Record what the pipeline returned, if that is an array, and the levels made from it."""
        import numpy as np

        made = getattr(output, "images", None)
        if made is not None and len(made) == 1 and not hasattr(made[0], "save"):
            self._keep_array(Stage.FLOAT_IMAGE, np.asarray(made[0]))
        self._keep_array(Stage.PIXELS, np.asarray(image))

    def close(self) -> None:
        """Record nothing any more, also where a copy of what was watched lives on."""
        self._open = False

    def _keep_array(self, stage: Stage, values: np.ndarray[Any, Any]) -> None:
        import numpy as np
        import torch

        if values.dtype.kind in "fiub":
            self._keep(stage, None, torch.from_numpy(np.array(values, order="C")))

    def _keep(self, stage: Stage, source: str | None, values: torch.Tensor) -> None:
        self._kept.append(Kept(stage, self._counts[stage, source], source, values))
        self._counts[stage, source] += 1
        self._seen.add(stage)
        self._held_bytes += values.nbytes
        if self._held_bytes > HELD_BYTES:
            self._digest()

    def _digest(self) -> None:
        self._records += records_of(self._kept, self._sketcher)
        self._kept, self._held_bytes = [], 0
