"""Batches and memory: two images at once, what saves memory, and the layout of tensors in it."""

from __future__ import annotations

import importlib.util
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial, wraps
from itertools import cycle, islice
from typing import Any

from pydantic import JsonValue

from goldenseed.backends.diffusers.recorder import Place
from goldenseed.suite.cases import Case, Suite
from goldenseed.suite.parts import Role
from goldenseed.tools.probe.change import (
    Change,
    Check,
    Situation,
    Unfit,
    Way,
    call_otherwise,
    decoder_of,
    is_number,
    is_true,
    is_word,
    needs_gpu,
    present,
)

_PER_PROMPT = ("prompt", "negative_prompt")
"""How the names of arguments begin that are given once for each image."""
_LARGEST_BATCH = 64
_LONGEST = 40
_PLACES = ("first", "last")
_OFFLOADS = ("model", "sequential", "group")
_Asked = Mapping[str, JsonValue]


def batch_ways() -> tuple[Way, ...]:
    """Return what makes the image in a batch."""
    two: tuple[_Asked, ...] = tuple({"batch": 2, "position": place} for place in _PLACES)
    return (
        Way(
            "batch",
            f"a whole number from 2 to {_LARGEST_BATCH}",
            is_number(2, _LARGEST_BATCH),
            _batch,
            two,
        ),
        Way("position", " or ".join(_PLACES), is_word(*_PLACES), None, needs="batch"),
        Way("neighbours", "a prompt, or a list of them", _are_prompts, None, needs="batch"),
    )


def _are_prompts(value: JsonValue) -> bool:
    prompts = value if isinstance(value, list) else [value]
    return bool(prompts) and all(isinstance(each, str) for each in prompts)


def _batch(size: int, asked: _Asked) -> Change:
    place = str(asked.get("position", _PLACES[0]))
    prompts = asked.get("neighbours", [])
    neighbours = tuple(str(each) for each in (prompts if isinstance(prompts, list) else [prompts]))
    others = ", beside other prompts" if neighbours else ""
    position = size - 1 if place == "last" else 0
    name = f"batch={size}+position={place}"
    return Change(
        f"{name}+neighbours={slug(*neighbours)}" if neighbours else name,
        f"{place} image of a batch of {size}{others}",
        tweak=partial(in_a_batch, position=position, of=size, neighbours=neighbours),
        against=batch_against,
    )


def slug(*texts: str) -> str:
    """Return the beginning of texts as part of a name."""
    return re.sub(r"[^A-Za-z0-9]+", "-", " ".join(texts)).strip("-")[:_LONGEST] or "none"


def batch_against(_suite: Suite, cases: Sequence[Case]) -> str | None:
    """Say why the cases cannot be put in a batch."""
    kinds = {case.noise.kind for case in cases} - {"cpu", "device"}
    if kinds:
        return f"noise: {kinds.pop()} is made for one image at a time"
    return None


def in_a_batch(
    pipeline: Any, *, position: int, of: int = 2, neighbours: Sequence[str] = ()
) -> None:
    """Let calls make several images and return that at ``position``; ``Unfit`` if noise is shared.

    The others have the next seeds, and the prompts ``neighbours`` in turn, or the image's own.
    """
    if "generator" not in inspect.signature(pipeline.__call__).parameters:
        raise Unfit(f"{type(pipeline).__name__} takes no generator")

    def call(own_call: Callable[..., Any], **arguments: Any) -> Any:
        own = arguments["generator"]
        others = [_neighbour_of(own, number) for number in range(1, of)]
        arguments["generator"] = [*others[:position], own, *others[position:]]
        for name, value in arguments.items():
            if name.startswith(_PER_PROMPT) and isinstance(value, str):
                told = neighbours if name.startswith(_PER_PROMPT[0]) else ()
                beside = [*islice(cycle(told or (value,)), of - 1)]
                arguments[name] = [*beside[:position], value, *beside[position:]]
        output = own_call(**arguments)
        output.images = output.images[position : position + 1]
        return output

    call_otherwise(pipeline, call)
    pipeline.goldenseed_place = Place(row=position, of=of)


def _neighbour_of(generator: Any, number: int) -> Any:
    import torch

    seed = (generator.initial_seed() + number) % 2**63
    return torch.Generator(generator.device).manual_seed(seed)


