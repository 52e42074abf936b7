"""The batch: the image made together with another one, as the first or the second."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from goldenseed.backends.diffusers.recorder import Place
from goldenseed.tools.probe.change import Change, Situation, Unfit, call_otherwise

_PER_PROMPT = ("prompt", "negative_prompt")
"""How the names of arguments begin that are given once for each image."""


def changes() -> tuple[Change, ...]:
    """Return the changes of this family."""
    return tuple(
        Change(
            f"batch-2-{name}",
            f"{name} image of a batch of two",
            tweak=partial(in_a_batch, position=position),
            unfit=batch_unfit,
        )
        for position, name in enumerate(("first", "second"))
    )


def batch_unfit(situation: Situation) -> str | None:
    """Say why the cases cannot be put in a batch."""
    kinds = {case.noise.kind for case in situation.cases} - {"cpu", "device"}
    if kinds:
        return f"noise: {kinds.pop()} is made for one image at a time"
    return None


def in_a_batch(pipeline: Any, *, position: int) -> None:
    """Let every call make two images of one prompt, and return the one at ``position``.

    That one has the generator of the call; the other has its own, seeded with the next seed.

    Raises:
        Unfit: the pipeline takes no generator, so that images of a batch share their noise.

    """
    if "generator" not in inspect.signature(pipeline.__call__).parameters:
        raise Unfit(f"{type(pipeline).__name__} takes no generator")

    def call(own_call: Callable[..., Any], **arguments: Any) -> Any:
        own = arguments["generator"]
        generators = [own, _neighbour_of(own)]
        arguments["generator"] = generators if position == 0 else generators[::-1]
        for name, value in arguments.items():
            if name.startswith(_PER_PROMPT) and isinstance(value, str):
                arguments[name] = [value, value]
        output = own_call(**arguments)
        output.images = output.images[position : position + 1]
        return output

    call_otherwise(pipeline, call)
    pipeline.goldenseed_place = Place(row=position, of=2)


def _neighbour_of(generator: Any) -> Any:
    import torch

    seed = (generator.initial_seed() + 1) % 2**63
    return torch.Generator(generator.device).manual_seed(seed)
