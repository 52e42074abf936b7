"""The processors of a model's attention: which classes, and what they hold."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.digests import tensor_sha256
from goldenseed.backends.diffusers.foreign import LIBRARIES, name_of
from goldenseed.backends.diffusers.held import plain_attributes
from goldenseed.core.files import sha256_hex
from goldenseed.environment.model_keys import EXACT_ATTENTION

if TYPE_CHECKING:
    import torch


def processors_in(component: torch.nn.Module) -> list[Any]:
    """Return the processors of all attention of a component, in the order of its parts."""
    found = (getattr(part, "processor", None) for part in component.modules())
    return [each for each in found if callable(each)]


def processors_of(component: torch.nn.Module) -> str | None:
    """``AttnProcessor2_0 x 32``; with a back end of diffusers ``FluxAttnProcessor[flash] x 57``.

    What diffusers does not ship is named with its module; None where there are none.
    """
    counts = Counter(map(_named, processors_in(component)))
    return ", ".join(f"{name} x {count}" for name, count in sorted(counts.items())) or None


def _named(processor: Any) -> str:
    chosen = getattr(processor, "_attention_backend", None)
    cls = type(processor)
    known = cls.__module__.partition(".")[0] in LIBRARIES
    name = cls.__name__ if known else f"{cls.__module__}.{cls.__qualname__}"
    return name if chosen is None else f"{name}[{getattr(chosen, 'value', chosen)}]"


def processors_sha256(component: torch.nn.Module) -> str | None:
    """Digest what processors hold and, of foreign ones, their code; None where all are exact.

    The exact ones of diffusers (``EXACT_ATTENTION``) count as one, since they hold nothing but how
    they cut their work into pieces.
    """
    told = [_told(each) for each in processors_in(component)]
    if not any(told):
        return None
    return sha256_hex(json.dumps(told).encode())


def _told(processor: Any) -> list[Any]:
    name = _named(processor)
    if EXACT_ATTENTION.fullmatch(name):
        return []
    held = [each for each in plain_attributes(processor) if not each[0].startswith("_")]
    tensors = dict(vars(processor))
    if hasattr(processor, "state_dict"):
        tensors |= processor.state_dict()
    values = [
        (key, tensor_sha256(value)) for key, value in tensors.items() if hasattr(value, "data_ptr")
    ]
    return [name_of(processor) if "." in name else name, held, values]
