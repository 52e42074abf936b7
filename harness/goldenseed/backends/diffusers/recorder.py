"""What keeps the stages of one image, and what happens within its first denoising step.

Up to the first ``scheduler.step``: enough to tell a changed denoiser, guidance and scheduler apart.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.watching import by_name
from goldenseed.suite.parts import BY_POSITION, made_by, role_of
from goldenseed.trace.digesting import Kept, Recording, kept
from goldenseed.trace.stages import Stage, Trace

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL.Image import Image


HELD_BYTES = 2**26
"""How much a recorder holds where the pipeline's values lie before it brings it into memory."""
_WITHOUT_ROWS = (Stage.TIMESTEPS, Stage.SIGMAS, Stage.DENOISER_OUTPUT)
"""Stages whose values have no rows for the images of a batch, or come without the others'."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which image of a batch is the one that is made; a pipeline has it as ``goldenseed_place``."""

    row: int
    of: int

    def own(self, values: torch.Tensor) -> torch.Tensor:
        """Return the image's rows, where it has one or, for guidance, up to three; else all."""
        rows = values.shape[0] if values.ndim else 0
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

    def begin(self, place: Place | None = None) -> None:
        """Forget the image before and take what comes from now on."""
        self._place = place
        self._kept: list[Kept] = []
        self._counts: Counter[tuple[Stage, str | None]] = Counter()
        self._pending: list[tuple[Stage, str | None, torch.Tensor]] = []
        self._pending_bytes = 0
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

    def add(self, stage: Stage, source: str | None, values: Any) -> bool:
        """Take a tensor; anything else, or a tensor without bytes in memory, is passed over."""
        if not self._open or not readable(values):
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
        """Record the returned array, if it is one, uncopied, and its levels; also once closed."""
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


_CALLS = 4
"""How many calls are recorded where no scheduler tells that a step is done."""
_ROWS = 4
"""Up to how many rows of a batch are kept apart: guidance needs two, at times three."""


def watch_denoiser(recorder: Recorder, restore: ExitStack, name: str, module: Any) -> None:
    """Record inputs and outputs of ``module`` until the first step is done."""
    calls = 0

    def before(called: Any, args: Any, kwargs: Any) -> None:
        nonlocal calls
        if recorder.first_step_seen or calls == _CALLS:
            return
        calls += 1
        for place, (part, values) in enumerate(by_name(called, args, kwargs).items()):
            for inner, value in _named(_as_written(part, place, len(args)), values):
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


def _as_written(name: str, place: int, positional: int) -> str:
    """Return how traces write an argument's name: those of ``BY_POSITION`` as ever by number.

    So the digests of a trace's stages stay those of earlier releases; ``StageRecord.key`` has the
    name.
    """
    number = str(place)
    return number if place < positional and BY_POSITION.get(number) == name else name


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


def readable(values: Any) -> bool:
    """Say whether a value is a tensor whose bytes lie in the memory of some device."""
    import torch

    return (
        isinstance(values, torch.Tensor)
        and not values.is_meta
        and values.layout is torch.strided
        and not values.is_quantized
    )


def in_memory(tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Bring tensors to the CPU; those of one size and dtype on one device in a single copy."""
    import torch

    alike: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    for place, each in enumerate(tensors):
        if not each.is_cpu:
            alike[each.shape, each.dtype, each.device].append(place)
    brought = list(tensors)
    for places in alike.values():
        group = [tensors[place] for place in places]
        try:
            together: Iterable[torch.Tensor] = torch.stack(group).cpu()
        except torch.OutOfMemoryError:
            together = [each.cpu() for each in group]
        for place, values in zip(places, together, strict=True):
            brought[place] = values
    return brought


def kept_tensor(stage: Stage, index: int, source: str | None, values: torch.Tensor) -> Kept:
    """Digest a tensor in memory, contiguous in C order; NumPy then has its numbers."""
    import torch

    dtype = str(values.dtype).removeprefix("torch.")
    try:
        return kept(stage, index, source, values.numpy(), dtype)
    except TypeError:  # NumPy lacks the dtype
        bits = {1: torch.uint8, 2: torch.int16, 4: torch.int32}[values.itemsize]
    found = kept(stage, index, source, values.view(bits).numpy(), dtype)
    if values.dtype is torch.bfloat16:
        return found
    plain = values.to(torch.complex64 if values.is_complex() else torch.float32)
    return replace(found, values=plain.numpy())
