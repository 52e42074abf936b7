"""Two runs compared: every case of the second judged with the first in the baseline's place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside
from goldenseed.diagnosis.divergence import first_differing_layer, layer_in_words
from goldenseed.images.gates import DEFAULT
from goldenseed.runs.judging import judged_fields
from goldenseed.runs.pairing import CasePair, Pairing, pair_cases
from goldenseed.runs.parts import ElementRecord, MaskUsed, ReturnedFile, VerbRecord
from goldenseed.runs.provenance import kept_files, stored_files
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.runs.stored import Pictures, decoded_evidence, stored_mask
from goldenseed.suite.cases import Limit
from goldenseed.tolerance.tolerance import assumed_tolerance
from goldenseed.trace.files import read_layers
from goldenseed.verdict.evidence import Accepted, Evidence, Reference
from goldenseed.verdict.judge import judge
from goldenseed.verdict.model import Reason, Verdict

if TYPE_CHECKING:
    from PIL.Image import Image

HELD = frozenset({Verdict.IDENTICAL, Verdict.MATCH})
"""The verdicts of cases that did not move."""
OF_B = "run B"
"""Where a gate is from, in the reasons of a verdict, that a suite set."""


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run's record and the folder that holds its images."""

    record: RunRecord
    folder: Path

    @property
    def pixels(self) -> Mapping[str, str | None]:
        """The digests of the images' pixels, by the ids of their cases."""
        return {case.id: case.pixels_sha256 for case in self.record.cases}


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
        """Whether every pair is identical or within the tolerance."""
        return all(pair.judged.verdict in HELD for pair in self.pairs)


class Comparer:
    """Judges pairs of cases, run A in the baseline's place; may keep pictures for a report."""

    def __init__(self, a: StoredRun, b: StoredRun, *, pictures: Path | None = None) -> None:
        self._a = a
        self._b = b
        self._folder = pictures
        self._pictures = Pictures(pictures)

    def compare(self, pair: CasePair) -> JudgedPair:
        """Judge one pair; an image that cannot be read makes the verdict ``error``.

        The gates are those recorded with B, and the tolerance that of the recipe's dtype. That the
        two were made in different profiles is no reason of a verdict here: it is what is asked.
        """
        b = pair.b
        try:
            before = _known("A", self._a, pair.a)
            now = _known("B", self._b, b)
            mask = stored_mask(self._b.folder, b)
            returned = self._returned(b)
            judgement = judge(
                now,
                Reference(Accepted((before,))),
                limits={name: Limit(value, _source(b, name)) for name, value in b.limits.items()},
                tolerance=assumed_tolerance(dtype_of(b), b.profile),
                mask=mask,
            )
        except GoldenseedError as error:
            reason = Reason(code="not_compared", detail=str(error))
            return JudgedPair(pair, b.without_picture(Verdict.ERROR, reason, str(error)), None)
        judged = b.model_copy(
            update={
                "image": self._shown(now),
                **judged_fields(now, judgement, self._pictures, self._elements(now, b)),
                "masked": self._masked(b, mask),
                "trace": (),
                "trace_file": None,
                "layers_file": None,
                "returned": returned,
                "passed": judgement.verdict in HELD,
                "error": None,
            }
        )
        same = judgement.verdict is Verdict.IDENTICAL
        return JudgedPair(pair, judged, 0.0 if same else _brighter(before, now, judgement.element))

    def _returned(self, case: CaseRecord) -> tuple[ReturnedFile, ...]:
        """Keep the files in which the pictures of B were returned."""
        if self._folder is None or not case.returned:
            return ()
        return kept_files(self._folder, stored_files(self._b.folder, case))

    def _shown(self, now: Evidence) -> str | None:
        """Keep the first picture of B; return its place."""
        first = next((each for each in now.parts if each.image is not None), None)
        if first is None or first.image is None:
            return None
        return self._pictures.keep(first.image, first.pixels_sha256)

    def _elements(self, now: Evidence, case: CaseRecord) -> tuple[ElementRecord, ...]:
        """Keep the elements of B; return their records as of a run of its own."""
        return tuple(
            old.model_copy(
                update={
                    "file": self._pictures.keep(new.read(), new.sha256),
                    "verdict": None,
                    "metrics": {},
                    "baseline": None,
                }
            )
            for new, old in zip(now.elements, case.elements, strict=True)
        )

    def _masked(self, case: CaseRecord, mask: Image | None) -> MaskUsed | None:
        from goldenseed.core.pixels import pixels_sha256

        if mask is None or case.masked is None:
            return None
        place = self._pictures.keep(mask, pixels_sha256(mask))
        return case.masked.model_copy(update={"image": place or case.masked.image})


