"""Recording the stages of one image while a pipeline makes it, without touching a value.

Nothing is asked of a pipeline but what diffusers' pipelines share; what it lacks, or does in
another way, is a stage that its trace lacks. Callbacks stay the caller's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any

from goldenseed.backends.diffusers.recorder import Recorder, watch_denoiser
from goldenseed.backends.diffusers.tensors import channels_of, without_variance
from goldenseed.backends.diffusers.watching import MethodWatch, watch_attribute
from goldenseed.suite.parts import Role, is_denoiser, made_by, role_of
from goldenseed.trace.recording import recorded_by
from goldenseed.trace.stages import Stage

_SAMPLE = 2
"""Where ``scheduler.step(model_output, timestep, sample)`` has its sample."""
_HIDDEN_STATE = -2
"""Which hidden state stands for all: the one that SDXL and its successors take."""
_LATER_OUTPUTS = 3
"""How many steps after the first have their denoiser's output recorded."""
_DRAW = "randn_tensor"
_NOISE_HOME = "diffusers.utils.torch_utils"


class Tracing:
    """Records the stages of a pipeline's images, one at a time; what to watch is looked up once."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self._recorder = Recorder()
        self._names = tuple(sorted(getattr(pipeline, "components", {})))
        self._watches: dict[tuple[str, type], _Watch] = {}
        self._noise = _NoiseWatch(self._recorder)

    @contextmanager
    def recorded(self) -> Iterator[Recorder]:
        """Record the stages of the image made inside; the caller adds it to what is yielded.

        Everything that is watched is left as it was found, whatever is raised inside. What the
        recorder has is to be taken before the next image; of one that raised it has nothing.
        """
        recorder = self._recorder
        recorder.begin(getattr(self._pipeline, "goldenseed_place", None))
        try:
            with ExitStack() as restore:
                components = self._components()
                self._noise.begin(restore, (self._pipeline, *components.values()))
                watched: set[int] = set()
                for name, component in components.items():
                    if component is not None and id(component) not in watched:
                        watched.add(id(component))
                        self._watch(name, component)(restore, component)
                restore.enter_context(recorded_by(recorder.told))
                yield recorder
                recorder.close()
        except BaseException:
            recorder.forget()
            raise

    def _components(self) -> dict[str, Any]:
        """Return the components by name; to ask the pipeline itself takes far longer."""
        return {name: getattr(self._pipeline, name, None) for name in self._names}

    def _watch(self, name: str, component: Any) -> _Watch:
        key = name, type(component)
        if key not in self._watches:
            self._watches[key] = _watch_of(self._recorder, name, component)
        return self._watches[key]


_Watch = Callable[[ExitStack, Any], None]
"""Watches a component until the stack is closed."""


def _watch_of(recorder: Recorder, name: str, component: Any) -> _Watch:
    """Choose how a component is watched, by what it is."""
    import torch

    if isinstance(component, torch.nn.Module):
        return _module_watch(recorder, name)
    if callable(getattr(component, "step", None)) and hasattr(component, "set_timesteps"):
        methods = {"set_timesteps": _scheduled(recorder, name), "step": _stepped(recorder, name)}
    elif hasattr(component, "model_max_length"):
        methods = {"__call__": _tokenized(recorder, name)}
    else:
        return lambda _restore, _component: None
    watch = MethodWatch(methods)
    return lambda restore, component: restore.enter_context(watch.on(component))


def _module_watch(recorder: Recorder, name: str) -> _Watch:
    encoded, decoding = _encoder_hook(recorder, name), _decoding(recorder, name)

    def watch(restore: ExitStack, module: Any) -> None:
        if role_of(name) is Role.TEXT_ENCODER and not compiled(module):
            restore.callback(module.register_forward_hook(encoded).remove)
        if is_denoiser(name) and not compiled(module):
            watch_denoiser(recorder, restore, name, module)
        if callable(getattr(module, "decode", None)):
            restore.enter_context(watch_attribute(module, "decode", decoding))

    return watch


def compiled(module: Any) -> bool:
    """Say whether a hook on the module would be compiled into it."""
    in_place = getattr(module, "_compiled_call_impl", None) is not None
    return in_place or hasattr(module, "_orig_mod")


class _NoiseWatch:
    """Watches the function through which pipelines and schedulers draw, in their own modules."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._homes: dict[tuple[type, ...], tuple[str, ...]] = {}

    def begin(self, restore: ExitStack, parts: Iterable[object]) -> None:
        """Watch it for the classes of ``parts`` until the stack is closed."""
        draw = getattr(sys.modules.get(_NOISE_HOME), _DRAW, None)
        if draw is None:
            return
        recorder = self._recorder

        @wraps(draw)
        def drawn(*args: Any, **kwargs: Any) -> Any:
            noise = draw(*args, **kwargs)
            stage = Stage.LATER_NOISE if recorder.drawn else Stage.INITIAL_NOISE
            recorder.drawn |= recorder.add(stage, None, noise)
            return noise

        for module in map(sys.modules.get, self._homes_of(tuple(map(type, parts)))):
            if getattr(module, _DRAW, None) is draw:
                restore.callback(setattr, module, _DRAW, draw)
                setattr(module, _DRAW, drawn)

    def _homes_of(self, classes: tuple[type, ...]) -> tuple[str, ...]:
        if classes not in self._homes:
            homes = {each.__module__ for cls in classes for each in cls.__mro__}
            self._homes[classes] = tuple(sorted(homes))
        return self._homes[classes]