def memory_ways() -> tuple[Way, ...]:
    """Return what saves memory, or lays tensors out otherwise."""
    return (
        Way("vae_tiling", "true", is_true, _tiled, ({"vae_tiling": True},)),
        Way("vae_slicing", "true", is_true, _sliced, ({"vae_slicing": True},)),
        Way("channels_last", "true", is_true, _channels_last, ({"channels_last": True},)),
        Way(
            "offload", ", ".join(_OFFLOADS), is_word(*_OFFLOADS), _offload, ({"offload": "model"},)
        ),
    )


def _tiled(_value: bool, _asked: _Asked) -> Change:  # noqa: FBT001 - the table hands it on
    return Change("vae_tiling", "decoded in overlapping tiles, at least four", tweak=tiled)


def _sliced(_value: bool, asked: _Asked) -> Change:  # noqa: FBT001 - the table hands it on
    """One image is never sliced: without a batch of its own it is put into one of two."""
    in_two = "batch" not in asked
    what = "first image of a batch of two, decoded one by one" if in_two else "decoded one by one"
    tweak = sliced if in_two else slicing
    return Change("vae_slicing", what, tweak=tweak, against=batch_against)


def _channels_last(_value: bool, _asked: _Asked) -> Change:  # noqa: FBT001 - likewise
    return Change("channels_last", "weights in channels-last layout", tweak=channels_last)


def _offload(kind: str, _asked: _Asked) -> Change:
    what = {
        "model": "models on the GPU only while they are used",
        "sequential": "layers on the GPU only while they are used",
        "group": "groups of layers on the GPU only while they are used",
    }
    return Change(f"offload={kind}", what[kind], model={"offload": kind}, unfit=_offload_unfit)


def tiled(pipeline: Any) -> Check:
    """Decode in tiles, of half the image's side where one would hold it; or ``Unfit``."""
    decoder = decoder_of(pipeline)
    if not hasattr(decoder, "enable_tiling") or not hasattr(decoder, "tiled_decode"):
        raise Unfit(f"{type(decoder).__name__} has no tiled decoding")
    decoder.enable_tiling()
    in_tiles, whole = decoder.tiled_decode, decoder.decode
    used: list[bool] = []

    @wraps(in_tiles)
    def tiled_decode(*args: Any, **kwargs: Any) -> Any:
        used.append(True)
        return in_tiles(*args, **kwargs)

    @wraps(whole)
    def decode(latents: Any, *args: Any, **kwargs: Any) -> Any:
        side = max(latents.shape[-2:])
        if side <= getattr(decoder, "tile_latent_min_size", 0):
            scale = decoder.tile_sample_min_size // decoder.tile_latent_min_size
            decoder.tile_latent_min_size = side // 2
            decoder.tile_sample_min_size = side // 2 * scale
        return whole(latents, *args, **kwargs)

    decoder.tiled_decode, decoder.decode = tiled_decode, decode
    return lambda: None if used else "the images are no larger than one tile"


def sliced(pipeline: Any) -> None:
    """Decode a batch of two one by one, since one image is never sliced; or ``Unfit``."""
    slicing(pipeline)
    in_a_batch(pipeline, position=0)


def slicing(pipeline: Any) -> None:
    """Decode the images of a batch one by one; or ``Unfit``."""
    decoder = decoder_of(pipeline)
    if not hasattr(decoder, "enable_slicing"):
        raise Unfit(f"{type(decoder).__name__} has no sliced decoding")
    decoder.enable_slicing()


def channels_last(pipeline: Any) -> None:
    """Lay convolutions' weights out channels last, and so all that follows; or ``Unfit``."""
    import torch

    found = False
    for name in present(pipeline, Role.DENOISER, Role.PRIOR, Role.DECODER):
        model = getattr(pipeline, name)
        if any(isinstance(m, torch.nn.Conv2d) for m in model.modules()):
            model.to(memory_format=torch.channels_last)
            found = True
    if not found:
        raise Unfit("no model has two-dimensional convolutions")


def _offload_unfit(situation: Situation) -> str | None:
    if importlib.util.find_spec("accelerate") is None:
        return "needs the package accelerate"
    return needs_gpu(situation)