def compare_runs(
    a: StoredRun,
    b: StoredRun,
    *,
    pictures: Path | None = None,
    progress: Callable[[Iterable[CasePair]], Iterable[CasePair]] = iter,
) -> RunComparison:
    """Pair the cases of two runs and judge each pair with ``a`` in the baseline's place.

    ``progress`` may wrap the pairs to show how far it is. Raises GoldenseedError where the runs
    have no case in common, or a picture cannot be kept.
    """
    pairing = pair_cases(a.record, b.record)
    comparer = Comparer(a, b, pictures=pictures)
    judged = tuple(comparer.compare(pair) for pair in progress(pairing.pairs))
    return RunComparison(a=a, b=b, pairing=pairing, pairs=judged)


def _source(case: CaseRecord, gate: str) -> str:
    """Say where a gate is from: run B, unless no suite set it there."""
    return DEFAULT if case.limit_sources.get(gate) == DEFAULT else OF_B


def dtype_of(case: CaseRecord) -> str:
    """Return the dtype in a case's recipe; ``unknown`` where it says none."""
    model = case.recipe.get("model")
    found = model.get("dtype") if isinstance(model, dict) else None
    return found if isinstance(found, str) else "unknown"


def _known(name: str, run: StoredRun, case: CaseRecord) -> Evidence:
    """Return what a run left of an image, which is verified at once, also where it is the same."""
    try:
        return decoded_evidence(run.record, run.folder, case)
    except GoldenseedError as error:
        raise GoldenseedError(
            f"run {name} ({run.record.run_id}): {error.what}", path=error.path, fix=error.fix
        ) from None


def _brighter(a: Evidence, b: Evidence, element: int) -> float | None:
    """Return how much brighter B is on average, over all channels of the deciding element."""
    from PIL import ImageStat

    if bool(a.elements) != bool(b.elements) or element >= min(len(a.parts), len(b.parts)):
        return None
    image_a, image_b = a.part(element).image, b.part(element).image
    if image_a is None or image_b is None or image_a.mode != image_b.mode:
        return None
    before, after = (ImageStat.Stat(image).mean for image in (image_a, image_b))
    return float(sum(after) - sum(before)) / len(after)


def comparison_id(a: RunRecord, b: RunRecord) -> str:
    """Name the comparison, and the folder it is kept in: ``diff-<id of A>-<id of B>``."""
    return f"diff-{a.run_id}-{b.run_id}"


def comparison_record(
    found: RunComparison, *, started: datetime, finished: datetime, verb: VerbRecord | None = None
) -> RunRecord:
    """Describe the comparison as the run B would have been, had A been its baselines.

    A case that only B has is ``new``; one that only A has is an ``error``: it must not pass.
    ``verb`` is what was found beside the cases.
    """
    a, b = found.a.record, found.b.record
    unpaired = (
        *(_missing_in_b(case, b) for case in found.pairing.only_in_a),
        *(_missing_in_a(case, a) for case in found.pairing.only_in_b),
    )
    return b.model_copy(
        update={
            "run_id": comparison_id(a, b),
            "started": started,
            "finished": finished,
            "complete": a.complete and b.complete,
            "options": {"compared": f"{b.run_id} with {a.run_id}", "require": "match"},
            "cases": (*(pair.judged for pair in found.pairs), *unpaired),
            "relations": (),
            "verb": verb,
        }
    )


def _missing_in_b(case: CaseRecord, b: RunRecord) -> CaseRecord:
    message = f"only in run A: {b.run_id} has no such case"
    reason = Reason(code="only_in_a", detail=message)
    return case.without_picture(Verdict.ERROR, reason, message)


def _missing_in_a(case: CaseRecord, a: RunRecord) -> CaseRecord:
    detail = f"only in run B: {a.run_id} has no such case"
    reason = Reason(code="no_baseline", source="run A", detail=detail)
    return case.without_picture(Verdict.NEW, reason)


def layer_lines(found: RunComparison) -> Iterator[str]:
    """Say of each pair of which both runs have a deep trace at which layer they part.

    A file that is missing or damaged is named in place of that.
    """
    for each in found.pairs:
        a, b = each.pair.a, each.pair.b
        if a.layers_file is None or b.layers_file is None:
            continue
        try:
            layer = first_differing_layer(
                read_layers(inside(found.a.folder, a.layers_file)),
                read_layers(inside(found.b.folder, b.layers_file)),
            )
        except GoldenseedError as error:
            yield f"{b.id}: the deep trace cannot be read: {error}"
        else:
            yield f"{b.id}: {layer_in_words(layer)}"
