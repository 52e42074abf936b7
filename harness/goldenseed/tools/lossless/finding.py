"""Whether one way of making images is as exact as another: pure, from the errors of both."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from goldenseed.tools.calibration.summary import margin
from goldenseed.tools.lossless.errors import StageError

LEAST_TIMES = 1.5
"""How many times as large as the reference's an error may be, at least."""
CHANCE = 3.0
"""Standard errors that a mean error may be off zero."""

_ROUND = 100

Kind = Literal["identical", "as exact", "less exact"]


@dataclass(frozen=True, slots=True)
class StageFinding:
    """One stage: the errors of both sides, and what is wrong with the candidate's."""

    reference: StageError
    candidate: StageError
    legal: StageError
    """The largest errors that the reference has in its own and in the other legal environments."""
    drift: float
    """How far the candidate is from the reference, relative root mean square."""
    spread: float
    """How far the legal environments are from the reference, at most."""
    faults: tuple[str, ...]

    @property
    def words(self) -> str:
        """The stage's name."""
        return self.candidate.words

    @property
    def times(self) -> float:
        """How many times the legal error the candidate's is: the larger of RMS and worst."""
        return max(
            _times(self.candidate.rms, self.legal.rms),
            _times(self.candidate.worst, self.legal.worst),
        )

    @property
    def own_times(self) -> float:
        """How many times the reference's own root mean square error the candidate's is."""
        return _times(self.candidate.rms, self.reference.rms)


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of comparing two ways of making images with the exact one."""

    kind: Kind
    stages: tuple[StageFinding, ...]
    cases: int
    legal: tuple[str, ...]
    """The changes that made the legal environments."""
    times: float = LEAST_TIMES
    """How many times as large as the largest legal error one may be: see ``times_of``."""
    remarks: tuple[str, ...] = ()

    @property
    def first(self) -> StageFinding | None:
        """The first stage at which the candidate is less exact."""
        return next((each for each in self.stages if each.faults), None)

    @property
    def sentence(self) -> str:
        """The answer."""
        of = f"over {self.cases} case{'s' if self.cases > 1 else ''}"
        if self.kind == "identical":
            return f"bit-identical to the reference, every stage and every pixel {of}"
        told = [each.times for each in self.stages if math.isfinite(each.times)]
        worst = max(told, default=1.0 if self.kind == "as exact" else math.inf)
        under = f" is, also under {', '.join(self.legal)}" if self.legal else ""
        own = max((each.own_times for each in self.stages), default=1.0)
        if self.kind == "as exact":
            return (
                f"as exact as the reference: at no stage more than {_count(worst)} times "
                f"({_count(self.times)} allowed) as far from the exact image as the reference"
                f"{under}, and {_count(own)} times as far as it is here, {of}"
            )
        first = self.first
        assert first is not None  # noqa: S101 - some stage is at fault
        times = "any number of" if math.isinf(worst) else f"up to {_count(worst)}"
        return (
            f"less exact than the reference, from the {first.words} on: {first.faults[0]}; "
            f"{times} times as far from the exact image {of}"
        )


def times_of(environments: int) -> float:
    """Return how many times as large as the largest of the legal errors one may be.

    The size of rounding is a standard deviation, which ``environments`` sample: their largest is
    raised as a calibration raises it (``margin``), and never by less than ``LEAST_TIMES``. One
    environment says nothing of how it varies.
    """
    return max(LEAST_TIMES, margin(environments)) if environments > 1 else LEAST_TIMES


def finding_of(
    *,
    reference: Sequence[StageError],
    candidate: Sequence[StageError],
    legal: Mapping[str, Sequence[StageError]],
    drift: Sequence[StageError],
    spread: Mapping[str, Sequence[StageError]],
    same: bool,
    cases: int,
) -> Finding:
    """Judge the candidate's errors by the reference's.

    Args:
        reference: its errors against the exact images.
        candidate: likewise.
        legal: those of the reference under each legal change.
        drift: how far the candidate is from the reference.
        spread: how far the reference under each legal change is from the reference.
        same: whether all stages and pixels of both are the same bits.
        cases: how many cases were made.

    """
    others = [*legal.values()]
    times = times_of(1 + len(others))
    stages = [
        _stage(
            old,
            new,
            _largest([old, *(each[at] for each in others)]),
            drift[at],
            spread=max((each[at].rms for each in spread.values()), default=math.inf),
            times=times,
        )
        for at, (old, new) in enumerate(zip(reference, candidate, strict=True))
    ]
    broken = any(each.faults for each in stages)
    kind: Kind = "identical" if same else "less exact" if broken else "as exact"
    remarks = []
    if not legal:
        remarks.append("no legal environment could be made here: the reference alone is the scale")
    if any(each.chance is None for each in candidate):
        few = "one case is" if cases == 1 else f"{cases} cases are"
        remarks.append(f"{few} too few to tell a mean error from chance")
    return Finding(kind, tuple(stages), cases, tuple(legal), times, tuple(remarks))


def _stage(
    reference: StageError,
    candidate: StageError,
    legal: StageError,
    drift: StageError,
    *,
    spread: float,
    times: float,
) -> StageFinding:
    faults = []
    for what, value, scale in (
        ("error", candidate.rms, legal.rms),
        ("worst error", candidate.worst, legal.worst),
    ):
        if value > times * scale:
            faults.append(f"{what} {value:.2g}, {_in_words(_times(value, scale))}")
    chance = candidate.chance
    if chance is not None and abs(candidate.bias) > times * abs(legal.bias) + CHANCE * chance:
        faults.append(f"a bias of {candidate.bias:+.2g}")
    if candidate.odd > reference.odd:
        faults.append(f"{candidate.odd - reference.odd} values are not finite")
    if drift.rms > times * spread:
        faults.append(
            f"{drift.rms:.2g} from the reference, where legal environments are {spread:.2g}"
        )
    return StageFinding(reference, candidate, legal, drift.rms, spread, tuple(faults))


def _largest(errors: Sequence[StageError]) -> StageError:
    """Return one error as large as the largest of each kind."""
    first = errors[0]
    widest = max(errors, key=lambda each: abs(each.bias))
    return StageError(
        stage=first.stage,
        index=first.index,
        rms=max(each.rms for each in errors),
        worst=max(each.worst for each in errors),
        means=widest.means,
        odd=max(each.odd for each in errors),
    )


def _times(value: float, scale: float) -> float:
    if value == 0.0:
        return 0.0
    return math.inf if scale == 0.0 else value / scale


def _count(times: float) -> str:
    return f"{times:.1f}" if times < _ROUND else f"{times:,.0f}"


def _in_words(times: float) -> str:
    return (
        "where the reference has none" if math.isinf(times) else f"{_count(times)} times as large"
    )
