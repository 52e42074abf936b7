"""What happens within the first denoising step: what the denoiser is given and what it returns.

Recorded for the first step alone, up to the first ``scheduler.step``: that is enough to tell a
changed denoiser from a changed guidance and both from a changed scheduler.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from harness.generation.stages import Stage

if TYPE_CHECKING:
    from harness.generation.recorder import Recorder

_NAMES = ("unet", "transformer")
_CALLS = 4
"""How many calls are recorded where no scheduler tells that a step is done."""
_ROWS = 4
"""Up to how many rows of a batch are kept apart: guidance needs two, at times three."""


def is_denoiser(name: str) -> bool:
    """Say whether a pipeline's component of this name predicts the noise."""
    return name.startswith(_NAMES)


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
        values = output[0] if isinstance(output, tuple) else getattr(output, "sample", output)
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
