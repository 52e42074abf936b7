"""What scores could do with the best threshold: as tables, and as a picture."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
from ours import least_rounding, share_of_noise, unmeasured_rules
from pairs import LabelledPair
from wording import share

Score = Callable[[LabelledPair], float]
"""Greater where two images are more different."""

SCORES: Mapping[str, Score] = MappingProxyType(
    {
        "average hash": lambda pair: pair.metrics["average_hash_distance"],
        "phash": lambda pair: pair.metrics["phash_distance"],
        "SSIM": lambda pair: -pair.metrics["ssim"],
        "MS-SSIM": lambda pair: -pair.metrics["ms_ssim"],
        "largest difference": lambda pair: pair.metrics["peak_difference"],
        "share of pixels changed": lambda pair: pair.metrics["changed_fraction"],
        "FLIP": lambda pair: pair.metrics["flip"],
        "mean difference": lambda pair: pair.metrics["mean_difference"],
        "PSNR": lambda pair: -pair.metrics["psnr"],
        "ours, pixels only": least_rounding,
        "ours, with the trace": share_of_noise,
    }
)


def print_best_thresholds(found: Sequence[LabelledPair]) -> None:
    """Print what each score finds without a false alarm: with a threshold found on all models.

    And what becomes of a threshold that was found on one model, on the two others.
    """
    seen = _visible(found)
    models = tuple(dict.fromkeys(pair.model for pair in seen))
    print(f"\n| Score | Misses, no false alarm | {' | '.join(f'from {m}' for m in models)} |")
    print("|---|---|" + "---|" * len(models))
    for name, score in SCORES.items():
        values = {id(pair): score(pair) for pair in seen}
        cells = [_outcome(values, seen, seen)[0]]
        for model in models:
            own = [pair for pair in seen if pair.model == model]
            others = [pair for pair in seen if pair.model != model]
            misses, alarms = _outcome(values, own, others)
            cells.append(f"{misses} missed, {alarms} false")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def _outcome(
    values: Mapping[int, float], known: Sequence[LabelledPair], judged: Sequence[LabelledPair]
) -> tuple[str, str]:
    """Return misses and false alarms above the highest value of the known harmless pairs."""
    limit = max(values[id(pair)] for pair in known if pair.change.harmless)
    harmless = [pair for pair in judged if pair.change.harmless]
    changed = [pair for pair in judged if not pair.change.harmless]
    missed = sum(values[id(pair)] <= limit for pair in changed)
    false = sum(values[id(pair)] > limit for pair in harmless)
    return share(missed, len(changed)), share(false, len(harmless))


def _visible(found: Sequence[LabelledPair]) -> list[LabelledPair]:
    return [pair for pair in found if pair.change.harmless or not pair.identical]


def draw(found: Sequence[LabelledPair], path: Path) -> None:
    """Draw the share of changes found against the share of false alarms, for every score."""
    try:
        import matplotlib as mpl
    except ImportError:
        sys.exit("the picture needs matplotlib: pip install matplotlib")
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "drift"
    from matplotlib import pyplot as plt

    seen = _visible(found)
    harmless = np.array([pair.change.harmless for pair in seen])
    figure, axes = plt.subplots(figsize=(7, 5))
    for name, score in SCORES.items():
        values = np.array([score(pair) for pair in seen])
        order = np.unique(values)[::-1]
        false = [(values[harmless] >= limit).mean() for limit in order]
        true = [(values[~harmless] >= limit).mean() for limit in order]
        width = 2.5 if name.startswith("ours") else 1
        axes.step([0, *false], [0, *true], where="post", label=name, linewidth=width)
    for rule in unmeasured_rules():
        alarmed = np.array([rule.alarm(pair) for pair in seen])
        place = alarmed[harmless].mean(), alarmed[~harmless].mean()
        axes.plot(*place, "o", clip_on=False, color="black")
        axes.annotate(f"{rule.name}, as it is", place, (8, -4), textcoords="offset points")
    axes.set_xlabel("harmless pairs called changed")
    axes.set_ylabel("changed pairs found")
    axes.set_xscale("symlog", linthresh=0.01)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.05)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="lower center", fontsize="small", ncols=2)
    figure.savefig(path, metadata={"Date": None})
