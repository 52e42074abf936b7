from __future__ import annotations

import math
from types import MappingProxyType

import numpy as np
import pytest
from scipy import stats

from goldenseed.recipes.fields import Fidelity
from goldenseed.recipes.sampler_names import names_for
from goldenseed.recipes.samplers import (
    NO_COUNTERPART,
    SAMPLERS,
    SCHEDULES,
    canonical,
    scheduler_for,
)

STEPS = 20


@pytest.fixture(scope="module")
def levels():
    """The noise levels of Stable Diffusion 1 at its 1000 times, in float64."""
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    left = np.cumprod(1 - betas)
    return ((1 - left) / left) ** 0.5


def k_diffusion(schedule: str, levels: np.ndarray, steps: int) -> np.ndarray:
    """k-diffusion's and A1111's formulas, by their names."""
    low, high = levels[0], levels[-1]

    def at(times: np.ndarray) -> np.ndarray:
        return np.exp(np.interp(times, np.arange(1000), np.log(levels)))

    ramp = np.linspace(0, 1, steps)
    formulas = {
        "normal": lambda: at(np.linspace(999, 0, steps)),
        "karras": lambda: (high ** (1 / 7) + ramp * (low ** (1 / 7) - high ** (1 / 7))) ** 7,
        "exponential": lambda: np.exp(np.linspace(math.log(high), math.log(low), steps)),
        "beta": lambda: low + stats.beta.ppf(1 - ramp, 0.6, 0.6) * (high - low),
        "simple": lambda: levels[[-(1 + int(n * 1000 / steps)) for n in range(steps)]],
        "ddim": lambda: levels[1 :: 1000 // steps][::-1],
        "sgm uniform": lambda: at(np.linspace(999, 0, steps + 1)[:-1]),
    }
    return formulas[schedule]()


def first_order(values: np.ndarray) -> np.ndarray:
    """Leave out what samplers of second order have between two levels."""
    doubled = len(values) > STEPS + 1
    return np.concatenate([values[:1], values[2::2]])[:STEPS] if doubled else values[:STEPS]


PAIRS = [
    (name, schedule)
    for name in ("euler", "euler a", "lms", "heun", "dpm2", "dpm2 a", "dpm++ 2m", "unipc", "deis")
    for schedule in SCHEDULES
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # diffusers on NumPy 2
@pytest.mark.parametrize(("name", "schedule"), PAIRS)
def test_what_is_called_exact_has_k_diffusions_noise_levels_and_times(
    name: str, schedule: str | None, levels: np.ndarray
):
    import diffusers

    chosen = scheduler_for(name, schedule, STEPS)
    assert chosen.scheduler is not None
    config = {key: value for key, value in chosen.scheduler.items() if key != "class"}
    trained = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    scheduler = getattr(diffusers, chosen.scheduler["class"])(**trained, **config)
    scheduler.set_timesteps(STEPS)
    sigmas = first_order(scheduler.sigmas.numpy().astype(float))
    times = first_order(scheduler.timesteps.numpy().astype(float))
    wanted = k_diffusion(schedule, levels, STEPS)
    wanted_times = np.interp(np.log(wanted), np.log(levels), np.arange(1000))
    same = np.abs(sigmas / wanted - 1).max() < 1e-4 and np.abs(times - wanted_times).max() < 5e-3
    if chosen.fidelity is Fidelity.EXACT:
        assert same
    elif not SAMPLERS[name].why:
        assert not same


def test_an_option_that_the_scheduler_lacks_is_said():
    chosen = scheduler_for("Euler a", "Karras", 20)
    assert chosen.fidelity is Fidelity.APPROXIMATE
    assert "EulerAncestralDiscreteScheduler has no karras schedule" in chosen.why
    assert chosen.scheduler == {"class": "EulerAncestralDiscreteScheduler"}


@pytest.mark.parametrize("name", sorted(NO_COUNTERPART))
def test_samplers_without_a_counterpart_leave_the_models_scheduler_and_say_so(name: str):
    chosen = scheduler_for(name, None, 20)
    assert (chosen.fidelity, chosen.scheduler) == (Fidelity.UNSUPPORTED, None)
    assert "no counterpart" in chosen.why


def test_an_unknown_sampler_is_told_from_one_without_a_counterpart():
    assert "no sampler of the name Foo 3 is known" in scheduler_for("Foo 3", None, 20).why


@pytest.mark.parametrize(
    ("written", "name", "schedule"),
    [
        ("DPM++ 2M Karras", "dpm++ 2m", "karras"),
        ("dpmpp_2m", "dpm++ 2m", None),
        ("k_dpmpp_2m", "dpm++ 2m", None),
        ("dpmpp_2m_k", "dpm++ 2m", "karras"),
        ("DPM++ 2M SDE Exponential", "dpm++ 2m sde", "exponential"),
        ("dpmpp_2m_sde_gpu", "dpm++ 2m sde", None),
        ("euler_ancestral", "euler a", None),
        ("k_euler_ancestral", "euler a", None),
        ("Euler a", "euler a", None),
        ("kdpm_2_a", "dpm2 a", None),
        ("dpm_2_ancestral", "dpm2 a", None),
        ("PLMS", "pndm", None),
        ("uni_pc_bh2", "unipc bh2", None),
        ("lms_k", "lms", "karras"),
    ],
)
def test_every_programs_name_of_a_sampler_is_known(written: str, name: str, schedule: str | None):
    assert canonical(written) == (name, schedule)
    assert name in SAMPLERS


def test_automatic_is_the_samplers_own_schedule():
    automatic = scheduler_for("DPM++ 2M", "Automatic", 20).scheduler
    assert automatic == scheduler_for("DPM++ 2M", "Karras", 20).scheduler
    assert scheduler_for("Euler", "Automatic", 20) == scheduler_for("Euler", None, 20)


def test_times_that_depend_on_the_number_of_steps_are_exact_where_they_divide():
    assert scheduler_for("Euler", "Simple", 20).fidelity is Fidelity.EXACT
    uneven = scheduler_for("Euler", "Simple", 30)
    assert uneven.fidelity is Fidelity.APPROXIMATE
    assert "divide 1000" in uneven.why
    assert scheduler_for("Euler", "Simple", None).fidelity is Fidelity.APPROXIMATE


@pytest.mark.parametrize("name", sorted(SAMPLERS))
@pytest.mark.parametrize("schedule", [None, "sgm uniform", "simple"])
def test_a_scheduler_has_the_names_that_it_came_from(name: str, schedule: str | None):
    chosen = scheduler_for(name, schedule, 20)
    named = names_for(MappingProxyType(chosen.scheduler))
    assert named is not None
    assert scheduler_for(*named, 20).scheduler == chosen.scheduler


def test_a_scheduler_with_an_option_of_its_own_has_no_name():
    assert names_for({"class": "EulerDiscreteScheduler", "rescale_betas_zero_snr": True}) is None
