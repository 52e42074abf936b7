"""What a pipeline's own call gets otherwise than it was handed over is noted."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch

from goldenseed.backends.diffusers.passed_on import passed_on


class _Library:
    """What stands for a pipeline of diffusers: a class whose call is of one of its modules."""

    source = """
class Pipeline:
    def __call__(self, prompt=None, strength=1.0, scales=(1, 2), latents=None, callback=None,
                 callback_on=()):
        strength = strength * 2
        return strength
"""


@pytest.fixture
def pipeline() -> Any:
    module = ModuleType("diffusers.pipelines.made_up")
    exec(compile(_Library.source, "made_up.py", "exec"), vars(module))
    return module.Pipeline()


def wrapped(pipeline: Any, change: Callable[[dict[str, Any]], None]) -> None:
    kind = type(pipeline)
    original = kind.__call__

    @functools.wraps(original)
    def call(self: Any, **given: Any) -> Any:
        change(given)
        return original(self, **given)

    kind.__call__ = call


def noted(pipeline: Any, **arguments: Any) -> dict[str, Any]:
    parameters = dict(inspect.signature(pipeline).parameters)
    with passed_on(pipeline, arguments, parameters) as found:
        pipeline(**arguments)
    assert sys.getprofile() is None
    return {key.removeprefix("pipeline.argument."): value for key, value in found.items()}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"strength": 0.5}, {"strength": 0.5}),
        ({"prompt": ["a boat"]}, {}),
        ({"prompt": "a ship"}, {"prompt": "a ship"}),
        ({"scales": [3, 4]}, {"scales": "[3,4]"}),
        ({"scales": [1, 2]}, {}),
        ({"prompt": None}, {"prompt": "none"}),
        ({"callback": print, "callback_on": ["latents"]}, {}),
        ({"latents": torch.zeros(2, 3)}, {"latents": "float32 2x3:9d908ecf"}),
        ({"latents": torch.Generator()}, {"latents": "another Generator"}),
    ],
)
def test_only_what_is_another_is_noted_as_it_enters(
    pipeline: Any, change: dict[str, Any], found: dict[str, Any]
):
    wrapped(pipeline, lambda given: given.update(change))
    assert noted(pipeline, prompt="a boat", strength=1.0) == found


def test_nothing_is_looked_for_where_no_foreign_call_stands_before_it(pipeline: Any):
    assert noted(pipeline, prompt="a boat", strength=0.5) == {}


def test_a_foreign_call_that_never_gets_there_is_not_watched_for_ever(pipeline: Any):
    def instead(_self: Any, **_given: Any) -> None:
        for _ in range(20_000):
            str.upper("a")

    type(pipeline).__call__ = instead
    assert noted(pipeline, prompt="a boat") == {}


def test_a_profiler_keeps_the_hook(pipeline: Any):
    wrapped(pipeline, lambda given: given.update(strength=0.5))
    profiler = lambda *_given: None  # noqa: E731
    sys.setprofile(profiler)
    try:
        parameters = dict(inspect.signature(pipeline).parameters)
        with passed_on(pipeline, {"strength": 1.0}, parameters) as found:
            pipeline(strength=1.0)
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)
    assert found == {}
