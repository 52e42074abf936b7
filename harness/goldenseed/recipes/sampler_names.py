"""A suite's scheduler by the names that A1111 gives it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from goldenseed.recipes.samplers import NORMAL, OWN_TIMES, SAMPLERS, SCHEDULES

_LABELS: Final = MappingProxyType(
    {
        "euler": "Euler",
        "euler a": "Euler a",
        "lms": "LMS",
        "heun": "Heun",
        "dpm2": "DPM2",
        "dpm2 a": "DPM2 a",
        "dpm++ 2m": "DPM++ 2M",
        "dpm++ 2m sde": "DPM++ 2M SDE",
        "dpm++ 2m sde heun": "DPM++ 2M SDE Heun",
        "dpm++ sde": "DPM++ SDE",
        "ddim": "DDIM",
        "pndm": "PLMS",
        "lcm": "LCM",
        "unipc": "UniPC",
        "ddpm": "DDPM",
        "tcd": "TCD",
        "deis": "DEIS",
        "unipc bh2": "UniPC bh2",
    }
)
_SCHEDULE_LABELS: Final = MappingProxyType(
    {
        NORMAL: "Uniform",
        "karras": "Karras",
        "exponential": "Exponential",
        "beta": "Beta",
        "sgm uniform": "SGM Uniform",
        "simple": "Simple",
        "ddim": "DDIM",
    }
)


def names_for(scheduler: Mapping[str, Any]) -> tuple[str, str | None] | None:
    """Return A1111's names of a suite's scheduler and schedule; None where none is the same.

    Every option beside the class has to be one that the names stand for, with that value.
    """
    for name, sampler in SAMPLERS.items():
        if sampler.scheduler != scheduler.get("class"):
            continue
        asked = {key: value for key, value in scheduler.items() if key != "class"}
        if name in OWN_TIMES and asked == sampler.config:
            return _LABELS[name], None
        for schedule, found in SCHEDULES.items():
            if asked == {**sampler.config, **found.config}:
                return _LABELS[name], _SCHEDULE_LABELS[schedule]
    return None
