"""How far harmless and real changes move images along the trace: tables of docs/tolerance.md.

    python tests/benchmarks/trace_distances.py [--dtype bfloat16] [MODEL…]

Images of the embedded model and of three tiny random ones under one change at a time, held against
unchanged ones: what the verdict says, the greatest difference of a pixel, and for each measure of
``goldenseed.tolerance.rounding`` its share of the limit. Then how many times as far from the exact
image
(float64) each is as the unchanged one. Takes some minutes a model.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from goldenseed.baselines.entry import ExactImage
from goldenseed.tolerance.exact import (
    STAGES,
    exact_distances,
    exact_measures,
    stages_of,
)
from goldenseed.tolerance.rounding import trace_measures
from goldenseed.tools.calibration.summary import margin
from rounding_runs import CHANGES, EXACT, HALF_PRECISION_CHANGES, Made, judged, made

MODELS = {"shapes": 8, "sd": 4, "sdxl": 4, "flux": 4}
UNCHANGED = "the same again"
KEPT = ExactImage(
    trace_sha256="0" * 64,
    distances={},
    limits={},
    images=2,
    recipe_sha256="0" * 64,
    made_at=datetime(2026, 11, 20, tzinfo=UTC),
    made_by="Ada",
)
COLUMNS = {
    "embeddings": ("embeddings_distance",),
    "denoiser": ("denoiser_distance",),
    "guidance": ("guidance_shift",),
    "first step": ("first_step_shift", "sigmas_distance"),
    "coherence": ("coherence",),
    "latents": ("latents_distance",),
    "decoded": ("decoded_distance",),
}


def row(name: str, plain: list[Made], found: list[Made], dtype: str) -> str:
    judgements = [judged(*pair, dtype) for pair in zip(plain, found, strict=True)]
    verdicts = Counter(each.verdict.value for each in judgements)
    peak = max((each.metrics.get("peak_difference", 0) for each in judgements), default=0)
    shares: dict[str, list[float]] = defaultdict(list)
    for before, now in zip(plain, found, strict=True):
        for each in trace_measures(before.trace, now.trace, dtype):
            shares[each.metric].append(each.value / each.limit if each.limit else float("inf"))
    cells = [
        _range([s for metric in metrics for s in shares[metric]]) for metrics in COLUMNS.values()
    ]
    told = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
    return f"| {name} | {told} | {peak:g} | {' | '.join(cells)} |"


def exact_row(
    name: str, exact: list[Made], plain: list[Made], found: list[Made], dtype: str
) -> str:
    """Say how many times as far from the exact images as the unchanged ones the others are.

    And how they are judged with an exact image whose limits are from two images.
    """
    shares: dict[str, list[float]] = defaultdict(list)
    verdicts: Counter[str] = Counter()
    farther = 0
    for reference, before, now in zip(exact, plain, found, strict=True):
        kept = stages_of(reference.trace)
        ours, theirs = (exact_distances(kept, each.trace) for each in (before, now))
        limits = {metric: margin(2) * value for metric, value in ours.items()}
        image = KEPT.model_copy(update={"distances": ours, "limits": limits})
        measures = exact_measures(image, kept, now.trace)
        farther += not all(each.explained for each in measures)
        verdicts[judged(before, now, dtype, (image, kept)).verdict.value] += 1
        for metric, value in ours.items():
            shares[metric].append(theirs[metric] / value)
    cells = [_range(shares[metric]) for metric in STAGES]
    told = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
    return f"| {name} | {told} | {farther} | {' | '.join(cells)} |"


def _range(shares: list[float]) -> str:
    moved = [each for each in shares if each]
    if not moved:
        return "0" if shares else "none"
    low, high = (f"{each:.2g}" for each in (min(moved), max(moved)))
    return low if low == high else f"{low} … {high}"


def main() -> None:
    arguments = sys.argv[1:]
    dtype = "float32"
    if arguments[:1] == ["--dtype"]:
        dtype, arguments = arguments[1], arguments[2:]
    changes = CHANGES if dtype == "float32" else HALF_PRECISION_CHANGES
    for model in arguments or MODELS:
        found = made(model, (*changes, EXACT), images=MODELS[model], dtype=dtype)
        print(f"\n{model}, {dtype}, {MODELS[model]} images\n")
        print(f"| Change | verdicts | levels | {' | '.join(COLUMNS)} |")
        print("|---" * (3 + len(COLUMNS)) + "|")
        for name in changes:
            print(row(name, found[UNCHANGED], found[name], dtype), flush=True)
        names = [each.removeprefix("exact_").removesuffix("_distance") for each in STAGES]
        print(f"\n| Change | verdicts | farther | {' | '.join(names)} |")
        print("|---" * (3 + len(names)) + "|")
        for name in changes:
            row_of = exact_row(name, found[EXACT], found[UNCHANGED], found[name], dtype)
            print(row_of, flush=True)


if __name__ == "__main__":
    main()
