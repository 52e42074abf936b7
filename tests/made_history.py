"""Records of runs as weeks would leave them: digests, distances and seconds as a test says."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from goldenseed.core.files import json_sha256
from goldenseed.diagnosis.model import Diagnosis, FirstDivergence
from goldenseed.runs.folder import RunWriter
from goldenseed.runs.record import (
    BaselineUsed,
    CaseRecord,
    GitState,
    RunRecord,
    Seconds,
    TraceStage,
)
from goldenseed.trace.distances import StageDistance
from goldenseed.trace.stages import Stage
from goldenseed.verdict.model import Verdict

START = datetime(2024, 1, 1, 6, tzinfo=UTC)
PROFILE = "cpu-x86_64-avx512"
ENVIRONMENT = {"package.diffusers": "0.30.0", "cpu.threads": 1, "fingerprint.version": 2}
KEYS = 190
"""What a fingerprint of the embedded model has."""


def digest_of(name: object) -> str:
    return json_sha256(str(name))


def made(
    pixels: object = "accepted",
    *,
    name: str = "apple[seed=1]",
    mean: float | None = None,
    steps: tuple[float, ...] = (),
    **fields: object,
) -> CaseRecord:
    """A case whose image is that of a name; identical, or ``mean`` levels off the accepted one."""
    moved = mean is not None
    given: dict[str, object] = {
        "id": name,
        "suite": "shapes",
        "path": "suites/shapes.suite.yaml",
        "recipe": {"seed": 1},
        "recipe_sha256": digest_of("recipe"),
        "profile": PROFILE,
        "pixels_sha256": digest_of(pixels),
        "verdict": Verdict.MATCH if moved else Verdict.IDENTICAL,
        "passed": True,
        "metrics": {"mean_difference": mean, "ssim": 0.9999} if moved else {},
        "baseline": BaselineUsed(
            profile=PROFILE, pixels_sha256=digest_of("accepted"), accepted_at=START
        ),
        "seconds": Seconds(generate=1.0),
        "trace": tuple(
            TraceStage(Stage.DENOISING_STEP, each, digest_of(f"{pixels} {each}")) for each in (0, 1)
        ),
        "diagnosis": Diagnosis(first_divergence=_divergence(steps)) if steps else None,
    }
    return CaseRecord(**{**given, **fields})  # type: ignore[arg-type]


def run_on(
    day: float,
    *cases: CaseRecord,
    environment: Mapping[str, object] | None = None,
    commit: str = "c",
    **fields: object,
) -> RunRecord:
    """A run of some cases in one environment, ``day`` days after the first."""
    surroundings = {**ENVIRONMENT, **(environment or {})}
    sha256 = json_sha256(surroundings)
    at = START + timedelta(days=day)
    given: dict[str, object] = {
        "run_id": f"{at:%Y%m%dT%H%M%SZ}-{int(day * 10) % 65536:04x}",
        "started": at,
        "finished": at + timedelta(minutes=3),
        "complete": True,
        "git": GitState(commit=(commit * 40)[:40], dirty=False),
        "profile": PROFILE,
        "environment": surroundings,
        "cases": tuple(
            each.model_copy(update={"environment_sha256": sha256})
            if each.environment_sha256 is None and each.pixels_sha256
            else each
            for each in cases
        ),
    }
    return RunRecord(**{**given, **fields})  # type: ignore[arg-type]


def written(reports: Path, *runs: RunRecord) -> None:
    """Leave the folders of some runs in ``reports``."""
    for run in runs:
        writer = RunWriter(
            reports, run.run_id, started=run.started, git=run.git, options=run.options
        )
        writer.add_environment(run.profile, dict(run.environment))
        for case in run.cases:
            writer.add(case)
        writer.finish(finished=run.finished or run.started, complete=run.complete)


def many_runs(runs: int, cases: int, *, drifting: int = 10) -> Iterator[RunRecord]:
    """Yield one run a day; every hundredth has a new diffusers, and some cases drift with it."""
    draw = random.Random(7)
    keys = {f"model.part.key{each:03d}": f"value {each}" for each in range(KEYS)}
    for day in range(runs):
        release = day // 100
        yield run_on(
            day,
            *(
                made(
                    f"{number} {release if number < drifting else 0}",
                    name=f"case-{number:03d}[seed=1]",
                    mean=0.001 * release if release and number < drifting else None,
                    steps=(1e-7 * release,) * 20 if release and number < drifting else (),
                    seconds=Seconds(generate=draw.lognormvariate(0, 0.05)),
                )
                for number in range(cases)
            ),
            environment={**keys, "package.diffusers": f"0.{30 + release}.0"},
            commit=f"{day:04x}",
        )


def _divergence(steps: tuple[float, ...]) -> FirstDivergence:
    return FirstDivergence(
        stage=Stage.DENOISING_STEP,
        index=0,
        of=len(steps),
        words=f"denoising step 1 of {len(steps)}",
        distances=tuple(
            StageDistance(stage=Stage.DENOISING_STEP, index=each, distance=distance)
            for each, distance in enumerate(steps)
        ),
    )
