"""What keeps the stages of one image, and what happens within its first denoising step.

Up to the first ``scheduler.step``: enough to tell a changed denoiser, guidance and scheduler apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from goldenseed.backends.diffusers.tensors import (
    denormalised,
    in_memory,
    kept_tensor,
    readable,
    row_of,
)
from goldenseed.backends.protocol import Stopped
from goldenseed.core.errors import GoldenseedError
from goldenseed.trace.digesting import Kept, Recording
from goldenseed.trace.stages import Stage, StageName, Trace

if TYPE_CHECKING:
    import numpy as np
    import torch

    from goldenseed.backends.diffusers.outputs import Returned
    from goldenseed.backends.protocol import Element


Rows = TypeVar("Rows", "torch.Tensor", "list[Any]")
"""A batch, as one tensor or as a list of one tensor a row."""
HELD_BYTES = 2**26
"""How much a recorder holds where the pipeline's values lie before it brings it into memory."""
_WITHOUT_ROWS = (Stage.TIMESTEPS, Stage.SIGMAS, Stage.DENOISER_OUTPUT)
"""Stages whose values have no rows for the images of a batch, or come without the others'."""


_SHOWN = (Stage.VAE_OUTPUT, Stage.DENOISING_STEP)
"""Stages whose last values an image is held against: it shows them, or something came between."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which image of a batch is the one that is made; a pipeline has it as ``goldenseed_place``."""

    row: int
    of: int

    def own(self, values: Rows) -> Rows:
        """Return the image's rows, where it has one or, for guidance, up to three; else all."""
        rows = len(values) if isinstance(values, list) or values.ndim else 0
        mine = rows in {self.of, 2 * self.of, 3 * self.of}
        return values[self.row :: self.of] if mine else values


