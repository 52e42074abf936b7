"""One relation of one case: its two images, as a run has them, held against each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside
from goldenseed.diagnosis.explain import diagnose
from goldenseed.runs.judging import judged_fields
from goldenseed.runs.made import mask_for, pending
from goldenseed.runs.record import CaseRecord, RunRecord, TraceStage
from goldenseed.runs.relation_record import ExactDistance, MadeImage, RelationRecord
from goldenseed.runs.stored import Pictures, stored_evidence
from goldenseed.suite.cases import Case
from goldenseed.suite.relations import Hold
from goldenseed.tolerance.exact import exact_distances
from goldenseed.tolerance.tolerance import assumed_tolerance
from goldenseed.trace.files import read_trace
from goldenseed.trace.stages import Trace
from goldenseed.verdict.evidence import Accepted, Evidence, Reference
from goldenseed.verdict.judge import judge
from goldenseed.verdict.model import PASSING, Verdict

_IMAGE = tuple(name for name in MadeImage.model_fields if name != "seconds")


def made_image(kept: Mapping[str, Any], case: CaseRecord | None = None) -> MadeImage:
    """Describe an image by the fields that a case's record has of it."""
    given = {name: kept[name] for name in _IMAGE if name in kept}
    return MadeImage(**given) if case is None else MadeImage(**given, seconds=case.seconds)


def image_of(case: CaseRecord) -> MadeImage:
    """Describe the image of a case's record."""
    return made_image({name: getattr(case, name) for name in _IMAGE}, case)


def judged_relation(
    found: RelationRecord,
    case: Case,
    hold: Hold,
    run: RunRecord,
    folder: Path,
    *,
    pictures: Pictures | None = None,
    evidence: Callable[[RunRecord, Path, CaseRecord], Evidence] = stored_evidence,
) -> RelationRecord:
    """Judge the two images of a relation by the one judge, and say whether it holds.

    Args:
        found: what was made; its images, traces and that of the exact image lie in ``folder``.
        case: the case, with the accepted images that are its inputs looked up.
        hold: how the two have to agree.
        run: has the environments in which they were made.
        folder: the run's.
        pictures: keeps the picture of their difference; by default in ``folder``.
        evidence: describes an image as ``stored_evidence`` does.

    Raises:
        GoldenseedError: an image or a trace cannot be read, or is not the recorded one.

    """
    if found.reference is None or found.candidate is None:
        raise GoldenseedError(f"{found.id} has not both of its images", fix="run the suite again")
    before, now = (
        evidence(run, folder, as_case(found, made, case, folder))
        for made in (found.reference, found.candidate)
    )
    sizes = [each.size for each in now.parts if each.image is not None]
    judgement = judge(
        now,
        Reference(Accepted((before,))),
        limits=hold.limits,
        tolerance=assumed_tolerance(case.model.dtype, found.candidate.profile),
        mask=mask_for(sizes[0], case.mask) if sizes else None,
    )
    kept = pictures or Pictures(folder)
    fields = judged_fields(now, judgement, kept, found.candidate.elements)
    metrics = judgement.metrics
    diagnosis = fields["diagnosis"] or (
        diagnose(before, now, metrics) if _parts(before, now) else None
    )
    distances = tuple(_distances(found, hold, folder, before.trace, now.trace))
    holds = _agree(judgement.verdict, hold) and all(each.passed for each in distances)
    return found.model_copy(
        update={
            "state": "held" if holds else "broken",
            "why": None,
            **{name: fields[name] for name in ("verdict", "reasons", "metrics", "difference")},
            "diagnosis": diagnosis,
            "distances": distances,
        }
    )


def _parts(before: Evidence, now: Evidence) -> bool:
    """Whether some stage of two images is another one."""
    return [each.sha256 for each in before.trace] != [each.sha256 for each in now.trace]


def as_case(found: RelationRecord, made: MadeImage, case: Case, folder: Path) -> CaseRecord:
    """Return the record that a case would have with one of a relation's images.

    Raises GoldenseedError where its trace cannot be read.
    """
    fields = {name: getattr(made, name) for name in _IMAGE}
    trace = read_trace(inside(folder, made.trace_file)) if made.trace_file else ()
    stages = tuple(
        TraceStage(each.stage, each.index, each.sha256, source=each.source) for each in trace
    )
    update = {**fields, "trace": stages, "verdict": Verdict.NEW}
    return pending(case, found.path).model_copy(update=update)


def _agree(verdict: Verdict, hold: Hold) -> bool:
    if hold.verdict == "identical":
        return verdict is Verdict.IDENTICAL
    if hold.verdict == "match":
        return verdict in {Verdict.IDENTICAL, Verdict.MATCH}
    return verdict in PASSING


def _distances(
    found: RelationRecord, hold: Hold, folder: Path, before: Trace, now: Trace
) -> Iterator[ExactDistance]:
    """Hold both images against the exact one, at each kind of stage."""
    if hold.times is None:
        return
    if found.exact_trace is None:
        raise GoldenseedError("there is no exact image to hold the two against")
    exact = read_trace(inside(folder, found.exact_trace))
    reference, candidate = exact_distances(exact, before), exact_distances(exact, now)
    for metric, own in reference.items():
        limit, value = hold.times * own, candidate[metric]
        yield ExactDistance(
            metric=metric,
            reference=_finite(own),
            candidate=_finite(value),
            limit=_finite(limit),
            passed=value <= limit,
        )


def _finite(value: float) -> float | Literal["inf"]:
    return value if math.isfinite(value) else "inf"
