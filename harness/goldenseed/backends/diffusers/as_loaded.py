"""What became of a model when it was loaded: components, their digests, missing weights.

Files can be right and the load still wrong (a cast, weights filled at random, a part replaced).
"""

from __future__ import annotations

import hashlib
import importlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, partial, wraps
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.digests import (
    by_name,
    digests_of,
    in_order,
    plain_dtype,
    stored,
    tables_sha256,
)
from goldenseed.backends.diffusers.foreign import listed
from goldenseed.backends.diffusers.held import held_by
from goldenseed.core.files import sha256_hex
from goldenseed.environment.keys import EnvironmentValue, guarded

if TYPE_CHECKING:
    import torch


def describe_components(pipeline: Any) -> Iterator[tuple[str, EnvironmentValue]]:
    """Yield the keys ``model.{component}.…`` of every component that has parameters."""
    import torch

    for name, component in sorted(pipeline.components.items()):
        if isinstance(component, torch.nn.Module):
            for field, read in _fields(component).items():
                yield f"model.{name}.{field}", guarded(read)
            whole = getattr(component, "_orig_mod", component)
            held = held_by(name, whole)
            held[f"model.{name}.tips"] = guarded(partial(tipped_by_rounding, whole))
            yield from ((key, value) for key, value in held.items() if value is not None)


def _fields(module: torch.nn.Module) -> dict[str, Callable[[], Any]]:
    whole = getattr(module, "_orig_mod", module)
    digests = cache(lambda: digests_of(stored(whole)))
    return {
        "class": lambda: type(whole).__name__,
        "dtype": lambda: " ".join(sorted({plain_dtype(p.dtype) for p in whole.parameters()})),
        "parameters": lambda: sum(map(_values_in, whole.parameters())),
        "sha256": lambda: by_name(digests()),
        "weights_sha256": lambda: in_order(digests()),
        "tables_sha256": lambda: tables_sha256(whole),
        "training": lambda: any(part.training for part in whole.modules()),
        "compiled": lambda: _compiled(module),
        "inductor_sha256": lambda: _inductor_sha256() if _compiled(module) else None,
        "quantisation": lambda: _quantisation(whole),
        "memory_format": lambda: _memory_format(whole),
        **{
            name: partial(getattr, whole, f"use_{name}")
            for name in ("tiling", "slicing")
            if hasattr(whole, f"use_{name}")
        },
    }


def _compiled(module: torch.nn.Module) -> bool:
    """Say whether it came from ``torch.compile``, or a part of it was told to compile itself."""
    return hasattr(module, "_orig_mod") or any(
        getattr(part, "_compiled_call_impl", None) is not None for part in module.modules()
    )


def _inductor_sha256() -> str:
    """Digest the compiler's configuration, of which the order of sums depends; no paths in it."""
    config = importlib.import_module("torch._inductor.config")
    options = {name: str(value) for name, value in config.save_config_portable().items()}
    return hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()


def _quantisation(module: Any) -> str | None:
    config = getattr(getattr(module, "config", None), "quantization_config", None)
    if config is None:
        blocks = {type_.name for each in module.parameters() if (type_ := _gguf_type(each))}
        return " ".join(sorted(kinds_of_quantised(module)) + sorted(blocks)) or None
    described = config.to_dict() if hasattr(config, "to_dict") else config
    return json.dumps(described, sort_keys=True, default=str)


def _gguf_type(parameter: Any) -> Any:
    """Return how a GGUF file quantised a parameter, a member of ``gguf.GGMLQuantizationType``."""
    return getattr(parameter, "quant_type", None)


def _values_in(parameter: Any) -> int:
    """Count the values that a parameter stands for; of GGUF's blocks its shape says nothing."""
    shape = getattr(parameter, "quant_shape", None)
    return math.prod(shape) if shape is not None else int(parameter.numel())


def kinds_of_quantised(module: torch.nn.Module) -> frozenset[str]:
    """Name the classes of those parameters that libraries put in the place of torch's own."""
    from torch.nn.parameter import Parameter, UninitializedParameter

    kinds = {type(parameter) for parameter in module.parameters()}
    return frozenset(kind.__name__ for kind in kinds - {Parameter, UninitializedParameter})


