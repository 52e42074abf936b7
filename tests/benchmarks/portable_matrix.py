"""Which schedulers of diffusers are portable, measured: prints the tables of docs/determinism.md.

    python tests/benchmarks/portable_matrix.py > matrix.md

Takes some minutes. Every scheduler makes images of the embedded model or of a tiny Flux in fresh
processes, one an environment; those that fit neither pipeline are stepped through a schedule with a
function in the model's place.
"""

from __future__ import annotations

import inspect
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import portable_runs
from portable_runs import ENVIRONMENTS, Images

EMBEDDED = Path(__file__).parents[2] / "suites" / "shapes-sd"
COMPARED = ("avx512", "avx2, 2 threads", "avx2, capped", "default, capped")
STEPS = 4
VARIANTS: dict[str, Any] = {
    "use_karras_sigmas": True,
    "use_exponential_sigmas": True,
    "use_beta_sigmas": True,
    "rescale_betas_zero_snr": True,
    "thresholding": True,
    "timestep_spacing": "linspace",
    "beta_schedule": "squaredcos_cap_v2",
    "algorithm_type": "sde-dpmsolver++",
}
NEEDED: dict[str, dict[str, Any]] = {
    "UnCLIPScheduler": {"beta_schedule": "squaredcos_cap_v2"},
    "AmusedScheduler": {"mask_token_id": 15},
    "VQDiffusionScheduler": {"num_vec_classes": 16},
}
TOKENS = {
    "AmusedScheduler",
    "BlockRefinementScheduler",
    "DiscreteDDIMScheduler",
    "EntropyBoundScheduler",
    "VQDiffusionScheduler",
}
"""Schedulers of token ids, which they draw from torch's own generator."""
OWN_PIPELINES = {
    "HeliosDMDScheduler": "video stages",
    "HeliosScheduler": "video stages",
    "PiflowScheduler": "a distilled schedule",
    "RFD4ProteinaScheduler": "a protein's coordinates",
}
"""What only the scheduler's own pipeline can give it."""

AT_MOST_TWO_STEPS = {"SCMScheduler", "ConsistencyDecoderScheduler"}


def scheduler_classes() -> dict[str, Any]:
    import diffusers
    from diffusers import schedulers

    found: dict[str, Any] = {}
    for name in sorted({*dir(diffusers), *dir(schedulers)}):
        each = getattr(diffusers, name, None) or getattr(schedulers, name, None)
        if isinstance(each, type) and issubclass(each, diffusers.SchedulerMixin):
            found[each.__name__] = each
    del found["SchedulerMixin"]
    return found


def variants(scheduler: Any) -> Iterator[dict[str, Any]]:
    parameters = inspect.signature(scheduler.__init__).parameters
    yield {}
    for name, value in VARIANTS.items():
        if name in parameters and parameters[name].default != value:
            yield {name: value}


def write_suites(folder: Path) -> list[Path]:
    import tiny_pipelines

    tiny_pipelines.tiny_flux(folder / "flux")
    shutil.copytree(EMBEDDED, folder / "shapes-sd")  # so that it cannot change meanwhile
    paths = []
    for model, size in (("shapes-sd", 64), ("flux", 32)):
        cases = [
            {
                "id": f"{name}-{number}",
                "prompt": "a red apple in the snow",
                "seeds": [1],
                "model": {"scheduler": {"class": name, **NEEDED.get(name, {}), **options}},
            }
            for name, scheduler in scheduler_classes().items()
            for number, options in enumerate(variants(scheduler))
        ]
        document = {
            "suite": model,
            "model": {"source": model},
            "determinism": "portable",
            "defaults": {
                "call": {"num_inference_steps": STEPS, "height": size, "width": size},
            },
            "cases": cases,
        }
        paths.append(folder / f"{model}.suite.yaml")
        paths[-1].write_text(json.dumps(document), encoding="utf-8")
    return paths


def step_through(name: str, scheduler_class: Any) -> np.ndarray[Any, Any]:
    """Take a sample through the schedule with a smooth function in the model's place."""
    import torch
    from diffusers.utils import torch_utils

    scheduler = scheduler_class(**NEEDED.get(name, {}))
    sample = torch_utils.randn_tensor((1, 4, 8, 8), dtype=torch.float64)
    parameters = inspect.signature(scheduler.set_timesteps).parameters
    more = {"mu": 1.15} if "mu" in parameters else {}
    scheduler.set_timesteps(2 if name in AT_MOST_TWO_STEPS else STEPS, **more)
    own = OWN_STEPS.get(name)
    if own is not None:
        return np.asarray(own(scheduler, sample))
    for time in scheduler.timesteps:
        scale = getattr(scheduler, "scale_model_input", None)
        output = model(scale(sample, time) if scale else sample)
        sample = scheduler.step(output, time, sample, return_dict=False)[0]
    return np.asarray(sample)


def model(sample: Any) -> Any:
    """Stand in for a network: smooth, elementwise."""
    return 0.3 * sample.sin() + 0.01 * sample


def _cogvideox_dpm(scheduler: Any, sample: Any) -> Any:
    old = before = None
    for time in scheduler.timesteps:
        sample, old = scheduler.step(model(sample), old, time, before, sample, return_dict=False)[
            :2
        ]
        before = time
    return sample


