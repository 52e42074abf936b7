"""Making the images of the further architectures, and what our rules make of them."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from subprocess import run

from changes import Change
from kind_changes import AT_256, KIND_CHANGES
from kinds import HELD_OUT, KINDS, SIDES, TUNED, Kind, build_kind
from making import DONE, make_changed
from ours import other_weights
from pairs import PLAIN, LabelledPair, Made

from goldenseed.backends.protocol import GenerationError
from goldenseed.images.measure import measure
from goldenseed.tolerance.rounding import TraceMeasure, trace_measures
from goldenseed.tolerance.tolerance import assumed_tolerance
from goldenseed.tools.probe.change import Unfit

MODES = {"float32": SIDES, "bfloat16": SIDES[:1]}
"""In half precision only the smaller pictures are made."""


def make_kinds(folder: Path) -> None:
    """Make every image below ``folder``; one process for each environment."""
    for kind in KINDS.values():
        build_kind(kind, folder / "models" / _slug(kind))
    envs = {json.dumps(dict(each.env), sort_keys=True) for each in _all_changes()}
    for env in sorted(envs, key=len):
        began = time.monotonic()
        everything = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
        everything |= json.loads(env)
        command = [sys.executable, "-m", "tests.benchmarks.drift", "kinds-child", folder, env]
        run(command, env=everything, check=True)
        print(f"{env}: {time.monotonic() - began:.0f} s", flush=True)


def _all_changes() -> Iterator[Change]:
    return (each for changes in KIND_CHANGES.values() for each in changes.values())


def _slug(kind: Kind) -> str:
    return kind.name.replace(" ", "-")


def make_in(folder: Path, env: str) -> None:
    """Make in this process, whose environment it is, the images of all changes that ask for it."""
    for (side, mode), kind in product(
        ((side, mode) for side in SIDES for mode in MODES if side in MODES[mode]), KINDS.values()
    ):
        suite = folder / "models" / _slug(kind) / f"{mode}-{side}.suite.yaml"
        home = folder / "images" / mode / f"{_slug(kind)}-{side}"
        if env == "{}":
            make_changed(suite, home / PLAIN, mode, None)
        for change in KIND_CHANGES[mode].values():
            if side == SIDES[1] and not change.harmless and change.name not in AT_256:
                continue
            if json.dumps(dict(change.env), sort_keys=True) == env:
                place = home / change.name
                try:
                    make_changed(suite, place, mode, change)
                except (Unfit, GenerationError) as error:
                    print(f"{kind.name}, {change.name}: {error}")
                    place.mkdir(parents=True, exist_ok=True)
                    (place / DONE).touch()


def kind_pairs(folder: Path, mode: str) -> Iterator[LabelledPair]:
    """Yield the pairs of a mode that were made."""
    for kind in KINDS.values():
        for side in MODES[mode]:
            home = folder / "images" / mode / f"{_slug(kind)}-{side}"
            for change in KIND_CHANGES[mode].values():
                for found in sorted((home / change.name).glob("[0-9]*")):
                    plain, made = Made(home / PLAIN / found.name), Made(found)
                    yield LabelledPair(kind.name, int(found.name), change, plain, made)


def score_kinds(folder: Path) -> None:
    """Print misses and false alarms, the tuned half and the held-out half apart."""
    for mode in MODES:
        found = list(kind_pairs(folder, mode))
        for what, half in (("tuned on", TUNED), ("held out", HELD_OUT)):
            names = {kind.name for kind in half}
            _print_half(mode, what, [pair for pair in found if pair.model in names])


def _print_half(mode: str, what: str, found: Sequence[LabelledPair]) -> None:
    harmless = [p for p in found if p.change.harmless and not p.identical]
    changed = [p for p in found if not p.change.harmless and not p.identical]
    alarms, missed = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    unrecorded = 0
    for pair in harmless:
        if why := beyond(pair, mode):
            side = str(pair.plain.image.width)
            alarms[pair.model, side, pair.change.name, ", ".join(why)] += 1
    for pair in changed:
        if not beyond(pair, mode):
            on_record = bool(other_weights(pair))
            unrecorded += not on_record
            side = str(pair.plain.image.width)
            missed[pair.model, side, pair.change.name, "on record" if on_record else "NOT"] += 1
    print(
        f"\n{mode}, {what}: false alarms {alarms.total()} of {len(harmless)} harmless pairs whose "
        f"pixels moved ({sum(p.change.harmless for p in found)} in all); missed by the trace "
        f"{missed.total()} of {len(changed)}, {unrecorded} with the weights on record too"
    )
    for title, counted in (("alarm", alarms), ("missed", missed)):
        for names, count in sorted(counted.items()):
            print(f"  {title} {count} x {' | '.join(names)}", flush=True)


def beyond(pair: LabelledPair, dtype: str) -> list[str]:
    """Say what of a pair is beyond the tolerance; empty where rounding explains it."""
    tolerance = assumed_tolerance(dtype)
    measures = trace_measures(pair.plain.trace, pair.made.trace, dtype)
    found = [_told(each) for each in measures if not each.explained]
    limits = tolerance.pixel_limits(measures)
    metrics = measure(pair.made.image, pair.plain.image, tuple(limits))
    return found + [
        f"{name} {metrics[name]:.3g} > {limit:.3g}"
        for name, limit in limits.items()
        if metrics[name] > limit
    ]


def _told(found: TraceMeasure) -> str:
    return f"{found.metric} {found.detail or f'{found.value:.2e} > {found.limit:.2e}'}"
