"""Recording what a denoiser is given and makes in the first step that it is called in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

from goldenseed.backends.diffusers.recorder import Recorder
from goldenseed.backends.diffusers.tensors import channels_of, without_variance
from goldenseed.backends.diffusers.watching import by_name
from goldenseed.suite.parts import BY_POSITION, made_by, role_of
from goldenseed.trace.stages import Stage

_CALLS = 4
"""How many calls are recorded where no scheduler tells that a step is done."""
_ROWS = 4
"""Up to how many rows of a batch are kept apart: guidance needs two, at times three."""


def watch_denoiser(recorder: Recorder, restore: ExitStack, name: str, module: Any) -> None:
    """Record inputs and outputs of ``module`` until the first step that it is called in is done.

    That is the first of its own scheduler: a prior's comes before that of what it is made for.
    """
    watch = _DenoiserWatch(recorder, name)
    hooks = (
        module.register_forward_pre_hook(watch.before, with_kwargs=True),
        module.register_forward_hook(watch.after),
    )
    watch.hooks = hooks
    restore.callback(watch.end)


class _DenoiserWatch:
    """Hooks of one denoiser, for one image."""

    def __init__(self, recorder: Recorder, name: str) -> None:
        self._recorder = recorder
        self._name = name
        self._calls = 0
        self._channels = 0
        self.hooks: tuple[Any, ...] = ()

    def end(self) -> None:
        """Look on no longer."""
        for hook in self.hooks:
            hook.remove()

    def before(self, called: Any, args: Any, kwargs: Any) -> None:
        """Record what the denoiser is given."""
        recorder = self._recorder
        if not recorder.in_first_step or self._calls == _CALLS:
            return
        if not self._calls:
            recorder.until_first_step.append(self.end)
        self._calls += 1
        self._channels = next(map(channels_of, (*args, *kwargs.values())), 0)
        for place, (part, values) in enumerate(by_name(called, args, kwargs).items()):
            parted = isinstance(values, list)
            written = _as_written(part, place, len(args))
            for inner, value in _named(written, recorder.own(values) if parted else values):
                source = f"{self._name}.{inner}"
                recorder.add(Stage.DENOISER_INPUT, source, value, parted=parted)

    def after(self, _module: Any, _args: Any, output: Any) -> None:
        """Record what it returned, and of that what is no variance."""
        recorder, name = self._recorder, self._name
        if not recorder.in_first_step or self._calls == _CALLS:
            return
        values = made_by(role_of(name), output)
        for row, value in _rows(recorder, values):
            recorder.add(Stage.DENOISER_OUTPUT, f"{name}{row}", value)
        for row, value in _rows(recorder, without_variance(values, self._channels)):
            recorder.add(Stage.PREDICTED_NOISE, f"{name}{row}", value, parted=True)


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
    if isinstance(values, list | tuple):
        values = recorder.own(list(values))
    else:
        values = recorder.own(values) if hasattr(values, "shape") else values
        if len(getattr(values, "shape", ())) <= 1 or not 1 < values.shape[0] <= _ROWS:
            yield "", values
            return
    yield from ((f"[{place}]", values[place]) for place in range(min(_ROWS, len(values))))
