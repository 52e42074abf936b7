"""Recording what a denoiser is given and makes in its first step, and a scheduler's steps."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

from goldenseed.backends.diffusers.recorder import Recorder
from goldenseed.backends.diffusers.tensors import channels_of, without_variance
from goldenseed.backends.diffusers.watching import Watcher, by_name
from goldenseed.suite.parts import BY_POSITION, Role, made_by, role_of
from goldenseed.trace.stages import Stage

_CALLS = 4
"""How many calls are recorded where no scheduler tells that a step is done."""
_ROWS = 4
"""Up to how many rows of a batch are kept apart: guidance needs two, at times three."""
_SAMPLE = 2
"""Where ``scheduler.step(model_output, timestep, sample)`` has its sample, if it does not tell."""
_LATER_OUTPUTS = 3
"""How many steps after the first have their denoiser's output recorded."""


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


def watch_shared(recorder: Recorder, restore: ExitStack, module: Any) -> None:
    """Note what a part makes that computes with modules of the denoiser, as Z-Image's ControlNet.

    What such a part hands to the denoiser is no input of it, but what it made itself by half.
    """

    def made(_module: Any, _args: Any, output: Any) -> None:
        # The pipeline holds what is noted until the denoiser has it, so no other has its ``id``.
        recorder.made_within = {id(value) for _, value in _named("", output)}

    restore.callback(module.register_forward_hook(made).remove)


class _DenoiserWatch:
    """Hooks of one denoiser, for one image."""

    def __init__(self, recorder: Recorder, name: str) -> None:
        self._recorder = recorder
        self._name = name
        self._calls = 0
        self._answered = 0
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
                if id(value) in recorder.made_within:
                    continue
                source = f"{self._name}.{inner}"
                recorder.add(Stage.DENOISER_INPUT, source, value, parted=parted)

    def after(self, _module: Any, _args: Any, output: Any) -> None:
        """Record what it returned, and of that what is no variance."""
        recorder, name = self._recorder, self._name
        if not recorder.in_first_step or self._answered == _CALLS:
            return
        self._answered += 1
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


def scheduler_watchers(recorder: Recorder, name: str, scheduler: type) -> dict[str, Watcher]:
    """Return what stands in for a scheduler's methods, by name; nothing for what is none."""
    if not hasattr(scheduler, "set_timesteps"):
        return {}
    watch = _StepWatch(recorder, name)
    steps = {each: watch.watcher(place) for each, place in _steps_of(scheduler).items()}
    return {**steps, "set_timesteps": _scheduled(recorder, name)}


def _steps_of(scheduler: type) -> dict[str, int]:
    """Return a scheduler's steps, ``step`` and others that are given a sample, and where it is."""
    found = {"step": _SAMPLE} if hasattr(scheduler, "step") else {}
    for name in dir(scheduler):
        method = getattr(scheduler, name, None)
        if "step" in name.split("_") and name[0] != "_" and inspect.isfunction(method):
            given = [*inspect.signature(method).parameters][1:]
            if "sample" in given and "model_output" in given:
                found[name] = given.index("sample")
    return found


class _StepWatch:
    """Records the steps of one scheduler; one that is made by another is none of its own."""

    def __init__(self, recorder: Recorder, name: str) -> None:
        self._recorder = recorder
        self._name = name
        self._inside = False

    def watcher(self, place: int) -> Watcher:
        """Return what stands in for a step that is given its sample at ``place``."""

        def step(original: Any, scheduler: Any, *args: Any, **kwargs: Any) -> Any:
            if self._inside:
                return original(scheduler, *args, **kwargs)
            self._inside = True
            try:
                sample = kwargs.get("sample", args[place] if len(args) > place else None)
                self._record_given(args[0] if args else kwargs.get("model_output"), sample)
                result = original(scheduler, *args, **kwargs)
            finally:
                self._inside = False
            made = made_by(Role.SCHEDULER, result)
            self._recorder.add(Stage.DENOISING_STEP, self._name, made)
            return result

        return step

    def _record_given(self, output: Any, sample: Any) -> None:
        recorder, name = self._recorder, self._name
        before = recorder.stepped(name)
        if not before:
            recorder.add(Stage.GUIDED_OUTPUT, name, output)
            noise = without_variance(output, channels_of(sample))
            recorder.add(Stage.PREDICTED_NOISE, name, noise)
            if not getattr(sample, "requires_grad", False):  # else gradients have moved it since
                recorder.add(Stage.INITIAL_LATENTS, name, sample)
        elif before <= _LATER_OUTPUTS:
            recorder.add(Stage.LATER_OUTPUT, name, output)


def _scheduled(recorder: Recorder, name: str) -> Any:
    def set_timesteps(original: Any, scheduler: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(scheduler, *args, **kwargs)
        recorder.scheduled(name)
        recorder.add(Stage.TIMESTEPS, name, getattr(scheduler, "timesteps", None))
        recorder.add(Stage.SIGMAS, name, getattr(scheduler, "sigmas", None))
        return result

    return set_timesteps
