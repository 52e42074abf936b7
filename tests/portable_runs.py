"""Images made in fresh processes with other instruction sets, threads and caps.

``python portable_runs.py OUT.npz THREADS SUITE…`` makes every case of the suites and keeps the
floats of its image; ``float_images`` starts that in an environment of ``ENVIRONMENTS``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
Images = dict[str, np.ndarray[Any, Any]]
CAPS = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_CBWR", "NPY_DISABLE_CPU_FEATURES")


@dataclass(frozen=True)
class Environment:
    """What one process is given."""

    isa: str
    """``ATEN_CPU_CAPABILITY``: torch's own kernels."""
    threads: int = 1
    onednn: str | None = None
    mkl: str | None = None
    numpy: str | None = None
    """What NumPy is to leave unused, so that it computes as on an older processor."""


NO_AVX512_IN_NUMPY = "X86_V4 AVX512_ICL AVX512_SPR"
ENVIRONMENTS = {
    "avx512": Environment("avx512"),
    "avx512, 2 threads, capped": Environment("avx512", 2, "AVX512_CORE", "AVX512"),
    "avx2, 2 threads": Environment("avx2", 2),
    "avx2, capped": Environment("avx2", 1, "AVX2", "AVX2", NO_AVX512_IN_NUMPY),
    "default, 2 threads": Environment("default", 2),
    "default, capped": Environment("default", 1, "SSE41", "COMPATIBLE", NO_AVX512_IN_NUMPY),
}
"""Every pair of instruction set, threads and caps but those that two others already cover."""


def run(environment: Environment, script: str, out: Path, *arguments: str) -> Images:
    """Run ``script OUT.npz ARGUMENTS…`` in a fresh process and read what it left in ``out``."""
    own = {
        "ATEN_CPU_CAPABILITY": environment.isa,
        "ONEDNN_MAX_CPU_ISA": environment.onednn,
        "MKL_CBWR": environment.mkl,
        "NPY_DISABLE_CPU_FEATURES": environment.numpy,
        "OMP_NUM_THREADS": str(environment.threads),
        "OMP_WAIT_POLICY": "PASSIVE",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
        "PYTHONWARNINGS": "ignore",
    }
    others = {name: value for name, value in os.environ.items() if name not in CAPS}
    done = subprocess.run(
        [sys.executable, script, str(out), *arguments],
        env=others | {name: value for name, value in own.items() if value is not None},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    with np.load(out) as stored:
        return {name: stored[name] for name in stored.files}


def float_images(environment: Environment, suites: list[Path], out: Path) -> Images:
    """Make the suites' images in a fresh process: ``suite::case`` to floats in [0, 1], (h, w, c).

    A case that cannot be made is a text in place of an image: the error's first line.
    """
    return run(environment, __file__, out, str(environment.threads), *map(str, suites))


def levels(image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return (image * 255).round()


def margin(image: np.ndarray[Any, Any]) -> float:
    """How far the value nearest to a rounding edge is from it, on the scale from 0 to 1."""
    values = image * 255
    return float(np.abs(values - np.floor(values) - 0.5).min() / 255)


def _main(out: str, threads: str, *suites: str) -> None:
    from goldenseed.backends.diffusers import outputs
    from goldenseed.backends.diffusers.backend import DiffusersBackend
    from goldenseed.core.errors import GoldenseedError
    from goldenseed.suite.loading import load_suite

    seen: list[np.ndarray[Any, Any]] = []
    to_image = outputs.to_image

    def look(pixels: np.ndarray[Any, Any]) -> Any:
        seen.append(np.array(pixels))
        return to_image(pixels)

    outputs.to_image = look
    backend = DiffusersBackend(device="cpu")
    found: dict[str, np.ndarray[Any, Any]] = {}
    for path in suites:
        suite = load_suite(Path(path))
        determinism = replace(suite.determinism, threads=int(threads))
        for case in replace(suite, determinism=determinism).cases:
            try:
                backend.generate(case)
                found[f"{suite.name}::{case.id}"] = seen.pop()
            except GoldenseedError as error:
                found[f"{suite.name}::{case.id}"] = np.array(error.what.partition("\n")[0])
    np.savez(out, **found)


if __name__ == "__main__":
    _main(*sys.argv[1:])
