"""Whether a way of making images is lossless: a sentence, a table, a picture, and a predicate."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from xml.sax.saxutils import escape

from goldenseed.runs.comparison import StoredRun
from goldenseed.runs.parts import Block, VerbRecord
from goldenseed.runs.record import RunRecord
from goldenseed.tools.lossless.errors import StageError
from goldenseed.tools.lossless.finding import CHANCE, Finding, StageFinding
from goldenseed.tools.lossless.trying import Answer
from goldenseed.tools.probe.record import tried_record

PREDICATE = "https://goldenseed.dev/attestation/lossless/v1"
"""The type of the predicate, with its version."""
_ANSWERS: Final[Mapping[str, str]] = {
    "identical": "bit-identical to the reference",
    "as exact": "as exact as the reference",
    "less exact": "less exact than the reference",
}
_HEAD = ("stage", "reference", "candidate", "times", "worst", "bias", "apart", "legal apart", "")


def lossless_blocks(finding: Finding) -> tuple[Block, ...]:
    """Return the sentence, what is to be minded, and the table of all stages."""
    rows = tuple(_row(each) for each in finding.stages)
    return Block(sentences=(finding.sentence, *finding.remarks)), Block(columns=_HEAD, rows=rows)


def _row(found: StageFinding) -> tuple[str, ...]:
    reference, candidate = found.reference, found.candidate
    return (
        found.words,
        _number(reference.rms),
        _number(candidate.rms),
        _ratio(candidate.rms, found.legal.rms),
        _ratio(candidate.worst, found.legal.worst),
        f"{candidate.bias:+.1e}",
        _number(found.drift),
        _number(found.spread),
        "; ".join(found.faults),
    )


def _number(value: float) -> str:
    return f"{value:.1e}" if math.isfinite(value) else "none"


def _ratio(value: float, scale: float) -> str:
    if value == 0.0:
        return "0"
    return f"{value / scale:.2f}" if scale else "inf"


def lossless_document(answer: Answer, *, candidate: str, reference: str) -> dict[str, Any]:
    """Return the predicate: what was compared, by which limits, and what came of it."""
    finding = answer.finding
    runs = {"reference": answer.reference, "candidate": answer.candidate, "exact": answer.exact}
    return {
        "predicate_type": PREDICATE,
        "schema_version": 1,
        "suite": answer.reference.record.cases[0].suite,
        "reference": reference,
        "candidate": candidate,
        "legal": list(finding.legal),
        "limits": {"times": finding.times, "standard_errors": CHANCE},
        "answer": finding.kind,
        "sentence": finding.sentence,
        "remarks": list(finding.remarks),
        "environments": {
            name: sorted({each.environment_sha256 or "" for each in run.record.cases})
            for name, run in (runs | dict(answer.legal)).items()
        },
        "cases": [_case(name, answer) for name in _names(answer.reference)],
        "stages": [_stage(each) for each in finding.stages],
    }


def _names(run: StoredRun) -> list[str]:
    return [each.id for each in run.record.cases]


def _case(name: str, answer: Answer) -> dict[str, Any]:
    old, new = (
        next(each for each in run.record.cases if each.id == name)
        for run in (answer.reference, answer.candidate)
    )
    return {
        "id": name,
        "recipe_sha256": old.recipe_sha256,
        "reference_pixels_sha256": old.pixels_sha256,
        "candidate_pixels_sha256": new.pixels_sha256,
    }


def _stage(found: StageFinding) -> dict[str, Any]:
    return {
        "stage": found.candidate.stage.value,
        "index": found.candidate.index,
        "reference": _errors(found.reference),
        "candidate": _errors(found.candidate),
        "legal": _errors(found.legal),
        "drift": _finite(found.drift),
        "spread": _finite(found.spread),
        "faults": list(found.faults),
    }


def _errors(error: StageError) -> dict[str, Any]:
    chance = error.chance
    return {
        "rms": _finite(error.rms),
        "worst": _finite(error.worst),
        "bias": error.bias,
        "chance": chance,
        "not_finite": error.odd,
    }


def _finite(value: float) -> float | str:
    return value if math.isfinite(value) else "inf"


def lossless_record(
    answer: Answer, *, candidate: str, run_id: str, started: datetime, finished: datetime
) -> RunRecord:
    """Describe what was found as a run, each case the candidate's image beside the reference's."""
    finding = answer.finding
    return tried_record(
        [(candidate, answer.compared)],
        answer.reference.record,
        run_id=run_id,
        started=started,
        finished=finished,
        verb=VerbRecord(
            name="lossless",
            passed=finding.kind != "less exact",
            outcome=f"{candidate} is {_ANSWERS[finding.kind]}",
            notes=lossless_blocks(finding),
        ),
    )


_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 800, 320, 100, 110, 20
_LINES = (("legal", "#999999", "6 4"), ("reference", "#1f6feb", ""), ("candidate", "#cf222e", ""))


def lossless_svg(finding: Finding, *, candidate: str) -> str:
    """Draw the error of both ways along the stages, on a logarithmic scale."""
    values = [v for each in finding.stages for v in _drawn(each).values() if 0 < v < math.inf]
    low = math.floor(math.log10(min(values, default=1e-9)))
    high = max(low + 1, math.ceil(math.log10(max(values, default=1.0))))
    words = [each.words for each in finding.stages]
    size = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="11"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f"<title>{escape(finding.sentence)}</title>",
        *_scale(low, high),
        *_labels(words),
    ]
    for name, colour, dashes in _LINES:
        line = " ".join(_steps([_drawn(each)[name] for each in finding.stages], low, high))
        parts.append(
            f'<path d="{line}" fill="none" stroke="{colour}" stroke-width="1.5" '
            f'stroke-dasharray="{dashes}"/>'
        )
    for at, (name, colour, _) in enumerate(_LINES):
        shown = {"candidate": candidate, "legal": "legal environments"}.get(name, name)
        parts.append(
            f'<text x="{_LEFT + 10 + 200 * at}" y="14" fill="{colour}">{escape(shown)}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def _drawn(found: StageFinding) -> dict[str, float]:
    return {
        "legal": found.legal.rms,
        "reference": found.reference.rms,
        "candidate": found.candidate.rms,
    }


def _steps(values: Sequence[float], low: int, high: int) -> Iterator[str]:
    """Yield the steps of a line; it is broken where there is no error, or no end to it."""
    before = False
    for at, value in enumerate(values):
        drawn = 0 < value < math.inf
        if drawn:
            x, y = _across(at, len(values)), _up(math.log10(value), low, high)
            yield f"{'L' if before else 'M'}{x:.1f} {y:.1f}"
        before = drawn


def _across(at: int, of: int) -> float:
    return _LEFT + (_WIDTH - _LEFT - 20) * at / max(1, of - 1)


def _up(value: float, low: int, high: int) -> float:
    return _TOP + (_HEIGHT - _BOTTOM - _TOP) * (high - value) / (high - low)


def _scale(low: int, high: int) -> Iterator[str]:
    for power in range(low, high + 1):
        y = _up(power, low, high)
        yield (
            f'<line x1="{_LEFT}" x2="{_WIDTH - 20}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">1e{power}</text>'
        )


def _labels(words: Sequence[str]) -> Iterator[str]:
    y = _HEIGHT - _BOTTOM + 14
    for at, text in enumerate(words):
        x = _across(at, len(words))
        yield (
            f'<text x="{x:.1f}" y="{y}" text-anchor="end" transform="rotate(-50 {x:.1f} {y})">'
            f"{escape(text)}</text>"
        )
