"""How a number is written, wherever it is shown, and metrics beside their limits."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from goldenseed.images.gates import within
from goldenseed.runs.parts import GateInForce

Scalar = float | int | str | bool | None

_MOST_DECIMALS = 17


@dataclass(frozen=True)
class _Style:
    """How the values of one metric are written."""

    decimals: int
    factor: float = 1.0
    unit: str = ""
    ends: tuple[float, ...] = ()
    """Values that mean "no change": only these may be written as such."""


_STYLES = {
    "ssim": _Style(decimals=4, ends=(1.0,)),
    "psnr": _Style(decimals=1, unit=" dB"),
    "changed_fraction": _Style(decimals=1, factor=100.0, unit=" %", ends=(0.0, 1.0)),
    "peak_difference": _Style(decimals=0, ends=(0.0,)),
    "p99_difference": _Style(decimals=0, ends=(0.0,)),
    "mean_difference": _Style(decimals=2, ends=(0.0,)),
    "ms_ssim": _Style(decimals=4, ends=(1.0,)),
    "saliency_ssim": _Style(decimals=4, ends=(1.0,)),
    "clip_similarity": _Style(decimals=4, ends=(1.0,)),
    "crop_resistant_distance": _Style(decimals=3, ends=(0.0, 1.0)),
    "colour_moments_distance": _Style(decimals=1, ends=(0.0,)),
    "clipped_fraction": _Style(decimals=1, factor=100.0, unit=" %", ends=(0.0, 1.0)),
    "skin_fraction": _Style(decimals=1, factor=100.0, unit=" %", ends=(0.0, 1.0)),
    "sharpness": _Style(decimals=1, ends=(0.0,)),
    "face_confidence": _Style(decimals=2, ends=(0.0,)),
    "face_size": _Style(decimals=2, ends=(0.0,)),
    "pick_score": _Style(decimals=2),
}
_ALONG_THE_TRACE = re.compile(
    r"(exact_)?(relative|timesteps|sigmas|tolerance|embeddings|denoiser|guided|latents|decoded)_distance"
    r"|(guidance|first_step)_shift"
)
"""Relative numbers from 1e-8 upwards, written with an exponent."""
_DISTANCE = _Style(decimals=0, ends=(0.0,))
_OTHER = _Style(decimals=4, ends=(0.0,))


def number(metric: str, value: float, *, beside: tuple[float, ...] = ()) -> str:
    """Write ``value`` with as many decimals as tell it from every number ``beside`` it.

    ``number("ssim", 0.99987, beside=(0.9999,))`` is ``0.99987``, and an SSIM just below 1 is never
    written as 1.
    """
    if not math.isfinite(value):
        return str(value)
    if _ALONG_THE_TRACE.fullmatch(metric):
        return _with_exponent(value, (*beside, 0.0))
    style = _STYLES.get(metric, _DISTANCE if metric.endswith("_distance") else _OTHER)
    others = [other for other in (*beside, *style.ends) if other != value and math.isfinite(other)]
    for decimals in range(style.decimals, _MOST_DECIMALS):
        text = _fixed(value, style, decimals)
        if all(text != _fixed(other, style, decimals) for other in others):
            return text + style.unit
    return repr(value * style.factor) + style.unit


def _with_exponent(value: float, beside: tuple[float, ...]) -> str:
    others = [other for other in beside if other != value]
    for digits in range(1, _MOST_DECIMALS):
        text = f"{value:.{digits}e}"
        if all(text != f"{other:.{digits}e}" for other in others):
            return text
    return repr(value)


def style_of(metric: str) -> tuple[int, float, str]:
    """Return the decimals, the factor and the unit with which a page writes many values."""
    style = _STYLES.get(metric, _OTHER)
    return style.decimals, style.factor, style.unit


def value_and_limit(metric: str, value: float, limit: float) -> tuple[str, str]:
    """Write a value and its limit so that they read alike only if they are equal."""
    return number(metric, value, beside=(limit,)), number(metric, limit, beside=(value,))


def scalar(value: Scalar, metric: str = "") -> str:
    """Write whatever a reason or a recipe may hold, in the words of YAML."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and metric:
        return number(metric, float(value))
    return str(value)


def seconds(value: float) -> str:
    """Write a duration for people: ``0.21 s``, ``12.4 s``, ``3 min 05 s``, ``2 h 01 min``."""
    if value < 10:  # noqa: PLR2004 - a third digit says nothing to a reader
        return f"{value:.2f} s"
    if value < 60:  # noqa: PLR2004 - a minute
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:  # noqa: PLR2004 - an hour
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def _fixed(value: float, style: _Style, decimals: int) -> str:
    text = f"{value * style.factor:.{decimals}f}"
    if decimals > 0:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def metric_label(metric: str) -> str:
    """Return a metric's name for people: ``phash`` for ``phash_distance``."""
    return metric.removesuffix("_distance").replace("_", " ")


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric, or one gate on it."""

    metric: str
    value: float | None
    gate: GateInForce | None = None

    @property
    def label(self) -> str:
        """The metric's name for people."""
        return metric_label(self.metric)

    @property
    def passed(self) -> bool | None:
        """Whether the gate holds; None where there is no gate or nothing was measured."""
        if self.value is None or self.gate is None:
            return None
        return within(self.value, self.gate.direction, self.gate.limit)

    @property
    def texts(self) -> tuple[str, str]:
        """Value and limit, which read alike only if they are equal; "" for what is not there."""
        limit = None if self.gate is None else self.gate.limit
        if self.value is None:
            return "", "" if limit is None else number(self.metric, limit)
        if limit is None:
            return number(self.metric, self.value), ""
        return value_and_limit(self.metric, self.value, limit)


def metric_rows(values: Mapping[str, float], gates: Sequence[GateInForce]) -> tuple[MetricRow, ...]:
    """Join values and gates: gated metrics first, each gate with a row of its own."""
    gated = dict.fromkeys(gate.metric for gate in gates)
    rows = [
        MetricRow(each, values.get(each), gate)
        for each in gated
        for gate in gates
        if gate.metric == each
    ]
    return (*rows, *(MetricRow(each, values[each]) for each in values if each not in gated))


def content_in_words(rows: Sequence[MetricRow]) -> str:
    """Say what the content scores are, and their limits: ``sharpness 31.2 (min 20)``."""
    parts = []
    for metric, same in groupby(rows, lambda row: row.metric):
        found = list(same)
        limits = ", ".join(
            f"{row.gate.direction} {number(metric, row.gate.limit)}" for row in found if row.gate
        )
        value = found[0].value
        shown = "not scored" if value is None else number(metric, value)
        parts.append(f"{found[0].label} {shown}{f' ({limits})' if limits else ''}")
    return "; ".join(parts)
