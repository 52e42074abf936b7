"""Samplers of other programs as schedulers of diffusers, with all their configuration.

Sources: the table in diffusers' documentation ("Schedulers", A1111/k-diffusion names);
k-diffusion's ``sampling.py`` and ``external.py``; the lists of samplers and schedules of
AUTOMATIC1111's ``sd_samplers_kdiffusion.py`` and ``sd_schedulers.py``. What is called exact was
held against k-diffusion's formulas for the noise levels and times of a Stable Diffusion model: they
agree to 1e-4 and 5e-3 of a step (``tests/unit/recipes/test_samplers.py`` does that again).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from goldenseed.recipes.fields import Fidelity

NORMAL: Final = "normal"
"""The schedule where none is named: equal steps in time."""

_TRAINED_STEPS: Final = 1000
_ROUNDED = "diffusers rounds the times of these noise levels to whole steps"
_SHIFTED = "diffusers divides the times otherwise: each is up to one step off"


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule of noise levels, as diffusers' schedulers are told to keep it."""

    config: Mapping[str, Any]
    option: str = ""
    """The option that a scheduler has to have."""
    whole: bool = False
    """Whether it is the same only where the steps divide the model's 1000."""
    why: str = ""
    """What differs from the other programs' with every scheduler."""


SCHEDULES: Final[Mapping[str, Schedule]] = MappingProxyType(
    {
        NORMAL: Schedule({"timestep_spacing": "linspace"}),
        "karras": Schedule(
            {"timestep_spacing": "linspace", "use_karras_sigmas": True}, "use_karras_sigmas"
        ),
        "exponential": Schedule(
            {"timestep_spacing": "linspace", "use_exponential_sigmas": True},
            "use_exponential_sigmas",
        ),
        "beta": Schedule(
            {"timestep_spacing": "linspace", "use_beta_sigmas": True}, "use_beta_sigmas"
        ),
        "sgm uniform": Schedule(
            {"timestep_spacing": "trailing"},
            why="diffusers rounds these times to whole steps: each is up to 1.3 off",
        ),
        "simple": Schedule({"timestep_spacing": "trailing"}, whole=True),
        "ddim": Schedule({"timestep_spacing": "leading", "steps_offset": 1}, whole=True),
    }
)
_SCHEDULE_NAMES = {
    "uniform": NORMAL,
    "ddim uniform": "ddim",
    "sgmuniform": "sgm uniform",
}
_NO_SUCH_SCHEDULE = {
    "polyexponential": "diffusers has no polyexponential schedule",
    "kl optimal": "diffusers has no such schedule",
    "align your steps": "diffusers takes these as `timesteps` of the call, by model",
    "karras exponential": "diffusers has no such schedule",
    "turbo": "diffusers has no such schedule",
}


@dataclass(frozen=True, slots=True)
class Sampler:
    """A sampler, and the scheduler that is it or is nearest to it."""

    scheduler: str
    config: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""
    """What differs with every schedule; empty where it is the same sampler."""
    options: frozenset[str] = frozenset()
    """Which options for schedules the scheduler has."""
    automatic: str = NORMAL
    """AUTOMATIC1111's schedule where it says *Automatic* (since 1.9)."""
    differs: Mapping[str, str] = field(default_factory=dict)
    """What differs with single schedules."""


_SIGMAS = frozenset({"use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas"})
_MULTISTEP = MappingProxyType(
    {NORMAL: _SHIFTED, "ddim": _SHIFTED}
    | dict.fromkeys(("karras", "exponential", "beta"), _ROUNDED)
)
_DISCARDED = "the other programs leave out the last but one noise level, diffusers does not"
_DRAWN = "the noise of the steps is drawn in another way (a Brownian tree there)"
_DPM: Final = MappingProxyType({"solver_order": 2, "solver_type": "midpoint"})


def _multistep(algorithm: str, automatic: str, why: str = "", **config: Any) -> Sampler:
    return Sampler(
        "DPMSolverMultistepScheduler",
        {"algorithm_type": algorithm, **_DPM, **config},
        why,
        _SIGMAS,
        automatic,
        _MULTISTEP,
    )


SAMPLERS: Final[Mapping[str, Sampler]] = MappingProxyType(
    {
        "euler": Sampler("EulerDiscreteScheduler", options=_SIGMAS),
        "euler a": Sampler("EulerAncestralDiscreteScheduler"),
        "lms": Sampler("LMSDiscreteScheduler", options=_SIGMAS),
        "heun": Sampler("HeunDiscreteScheduler", options=_SIGMAS),
        "dpm2": Sampler("KDPM2DiscreteScheduler", {}, _DISCARDED, _SIGMAS, "karras"),
        "dpm2 a": Sampler("KDPM2AncestralDiscreteScheduler", {}, _DISCARDED, _SIGMAS, "karras"),
        "dpm++ 2m": _multistep("dpmsolver++", "karras"),
        "dpm++ 2m sde": _multistep("sde-dpmsolver++", "exponential", _DRAWN),
        "dpm++ 2m sde heun": _multistep(
            "sde-dpmsolver++", "exponential", _DRAWN, solver_type="heun"
        ),
        "dpm++ sde": Sampler(
            "DPMSolverSDEScheduler",
            {},
            "the seed of the Brownian tree is another",
            _SIGMAS,
            "karras",
        ),
        "ddim": Sampler(
            "DDIMScheduler",
            {"timestep_spacing": "leading", "steps_offset": 1, "clip_sample": False},
        ),
        "pndm": Sampler("PNDMScheduler", {"skip_prk_steps": True, "steps_offset": 1}),
        "ddpm": Sampler("DDPMScheduler", {}, "the noise of the steps is drawn in another way"),
        "lcm": Sampler("LCMScheduler", {}, "the times of the steps may be others"),
        "tcd": Sampler("TCDScheduler", {}, "the times of the steps may be others"),
        "deis": Sampler("DEISMultistepScheduler", {}, "", _SIGMAS, NORMAL, _MULTISTEP),
        "unipc": Sampler(
            "UniPCMultistepScheduler",
            {"solver_order": 2, "solver_type": "bh1"},
            "the order is 3 there unless it was set",
            _SIGMAS,
            NORMAL,
            _MULTISTEP,
        ),
        "unipc bh2": Sampler(
            "UniPCMultistepScheduler",
            {"solver_order": 2, "solver_type": "bh2"},
            "the order is 3 there unless it was set",
            _SIGMAS,
            NORMAL,
            _MULTISTEP,
        ),
    }
)
"""By the name without letter case that A1111 gives them; ``canonical`` makes others' that."""

