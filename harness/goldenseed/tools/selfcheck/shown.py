"""The wrong images that pass every gate, as the cases of a run, with their pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.runs.record import BaselineUsed, CaseRecord
from goldenseed.runs.stored import Pictures
from goldenseed.suite.cases import Suite
from goldenseed.tools.probe.record import as_alternative
from goldenseed.tools.selfcheck.baseline_cases import Right
from goldenseed.tools.selfcheck.check import Trial
from goldenseed.verdict.model import Reason

if TYPE_CHECKING:
    from PIL.Image import Image

PASSES = "passes_every_gate"
"""The reason of a wrong image that no gate fails."""
_AXIS = "wrong image"


class Shown:
    """Keeps the pictures of wrong images that pass, as they are tried, and their records."""

    def __init__(self, suite: Suite, folder: Path) -> None:
        self._suite = suite
        self._pictures = Pictures(folder)
        self.cases: list[CaseRecord] = []

    def __call__(self, right: Right, image: Image, trial: Trial, wrong: Image) -> None:
        """Add a trial if its image passes; raises GoldenseedError where no picture can be kept."""
        if trial.no_test or trial.caught:
            return
        from goldenseed.core.pixels import pixels_sha256

        accepted, digest = right.accepted, pixels_sha256(wrong)
        record = CaseRecord(
            id=right.case.id,
            suite=self._suite.name,
            path=self._suite.path.as_posix(),
            line=right.case.line,
            recipe=accepted.recipe,
            recipe_sha256=accepted.recipe_sha256,
            profile=right.profile,
            pixels_sha256=digest,
            image=self._pictures.keep(wrong, digest),
            width=wrong.width,
            height=wrong.height,
            mode=wrong.mode,
            verdict=trial.verdict,
            passed=False,
            reasons=(Reason(code=PASSES, detail=trial.wrong),),
            metrics=dict(trial.metrics),
            limits={name: limit.value for name, limit in right.limits.items()},
            limit_sources={name: limit.source for name, limit in right.limits.items()},
            baseline=BaselineUsed(
                profile=right.profile,
                pixels_sha256=accepted.pixels_sha256,
                accepted_at=accepted.accepted_at,
                image=self._pictures.keep(image, accepted.pixels_sha256),
            ),
            difference=self._pictures.keep_difference(wrong, image),
        )
        self.cases.append(as_alternative(record, _AXIS, trial.wrong))
