"""Making the images of each change, with their traces and where they were made."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from subprocess import run

import models
from changes import CHANGES, Change
from pairs import ENVIRONMENT, PLAIN

from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.backends.diffusers.in_force import differing
from goldenseed.suite.loading import load_suite
from goldenseed.trace.files import SUFFIX, encode_trace

MODES = ("float32", "portable")
DONE = "done"
PORTABLE_IMAGES = 2
"""How many images of each change are made in portable mode, which takes three times as long."""


def make_all(folder: Path) -> None:
    """Make every image below ``folder``: plain ones, and those of each change, per model.

    Changes that need no process of their own share one; the others get a fresh one.
    """
    homes = models.build(folder / "models")
    for mode, model in product(MODES, homes):
        wanted = [change for change in CHANGES.values() if model in change.models]
        wanted = [change for change in wanted if change.portable or mode == "float32"]
        own = [change.name for change in wanted if not change.env]
        suite, place = homes[model] / f"{mode}.suite.yaml", folder / "images" / mode / model
        _in_fresh_process(suite, place, mode, [PLAIN, *own], {})
        for change in wanted:
            if change.env:
                _in_fresh_process(suite, place, mode, [change.name], dict(change.env))


def _in_fresh_process(
    suite: Path, place: Path, mode: str, names: Sequence[str], env: dict[str, str]
) -> None:
    began = time.monotonic()
    everything = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", **env}
    command = [sys.executable, "-m", "tests.benchmarks.drift", "child"]
    run([*command, suite, place, mode, json.dumps(names)], env=everything, check=True)
    print(f"{place.name} {mode}: {len(names)} x in {time.monotonic() - began:.0f} s", flush=True)


def make(suite_path: Path, place: Path, mode: str, names: Sequence[str]) -> None:
    """Make the images of some changes in this process, unless a run before made them."""
    for name in names:
        change = None if name == PLAIN else CHANGES[name]
        make_changed(suite_path, place / name.replace("/", "-"), mode, change)


def make_changed(suite_path: Path, place: Path, mode: str, change: Change | None) -> None:
    """Make the images of one change, or the plain ones, unless a run before made them."""
    if (place / DONE).exists():
        return
    change = change or Change(PLAIN)
    suite = load_suite(suite_path)
    determinism = replace(suite.determinism, **change.determinism)
    backend = DiffusersBackend(device="cpu", prepare=change.prepare)
    cases = replace(suite, determinism=determinism).cases
    for number, case in enumerate(cases[:PORTABLE_IMAGES] if mode == "portable" else cases):
        made = backend.generate(change.case(case))
        target = place / str(number)
        target.mkdir(parents=True, exist_ok=True)
        made.image.save(target / "image.png")
        digest, data = encode_trace(made.trace)
        (target / f"{digest}{SUFFIX}").write_bytes(data)
        known = backend.fingerprint()
        found = {"environment": known, "in_force": differing(made.in_force, known)}
        (target / ENVIRONMENT).write_text(json.dumps(found, indent=1), encoding="utf-8")
    backend.close()
    (place / DONE).touch()