OWN_TIMES: Final = frozenset({"ddim", "pndm", "ddpm", "lcm", "tcd"})
"""Programs name a schedule beside these, and do not use it."""
NO_COUNTERPART: Final = frozenset(
    {
        *("dpm++ 2s a", "dpm fast", "dpm adaptive", "dpm++ 3m sde", "res multistep", "er sde"),
        *(
            "heunpp2",
            "ipndm",
            "ipndm v",
            "restart",
            "dpm++ 2m v2",
            "seeds 2",
            "seeds 3",
            "gradient estimation",
        ),
    }
)
"""Samplers that diffusers 0.42 has nothing for."""
_OTHER_NAMES = {"plms": "pndm", "uni pc": "unipc", "uni pc bh2": "unipc bh2", "ddim v3": "ddim"}


def canonical(name: str) -> tuple[str, str | None]:
    """Return a sampler's name as the table has it, and the schedule that the name brings.

    ``DPM++ 2M Karras``, ``dpmpp_2m`` with its schedule elsewhere, ``k_dpmpp_2m``, ``dpmpp_2m_k``.
    """
    plain = re.sub(r"[\s_]+", " ", name.casefold()).strip()
    plain = re.sub(r"^(k|sample) ", "", plain)
    plain = plain.replace("dpmpp", "dpm++").replace("kdpm 2", "dpm2").replace("dpm 2", "dpm2")
    plain = re.sub(r"\bancestral\b", "a", plain)
    plain = re.sub(r" gpu$| cfg pp$", "", plain)
    for ending, schedule in (
        (" karras", "karras"),
        (" k", "karras"),
        (" exponential", "exponential"),
    ):
        if plain.endswith(ending):
            return _OTHER_NAMES.get(
                plain.removesuffix(ending), plain.removesuffix(ending)
            ), schedule
    return _OTHER_NAMES.get(plain, plain), None


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a sampler and a schedule come to."""

    fidelity: Fidelity
    why: str
    scheduler: Mapping[str, Any] | None
    """``class`` and the configuration beside it, as a suite's ``scheduler`` has them."""


def scheduler_for(name: str, schedule: str | None, steps: int | None) -> Chosen:
    """Return the scheduler for a sampler's and a schedule's name.

    ``schedule`` is None where none is stated, ``steps`` where their number is not; a schedule that
    is the same only for some numbers of steps is approximate then.
    """
    sampler_name, brought = canonical(name)
    sampler = SAMPLERS.get(sampler_name)
    if sampler is None:
        why = (
            f"diffusers has no counterpart of {name}"
            if sampler_name in NO_COUNTERPART
            else f"no sampler of the name {name} is known here"
        )
        return Chosen(Fidelity.UNSUPPORTED, f"{why}: the model's own scheduler is used", None)
    asked = re.sub(r"[\s_]+", " ", (schedule or brought or NORMAL).casefold()).strip()
    if asked in {"automatic", ""}:
        asked = brought or sampler.automatic
    asked = _SCHEDULE_NAMES.get(asked, asked)
    kept = {"class": sampler.scheduler, **sampler.config}
    if sampler_name in OWN_TIMES:
        return _chosen(kept, sampler.why)
    found = SCHEDULES.get(asked)
    if found is None or (found.option and found.option not in sampler.options):
        why = _NO_SUCH_SCHEDULE.get(asked) or (
            f"{sampler.scheduler} has no {asked} schedule"
            if found
            else f"no schedule of the name {asked} is known here"
        )
        return Chosen(
            Fidelity.APPROXIMATE,
            f"{why}: the scheduler keeps the model's own times",
            kept,
        )
    why = "; ".join(filter(None, (sampler.why, found.why, sampler.differs.get(asked, ""))))
    if found.whole and (steps is None or steps < 1 or _TRAINED_STEPS % steps):
        uneven = "these times are the same only where the steps divide 1000"
        why = "; ".join(filter(None, (why, uneven)))
    return _chosen({**kept, **found.config}, why)


def _chosen(scheduler: Mapping[str, Any], why: str) -> Chosen:
    return Chosen(Fidelity.APPROXIMATE if why else Fidelity.EXACT, why, scheduler)
