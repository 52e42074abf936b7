"""Images made up to the stage where two sides part, and tables that importing a scheduler tells."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.backends.protocol import Stopped
from goldenseed.bisect.outcomes import Ends, Parting
from goldenseed.bisect.search import Outcome
from goldenseed.bisect.tables import may_be_set, set_tables
from goldenseed.bisect.tried import Tried
from goldenseed.runs.record import CaseRecord, TraceStage
from goldenseed.suite.cases import Case
from goldenseed.suite.loading import load_suite
from goldenseed.trace.digesting import Recording
from goldenseed.trace.stages import Stage, StageName
from goldenseed.verdict.model import Verdict
from tiny_pipelines import tiny_stable_diffusion

STEP = (Stage.DENOISING_STEP, "scheduler", 0)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Case, ...]:
    folder = tmp_path_factory.mktemp("stopped")
    tiny_stable_diffusion(folder / "sd")
    karras = {"class": "EulerDiscreteScheduler", "use_karras_sigmas": True}
    ball = {"id": "ball", "prompt": "a red ball", "seeds": [7]}
    document = {
        "suite": "tiny",
        "model": {"source": "sd"},
        "defaults": {"call": {"num_inference_steps": 3, "height": 32, "width": 32}},
        "cases": [ball, {**ball, "id": "karras", "model": {"scheduler": karras}}],
    }
    (folder / "tiny.suite.yaml").write_text(json.dumps(document))
    return load_suite(folder / "tiny.suite.yaml").cases


def digests(recording: Recording) -> dict[tuple[str, str, int], str]:
    return {(e.stage.value, e.source or "", e.index): e.sha256 for e in recording.stages}


def test_making_ends_with_the_stage_that_is_asked_for_and_goes_on_with_the_next_image(
    cases: tuple[Case, ...],
):
    whole = digests(DiffusersBackend().generate(cases[0]).recording)
    backend = DiffusersBackend(until={cases[0].id: StageName(*STEP)})
    with pytest.raises(Stopped) as stopped:
        backend.generate(cases[0])
    part = digests(stopped.value.recording)
    assert part == {name: whole[name] for name in part}
    assert STEP in part
    assert ("denoising_step", "scheduler", 1) not in part
    assert ("pixels", "", 0) in digests(backend.generate(cases[1]).recording)


@pytest.mark.parametrize("number", [0, 1])
def test_tables_are_those_of_an_image_and_no_weights_are_read(
    cases: tuple[Case, ...], number: int, tmp_path: Path
):
    case = cases[number]
    whole = digests(DiffusersBackend().generate(case).recording)
    shutil.copytree(case.model.folder / "scheduler", tmp_path / "scheduler")
    tables = digests(set_tables(replace(case, model=replace(case.model, folder=tmp_path))))
    assert may_be_set(case)
    assert tables == {name: whole[name] for name in tables}
    assert ("timesteps", "scheduler", 0) in tables


def record(**stages: str) -> CaseRecord:
    trace = tuple(
        TraceStage(
            Stage[name.upper()], 0, digest * 64, source="scheduler" if "step" in name else None
        )
        for name, digest in stages.items()
    )
    return CaseRecord(
        id="a", suite="s", path="s.suite.yaml", recipe={}, recipe_sha256="0" * 64,
        verdict=Verdict.NEW, passed=False, trace=trace,
    )  # fmt: skip


GOOD = record(initial_noise="1", denoiser_output="2", denoising_step="3", pixels="4")
BAD = record(initial_noise="1", denoiser_output="5", denoising_step="6", pixels="7")
ENDS = Ends(GOOD, BAD, Parting(Verdict.DRIFT, *STEP[::2], STEP[1]))


@pytest.mark.parametrize(
    ("tried", "outcome"),
    [
        (record(initial_noise="1", denoiser_output="2", denoising_step="3"), Outcome.BEFORE),
        (record(initial_noise="1", denoiser_output="5", denoising_step="6"), Outcome.AFTER),
        (record(initial_noise="1", denoiser_output="5", denoising_step="8"), None),
        (record(initial_noise="9", denoiser_output="2", denoising_step="3"), None),
        (record(initial_noise="1"), None),
    ],
)
def test_one_stage_tells_what_the_whole_image_would_or_nothing(
    tried: CaseRecord, outcome: Outcome | None
):
    assert ENDS.until == ("denoising_step", "scheduler", 0)
    assert ENDS.partial_outcome(tried) is outcome


def test_what_one_stage_told_stays_known_where_the_whole_image_cannot_be_made():
    told = {"a": Outcome.BEFORE, "b": Outcome.AFTER}
    brief = Tried("x", seconds=1.0, outcomes=told, partial="tables only")
    whole = Tried("x", seconds=2.0, build_seconds=1.0, outcomes={"b": Outcome.THIRD})
    both = whole.beside(brief)
    assert (both.outcome("a"), both.outcome("b")) == (Outcome.BEFORE, Outcome.THIRD)
    assert (both.partial, both.seconds) == ("tables only", 3.0)
    assert both.failed is not None
    made = Tried("x", seconds=2.0, outcomes=dict.fromkeys("ab", Outcome.BEFORE))
    assert made.beside(brief).partial is None