def _encoder_hook(recorder: Recorder, name: str) -> Any:
    def encoded(_module: Any, _args: Any, output: Any) -> None:
        for part, values in _parts(output):
            recorder.add(Stage.PROMPT_EMBEDDINGS, f"{name}.{part}", values)

    return encoded


def _parts(output: Any) -> Iterator[tuple[str, Any]]:
    """Yield the tensors of a model's output by name, and of several hidden states the usual one."""
    if hasattr(output, "items"):
        named = list(output.items())
    else:
        outputs = output if isinstance(output, tuple | list) else [output]
        named = [(str(number), each) for number, each in enumerate(outputs)]
    for part, values in named:
        if part == "hidden_states" and isinstance(values, tuple | list):
            if len(values) >= -_HIDDEN_STATE:
                yield f"{part}[{_HIDDEN_STATE}]", values[_HIDDEN_STATE]
        else:
            yield part, values


def _decoding(recorder: Recorder, name: str) -> Any:
    def decode(original: Any, *args: Any, **kwargs: Any) -> Any:
        latents = args[0] if args else next(iter(kwargs.values()), None)
        recorder.add(Stage.LATENTS_BEFORE_VAE, name, latents)
        result = original(*args, **kwargs)
        recorder.add(Stage.VAE_OUTPUT, name, made_by(Role.DECODER, result))
        return result

    return decode


def _scheduled(recorder: Recorder, name: str) -> Any:
    def set_timesteps(original: Any, scheduler: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(scheduler, *args, **kwargs)
        recorder.add(Stage.TIMESTEPS, name, getattr(scheduler, "timesteps", None))
        recorder.add(Stage.SIGMAS, name, getattr(scheduler, "sigmas", None))
        return result

    return set_timesteps


def _stepped(recorder: Recorder, name: str) -> Any:
    def step(original: Any, scheduler: Any, *args: Any, **kwargs: Any) -> Any:
        if recorder.later_outputs < _LATER_OUTPUTS:
            _record_given(recorder, name, args, kwargs)
        result = original(scheduler, *args, **kwargs)
        recorder.add(Stage.DENOISING_STEP, name, made_by(Role.SCHEDULER, result))
        return result

    return step


def _record_given(recorder: Recorder, name: str, args: Any, kwargs: Any) -> None:
    """Record what one of the first calls of ``scheduler.step`` is given."""
    output = args[0] if args else kwargs.get("model_output")
    if recorder.first_step_seen:
        recorder.later_outputs += recorder.add(Stage.LATER_OUTPUT, name, output)
        return
    recorder.add(Stage.GUIDED_OUTPUT, name, output)
    sample = kwargs.get("sample", args[_SAMPLE] if len(args) > _SAMPLE else None)
    recorder.add(Stage.PREDICTED_NOISE, name, without_variance(output, channels_of(sample)))
    if recorder.add(Stage.INITIAL_LATENTS, name, sample):
        recorder.end_of_first_step()


def _tokenized(recorder: Recorder, name: str) -> Any:
    def call(original: Any, tokenizer: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(tokenizer, *args, **kwargs)
        recorder.add(Stage.TOKEN_IDS, name, _rectangular(getattr(result, "input_ids", None)))
        return result

    return call


def _rectangular(token_ids: Any) -> Any:
    """Make a tensor of token ids that come as lists of one length; others are left alone."""
    import torch

    if not isinstance(token_ids, list):
        return token_ids
    rows = token_ids if token_ids and isinstance(token_ids[0], list) else [token_ids]
    if len({len(row) for row in rows}) != 1:
        return None
    return torch.as_tensor(rows, dtype=torch.int64)
