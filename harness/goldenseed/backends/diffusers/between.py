"""Embeddings between two prompts: a pipeline's own ``encode_prompt``, asked for both and mixed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from goldenseed.backends.protocol import GenerationError
from goldenseed.suite.between import BetweenPrompts

if TYPE_CHECKING:
    from goldenseed.suite.cases import Case

ENCODES = "encode_prompt"
"""The method by which diffusers' pipelines make embeddings of a prompt, all they need of it."""


@contextmanager
def encoded_between(case: Case, pipeline: Any) -> Iterator[None]:
    """Let a pipeline that is called with the first of two prompts get embeddings between both.

    What its ``encode_prompt`` returns of the two is mixed tensor by tensor along the line between
    them, (1 - at) * one + at * two in float64, rounded to their dtype: at 0 and 1 it is that of the
    one and the other, bit for bit. What does not depend on the prompt stays as it is. Of any other
    prompt nothing changes.

    Raises:
        GenerationError: the embeddings of the two have other shapes or masks and cannot be mixed;
            or, on leaving, the pipeline did not ask for any.

    """
    if not isinstance(case.prompt, BetweenPrompts):
        yield
        return
    wanted, own = case.prompt, getattr(pipeline, ENCODES)
    first, second = wanted.between
    taken: list[bool] = []

    def encode(*args: Any, **kwargs: Any) -> Any:
        bound = inspect.signature(own).bind(*args, **kwargs)
        given = bound.arguments.get("prompt")
        one = own(*bound.args, **bound.kwargs)
        if given not in (first, [first]):
            return one
        taken.append(True)
        bound.arguments["prompt"] = [second] if isinstance(given, list) else second
        return _mixed(one, own(*bound.args, **bound.kwargs), wanted.at, lambda: _other(case))

    held = vars(pipeline).get(ENCODES)  # somebody's own, on this one pipeline
    setattr(pipeline, ENCODES, encode)
    try:
        yield
    finally:
        if held is None:
            delattr(pipeline, ENCODES)
        else:
            setattr(pipeline, ENCODES, held)
    if not taken:
        raise GenerationError(
            "the pipeline did not encode its prompt by `encode_prompt`: nothing was mixed",
            path=case.suite.path,
            line=case.line,
            fix="write one prompt: this pipeline cannot be given embeddings between two",
        )


def _other(case: Case) -> GenerationError:
    return GenerationError(
        "the embeddings of the two prompts have not the same shape and mask",
        path=case.suite.path,
        line=case.line,
        fix="take prompts of as many tokens each: this pipeline does not pad them to one length",
    )


def _mixed(one: Any, two: Any, at: float, refused: Callable[[], GenerationError]) -> Any:
    """Return what lies between two results of one method, part by part."""
    import torch

    if isinstance(one, tuple | list) and isinstance(two, tuple | list) and len(one) == len(two):
        return type(one)(_mixed(*each, at, refused) for each in zip(one, two, strict=True))
    tensors = [isinstance(each, torch.Tensor) for each in (one, two)]
    if not any(isinstance(each, torch.Tensor | tuple | list) for each in (one, two)) and one == two:
        return one
    if not all(tensors) or one.shape != two.shape:
        raise refused()
    if torch.equal(one, two):
        return one
    if not one.is_floating_point():
        raise refused()
    exact, other = (each.to("cpu", torch.float64) for each in (one, two))
    return ((1 - at) * exact + at * other).to(one.device, one.dtype)