class Recorder:
    """Collects the stages of one image after the other.

    Values are copied where they lie as they come, and brought into memory and digested when the
    image is done or when ``HELD_BYTES`` are held: a GPU is not made to wait in every step. What is
    done in every step is kept short, since the caches are cold after a step of a denoiser: each
    line of Python costs some five times there what it costs in a loop.
    """

    def __init__(self) -> None:
        import torch

        self._contiguous = torch.contiguous_format
        self.begin()

    def begin(self, place: Place | None = None, until: StageName | None = None) -> None:
        """Forget the image before and take what comes from now on, up to ``until`` if given."""
        self._place = place
        self._until = until
        self._kept: list[Kept] = []
        self._counts: Counter[tuple[Stage, str | None]] = Counter()
        self._pending: list[tuple[Stage, str | None, torch.Tensor]] = []
        self._pending_bytes = 0
        self._shown: torch.Tensor | None = None
        """The last picture or sample that came: what the float image is made of."""
        self._open = True
        self.in_first_step = True
        """Whether no scheduler has stepped since the last one was given its timesteps."""
        self._stepped: Counter[str] = Counter()
        self.made_within: set[int] = set()
        """What a part that shares modules with the denoiser made last, by ``id``."""
        self.drawn = False
        """Whether noise was drawn."""
        self.given = False
        """Whether an image processor has prepared a picture that was given."""
        self._decoded = False
        """Whether a VAE has made a picture: one that is prepared from then on may be that."""
        self.until_first_step: list[Callable[[], object]] = []
        """Called once the first step was given its sample: hooks of denoisers that were called."""

    @property
    def trace(self) -> Trace:
        """The records so far."""
        return self.recording().trace

    def recording(self) -> Recording:
        """Return what was recorded so far; norms and sketches are yet to be computed."""
        self._bring()
        return Recording(self._kept)

    def finish(self) -> Recording:
        """Return what was recorded and let go of it."""
        recording = self.recording()
        self.forget()
        return recording

    def forget(self) -> None:
        """Let go of what was recorded, and record nothing any more."""
        self.begin()
        self.close()

    def add(self, stage: Stage, source: str | None, values: Any, *, parted: bool = False) -> bool:
        """Take a tensor; anything else, or a tensor without bytes in memory, is passed over.

        Of a batch the image's rows are taken, unless it was ``parted`` before.
        """
        if not self._open or not readable(values):
            return False
        if stage is Stage.GIVEN_PICTURE and self._decoded:
            return False
        if self._place is not None and not parted and stage not in _WITHOUT_ROWS:
            values = self._place.own(values)
        if values.requires_grad:
            values = values.detach()
        values = values.clone(memory_format=self._contiguous)
        if stage in _SHOWN:
            self._shown = values
            self._decoded |= stage is Stage.VAE_OUTPUT
        self._keep(stage, source, values)
        if self._until is not None:
            self._stop_at(self._until)
        return True

    def _stop_at(self, until: StageName) -> None:
        """Raise ``Stopped`` once ``until`` is among the records; they are brought at once then."""
        self._bring()
        last = self._kept[-1].digest
        if (last.stage, last.source or "", last.index) == (until.stage, until.source, until.index):
            raise Stopped(self.finish())

    def own(self, values: Rows) -> Rows:
        """Return what is of the image itself where it is made in a batch."""
        return values if self._place is None else self._place.own(values)

    def told(self, stage: str, values: Any, source: str | None) -> None:
        """Take what the user's code says that a stage was: ``goldenseed.trace.record``."""
        known = {each.value: each for each in Stage}
        if stage not in known:
            raise GoldenseedError(
                f"there is no stage {stage!r} to record",
                fix=f"use one of {', '.join(known)}",
            )
        if hasattr(values, "__array_interface__"):
            self._keep_array(known[stage], values.copy(), source)
        else:
            self.add(known[stage], source, values)

    def scheduled(self, scheduler: str) -> None:
        """Note that a scheduler was given its timesteps: its denoiser's first step comes next."""
        self.in_first_step |= not self._stepped[scheduler]

    def stepped(self, scheduler: str) -> int:
        """Return how often a scheduler was given a sample before, and note that it is once more."""
        before = self._stepped[scheduler]
        self._stepped[scheduler] += 1
        if not before:
            self.in_first_step = False
            while self.until_first_step:
                self.until_first_step.pop()()
        return before

    def add_elements(self, returned: Sequence[Returned], elements: Sequence[Element]) -> None:
        """Record each returned array, uncopied, and its levels; also once closed."""
        import numpy as np

        for place, (given, made) in enumerate(zip(returned, elements, strict=True)):
            if given.is_picture and not hasattr(given.value, "save"):
                picture = np.asarray(given.value)
                self._keep_array(Stage.FLOAT_IMAGE, picture)
                shown = row_of(self._shown, place, len(elements))
                if (same := denormalised(shown, picture)) is not None:
                    self._keep_array(Stage.DENORMALISED, np.array([same]))
            self._keep_array(Stage.PIXELS, np.array(made.content))

    def close(self) -> None:
        """Record nothing any more, also where a copy of what was watched lives on."""
        self._open = False

    def _keep_array(
        self, stage: Stage, values: np.ndarray[Any, Any], source: str | None = None
    ) -> None:
        import numpy as np
        import torch

        if values.dtype.kind in "fiub":
            plain = np.require(values, requirements=("C", "W"))
            self._keep(stage, source, torch.from_numpy(plain))

    def _keep(self, stage: Stage, source: str | None, values: torch.Tensor) -> None:
        self._pending.append((stage, source, values))
        self._pending_bytes += values.nbytes
        if self._pending_bytes > HELD_BYTES:
            self._bring()

    def _bring(self) -> None:
        """Digest what is pending, number it by stage and source, and hold it in memory alone."""
        brought = in_memory([values for _, _, values in self._pending])
        for (stage, source, _), values in zip(self._pending, brought, strict=True):
            self._kept.append(kept_tensor(stage, self._counts[stage, source], source, values))
            self._counts[stage, source] += 1
        self._pending, self._pending_bytes = [], 0
