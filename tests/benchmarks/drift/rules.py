"""What raises the alarm: the rules of others, and ours.

Every rule takes a pair and says whether it would have failed the image.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pairs import LabelledPair

Alarm = Callable[[LabelledPair], bool]


@dataclass(frozen=True)
class Rule:
    """A rule, what it looks at, and who uses it."""

    name: str
    sees: str
    """``pixels``, ``pixels, weights`` (by the fingerprints) or ``trace``."""
    alarm: Alarm
    whose: str = ""


def _above(metric: str, limit: float) -> Alarm:
    return lambda pair: pair.metrics[metric] > limit


def _below(limits: Mapping[str, float]) -> Alarm:
    return lambda pair: any(pair.metrics[name] < limit for name, limit in limits.items())


def _corner(pair: LabelledPair) -> tuple[Any, Any]:
    """Return the last 3 x 3 pixels of the last channel of both images, 0…1."""
    return tuple(each.array[-3:, -3:, -1] / 255 for each in (pair.plain, pair.made))


def _slice_difference(limit: float) -> Alarm:
    def alarm(pair: LabelledPair) -> bool:
        expected, found = _corner(pair)
        return float(np.abs(expected - found).max()) > limit

    return alarm


def _slice_cosine(limit: float) -> Alarm:
    def alarm(pair: LabelledPair) -> bool:
        expected, found = (each.ravel() for each in _corner(pair))
        size = float(np.linalg.norm(expected) * np.linalg.norm(found))
        return bool(size) and 1 - float(expected @ found) / size > limit

    return alarm


def _outside_tolerance(pair: LabelledPair) -> bool:
    """Whether more than 15 % of the values are off by more than a tenth of themselves."""
    expected, found = pair.plain.array, pair.made.array
    return float((np.abs(found - expected) > 0.1 * np.abs(expected)).mean()) > 0.15


def _sglang(pair: LabelledPair) -> bool:
    return _below({"ssim": 0.95, "psnr": 28})(pair) or _above("mean_difference", 8)(pair)


OTHERS = (
    Rule("average_hash < 5", "pixels", _above("average_hash_distance", 4), "an article's"),
    Rule("phash ≤ 4", "pixels", _above("phash_distance", 4), "imagehash's readers"),
    Rule("SSIM > .95", "pixels", _below({"ssim": 0.95}), "ComfyUI"),
    Rule("SSIM ≥ .80, PSNR ≥ 15", "pixels", _below({"ssim": 0.8, "psnr": 15}), "xDiT"),
    Rule("SSIM ≥ .97, PSNR ≥ 30", "pixels", _below({"ssim": 0.97, "psnr": 30}), "vllm-omni"),
    Rule("SSIM ≥ .95, PSNR ≥ 28, mean ≤ 8", "pixels", _sglang, "sglang, its CLIP left out"),
    Rule("MS-SSIM ≥ .98", "pixels", _below({"ms_ssim": 0.98}), "FastVideo"),
    Rule("15 % outside a tenth", "pixels", _outside_tolerance, "mflux"),
    Rule("3 x 3 corner, 1e-2", "pixels", _slice_difference(1e-2), "diffusers"),
    Rule("3 x 3 corner, 1e-3", "pixels", _slice_difference(1e-3), "diffusers"),
    Rule("3 x 3 corner, 1 - cosine 1e-4", "pixels", _slice_cosine(1e-4), "diffusers"),
    Rule("equal pixels", "pixels", lambda pair: not pair.identical, "many"),
)