def _karras_ve(scheduler: Any, sample: Any) -> Any:
    for time in scheduler.timesteps:
        sigma = scheduler.schedule[time]
        before = scheduler.schedule[time - 1] if time > 0 else 0
        noisy, sigma_hat = scheduler.add_noise_to_input(sample, sigma)
        step = scheduler.step(model(noisy), sigma_hat, before, noisy)
        sample = step.prev_sample
    return sample


def _repaint(scheduler: Any, sample: Any) -> Any:
    original, mask = sample.cos(), (sample > 0).to(sample.dtype)
    for time in scheduler.timesteps:
        step = scheduler.step(model(sample), time, sample, original, mask)
        sample = step.prev_sample
    return sample


def _score_sde_ve(scheduler: Any, sample: Any) -> Any:
    scheduler.set_sigmas(STEPS)
    for time in scheduler.timesteps:
        sample = scheduler.step_correct(model(sample), sample).prev_sample
        sample = scheduler.step_pred(model(sample), time.expand(1), sample).prev_sample
    return sample


def _score_sde_vp(scheduler: Any, sample: Any) -> Any:
    for time in scheduler.timesteps[:-1]:
        sample, _ = scheduler.step_pred(model(sample), sample, time.expand(1))
    return sample


def _scm(scheduler: Any, sample: Any) -> Any:
    for time in scheduler.timesteps[:-1]:
        sample = scheduler.step(model(sample), time, sample).prev_sample
    return sample


def _wuerstchen(scheduler: Any, sample: Any) -> Any:
    for time in scheduler.timesteps[:-1]:
        sample = scheduler.step(model(sample), time.expand(1), sample).prev_sample
    return sample


OWN_STEPS = {
    "CogVideoXDPMScheduler": _cogvideox_dpm,
    "KarrasVeScheduler": _karras_ve,
    "RePaintScheduler": _repaint,
    "SCMScheduler": _scm,
    "ScoreSdeVeScheduler": _score_sde_ve,
    "ScoreSdeVpScheduler": _score_sde_vp,
    "DDPMWuerstchenScheduler": _wuerstchen,
}


def steps_main(out: str, suite: str) -> None:
    from goldenseed.backends.diffusers.noise import noise_of
    from goldenseed.backends.diffusers.portable import float64_only
    from goldenseed.environment.determinism import settings
    from goldenseed.suite.loading import load_suite

    case = load_suite(Path(suite)).cases[0]
    found: dict[str, np.ndarray[Any, Any]] = {}
    for name, scheduler in scheduler_classes().items():
        try:
            with settings(case.suite.determinism), float64_only(), noise_of(case):
                found[name] = step_through(name, scheduler)
        except Exception as error:  # noqa: BLE001 - the reason is the result
            found[name] = np.array(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")
    np.savez(out, **found)


def is_image(value: np.ndarray[Any, Any]) -> bool:
    return value.dtype.kind == "f"


def distance(runs: list[Images], name: str) -> float:
    first, *others = (run[name] for run in runs)
    return max(float(np.abs(first - other).max()) for other in others)


def image_rows(runs: list[Images]) -> dict[str, str]:
    """One row a scheduler that made images, over all its options."""
    names = [name for name, value in runs[0].items() if is_image(value)]
    rows = {}
    for scheduler in sorted({_scheduler_of(name) for name in names}):
        own = [name for name in names if _scheduler_of(name) == scheduler]
        differing = sum(
            (portable_runs.levels(runs[0][name]) != portable_runs.levels(run[name])).any()
            for name in own
            for run in runs[1:]
        )
        farthest = max(distance(runs, name) for name in own)
        nearest = min(portable_runs.margin(runs[0][name]) for name in own)
        same = "yes" if not differing else f"**no: {differing} images differ**"
        rows[scheduler] = (
            f"| `{scheduler}` | {own[0].partition('::')[0]} | {len(own)} | {same} "
            f"| {farthest:.0e} | {nearest:.0e} |"
        )
    return rows


def _scheduler_of(name: str) -> str:
    return name.partition("::")[2].partition("-")[0]


def steps_rows(runs: list[Images], made: set[str]) -> Iterator[str]:
    """One row a scheduler that fits neither pipeline."""
    for name, value in runs[0].items():
        if name in made:
            continue
        if is_image(value):
            relative = distance(runs, name) / max(float(np.abs(value).max()), 1e-300)
            yield f"| `{name}` | yes | {relative:.0e} |"
        else:
            yield f"| `{name}` | {_why_not(name, str(value))} | |"


def _why_not(name: str, error: str) -> str:
    if name in TOKENS:
        return "cannot: draws token ids from torch's generator"
    if name in OWN_PIPELINES:
        return f"not tried: needs {OWN_PIPELINES[name]}"
    return f"not tried: {error}"


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        suites = write_suites(folder)
        images, steps = [], []
        for name in COMPARED:
            print(f"{name} …", file=sys.stderr)
            environment = ENVIRONMENTS[name]
            images.append(portable_runs.float_images(environment, suites, folder / "images.npz"))
            steps.append(
                portable_runs.run(environment, __file__, folder / "steps.npz", str(suites[0]))
            )
    rows = image_rows(images)
    print("| Scheduler | Model | Options | Same pixels | Largest difference | Nearest edge |")
    print("|---|---|---|---|---|---|")
    print("\n".join(rows.values()))
    print("\n| Scheduler | Same but for rounding | Relative difference |")
    print("|---|---|---|")
    print("\n".join(steps_rows(steps, set(rows))))


if __name__ == "__main__":
    steps_main(*sys.argv[1:]) if sys.argv[1:] else main()