def _memory_format(module: torch.nn.Module) -> str:
    """Say how the weights of 2-D convolutions lie: NCHW is torch's default, NHWC channels last."""
    found = {memory_format_of(parameter) for parameter in module.parameters()}
    return " ".join(sorted(each for each in found if each)) or "none"


def memory_format_of(weight: torch.Tensor) -> str | None:
    """Return ``NCHW`` or ``NHWC``; None for what is no 2-D convolution's, or could be both."""
    import torch

    if weight.dim() != 4:  # noqa: PLR2004
        return None
    strides = weight.is_contiguous(), weight.is_contiguous(memory_format=torch.channels_last)
    # A kernel of one pixel is both at once, and tells nothing.
    return {(True, False): "NCHW", (False, True): "NHWC"}.get(strides)


_OVER_SPACE = ("group", "batch", "instance")
"""Norms that sum over more than the values of one place."""


def tipped_by_rounding(module: torch.nn.Module) -> str | None:
    """Name the norms of so few values that they return signs: ``WanRMS_norm x 3``.

    One value divided by its own size, or two whose mean was taken away, are 1 or -1 whatever their
    size was. Where such a value is near 0 rounding tips it, so that a single number moves by any
    amount. Real models have no such norms; models that are built small may.
    """
    return listed(type(part).__name__ for part in module.modules() if _returns_signs(part))


def _returns_signs(part: torch.nn.Module) -> bool:
    name = type(part).__name__.lower()
    within = "norm" in name and not any(each in name for each in _OVER_SPACE)
    sizes = {weight.numel() for weight in part.parameters()} if within else set()
    return sizes == {2 if "layernorm" in name else 1}


_SHOWN = 5


@dataclass(frozen=True, slots=True)
class LoadingReport:
    """What was wrong with the weights of one component."""

    component: str
    missing: tuple[str, ...]
    """Filled at random, since the files lack them."""
    unexpected: tuple[str, ...]
    """In the files, and used by nothing."""


@contextmanager
def loading_reports() -> Iterator[list[LoadingReport]]:
    """Yield a list to which every model that is loaded meanwhile adds its report.

    ``from_pretrained(…, output_loading_info=True)`` of both libraries tells which weights were
    missing, after their own renaming and tying. A pipeline does not pass that option on to its
    components, so for as long as this holds they are all asked. A component is known by the folder
    that it is loaded from.
    """
    from diffusers import ModelMixin
    from transformers import PreTrainedModel

    reports: list[LoadingReport] = []
    with ExitStack() as restore:
        for base in (ModelMixin, PreTrainedModel):
            own = vars(base)["from_pretrained"]
            restore.callback(setattr, base, "from_pretrained", own)
            asked = classmethod(_asked_for_report(own.__func__, reports))
            setattr(base, "from_pretrained", asked)  # noqa: B010 - mypy takes it for a method
        yield reports


def _asked_for_report(
    from_pretrained: Callable[..., Any], reports: list[LoadingReport]
) -> Callable[..., Any]:
    @wraps(from_pretrained)
    def asked(cls: type, place: Any, *args: Any, **options: Any) -> Any:
        if options.get("output_loading_info"):
            return from_pretrained(cls, place, *args, **options)
        model, told = from_pretrained(cls, place, *args, output_loading_info=True, **options)
        names = (tuple(sorted(told[f"{kind}_keys"])) for kind in ("missing", "unexpected"))
        component = options.get("subfolder") or PurePath(place).name
        reports.append(LoadingReport(component, *names))
        return model

    return asked


def describe_reports(
    components: Iterable[str], reports: Iterable[LoadingReport]
) -> Mapping[str, EnvironmentValue]:
    """Describe the weights that are missing or left over, for every component; None for none."""
    known = {report.component: report for report in reports}
    found: dict[str, EnvironmentValue] = {}
    for component in components:
        report = known.get(component, LoadingReport(component, (), ()))
        found[f"model.{component}.missing"] = names_in_words(report.missing)
        found[f"model.{component}.unexpected"] = names_in_words(report.unexpected)
    return found


def names_in_words(names: tuple[str, ...]) -> str | None:
    """Name the first few weights; count and digest the others, so that no change goes unseen."""
    if len(names) <= _SHOWN:
        return ", ".join(names) or None
    digest = sha256_hex("\n".join(names).encode())[:12]
    return f"{', '.join(names[:_SHOWN])} and {len(names) - _SHOWN} more ({digest})"
