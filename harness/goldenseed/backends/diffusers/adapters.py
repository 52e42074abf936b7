"""LoRA adapters: put on and taken off a pipeline, and what of their files has no effect."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.loading import quietly
from goldenseed.backends.diffusers.part_files import check_safetensors
from goldenseed.backends.protocol import GenerationError
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.listing import first_of
from goldenseed.environment.offline import offline

if TYPE_CHECKING:
    import torch

    from goldenseed.suite.model import AdapterSpec

_NAMED = 3
_MATRIX = re.compile(r"(^|[._])lora(_linear_layer)?[._](A|B|up|down)\b|[._](up|down)\.weight$")
"""Names of a LoRA's matrices in the files of peft, diffusers and kohya."""
_SECOND_MATRIX = re.compile(r"\blora_(embedding_)?B\b")
"""The one of each pair that training begins with zeros."""


def put_on(
    pipeline: Any, adapters: Sequence[AdapterSpec], suite: Path, line: int | None
) -> tuple[str, ...]:
    """Switch the adapters on, each with its scale, where none is on; return what is odd of them.

    Raises:
        GoldenseedError: one cannot be used at all, as the suite says it at ``line``.
        GenerationError: a file's weights do not fit, some are missing or not finite.

    """
    refusal = partial(GoldenseedError, path=suite, line=line)
    if importlib.util.find_spec("peft") is None:
        raise refusal("adapters need the package peft", fix="pip install peft")
    if not hasattr(pipeline, "load_lora_weights"):
        what = f"{type(pipeline).__name__} takes no LoRA adapters"
        raise refusal(what, fix="remove the adapters")
    for adapter in adapters:
        if adapter.path.suffix != ".safetensors":
            what = f"the adapter {adapter.path.name} is no safetensors file"
            raise refusal(what, fix="save it as safetensors")
        check_safetensors(adapter.path)
    names = [f"adapter_{number}" for number in range(len(adapters))]
    try:
        remarks = [
            remark
            for name, adapter in zip(names, adapters, strict=True)
            for remark in _load(pipeline, name, adapter)
        ]
        for name, adapter in zip(names, adapters, strict=True):
            _check_scales(pipeline, name, adapter, refusal)
        weights = [dict(each.scales) or each.scale for each in adapters]
        pipeline.set_adapters(names, adapter_weights=weights)
    except BaseException:
        take_off(pipeline)
        raise
    return (*_twice(adapters), *remarks)


def fuse(
    pipeline: Any, adapters: Sequence[AdapterSpec], suite: Path, line: int | None
) -> tuple[str, ...]:
    """Merge adapters into the weights, each with its scale, and say what is odd of them.

    Raises as ``put_on``. What is merged cannot be taken out again bit by bit.
    """
    remarks = put_on(pipeline, adapters, suite, line)
    pipeline.fuse_lora(components=list(pipeline.get_list_adapters()))
    pipeline.unload_lora_weights()
    return remarks


def _check_scales(
    pipeline: Any, name: str, adapter: AdapterSpec, refusal: Callable[..., GoldenseedError]
) -> None:
    """Refuse a scale for a component that the adapter does nothing to."""
    touched = sorted({key.partition(".")[0] for key, _ in _loaded(pipeline, name)})
    if idle := [each for each, _ in adapter.scales if each not in touched]:
        raise refusal(
            f"the scale of {adapter.source} for {idle[0]!r} has no effect: the adapter has "
            f"weights for {', '.join(touched)}",
            fix=f"remove `{idle[0]}`, or correct it",
        )


def take_off(pipeline: Any) -> None:
    """Remove every adapter, so that the pipeline computes as if none had ever been there."""
    pipeline.unload_lora_weights()


def _twice(adapters: Sequence[AdapterSpec]) -> Iterator[str]:
    paths = [adapter.path.resolve() for adapter in adapters]
    for number, adapter in enumerate(adapters):
        if paths.index(paths[number]) < number:
            yield f"the adapter {adapter.source} is listed more than once: its effect adds up"


def _load(pipeline: Any, name: str, adapter: AdapterSpec) -> tuple[str, ...]:
    file = adapter.path
    with offline(), quietly() as messages:
        try:
            pipeline.load_lora_weights(
                str(file.parent),
                weight_name=file.name,
                adapter_name=name,
                use_safetensors=True,
                local_files_only=True,
            )
        except Exception as error:
            raise GenerationError(
                f"cannot be loaded into the {type(pipeline).__name__}: "
                f"{type(error).__name__}: {error}",
                path=file,
                fix="use an adapter made for this model",
            ) from error
    loaded = dict(_loaded(pipeline, name))
    if not loaded:
        raise GenerationError(
            f"holds nothing for the {type(pipeline).__name__}; diffusers would ignore it",
            path=file,
            fix="use an adapter made for this model",
        )
    _check_complete(loaded, messages, file)
    return tuple(f"the adapter {adapter.source} {what}" for what in _odd(loaded, adapter))


def _loaded(pipeline: Any, name: str) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the adapter's parameters, wherever in the pipeline they are."""
    seen: set[int] = set()
    for component_name, component in pipeline.components.items():
        parameters = getattr(component, "named_parameters", None)
        for key, value in parameters() if callable(parameters) else ():
            if name in key.split(".") and id(value) not in seen:
                seen.add(id(value))
                yield f"{component_name}.{key}", value


def _check_complete(
    loaded: Mapping[str, torch.Tensor], messages: Sequence[str], file: Path
) -> None:
    """Refuse a file that lacks matrices: diffusers logs it, and fills them with what it finds."""
    absent = [key for key, value in loaded.items() if value.is_meta]
    if absent or any("led to missing keys" in each for each in messages):
        raise GenerationError(
            f"lacks {len(absent) or 'some'} of the {len(loaded)} matrices of its layers"
            f"{_some(absent)}",
            path=file,
            fix="restore the file: it was saved in part, or with names that are not known here",
        )
    broken = [key for key, value in loaded.items() if not bool(value.isfinite().all())]
    if broken:
        raise GenerationError(
            f"holds NaN or infinite values in {len(broken)} of {len(loaded)} matrices"
            f"{_some(broken)}",
            path=file,
            fix="restore or train it again: every image made with it would be NaN",
        )


def _odd(loaded: Mapping[str, torch.Tensor], adapter: AdapterSpec) -> Iterator[str]:
    wanted = sorted(filter(_MATRIX.search, _names_in(adapter.path)))
    if len(loaded) < len(wanted):
        used = {re.sub(r"\.adapter_\d+(?=\.|$)", "", key).partition(".")[2] for key in loaded}
        ignored = [key for key in wanted if not {key, key.partition(".")[2]} & used]
        if len(ignored) + len(loaded) != len(wanted):  # diffusers has other names for them
            ignored = []
        yield (
            f"fits in part: diffusers loads {len(loaded)} of its {len(wanted)} matrices and "
            f"ignores the others{_some(ignored)}"
        )
    if adapter.scale == 0 or (adapter.scales and not any(each for _, each in adapter.scales)):
        yield "has the scale 0: it changes no bit"
    seconds = [value for key, value in loaded.items() if _SECOND_MATRIX.search(key)]
    if seconds and not any(bool(value.any()) for value in seconds):
        yield "holds zeros where its effect would be, as before training: it changes no bit"


def _names_in(file: Path) -> tuple[str, ...]:
    from safetensors import safe_open

    with safe_open(file, framework="numpy") as opened:
        return tuple(opened.keys())


def _some(names: Sequence[str]) -> str:
    return f" ({first_of(names, _NAMED)})" if names else ""
