"""What the history keeps of a run: one point for each case, made from the run's record alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, Final, get_args

from goldenseed.core.files import json_sha256, sha256_hex
from goldenseed.core.names import SUITE_SUFFIX
from goldenseed.environment.keys import EnvironmentValue
from goldenseed.images.metrics import METRICS
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.runs.relation_record import RelationRecord
from goldenseed.suite.cases import Kind
from goldenseed.verdict.model import Verdict

LOAD, GENERATE = "load_seconds", "generate_seconds"
SECONDS = (LOAD, GENERATE)
"""The measures of time; the others are of the image."""
DEFAULT_MEASURE = "mean_difference"
"""What is plotted where nothing is asked for: every image that is not identical has it."""
UNKNOWN_PROFILE = "unknown"
_OF_NO_CASE: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("pixels", "trace", "accepted", "environment", "divergence")),
    "code": False,
    "in_force": {},
    "pairs": 0,
    "flickers": 0,
}
_DIGITS = 6
"""Significant digits that are kept of a value."""

Environment = Mapping[str, EnvironmentValue]


@dataclass(frozen=True, slots=True, order=True)
class Series:
    """What makes a case the same one over time: the name its baseline goes by, and the profile.

    Where the suite's file lies is no part of it.
    """

    suite: str
    case: str
    profile: str

    @property
    def name(self) -> str:
        """The case with its suite: ``shapes::red-apple[seed=1024]``."""
        return f"{self.suite}::{self.case}"


@dataclass(frozen=True, slots=True)
class Point:
    """One case in one run."""

    run: str
    at: datetime
    """When the run began."""
    commit: str | None
    """The 40-hex commit id; a ``+`` follows where tracked files differed from it."""
    verdict: Verdict
    passed: bool
    pixels: str | None
    """The SHA-256 of the image; None where none was made."""
    trace: str | None
    """One SHA-256 of the digests of all its stages; None without a trace."""
    accepted: str | None
    """The SHA-256 of the accepted image it was held against."""
    recipe: str
    code: bool
    """Whether code that is no part of the recipe may have made the image: a test's own."""
    environment: str | None
    """The SHA-256 of the fingerprint; None where it is not on record."""
    in_force: Environment
    """What was otherwise inside the pipeline's call; normally empty."""
    divergence: str | None
    """The first stage that differs from the accepted trace: ``denoising_step[3]``."""
    pairs: int
    """How many times the case was made again within the run."""
    flickers: int
    """How many of these gave other pixels than the try before."""
    values: Mapping[str, float] = field(default_factory=dict)
    """Measure to value: metrics, ``content.NAME``, ``STAGE[INDEX]``, seconds."""

    def value(self, measure: str) -> float | None:
        """Return a measure's value; of an identical image its metrics are the best there are."""
        found = self.values.get(measure)
        if found is None and self.verdict is Verdict.IDENTICAL and measure in METRICS:
            best = METRICS[measure].best
            return best if math.isfinite(best) else None
        return found


def is_of_images(run: RunRecord) -> bool:
    """Whether the run made its images itself, in the project's own way.

    What a verb found, and the trials of a probe, are no part of a case's history.
    """
    return run.verb is None and not {"compared", "change"} & run.options.keys()


def points_of(run: RunRecord) -> Iterator[tuple[Series, Point]]:
    """Yield the points of a run, in the order of its cases, then of its relations and its sets."""
    commit = f"{run.git.commit}{'+' if run.git.dirty else ''}" if run.git else None
    environments = environments_of(run)
    for case in run.cases:
        digest = case.environment_sha256
        profile = case.profile or run.profile or UNKNOWN_PROFILE
        images = [each.pixels_sha256 for each in case.tries if each.pixels_sha256]
        yield (
            Series(case.suite, case.id, profile),
            Point(
                run=run.run_id,
                at=run.started,
                commit=commit,
                verdict=case.verdict,
                passed=case.passed,
                pixels=case.pixels_sha256,
                trace=_trace_sha256(case),
                accepted=case.baseline.pixels_sha256 if case.baseline else None,
                recipe=case.recipe_sha256,
                code=not case.path.endswith(SUITE_SUFFIX),
                environment=digest if digest in environments else None,
                in_force=case.in_force,
                divergence=_divergence(case),
                pairs=max(0, len(images) - 1),
                flickers=sum(a != b for a, b in pairwise(images)),
                values={n: _rounded(v) for n, v in _values(case) if math.isfinite(v)},
            ),
        )
    yield from _of_relations(run, commit)
    yield from _of_sets(run, commit)


