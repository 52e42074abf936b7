"""How far images are from the exact ones, stage by stage, over all cases of a suite."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from goldenseed.trace.stages import Stage, StageName

if TYPE_CHECKING:
    import numpy as np

    Values = Mapping[StageName, np.ndarray]

LEFT_OUT = frozenset(
    {
        Stage.TOKEN_IDS,
        Stage.TIMESTEPS,
        Stage.GIVEN_PICTURE,
        Stage.DENOISER_INPUT,
        Stage.PREDICTED_NOISE,
        Stage.LATER_OUTPUT,
        Stage.DENORMALISED,
        Stage.UNPROCESSED,
        Stage.POSTPROCESSED,
        Stage.PIXELS,
    }
)
"""Stages that are whole numbers, or said by others."""
Place = tuple[Stage, int]
_FEWEST = 3
"""Cases from which on a mean error is told from chance."""


@dataclass(frozen=True, slots=True)
class StageError:
    """The errors of one stage, over all values, sources and cases.

    All but the count are relative to the root mean square of the exact values.
    """

    stage: Stage
    index: int
    rms: float
    """Root mean square; infinite where values are missing or of another shape."""
    worst: float
    """The largest, without its sign."""
    means: tuple[float, ...]
    """The signed mean of each case."""
    odd: int
    """How many values are not finite where the exact ones are, or the other way round."""

    @property
    def words(self) -> str:
        """The stage's name: ``denoising step 3``."""
        return StageName(self.stage, "", self.index).words

    @property
    def bias(self) -> float:
        """The signed mean over all cases."""
        return fmean(self.means) if self.means else 0.0

    @property
    def chance(self) -> float | None:
        """The standard error of ``bias``; None of too few cases to tell."""
        if len(self.means) < _FEWEST:
            return None
        return stdev(self.means) / math.sqrt(len(self.means))


@dataclass
class _Sums:
    squares: float = 0.0
    exact_squares: float = 0.0
    values: int = 0
    worst: float = 0.0
    odd: int = 0
    lacking: bool = False


def errors_of(
    exact: Callable[[str], Values], made: Callable[[str], Values], cases: Sequence[str]
) -> tuple[StageError, ...]:
    """Measure how far ``made`` is from ``exact`` at each stage; both return a case's values.

    One case after the other is in memory. Of values that are not finite on either side only
    their number counts.
    """
    sums: dict[Place, _Sums] = {}
    means: dict[Place, list[float]] = {}
    for case in cases:
        of_case: dict[Place, tuple[float, int]] = {}
        now = made(case)
        for name, values in exact(case).items():
            if name.stage in LEFT_OUT:
                continue
            place = name.stage, name.index
            found = sums.setdefault(place, _Sums())
            total, count = _add(found, values, now.get(name))
            before = of_case.get(place, (0.0, 0))
            of_case[place] = before[0] + total, before[1] + count
        for place, (total, count) in of_case.items():
            means.setdefault(place, []).append(total / count if count else 0.0)
    return tuple(_error(place, found, means[place]) for place, found in sums.items())


def _add(found: _Sums, exact: np.ndarray, made: np.ndarray | None) -> tuple[float, int]:
    """Add one array's errors; return their sum and number."""
    import numpy as np

    if made is None or made.shape != exact.shape:
        found.lacking = True
        return 0.0, 0
    both = np.isfinite(exact) & np.isfinite(made)
    found.odd += int((np.isfinite(exact) != np.isfinite(made)).sum())
    exact, error = exact[both], (made - exact)[both]
    sizes = np.abs(error)
    found.squares += float((sizes**2).sum())
    found.exact_squares += float((np.abs(exact) ** 2).sum())
    found.values += error.size
    found.worst = max(found.worst, float(sizes.max(initial=0.0)))
    return float(error.real.sum()), int(error.size)


def _error(place: Place, found: _Sums, means: Iterable[float]) -> StageError:
    scale = math.sqrt(found.exact_squares / found.values) if found.values else 0.0
    scale = scale or 1.0
    rms = math.sqrt(found.squares / found.values) if found.values else 0.0
    return StageError(
        stage=place[0],
        index=place[1],
        rms=math.inf if found.lacking else rms / scale,
        worst=math.inf if found.lacking else found.worst / scale,
        means=tuple(each / scale for each in means),
        odd=found.odd,
    )
