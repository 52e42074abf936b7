"""Alternatives of ``vary`` as they are put into the entries of a suite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from pydantic import JsonValue

from goldenseed.suite.cases import Template, merged
from goldenseed.suite.inputs import InputValue
from goldenseed.suite.model import NoiseSpec
from goldenseed.suite.postprocess import StepSpec


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """One alternative of an axis of ``vary``: what a template has with it."""

    axis: str
    name: str
    call: Mapping[str, JsonValue]
    inputs: Mapping[str, InputValue]
    model: Mapping[str, Any]
    """As of ``Template``."""
    noise: NoiseSpec | None
    """None where it leaves the noise alone."""
    postprocess: tuple[StepSpec, ...] | None = None
    """None where it leaves the steps alone."""


def varied(entry: Template, axes: Sequence[Sequence[Choice]]) -> Iterator[Template]:
    """Yield an entry once for every combination of its axes' choices, the last axis fastest."""
    for combination in product(*axes):
        template = entry
        for choice in combination:
            steps = choice.postprocess
            template = replace(
                template,
                call=merged(template.call, choice.call),
                inputs=merged(template.inputs, choice.inputs),
                model=merged(template.model, choice.model),
                noise=choice.noise or template.noise,
                postprocess=template.postprocess if steps is None else steps,
                alternatives={**template.alternatives, choice.axis: choice.name},
            )
        yield template