def _of_relations(run: RunRecord, commit: str | None) -> Iterator[tuple[Series, Point]]:
    """Yield a point for each relation that was tried, also where an image could not be made."""
    environments = environments_of(run)
    for each in run.relations:
        made, reference = each.candidate, each.reference
        verdict = Verdict.ERROR if each.state == "error" else each.verdict
        if verdict is None:
            continue
        digest = made.environment_sha256 if made else None
        profile = (reference and reference.profile) or run.profile or UNKNOWN_PROFILE
        yield (
            Series(each.suite, each.id, profile),
            _beside_cases(
                run,
                commit,
                verdict,
                recipe={"vary": each.vary, "hold": each.hold},
                passed=each.passed,
                pixels=made and made.pixels_sha256,
                accepted=reference and reference.pixels_sha256,
                environment=digest if digest in environments else None,
                in_force=made.in_force if made else {},
                divergence=_divergence(each),
                values={name: _rounded(value) for name, value in each.metrics.items()},
            ),
        )


def _of_sets(run: RunRecord, commit: str | None) -> Iterator[tuple[Series, Point]]:
    """Yield a point for each set of which anything was judged; it has no image of its own."""
    for each in run.sets:
        if not each.results and each.error is None:
            continue
        passed = Verdict.MATCH if each.passed else Verdict.DRIFT
        limits = [[result.limit_name, result.limit] for result in each.results]
        yield (
            Series(each.suite, set_name(each.kind, each.id), run.profile or UNKNOWN_PROFILE),
            _beside_cases(
                run,
                commit,
                Verdict.ERROR if each.error else passed,
                recipe={"cases": [*each.cases], "limits": limits},
                passed=each.passed,
                values={r.metric: _rounded(r.value) for r in each.results if r.value != "inf"},
            ),
        )


def set_name(kind: str, name: str) -> str:
    """Return what a set is called in the history, as no case can be: ``diversity colours``."""
    return f"{kind} {name}"


def is_of_a_set(name: str) -> bool:
    """Whether a series of that name is a set's, whose values are of images held together."""
    return name.startswith(tuple(set_name(kind, "") for kind in get_args(Kind)))


def _beside_cases(
    run: RunRecord, commit: str | None, verdict: Verdict, *, recipe: object, **known: Any
) -> Point:
    """Return the point of what is no case: it was tried once, and the suite alone makes it."""
    return Point(
        run=run.run_id,
        at=run.started,
        commit=commit,
        verdict=verdict,
        recipe=json_sha256(recipe),
        **{**_OF_NO_CASE, **known},
    )


def environments_of(run: RunRecord) -> dict[str, Environment]:
    """Return the fingerprints in which cases of the run were made, by their digests.

    What an altered record does not tell is not among them.
    """
    listed = {json_sha256(each): each for each in (run.environment, *run.other_environments)}
    made = [each for relation in run.relations for each in (relation.reference, relation.candidate)]
    digests = {each.environment_sha256 for each in (*run.cases, *made) if each is not None}
    return {digest: each for digest, each in listed.items() if digest in digests and each}


def _values(case: CaseRecord) -> Iterator[tuple[str, float]]:
    yield from case.metrics.items()
    yield from ((f"content.{name}", value) for name, value in case.content.items())
    yield from _distances(case).items()
    if case.seconds.load:  # of most cases 0: the model was loaded for another one
        yield LOAD, case.seconds.load
    if case.seconds.generate:
        yield GENERATE, case.seconds.generate


def _distances(case: CaseRecord) -> dict[str, float]:
    """Return how far each stage is from the accepted one; of several sources the farthest."""
    found = case.diagnosis and case.diagnosis.first_divergence
    distances: dict[str, float] = {}
    for each in found.distances if found else ():
        if each.distance is not None:
            name = f"{each.stage.value}[{each.index}]"
            distances[name] = max(each.distance, distances.get(name, 0.0))
    return distances


def _divergence(case: CaseRecord | RelationRecord) -> str | None:
    found = case.diagnosis and case.diagnosis.first_divergence
    return f"{found.stage.value}[{found.index}]" if found else None


def _trace_sha256(case: CaseRecord) -> str | None:
    if not case.trace:
        return None
    return sha256_hex("\n".join(each.sha256 for each in case.trace).encode())


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
