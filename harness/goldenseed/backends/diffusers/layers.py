"""The deep trace: what every layer of a pipeline's models returned, call by call.

For one case, to bring a difference that the trace found in one model down to one of its layers.
Each call of each module is digested as it returns and its values are let go, so that memory holds
the packed records alone: about 0.9 kB a call, which is 18 MB for 1,000 modules in 20 steps.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.tensors import kept_tensor, readable
from goldenseed.backends.diffusers.trace import compiled
from goldenseed.trace.digesting import records
from goldenseed.trace.files import LayerRecord
from goldenseed.trace.stages import Stage

if TYPE_CHECKING:
    import torch

_GZIP = 31
"""zlib's number for a gzip file with the largest window."""


@dataclass(frozen=True, slots=True)
class DeepTrace:
    """One image's layers, as the content of a file."""

    sha256: str
    """Of the text, before it was packed."""
    data: bytes
    """gzip of one JSON object a line, a ``LayerRecord`` each, in the order in which calls ended."""


class LayerRecorder:
    """Collects the calls of modules; digests each at once, since the next may overwrite it."""

    def __init__(self) -> None:
        self._calls: Counter[str] = Counter()
        self._digest = hashlib.sha256()
        self._packer = zlib.compressobj(level=1, wbits=_GZIP)
        self._packed: list[bytes] = []

    def watch(self, restore: ExitStack, component: str, model: torch.nn.Module) -> None:
        """Record every call of ``model`` and of the modules in it until ``restore`` is closed."""
        for path, module in model.named_modules():
            name = f"{component}.{path}" if path else component
            given: list[str] = []
            before = _given(given)
            restore.callback(module.register_forward_pre_hook(before, with_kwargs=True).remove)
            restore.callback(module.register_forward_hook(self._returned(name, given)).remove)

    def finish(self) -> DeepTrace:
        """Return what was recorded."""
        data = b"".join((*self._packed, self._packer.flush()))
        return DeepTrace(self._digest.hexdigest(), data)

    def _returned(self, name: str, given: list[str]) -> Any:
        def after(_module: Any, _args: Any, output: Any) -> None:
            leaves = list(_leaves(output))
            numbers = (each for each in leaves if readable(each) and each.is_floating_point())
            record = LayerRecord(
                module=name,
                call=self._calls[name],
                inputs=given.pop(),
                sha256=_digest_of(leaves),
                **_measured(next(numbers, None)),
            )
            self._calls[name] += 1
            line = record.model_dump_json(exclude_none=True).encode() + b"\n"
            self._digest.update(line)
            self._packed.append(self._packer.compress(line))

        return after


def _measured(values: torch.Tensor | None) -> dict[str, Any]:
    if values is None:
        return {}
    (record,) = records([kept_tensor(Stage.DENOISING_STEP, 0, None, values)])
    return record.model_dump(include={"shape", "dtype", "norm", "sketch"})


@contextmanager
def recorded_layers(pipeline: Any) -> Iterator[LayerRecorder]:
    """Record the calls of all modules inside; a compiled component is left alone."""
    import torch

    recorder = LayerRecorder()
    with ExitStack() as restore:
        watched: set[int] = set()
        for name, component in sorted(getattr(pipeline, "components", {}).items()):
            if (
                isinstance(component, torch.nn.Module)
                and not any(compiled(each) for each in component.modules())
                and id(component) not in watched
            ):
                watched.add(id(component))
                recorder.watch(restore, name, component)
        yield recorder


def _given(digests: list[str]) -> Any:
    def before(_module: Any, args: Any, kwargs: Any) -> None:
        digests.append(_digest_of(_leaves((args, kwargs))))

    return before


def _digest_of(leaves: Iterable[Any]) -> str:
    """Digest all tensors, in memory, and all plain values, in their order."""
    import torch

    digest = hashlib.sha256()
    for each in leaves:
        if readable(each):
            digest.update(f"{each.dtype} {tuple(each.shape)};".encode())
            digest.update(each.reshape(-1).view(torch.uint8).numpy().data)
        elif each is None or isinstance(each, str | int | float):
            digest.update(f"{each!r};".encode())
    return digest.hexdigest()


def _leaves(values: Any) -> Iterator[Any]:
    """Yield what is in nested lists, tuples and mappings; tensors as they are in memory."""
    if isinstance(values, Mapping):
        for key, each in values.items():
            yield key
            yield from _leaves(each)
    elif isinstance(values, list | tuple):
        for each in values:
            yield from _leaves(each)
    else:
        yield values.detach().cpu().contiguous() if readable(values) else values
