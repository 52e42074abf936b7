"""How the float pictures differ, harmless or not: by how much, and whether neighbours agree.

What a rule on pixels could know of the differences besides their number is where they are and which
way they point. Each value of a picture that is off by e levels, e far below 1, lands on the other
side of an edge between two levels with probability ``|e|``, so the levels show a random few of the
signs of this field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import models
import numpy as np
from changes import CHANGES, Change
from pairs import PLAIN

from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.suite.loading import load_suite
from goldenseed.suite.model import SchedulerSpec
from goldenseed.tolerance.rounding import trace_measures
from goldenseed.tools.probe.change import call_otherwise
from goldenseed.trace.stages import Trace

SHOWN = (
    "channels last",
    "no oneDNN",
    "flash attention kernel",
    "guidance + 0.0001",
    "denoiser's weights, noise 1e-6",
    "denoiser's weights, noise 1e-5",
    "VAE's weights, noise 1e-5",
    "text encoder, noise 1e-5",
)
IMAGES = 4
APART = (1, 8)
"""Pixels between two values that are held against each other."""


@dataclass(frozen=True)
class Recipe:
    """What the suite would say instead of what it says."""

    name: str
    models: tuple[str, ...]
    call: Mapping[str, Any]
    changes: tuple[str, ...] = SHOWN[:3]
    scheduler: SchedulerSpec | None = None


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture before it became levels."""

    values: np.ndarray
    """In levels: (height, width, 3), 0…255."""
    trace: Trace


RECIPES = (
    Recipe("as in the benchmark", ("shapes-sd", "random SDXL", "random FLUX"), {}, SHOWN),
    Recipe("50 steps", ("shapes-sd", "random SDXL"), {"num_inference_steps": 50}),
    Recipe("guidance 12", ("shapes-sd", "random SDXL"), {"guidance_scale": 12.0}),
    Recipe("256 x 256", ("shapes-sd",), {"height": 256, "width": 256}),
    Recipe("DDIM", ("random SDXL",), {}, scheduler=SchedulerSpec("DDIMScheduler", {})),
)


def main(folder: Path) -> None:
    """Print the table, from images made now with the models below ``folder``."""
    homes = models.build(folder / "models")
    apart = " | ".join(f"{each} apart" for each in APART)
    print(f"| Model | Recipe | Change | Severity | Mean error | Pixels | {apart} | Trace |")
    print("|---|---|---|---|---|---|" + "---|" * len(APART) + "---|")
    for recipe in RECIPES:
        for model in recipe.models:
            plain = _pictures(homes[model], Change(PLAIN), recipe)
            for name in recipe.changes:
                changed = _pictures(homes[model], CHANGES[name], recipe)
                severity = CHANGES[name].severity or "harmless"
                row = f"| {model} | {recipe.name} | {name} | {severity} |"
                print(f"{row} {_columns(plain, changed)} |", flush=True)


def _columns(plain: Sequence[Picture], changed: Sequence[Picture]) -> str:
    both = list(zip(plain, changed, strict=True))
    errors = [after.values - before.values for before, after in both]
    moved = [
        float((before.values.round() != after.values.round()).any(axis=-1).mean())
        for before, after in both
    ]
    explained = sum(
        all(each.explained for each in trace_measures(before.trace, after.trace, "float32"))
        for before, after in both
    )
    size = _range([float(np.abs(each).mean()) for each in errors], "{:.1e}")
    agree = (_range([neighbours(each, apart) for each in errors], "{:.2f}") for apart in APART)
    return " | ".join((size, _range(moved, "{:.1e}"), *agree, f"{explained} of {len(both)}"))


def neighbours(error: np.ndarray, pixels: int) -> float:
    """Return the correlation of a field, (height, width, channels), with itself moved.

    About zero, down and to the right, the mean of both.
    """
    down = (error[pixels:] * error[:-pixels]).mean()
    right = (error[:, pixels:] * error[:, :-pixels]).mean()
    return float((down + right) / 2 / (error**2).mean())


def _pictures(home: Path, change: Change, recipe: Recipe) -> list[Picture]:
    """Make the first cases."""
    values: list[np.ndarray] = []

    def prepare(pipeline: Any) -> None:
        change.prepare(pipeline)

        def call(own_call: Any, **arguments: Any) -> Any:
            output = own_call(**arguments)
            values.append(np.asarray(output.images[0], dtype=np.float64) * 255)
            return output

        call_otherwise(pipeline, call)

    suite = load_suite(home / "float32.suite.yaml")
    determinism = replace(suite.determinism, **change.determinism)
    backend = DiffusersBackend(device="cpu", prepare=prepare)
    traces = []
    for case in replace(suite, determinism=determinism).cases[:IMAGES]:
        told = replace(case, call={**case.call, **recipe.call})
        if recipe.scheduler is not None:
            told = replace(told, model=replace(told.model, scheduler=recipe.scheduler))
        traces.append(backend.generate(change.case(told)).trace)
    backend.close()
    return [Picture(*each) for each in zip(values, traces, strict=True)]


def _range(values: Sequence[float], form: str) -> str:
    low, high = form.format(min(values)), form.format(max(values))
    return low if low == high else f"{low} … {high}"
