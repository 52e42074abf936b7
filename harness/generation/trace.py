"""Recording the stages of one image while a pipeline makes it, without touching a value.

Nothing is asked of a pipeline but what diffusers' pipelines share: components that are modules,
tokenizers, schedulers with ``step`` and ``set_timesteps``, a VAE with ``decode``, and the function
through which noise is drawn. What a pipeline does not have, or does in another way, is a stage that
its trace lacks. The callbacks that a caller gives a pipeline are not used, so they stay the
caller's.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

from harness.generation.digesting import Kept, records_of
from harness.generation.sketch import Sketcher
from harness.generation.stages import Stage, Trace
from harness.generation.watching import watch_attribute, watch_methods
from harness.generation.within_steps import is_denoiser, watch_denoiser

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL.Image import Image

HELD_BYTES = 2**26
"""How much a recorder holds before it digests; it lies where the pipeline's values lie."""
_SAMPLE = 2
"""Where ``scheduler.step(model_output, timestep, sample)`` has its sample."""
_HIDDEN_STATE = -2
"""Which hidden state stands for all: the one that SDXL and its successors take."""
_WITHOUT_ROWS = frozenset({Stage.TIMESTEPS, Stage.SIGMAS, Stage.DENOISER_OUTPUT})
"""Stages whose values have no rows for the images of a batch, or come without the others'."""
_LATER_OUTPUTS = 3
"""How many steps after the first have their denoiser's output recorded."""
_DRAW = "randn_tensor"
_NOISE_HOME = "diffusers.utils.torch_utils"


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
