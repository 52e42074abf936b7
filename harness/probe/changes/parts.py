"""The parts of a pipeline that changes act on."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from harness.probe.change import Unfit


def denoiser_of(pipeline: Any) -> Any:
    """Return the model that is called once a step; ``Unfit`` where none has a known name."""
    for name in denoiser_names(pipeline):
        return getattr(pipeline, name)
    raise Unfit(f"{type(pipeline).__name__} has neither unet nor transformer")


def denoiser_names(pipeline: Any) -> list[str]:
    """Return the names under which the pipeline holds models that are called once a step."""
    names = ("unet", "transformer", "transformer_2", "prior")
    return [name for name in names if getattr(pipeline, name, None) is not None]


def decoder_of(pipeline: Any) -> Any:
    """Return the model that turns latents into the image; ``Unfit`` where there is none."""
    found = getattr(pipeline, "vae", None) or getattr(pipeline, "vqvae", None)
    if found is None:
        raise Unfit(f"{type(pipeline).__name__} has no VAE")
    return found


def call_otherwise(pipeline: Any, call: Callable[..., Any]) -> None:
    """Let ``pipeline(**arguments)`` be ``call(own, **arguments)``; ``own`` is what it was before.

    The signature stays. Python looks ``__call__`` up on the class, so this one pipeline is given a
    class of its own.
    """
    own_class = type(pipeline)

    @wraps(own_class.__call__)
    def instead(self: Any, **arguments: Any) -> Any:
        return call(lambda **given: own_class.__call__(self, **given), **arguments)

    pipeline.__class__ = type(own_class.__name__, (own_class,), {"__call__": instead})
