"""What keeps the stages of one image, and what happens within its first denoising step.

Recorded for the first step alone, up to the first ``scheduler.step``: that is enough to tell a
changed denoiser from a changed guidance and both from a changed scheduler.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from goldenseed.suite.parts import made_by, role_of
from goldenseed.trace.digesting import Kept, Recording
from goldenseed.trace.sketch import Sketcher
from goldenseed.trace.stages import Stage, Trace

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL.Image import Image


HELD_BYTES = 2**26
"""How much a recorder holds before it digests; it lies where the pipeline's values lie."""
_WITHOUT_ROWS = (Stage.TIMESTEPS, Stage.SIGMAS, Stage.DENOISER_OUTPUT)
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
    """Collects the stages of one image after the other.

    Values are copied where they lie as they come, and digested when the image is done or when
    ``HELD_BYTES`` are held: a GPU is not made to wait in every step. What is done in every step is
    kept short, since the caches are cold after a step of a denoiser: each line of Python costs
    some five times there what it costs in a loop.
    """

    def __init__(self, sketcher: Sketcher) -> None:
        import torch

        self._tensor = torch.Tensor
        self._strided = torch.strided
        self._contiguous = torch.contiguous_format
        self._sketcher = sketcher
        self.begin()

    def begin(self, place: Place | None = None) -> None:
        """Forget the image before and take what comes from now on."""
        self._place = place
        self._digested: Trace = ()
        self._kept: list[tuple[Stage, str | None, torch.Tensor]] = []
        self._held_bytes = 0
        self._open = True
        self.first_step_seen = False
        """Whether a denoising step was given its sample."""
        self.later_outputs = 0
        """How many outputs of denoising steps after the first were recorded."""
        self.drawn = False
        """Whether noise was drawn."""
        self.until_first_step: list[Callable[[], object]] = []
        """Called once the first step was given its sample: hooks that are of no use after it."""

    @property
    def trace(self) -> Trace:
        """The records so far."""
        return self.recording().trace

    def recording(self) -> Recording:
        """Return what was recorded so far; norms and sketches are yet to be computed."""
        return Recording(self._digested, self._counted(), self._sketcher)

    def finish(self) -> Recording:
        """Return what was recorded and let go of it."""
        recording = self.recording()
        self.begin()
        self.close()
        return recording

    def add(self, stage: Stage, source: str | None, values: Any) -> bool:
        """Take a tensor; anything else, or a tensor without bytes in memory, is passed over."""
        if not self._open or not isinstance(values, self._tensor):
            return False
        if values.layout is not self._strided or values.is_meta or values.is_quantized:
            return False
        if self._place is not None and stage not in _WITHOUT_ROWS:
            values = self._place.own(values)
        if values.requires_grad:
            values = values.detach()
        self._keep(stage, source, values.clone(memory_format=self._contiguous))
        return True

    def own(self, values: torch.Tensor) -> torch.Tensor:
        """Return what is of the image itself where it is made in a batch."""
        return values if self._place is None else self._place.own(values)

    def end_of_first_step(self) -> None:
        """Note that the first denoising step was given its sample."""
        self.first_step_seen = True
        while self.until_first_step:
            self.until_first_step.pop()()

    def add_image(self, output: Any, image: Image) -> None:
        """Record what the pipeline returned, if that is an array, and the levels made from it.

        Takes them also once the recorder is closed, and does not copy an array: nobody else has it.
        """
        import numpy as np

        made = getattr(output, "images", None)
        if made is not None and len(made) == 1 and not hasattr(made[0], "save"):
            self._keep_array(Stage.FLOAT_IMAGE, np.asarray(made[0]))
        self._keep_array(Stage.PIXELS, np.array(image))

    def close(self) -> None:
        """Record nothing any more, also where a copy of what was watched lives on."""
        self._open = False

    def _keep_array(self, stage: Stage, values: np.ndarray[Any, Any]) -> None:
        import numpy as np
        import torch

        if values.dtype.kind in "fiub":
            plain = np.require(values, requirements=("C", "W"))
            self._keep(stage, None, torch.from_numpy(plain))

    def _keep(self, stage: Stage, source: str | None, values: torch.Tensor) -> None:
        self._kept.append((stage, source, values))
        self._held_bytes += values.nbytes
        if self._held_bytes > HELD_BYTES:
            self._digested = self.recording().trace
            self._kept, self._held_bytes = [], 0

    def _counted(self) -> list[Kept]:
        """Return what is kept, numbered by stage and source."""
        counts: Counter[tuple[str, str | None]] = Counter(
            (each.stage.value, each.source) for each in self._digested
        )
        kept = []
        for stage, source, values in self._kept:
            key = stage.value, source
            kept.append(Kept(stage, counts[key], source, values))
            counts[key] += 1
        return kept


_CALLS = 4
"""How many calls are recorded where no scheduler tells that a step is done."""
_ROWS = 4
"""Up to how many rows of a batch are kept apart: guidance needs two, at times three."""


def watch_denoiser(recorder: Recorder, restore: ExitStack, name: str, module: Any) -> None:
    """Record inputs and outputs of ``module`` until the first step is done."""
    calls = 0

    def before(_module: Any, args: Any, kwargs: Any) -> None:
        nonlocal calls
        if recorder.first_step_seen or calls == _CALLS:
            return
        calls += 1
        for part, values in (*enumerate(args), *kwargs.items()):
            for inner, value in _named(str(part), values):
                recorder.add(Stage.DENOISER_INPUT, f"{name}.{inner}", value)

    def after(_module: Any, _args: Any, output: Any) -> None:
        if recorder.first_step_seen or calls == _CALLS:
            return
        values = made_by(role_of(name), output)
        for row, value in _rows(recorder, values):
            recorder.add(Stage.DENOISER_OUTPUT, f"{name}{row}", value)

    for hook in (
        module.register_forward_pre_hook(before, with_kwargs=True),
        module.register_forward_hook(after),
    ):
        recorder.until_first_step.append(hook.remove)
        restore.callback(hook.remove)


def _named(name: str, values: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(values, Mapping):
        for key, value in values.items():
            yield from _named(f"{name}.{key}", value)
    elif isinstance(values, list | tuple):
        for place, value in enumerate(values):
            yield from _named(f"{name}.{place}", value)
    else:
        yield name, values


def _rows(recorder: Recorder, values: Any) -> Iterator[tuple[str, Any]]:
    """Part a batch; a model that returns a list (one tensor an image) has parted it itself."""
    if not isinstance(values, list | tuple):
        values = recorder.own(values) if hasattr(values, "shape") else values
        if len(getattr(values, "shape", ())) <= 1 or not 1 < values.shape[0] <= _ROWS:
            yield "", values
            return
    yield from ((f"[{place}]", values[place]) for place in range(min(_ROWS, len(values))))
