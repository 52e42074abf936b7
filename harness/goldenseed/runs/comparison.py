"""Two runs compared: every case of the second judged with the first in the baseline's place."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import write_atomically
from goldenseed.diagnosis.explain import Kept, diagnose
from goldenseed.environment.fingerprint import changed_weights
from goldenseed.runs.pairing import CasePair, Pairing, pair_cases
from goldenseed.runs.record import (
    BaselineUsed,
    CaseRecord,
    EnvironmentValue,
    MaskUsed,
    RunRecord,
)
from goldenseed.runs.stand_in import stand_in
from goldenseed.runs.stored import stored_image, stored_mask, stored_trace
from goldenseed.suite.cases import Limit
from goldenseed.suite.recipes import recipe_sha256
from goldenseed.tolerance.tolerance import unmeasured_noise
from goldenseed.trace.stages import Trace
from goldenseed.verdict.judge import Judgement, Tools, judge
from goldenseed.verdict.model import Reason, Subject, Verdict

if TYPE_CHECKING:
    from PIL.Image import Image

    from goldenseed.diagnosis.model import Diagnosis

HELD = frozenset({Verdict.IDENTICAL, Verdict.MATCH})
"""The verdicts of cases that did not move."""


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run's record and the folder that holds its images."""

    record: RunRecord
    folder: Path


@dataclass(frozen=True, slots=True)
class JudgedPair:
    """One case of both runs and how far apart they are."""

    pair: CasePair
    judged: CaseRecord
    """The record of B, its verdict, metrics and baseline being those against the image of A."""
    brighter: float | None
    """Mean level of B's image minus that of A's, in levels of 255; None if not measured."""


@dataclass(frozen=True, slots=True)
class RunComparison:
    """What comparing two runs found."""

    a: StoredRun
    b: StoredRun
    pairing: Pairing
    pairs: tuple[JudgedPair, ...]

    @property
    def same(self) -> bool:
        """Whether every pair is identical or within the noise."""
        return all(pair.judged.verdict in HELD for pair in self.pairs)


class Comparer:
    """Judges pairs of cases; may keep their pictures for a report.

    Args:
        a: the run in the baseline's place.
        b: the run that is judged.
        pictures: the folder in which the pictures are kept, or None to keep none.

    """

    def __init__(self, a: StoredRun, b: StoredRun, *, pictures: Path | None = None) -> None:
        self._a = a
        self._b = b
        self._pictures = pictures

    def compare(self, pair: CasePair) -> JudgedPair:
        """Judge one pair; an image that cannot be read makes the verdict ``error``.

        The gates are those recorded with B, and the noise that of the recipe's dtype. That the two
        were made in different profiles is no reason of a verdict here: it is what is asked about.
        """
        images: dict[str, Image] = {}
        try:
            for name, run, case in (("A", self._a, pair.a), ("B", self._b, pair.b)):
                images[name] = _image_of(name, run, case)
            judgement = self._judge(pair, images["A"], images["B"])
        except GoldenseedError as error:
            return JudgedPair(pair, _unreadable(pair.b, str(error)), None)
        same = judgement.verdict is Verdict.IDENTICAL
        judged = pair.b.model_copy(
            update={
                **self._concluded(pair, judgement, images["A"], images["B"]),
                "diagnosis": None if same else self._diagnosed(pair, judgement, images),
                "trace_file": None,
                "layers_file": None,
                "image": self._keep(images["B"], pair.b.pixels_sha256 or ""),
                "passed": judgement.verdict in HELD,
                "error": None,
            }
        )
        return JudgedPair(pair, judged, 0.0 if same else _brighter(images["A"], images["B"]))

    def _diagnosed(
        self, pair: CasePair, judgement: Judgement, images: Mapping[str, Image]
    ) -> Diagnosis | None:
        before, now = (
            Kept(
                recipe=case.recipe,
                environment=partial(_environment, run.record, case),
                in_force=case.in_force,
                trace=partial(stored_trace, run.folder, case),
                image=images[name],
            )
            for name, run, case in (("A", self._a, pair.a), ("B", self._b, pair.b))
        )
        return diagnose(before, now, judgement.metrics)

    def _judge(self, pair: CasePair, image_a: Image, image_b: Image) -> Judgement:
        from goldenseed.images.measure import measure

        entry = stand_in(pair.a, image_a, self._a.record)
        (profile,) = entry.profiles
        subject = Subject(
            image=image_b,
            pixels_sha256=pair.b.pixels_sha256 or "",
            recipe=pair.b.recipe,
            recipe_sha256=recipe_sha256(pair.b.recipe),
            profile=profile,
        )
        mask = stored_mask(self._b.folder, pair.b)
        limits = {name: Limit(value, "run B") for name, value in pair.b.limits.items()}
        return judge(
            subject,
            entry,
            chain=(profile,),
            limits=limits,
            noise=unmeasured_noise(dtype_of(pair.b), pair.b.profile),
            tools=Tools(
                load_image=lambda _digest: image_a,
                measure=partial(measure, mask=mask),
                load_traces=lambda _accepted: self._traces(pair),
                changed_weights=lambda _accepted: self._changed_weights(pair),
            ),
        )

    def _changed_weights(self, pair: CasePair) -> tuple[str, ...]:
        before = _environment(self._a.record, pair.a)
        now = _environment(self._b.record, pair.b)
        return changed_weights(before, now) if before and now else ()

    def _traces(self, pair: CasePair) -> tuple[Trace, Trace] | None:
        before, now = stored_trace(self._a.folder, pair.a), stored_trace(self._b.folder, pair.b)
        return (before, now) if before and now else None

    def _concluded(
        self, pair: CasePair, judgement: Judgement, image_a: Image, image_b: Image
    ) -> dict[str, object]:
        """Return the fields of the record that the judgement decides, its pictures kept."""
        against = judgement.against
        assert against is not None  # noqa: S101 - judge() was given an accepted image
        accepted = against.accepted
        return {
            "verdict": judgement.verdict,
            "reasons": judgement.reasons,
            "metrics": {n: v for n, v in judgement.metrics.items() if math.isfinite(v)},
            "baseline": BaselineUsed(
                profile=against.profile,
                pixels_sha256=accepted.pixels_sha256,
                accepted_at=accepted.accepted_at,
                image=self._keep(image_a, accepted.pixels_sha256),
                run=self._a.record.run_id,
            ),
            "masked": self._keep_mask(pair.b),
            "difference": None
            if judgement.verdict is Verdict.IDENTICAL
            else self._keep_difference(image_a, image_b),
        }

    def _keep(self, image: Image, digest: str) -> str | None:
        """Write a picture under its digest, once; return its place, or None if none is kept."""
        from goldenseed.core.pixels import encode_png

        if self._pictures is None:
            return None
        place = f"images/{digest}.png"
        if not (self._pictures / place).exists():
            write_atomically(self._pictures / place, encode_png(image), durable=False)
        return place

    def _keep_mask(self, case: CaseRecord) -> MaskUsed | None:
        from goldenseed.core.pixels import pixels_sha256

        mask = stored_mask(self._b.folder, case)
        if mask is None or case.masked is None:
            return None
        place = self._keep(mask, pixels_sha256(mask))
        return case.masked.model_copy(update={"image": place or case.masked.image})

    def _keep_difference(self, image_a: Image, image_b: Image) -> str | None:
        from goldenseed.core.pixels import pixels_sha256
        from goldenseed.images.measure import difference_image

        alike = image_a.size == image_b.size and image_a.mode == image_b.mode
        if self._pictures is None or not alike:
            return None
        difference = difference_image(image_b, image_a)
        return self._keep(difference, pixels_sha256(difference))


