"""How far the latents move by harmless changes and by real ones: the tables of docs/trace.md.

    python tests/benchmarks/trace_distances.py [--steps]

Eight images of the embedded model, each change in a fresh process, against a plain run: the
relative distances at the latents before the VAE as the traces estimate them, and the greatest
difference of a pixel in levels of 255. ``--steps`` prints the distances along the steps too. Takes
about two minutes.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import run
from typing import Any

import numpy as np

from harness.diagnosis.first_divergence import first_divergence
from harness.generation.diffusers_backend import DiffusersBackend
from harness.generation.stages import Stage, Trace
from harness.generation.trace_files import SUFFIX, encode_trace, read_trace
from harness.suites.loading import load_suite

ROOT = Path(__file__).parents[2]
SUITE = ROOT / "suites" / "shapes.suite.yaml"
IMAGES = 8
GUIDANCE = 5.0


@dataclass(frozen=True)
class Change:
    harmless: bool
    isa: str | None = None
    threads: int = 1
    channels_last: bool = False
    guidance: float = GUIDANCE
    weight_noise: float = 0.0
    """Every weight w of the UNet becomes w * (1 + noise * a standard normal number)."""


CHANGES = {
    "nothing": Change(harmless=True),
    "2 threads": Change(harmless=True, threads=2),
    "AVX2": Change(harmless=True, isa="avx2"),
    "lowest ISA": Change(harmless=True, isa="default"),
    "channels last": Change(harmless=True, channels_last=True),
    "guidance 5.0001": Change(harmless=False, guidance=5.0001),
    "guidance 5.001": Change(harmless=False, guidance=5.001),
    "weight noise 1e-6": Change(harmless=False, weight_noise=1e-6),
    "weight noise 1e-5": Change(harmless=False, weight_noise=1e-5),
}


def make(name: str, folder: Path) -> None:
    """Make the images under one change; keep their traces and pixels in ``folder``."""
    change = CHANGES[name]

    def prepare(pipeline: Any) -> None:
        import torch

        if change.channels_last:
            for module in (pipeline.unet, pipeline.vae):
                module.to(memory_format=torch.channels_last)
        random = torch.Generator().manual_seed(1)
        for weight in pipeline.unet.parameters() if change.weight_noise else ():
            noise = torch.randn(weight.shape, generator=random)
            weight.data *= 1 + change.weight_noise * noise

    suite = load_suite(SUITE)
    determinism = replace(suite.determinism, threads=change.threads)
    backend = DiffusersBackend(device="cpu", prepare=prepare)
    for number, case in enumerate(replace(suite, determinism=determinism).cases[:IMAGES]):
        call = {**case.call, "guidance_scale": change.guidance}
        made = backend.generate(replace(case, call=call))
        digest, data = encode_trace(made.trace)
        (folder / f"{number}").mkdir()
        (folder / f"{number}" / f"{digest}{SUFFIX}").write_bytes(data)
        np.save(folder / f"{number}" / "pixels.npy", np.asarray(made.image))


def read(folder: Path) -> list[tuple[Trace, Any]]:
    found = []
    for number in range(IMAGES):
        (trace,) = (folder / str(number)).glob(f"*{SUFFIX}")
        pixels = np.load(io.BytesIO((folder / str(number) / "pixels.npy").read_bytes()))
        found.append((read_trace(trace), pixels.astype(int)))
    return found


def in_fresh_process(name: str, folder: Path) -> list[tuple[Trace, Any]]:
    change = CHANGES[name]
    folder.mkdir()
    env = {**os.environ, "OMP_NUM_THREADS": str(change.threads), "OMP_WAIT_POLICY": "PASSIVE"}
    env["PYTHONPATH"] = str(ROOT)
    env |= {"ATEN_CPU_CAPABILITY": change.isa} if change.isa else {}
    run([sys.executable, __file__, "--make", name, folder], env=env, check=True)
    return read(folder)


def describe(name: str, plain: list[tuple[Trace, Any]], found: list[tuple[Trace, Any]]) -> None:
    distances, firsts, peaks, curves = [], set(), [], []
    for (before, old), (after, new) in zip(plain, found, strict=True):
        divergence = first_divergence(before, after)
        peaks.append(abs(old - new).max())
        distances.append(divergence.before_vae or 0.0 if divergence else 0.0)
        firsts.add(divergence.words.partition(";")[0] if divergence else "none")
        steps = (
            [s for s in divergence.distances if s.stage is Stage.DENOISING_STEP]
            if divergence
            else []
        )
        curves.append([each.distance for each in steps])
    print(
        f"| {name} | {'yes' if CHANGES[name].harmless else 'no'} | {min(distances):.1e} … "
        f"{max(distances):.1e} | {max(peaks)} | {', '.join(sorted(firsts))} |",
        flush=True,
    )
    if "--steps" in sys.argv and all(curves):
        print("  " + " ".join(f"{np.median(column):.1e}" for column in zip(*curves, strict=True)))


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        plain = in_fresh_process("nothing", Path(place, "plain"))
        print("| Change | harmless | latents before the VAE | levels | first divergence |")
        print("|---|---|---|---|---|")
        for number, name in enumerate(CHANGES):
            describe(name, plain, in_fresh_process(name, Path(place, str(number))))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--make"]:
        make(sys.argv[2], Path(sys.argv[3]))
    else:
        main()
