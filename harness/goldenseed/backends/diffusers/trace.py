"""Recording the stages of one image while a pipeline makes it, without touching a value.

Nothing is asked of a pipeline but what diffusers' pipelines share; what it lacks, or does in
another way, is a stage that its trace lacks. Callbacks stay the caller's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any

from goldenseed.backends.diffusers.denoising import scheduler_watchers, watch_denoiser, watch_shared
from goldenseed.backends.diffusers.modular import blocks_of
from goldenseed.backends.diffusers.pictures import (
    encoded_picture,
    seen_picture,
    watch_pictures,
)
from goldenseed.backends.diffusers.recorder import Recorder
from goldenseed.backends.diffusers.watching import MethodWatch, watch_attribute
from goldenseed.suite.parts import Role, is_denoiser, made_by, role_of
from goldenseed.trace.recording import recorded_by
from goldenseed.trace.stages import Stage, StageName

_HIDDEN_STATE = -2
"""Which hidden state stands for all: the one that SDXL and its successors take."""
_DRAW = "randn_tensor"


class Tracing:
    """Records the stages of a pipeline's images, one at a time; what to watch is looked up once."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self._recorder = Recorder()
        self._names = tuple(sorted(getattr(pipeline, "components", {})))
        self._watches: dict[tuple[str, type], _Watch] = {}
        self._noise = _NoiseWatch(self._recorder)
        self._blocks = blocks_of(pipeline)

    @contextmanager
    def recorded(self, until: StageName | None = None) -> Iterator[Recorder]:
        """Record the stages of the image made inside; the caller adds it to what is yielded.

        Once ``until`` was recorded, ``Stopped`` is raised inside.

        Everything that is watched is left as it was found, whatever is raised inside. What the
        recorder has is to be taken before the next image; of one that raised it has nothing.
        """
        recorder = self._recorder
        recorder.begin(getattr(self._pipeline, "goldenseed_place", None), until)
        try:
            with ExitStack() as restore:
                components = self._components()
                self._noise.begin(restore, (self._pipeline, *self._blocks, *components.values()))
                watched: set[int] = set()
                for name, component in components.items():
                    if component is not None and id(component) not in watched:
                        watched.add(id(component))
                        self._watch(name, component)(restore, component)
                watch_pictures(recorder, restore, vars(self._pipeline))
                for component in _sharing(components):
                    watch_shared(recorder, restore, component)
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


def _sharing(components: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the parts that steer a denoiser and share modules with it."""
    steering = [each for name, each in components.items() if role_of(name) is Role.CONTROL]
    denoisers = [each for name, each in components.items() if is_denoiser(name)]
    within = [{*each.modules()} for each in denoisers if steering and hasattr(each, "modules")]
    for each in steering:
        if hasattr(each, "modules") and any(own & {*each.modules()} for own in within):
            yield each


_Watch = Callable[[ExitStack, Any], None]
"""Watches a component until the stack is closed."""


def _watch_of(recorder: Recorder, name: str, component: Any) -> _Watch:
    """Choose how a component is watched, by what it is."""
    import torch

    if isinstance(component, torch.nn.Module):
        return _module_watch(recorder, name)
    methods = scheduler_watchers(recorder, name, type(component))
    if hasattr(component, "model_max_length") or hasattr(component, "tokenizer"):
        methods = {"__call__": _tokenized(recorder, name)}
    if not methods:
        return lambda _restore, _component: None
    watch = MethodWatch(methods)
    return lambda restore, component: restore.enter_context(watch.on(component))


def _module_watch(recorder: Recorder, name: str) -> _Watch:
    decoding = _decoding(recorder, name)
    encoding, looking = encoded_picture(recorder, name), seen_picture(recorder, name)

    def watch(restore: ExitStack, module: Any) -> None:
        if role_of(name) is Role.TEXT_ENCODER and not compiled(module):
            _watch_encoder(recorder, restore, name, module)
        if is_denoiser(name) and not compiled(module):
            watch_denoiser(recorder, restore, name, module)
        if callable(getattr(module, "decode", None)):
            restore.enter_context(watch_attribute(module, "decode", decoding))
            if callable(getattr(module, "encode", None)):
                restore.enter_context(watch_attribute(module, "encode", encoding))
        if role_of(name) is Role.IMAGE_ENCODER and not compiled(module):
            restore.callback(module.register_forward_pre_hook(looking, with_kwargs=True).remove)

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
        for module in map(sys.modules.get, self._homes_of(tuple(map(type, parts)))):
            # In one's place there may be somebody's own, and then it is what that returns.
            draw = getattr(module, _DRAW, None)
            if draw is not None:
                restore.callback(setattr, module, _DRAW, draw)
                setattr(module, _DRAW, self._recording(draw))

    def _recording(self, draw: Callable[..., Any]) -> Callable[..., Any]:
        recorder = self._recorder

        @wraps(draw)
        def drawn(*args: Any, **kwargs: Any) -> Any:
            noise = draw(*args, **kwargs)
            stage = Stage.LATER_NOISE if recorder.drawn else Stage.INITIAL_NOISE
            recorder.drawn |= recorder.add(stage, None, noise)
            return noise

        return drawn

    def _homes_of(self, classes: tuple[type, ...]) -> tuple[str, ...]:
        if classes not in self._homes:
            homes = {each.__module__ for cls in classes for each in cls.__mro__}
            self._homes[classes] = tuple(sorted(homes))
        return self._homes[classes]


def _watch_encoder(recorder: Recorder, restore: ExitStack, name: str, module: Any) -> None:
    """Record what an encoder returns, or, where it is not called itself, what is called of it."""
    depth = 0

    def before(_module: Any, _args: Any) -> None:
        nonlocal depth
        depth += 1

    def encoded(place: str) -> Any:
        def after(_module: Any, _args: Any, output: Any) -> None:
            nonlocal depth
            depth -= 1
            if depth == 0:
                for part, values in _parts(output):
                    recorder.add(Stage.PROMPT_EMBEDDINGS, f"{place}.{part}", values)

        return after

    for place, part in _callable_parts(name, module):
        restore.callback(part.register_forward_pre_hook(before).remove)
        restore.callback(part.register_forward_hook(encoded(place)).remove)


def _callable_parts(name: str, module: Any) -> Iterator[tuple[str, Any]]:
    """Yield an encoder, what in it holds its layers, and each of them.

    Some pipelines walk the layers themselves, or call a part of the encoder.
    """
    import torch

    lists = [(at, of) for at, of in module.named_modules() if isinstance(of, torch.nn.ModuleList)]
    at, layers = max(lists, key=lambda each: len(each[1]), default=("", ()))
    yield name, module
    held = at.split(".")[:-1]
    for end in range(1, len(held) + 1):
        inner = ".".join(held[:end])
        yield f"{name}.{inner}", module.get_submodule(inner)
    for number, layer in enumerate(layers):
        yield f"{name}.{at}.{number}", layer


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
