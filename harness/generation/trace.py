"""Recording the stages of one image while a pipeline makes it, without touching a value.

Nothing is asked of a pipeline but what diffusers' pipelines share: components that are modules,
tokenizers, schedulers with ``step`` and ``set_timesteps``, a VAE with ``decode``, and the function
through which noise is drawn. What a pipeline does not have, or does in another way, is a stage that
its trace lacks. The callbacks that a caller gives a pipeline are not used, so they stay the
caller's.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any

from harness.generation.recorder import Recorder
from harness.generation.sketch import Sketcher
from harness.generation.stages import Stage
from harness.generation.watching import watch_attribute, watch_methods
from harness.generation.within_steps import is_denoiser, watch_denoiser

_SAMPLE = 2
"""Where ``scheduler.step(model_output, timestep, sample)`` has its sample."""
_HIDDEN_STATE = -2
"""Which hidden state stands for all: the one that SDXL and its successors take."""
_LATER_OUTPUTS = 3
"""How many steps after the first have their denoiser's output recorded."""
_DRAW = "randn_tensor"
_NOISE_HOME = "diffusers.utils.torch_utils"


@contextmanager
def recorded(pipeline: Any, sketcher: Sketcher) -> Iterator[Recorder]:
    """Record the stages of the image that ``pipeline`` makes inside; yields the recorder.

    Everything that is watched is left as it was found, whatever is raised inside. The image itself
    is for the caller to add, who knows what became of it.
    """
    recorder = Recorder(sketcher, place=getattr(pipeline, "goldenseed_place", None))
    with ExitStack() as restore:
        restore.callback(recorder.close)
        components = getattr(pipeline, "components", {})
        _watch_noise(recorder, restore, (pipeline, *components.values()))
        watched: set[int] = set()
        for name, component in sorted(components.items()):
            if component is not None and id(component) not in watched:
                watched.add(id(component))
                _watch(recorder, restore, name, component)
        yield recorder
        recorder.close()


def _watch(recorder: Recorder, restore: ExitStack, name: str, component: Any) -> None:
    import torch

    if isinstance(component, torch.nn.Module):
        if name.startswith("text_encoder") and not compiled(component):
            hook = component.register_forward_hook(_encoder_hook(recorder, name))
            restore.callback(hook.remove)
        if is_denoiser(name) and not compiled(component):
            watch_denoiser(recorder, restore, name, component)
        if callable(getattr(component, "decode", None)):
            restore.enter_context(watch_attribute(component, "decode", _decoding(recorder, name)))
    elif callable(getattr(component, "step", None)) and hasattr(component, "set_timesteps"):
        methods = {"set_timesteps": _scheduled(recorder, name), "step": _stepped(recorder, name)}
        restore.enter_context(watch_methods(component, methods))
    elif hasattr(component, "model_max_length"):
        methods = {"__call__": _tokenized(recorder, name)}
        restore.enter_context(watch_methods(component, methods))


def compiled(module: Any) -> bool:
    """Say whether a hook on the module would be compiled into it."""
    in_place = getattr(module, "_compiled_call_impl", None) is not None
    return in_place or hasattr(module, "_orig_mod")


def _watch_noise(recorder: Recorder, restore: ExitStack, parts: Iterable[object]) -> None:
    """Watch the function through which the classes of ``parts`` draw, in their own modules."""
    draw = getattr(sys.modules.get(_NOISE_HOME), _DRAW, None)
    if draw is None:
        return

    @wraps(draw)
    def drawn(*args: Any, **kwargs: Any) -> Any:
        noise = draw(*args, **kwargs)
        first = not recorder.seen(Stage.INITIAL_NOISE)
        recorder.add(Stage.INITIAL_NOISE if first else Stage.LATER_NOISE, None, noise)
        return noise

    homes = {cls.__module__ for part in parts for cls in type(part).__mro__}
    for module in (sys.modules.get(name) for name in sorted(homes)):
        if getattr(module, _DRAW, None) is draw:
            restore.callback(setattr, module, _DRAW, draw)
            setattr(module, _DRAW, drawn)


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
        made = result[0] if isinstance(result, tuple) else getattr(result, "sample", None)
        recorder.add(Stage.VAE_OUTPUT, name, made)
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
        output = args[0] if args else kwargs.get("model_output")
        first = not recorder.seen(Stage.INITIAL_LATENTS)
        if first:
            recorder.add(Stage.GUIDED_OUTPUT, name, output)
            positional = args[_SAMPLE] if len(args) > _SAMPLE else None
            recorder.add(Stage.INITIAL_LATENTS, name, kwargs.get("sample", positional))
        elif recorder.count(Stage.LATER_OUTPUT) < _LATER_OUTPUTS:
            recorder.add(Stage.LATER_OUTPUT, name, output)
        result = original(scheduler, *args, **kwargs)
        sample = result[0] if isinstance(result, tuple) else getattr(result, "prev_sample", None)
        recorder.add(Stage.DENOISING_STEP, name, sample)
        return result

    return step


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