def compare_runs(
    a: StoredRun,
    b: StoredRun,
    *,
    pictures: Path | None = None,
    progress: Callable[[Iterable[CasePair]], Iterable[CasePair]] = iter,
) -> RunComparison:
    """Pair the cases of two runs and judge each pair with ``a`` in the baseline's place.

    Needs the two folders and nothing else; holds two images at a time. ``progress`` may wrap the
    pairs to show how far it is.

    Raises:
        GoldenseedError: the runs have no case in common, or a picture cannot be kept.

    """
    pairing = pair_cases(a.record, b.record)
    comparer = Comparer(a, b, pictures=pictures)
    judged = tuple(comparer.compare(pair) for pair in progress(pairing.pairs))
    return RunComparison(a=a, b=b, pairing=pairing, pairs=judged)


def dtype_of(case: CaseRecord) -> str:
    """Return the dtype in a case's recipe; ``unknown`` where it says none."""
    model = case.recipe.get("model")
    found = model.get("dtype") if isinstance(model, dict) else None
    return found if isinstance(found, str) else "unknown"


def _image_of(name: str, run: StoredRun, case: CaseRecord) -> Image:
    try:
        return stored_image(run.folder, case)
    except GoldenseedError as error:
        raise GoldenseedError(
            f"run {name} ({run.record.run_id}): {error.what}", path=error.path, fix=error.fix
        ) from None


def _unreadable(case: CaseRecord, message: str) -> CaseRecord:
    """Say in place of B's record that the pair could not be compared; nothing of B's is kept."""
    reason = Reason(code="not_compared", detail=message)
    return case.model_copy(
        update={
            "verdict": Verdict.ERROR,
            "passed": False,
            "reasons": (reason,),
            "error": message,
            "metrics": {},
            "trace_file": None,
            "layers_file": None,
            "diagnosis": None,
            "image": None,
            "baseline": None,
            "difference": None,
        }
    )


def _environment(run: RunRecord, case: CaseRecord) -> dict[str, EnvironmentValue] | None:
    return None if case.environment_sha256 is None else run.environment_of(case)


def _brighter(image_a: Image, image_b: Image) -> float | None:
    """Return how much brighter B is on average, over all its channels."""
    from PIL import ImageStat

    if image_a.mode != image_b.mode:
        return None
    before, after = (ImageStat.Stat(image).mean for image in (image_a, image_b))
    return float(sum(after) - sum(before)) / len(after)
