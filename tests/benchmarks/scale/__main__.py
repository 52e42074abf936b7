"""A fleet that loses machines: 100,000 cases on 64 GPUs of three kinds, 5 % preempted an hour.

``python tests/benchmarks/scale`` prints the table of ``docs/scale.md``. Nothing is generated: times
are drawn, and what is tried on them is goldenseed's own cut, beside round-robin and beside one
model a GPU. Each case belongs to the kind of GPU that it was accepted on, and each kind cuts its
own.
"""

from __future__ import annotations

import heapq
import math
import random
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "harness"))

from goldenseed.runs.shards import Piece, cut

CASES, MODELS = 100_000, 150
KINDS = {"H100": (16, 1.0), "A100": (24, 2.0), "L4": (24, 5.0)}
"""How many GPUs of a kind there are, and how long an image takes on one."""
PREEMPTED_AN_HOUR = 0.05
START_SECONDS = 240.0
"""A new machine, its start and the imports."""
OFF_BY = 0.10
"""By how much the history is wrong of a single image (sigma of the logarithm)."""
DRAWS = 20
"""How often preemptions are drawn anew."""
HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Case:
    model: int
    expected: float
    """Seconds by the history."""
    real: float


def fleet_cases(draw: random.Random) -> tuple[dict[str, list[Case]], list[float]]:
    """Draw the cases of each kind, and how long each model takes to load."""
    weights = [1 / (1 + rank) ** 0.7 for rank in range(MODELS)]
    seconds = [draw.lognormvariate(math.log(2.5), 0.7) for _ in range(MODELS)]
    loads = [draw.uniform(15, 180) for _ in range(MODELS)]
    capacity = [count / factor for count, factor in KINDS.values()]
    found: dict[str, list[Case]] = {kind: [] for kind in KINDS}
    for model in draw.choices(range(MODELS), weights, k=CASES):
        (kind,) = draw.choices(list(KINDS), capacity)
        expected = seconds[model] * draw.lognormvariate(0, 0.3) * KINDS[kind][1]
        found[kind].append(Case(model, expected, expected * draw.lognormvariate(0, OFF_BY)))
    return found, loads


Share = Callable[[Sequence[Case], Sequence[float], int], Sequence[int]]


def by_cut(cases: Sequence[Case], loads: Sequence[float], gpus: int) -> Sequence[int]:
    pieces = [Piece(case.model, max(1, round(1000 * case.expected))) for case in cases]
    return cut(pieces, [round(1000 * load) for load in loads], gpus)


def round_robin(cases: Sequence[Case], loads: Sequence[float], gpus: int) -> Sequence[int]:
    return [number % gpus for number in range(len(cases))]


def model_a_gpu(cases: Sequence[Case], loads: Sequence[float], gpus: int) -> Sequence[int]:
    """Give each model to one GPU whole, the longest first, each to the emptiest."""
    work: dict[int, float] = {}
    for case in cases:
        work[case.model] = work.get(case.model, loads[case.model]) + case.expected
    full = [(0.0, gpu) for gpu in range(gpus)]
    gpu_of = {}
    for model in sorted(work, key=lambda each: -work[each]):
        load, gpu = heapq.heappop(full)
        gpu_of[model] = gpu
        heapq.heappush(full, (load + work[model], gpu))
    return [gpu_of[case.model] for case in cases]


@dataclass(slots=True)
class Gpu:
    took: float = 0.0
    lost: float = 0.0
    loads: int = 0
    preempted: int = 0


def run(own: Sequence[Case], loads: Sequence[float], draw: random.Random, *, resume: bool) -> Gpu:
    """Work through a shard until it is done; a preempted one begins anew, or goes on."""
    gpu, done = Gpu(), 0
    while True:
        left = draw.expovariate(PREEMPTED_AN_HOUR / HOUR)
        spent, kept, model = START_SECONDS, 0.0, None
        position = done
        while position < len(own) and spent < left:
            case = own[position]
            more = case.real
            if case.model != model:
                more += loads[case.model]
                gpu.loads += 1
            if spent + more >= left:
                break
            model = case.model
            spent += more
            kept += case.real
            position += 1
        if position == len(own):
            gpu.took += spent
            return gpu
        gpu.preempted += 1
        gpu.took += left
        gpu.lost += left - (kept if resume else 0.0)
        done = position if resume else 0


def tried(share: Share, *, resume: bool, seed: int) -> dict[str, float]:
    """Share all cases out and work through them; return what the table has."""
    cases, loads = fleet_cases(random.Random(17))
    draw = random.Random(seed)
    gpus: list[Gpu] = []
    ideal = 0.0
    for kind, (count, _) in KINDS.items():
        assigned = share(cases[kind], loads, count)
        own: list[list[Case]] = [[] for _ in range(count)]
        for case, number in zip(cases[kind], assigned, strict=True):
            own[number].append(case)
        gpus += [run(sorted(o, key=lambda c: c.model), loads, draw, resume=resume) for o in own]
        ideal += sum(case.real for case in cases[kind])
    total = sum(gpu.took for gpu in gpus)
    return {
        "longest": max(gpu.took for gpu in gpus) / HOUR,
        "mean": total / len(gpus) / HOUR,
        "loads": sum(gpu.loads for gpu in gpus),
        "lost": sum(gpu.lost for gpu in gpus) / HOUR,
        "preempted": sum(gpu.preempted for gpu in gpus),
        "useful": ideal / (max(gpu.took for gpu in gpus) * len(gpus)),
    }


def main() -> None:
    ways: dict[str, Share] = {
        "goldenseed's cut": by_cut,
        "round-robin": round_robin,
        "one model a GPU": model_a_gpu,
    }
    print(
        "| Shared out by | Goes on after a kill | Longest GPU | Mean GPU | Loads of models |",
        end="",
    )
    print(" Preempted | Lost GPU-hours | Of all GPU-hours until the end, images |")
    print("|---|---|---|---|---|---|---|---|")
    for name, share in ways.items():
        for resume in (True, False):
            rows = [tried(share, resume=resume, seed=seed) for seed in range(DRAWS)]
            of = {key: statistics.fmean(row[key] for row in rows) for key in rows[0]}
            print(
                f"| {name} | {'yes' if resume else 'no'} | {of['longest']:.1f} h | "
                f"{of['mean']:.1f} h | {of['loads']:,.0f} | {of['preempted']:.1f} | "
                f"{of['lost']:.1f} | {100 * of['useful']:.0f} % |",
                flush=True,
            )


if __name__ == "__main__":
    main()
