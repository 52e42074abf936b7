"""Images made under harmless changes and real ones, judged against unchanged ones.

``python rounding_runs.py MODEL DTYPE IMAGES FOLDER CHANGE…`` makes the images of a model under
each change in one process; ``made`` starts that under an instruction set, and ``judged`` asks for
the verdict as a session does. Models: ``shapes`` (the embedded one) and ``sd``, ``sdxl`` and
``flux`` (tiny, random).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from PIL import Image

import tiny_pipelines
from goldenseed.baselines.entry import ExactImage, ProfileBaseline
from goldenseed.core.pixels import pixels_sha256
from goldenseed.suite.cases import Case, Limit
from goldenseed.suite.loading import load_suite
from goldenseed.tolerance.tolerance import assumed_tolerance
from goldenseed.trace.files import SUFFIX, encode_trace, read_trace
from goldenseed.trace.stages import Trace
from goldenseed.verdict.evidence import Accepted, Evidence, Reference
from goldenseed.verdict.judge import Judgement, judge

ROOT = Path(__file__).parents[1]
STEPS = 20
GUIDANCE = 5.0
ISA = {
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "AVX2"},
    "default": {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_CBWR": "COMPATIBLE",
    },
}
Pipeline = Any


@dataclass(frozen=True)
class Change:
    """One thing done otherwise, underneath the recipe."""

    harmless: bool
    isa: str | None = None
    determinism: Mapping[str, Any] = field(default_factory=dict)
    guidance: float = 1.0
    """By how much the guidance is multiplied."""
    prepare: Callable[[Pipeline], None] | None = None
    exact: bool = False
    """Whether all is computed in float64."""


@dataclass(frozen=True)
class Made:
    """One image and how it was made."""

    image: Image.Image
    trace: Trace
    environment: Mapping[str, Any] = field(default_factory=dict)
    """As it was inside the call."""


def channels_last(pipeline: Pipeline) -> None:
    import torch

    for name in ("unet", "transformer", "vae"):
        if (model := getattr(pipeline, name, None)) is not None:
            model.to(memory_format=torch.channels_last)


def without_onednn(_pipeline: Pipeline) -> None:
    import torch

    torch.backends.mkldnn.enabled = False


def in_a_batch(pipeline: Pipeline) -> None:
    from goldenseed.tools.probe.changes.memory import in_a_batch as batched

    batched(pipeline, position=1)


def all_at_once(pipeline: Pipeline) -> None:
    channels_last(pipeline)
    without_onednn(pipeline)


def weights(part: str, sigma: float) -> Callable[[Pipeline], None]:
    """Multiply every weight by 1 + ``sigma`` times a standard normal number."""

    def change(pipeline: Pipeline) -> None:
        import torch

        model = getattr(pipeline, part, None) or pipeline.transformer
        random = torch.Generator().manual_seed(1)
        for each in model.parameters():
            factor = 1 + sigma * torch.randn(each.shape, generator=random, dtype=torch.float64)
            each.data = (each.data.double() * factor).to(each.dtype)

    return change


def scheduler_constant(pipeline: Pipeline) -> None:
    config = dict(pipeline.scheduler.config)
    name = "beta_end" if "beta_end" in config else "shift"
    config[name] *= 1 + 1e-5
    pipeline.scheduler = type(pipeline.scheduler).from_config(config)


CHANGES = {
    "the same again": Change(harmless=True),
    "2 threads": Change(harmless=True, determinism={"threads": 2}),
    "AVX2": Change(harmless=True, isa="avx2"),
    "lowest ISA": Change(harmless=True, isa="default"),
    "channels last": Change(harmless=True, prepare=channels_last),
    "second of a batch of 2": Change(harmless=True, prepare=in_a_batch),
    "without oneDNN": Change(harmless=True, prepare=without_onednn),
    "flash attention": Change(harmless=True, determinism={"sdpa": "flash"}),
    "lowest ISA, 2 threads, flash, channels last, without oneDNN": Change(
        harmless=True,
        isa="default",
        determinism={"threads": 2, "sdpa": "flash"},
        prepare=all_at_once,
    ),
    "denoiser's weights 1e-7": Change(harmless=False, prepare=weights("unet", 1e-7)),
    "denoiser's weights 1e-6": Change(harmless=False, prepare=weights("unet", 1e-6)),
    "denoiser's weights 1e-5": Change(harmless=False, prepare=weights("unet", 1e-5)),
    "guidance 5.0001": Change(harmless=False, guidance=1 + 2e-5),
    "guidance 5.001": Change(harmless=False, guidance=1 + 2e-4),
    "a scheduler's constant 1e-5": Change(harmless=False, prepare=scheduler_constant),
    "VAE's weights 1e-6": Change(harmless=False, prepare=weights("vae", 1e-6)),
    "text encoder's weights 1e-6": Change(harmless=False, prepare=weights("text_encoder", 1e-6)),
    "text encoder's weights 1e-5": Change(harmless=False, prepare=weights("text_encoder", 1e-5)),
}
HALF_PRECISION_CHANGES = {
    **{name: each for name, each in CHANGES.items() if each.harmless},
    "denoiser's weights 1e-2": Change(harmless=False, prepare=weights("unet", 1e-2)),
    "denoiser's weights 1e-1": Change(harmless=False, prepare=weights("unet", 1e-1)),
    "guidance 5.05": Change(harmless=False, guidance=1.01),
    "guidance 5.5": Change(harmless=False, guidance=1.1),
    "VAE's weights 1e-2": Change(harmless=False, prepare=weights("vae", 1e-2)),
}

EXACT = "exactly"
KNOWN = CHANGES | HALF_PRECISION_CHANGES | {EXACT: Change(harmless=True, exact=True)}


def cases_of(model: str, dtype: str, images: int, folder: Path) -> list[Case]:
    call: dict[str, Any] = {"num_inference_steps": STEPS, "guidance_scale": GUIDANCE}
    if model == "shapes":
        suite = load_suite(ROOT / "suites" / "shapes.suite.yaml")
        suite = replace(suite, model=replace(suite.model, dtype=dtype))
        chosen = [case for case in suite.cases if "euler" not in case.id][:images]
        return [replace(case, suite=suite, call={**case.call, **call}) for case in chosen]
    kinds = {
        "sd": tiny_pipelines.tiny_stable_diffusion,
        "sdxl": tiny_pipelines.tiny_stable_diffusion_xl,
        "flux": tiny_pipelines.tiny_flux,
    }
    if not (folder / model).exists():
        kinds[model](folder / model)
    if model == "flux":
        call |= {"true_cfg_scale": GUIDANCE, "guidance_scale": 3.5, "negative_prompt": "blurry"}
    case = {
        "id": "ball",
        "prompt": "a red ball on green grass",
        "seeds": {"start": 1, "count": images},
        "call": {**call, "height": 64, "width": 64},
    }
    document = {"suite": model, "model": {"source": model, "dtype": dtype}, "cases": [case]}
    path = folder / f"{model}.suite.yaml"
    path.write_text(json.dumps(document), encoding="utf-8")
    return list(load_suite(path).cases)


def guided(case: Case, factor: float) -> Case:
    name = "true_cfg_scale" if "true_cfg_scale" in case.call else "guidance_scale"
    return replace(case, call={**case.call, name: float(str(case.call[name])) * factor})


def make(model: str, dtype: str, images: int, folder: Path, names: Iterable[str]) -> None:
    import torch

    from goldenseed.backends.diffusers.backend import DiffusersBackend
    from goldenseed.backends.diffusers.in_force import differing

    cases = cases_of(model, dtype, images, folder)
    for name in names:
        change = KNOWN[name]
        torch.backends.mkldnn.enabled = True
        backend = DiffusersBackend(device="cpu", prepare=change.prepare, exact=change.exact)
        for number, case in enumerate(cases):
            determinism = replace(case.suite.determinism, **change.determinism)
            suite = replace(case.suite, determinism=determinism)
            made = backend.generate(guided(replace(case, suite=suite), change.guidance))
            place = folder / name / str(number)
            place.mkdir(parents=True)
            digest, data = encode_trace(made.trace)
            (place / f"{digest}{SUFFIX}").write_bytes(data)
            made.image.save(place / "image.png")
            around = backend.fingerprint()
            inside = {**around, **differing(made.in_force, around)}
            (place / "environment.json").write_text(json.dumps(inside), encoding="utf-8")
        backend.close()


def made(
    model: str, names: Iterable[str], *, images: int, dtype: str = "float32"
) -> dict[str, list[Made]]:
    """Make the images of ``model`` under each of the changes, one process an instruction set."""
    known, found = KNOWN, {}
    with tempfile.TemporaryDirectory() as place:
        for isa in dict.fromkeys(known[name].isa for name in names):
            chosen = [name for name in names if known[name].isa == isa]
            env = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
            env["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
            env |= ISA.get(isa or "", {})
            command = [sys.executable, __file__, model, dtype, str(images), place, *chosen]
            subprocess.run(command, env=env, check=True, capture_output=True)
            for name in chosen:
                found[name] = [_read(Path(place, name, str(number))) for number in range(images)]
    return found


def _read(folder: Path) -> Made:
    (trace,) = folder.glob(f"*{SUFFIX}")
    with Image.open(folder / "image.png") as file:
        environment = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
        return Made(file.copy(), read_trace(trace), environment)


def judged(
    before: Made,
    now: Made,
    dtype: str = "float32",
    exact: tuple[ExactImage, Trace] | None = None,
) -> Judgement:
    """Judge an image with the other one accepted, gates as wide as they can be.

    ``exact`` is what is kept of the exact image, and its trace, where there is one.
    """
    accepted = Accepted((_evidence(before),))
    if exact is not None:
        kept, trace = exact
        accepted = replace(
            accepted, kept=ProfileBaseline(exact=kept), read_trace=lambda _digest: trace
        )
    return judge(
        _evidence(now),
        Reference(accepted),
        limits={"max_peak_difference": Limit(255, "test")},
        tolerance=assumed_tolerance(dtype),
    )


def _evidence(made: Made) -> Evidence:
    return Evidence.of_image(
        made.image,
        pixels_sha256(made.image),
        recipe={},
        recipe_sha256="0" * 64,
        read_trace=lambda: made.trace,
        read_environment=lambda: made.environment or None,
    )


if __name__ == "__main__":
    make(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]), sys.argv[5:])
