"""One judge: a session, two runs compared, self-check and calibration say the same of a pair."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from goldenseed.baselines.store import BaselineStore
from goldenseed.core.files import json_sha256
from goldenseed.runs.candidates import candidates_of
from goldenseed.runs.comparison import HELD, compare_runs
from goldenseed.runs.judging import Judging
from goldenseed.runs.made import Made
from goldenseed.runs.record import CaseRecord
from goldenseed.runs.stored import kept_trace, stored_evidence
from goldenseed.suite.cases import Limit
from goldenseed.suite.loading import load_suite
from goldenseed.tolerance.tolerance import assumed_tolerance
from goldenseed.tools.calibration.accepted import AcceptedImages
from goldenseed.tools.selfcheck.baseline_cases import Right
from goldenseed.tools.selfcheck.check import judged, reference_of
from goldenseed.trace.digesting import Recording
from goldenseed.trace.stages import Stage, StageRecord, Trace
from goldenseed.verdict.model import Reason, Verdict
from two_runs import AVX512, Run, picture, rounded

LIMITS = {"max_peak_difference": Limit(4.0, "run B"), "min_psnr": Limit(20.0, "run B")}
PROFILE = "cpu-x86_64-avx512"
ELSEWHERE = {**AVX512, "platform.libc": "glibc 2.41"}
"""Where the second image was made: rounding has a reason."""
SUITE = """\
suite: shapes
model: {source: model}
cases:
  - {id: apple, prompt: apple, seeds: [1]}
"""


def trace(tokens: str = "a") -> Trace:
    """A trace of one stage, which no rounding changes."""
    return (
        StageRecord(
            stage=Stage.TOKEN_IDS,
            index=0,
            source="tokenizer",
            shape=(1, 77),
            dtype="int64",
            sha256=tokens * 64,
        ),
    )


@dataclass
class Pair:
    """Two images of one case: in two runs, and the first of them accepted."""

    root: Path
    before: Image.Image
    now: Image.Image
    traces: tuple[Trace, Trace] = ((), ())

    def __post_init__(self) -> None:
        self.a = self._run("run-a", self.before, self.traces[0], AVX512)
        self.b = self._run("run-b", self.now, self.traces[1], ELSEWHERE)
        self.store = BaselineStore(self.root / "baselines")
        run = self.a.stored()
        accepted = candidates_of(run.record, run.folder, run.record.cases)
        self.store.accept(accepted, by="ada", reason="it looks right")
        entry = self.store.entry("shapes", "apple")
        assert entry
        (self.accepted,) = entry.profiles[PROFILE].accepted

    def _run(self, name: str, image: Image.Image, made: Trace, where: dict[str, str]) -> Run:
        run = Run(self.root / name, where, profile=PROFILE)
        fields = kept_trace(run.folder, self._made(image, made).recording)
        limits = {gate: limit.value for gate, limit in LIMITS.items()}
        run.case("apple", image, limits=limits, **fields)
        return run

    def _made(self, image: Image.Image, made: Trace) -> Made:
        return Made(
            image=image,
            profile=PROFILE,
            environment=ELSEWHERE,
            environment_sha256=json_sha256(ELSEWHERE),
            recording=Recording(before=made).ending_in(image) if made else None,
        )

    def in_a_session(self) -> CaseRecord:
        judging = Judging(self.root / "session", self.store, frozenset({Verdict.MATCH}))
        (case,) = self.b.cases
        pending = CaseRecord(
            **{name: getattr(case, name) for name in ("id", "suite", "path", "recipe")},
            recipe_sha256=case.recipe_sha256,
            verdict=Verdict.ERROR,
            passed=False,
        )
        made = self._made(self.now, self.traces[1])
        return judging.judge(pending, made, limits=LIMITS, dtype="float32")

    def in_two_runs(self) -> CaseRecord:
        (pair,) = compare_runs(self.a.stored(), self.b.stored()).pairs
        return pair.judged

    def in_a_self_check(self) -> tuple[Verdict, tuple[Reason, ...], dict[str, float]]:
        path = self.root / "shapes.suite.yaml"
        path.write_text(SUITE)
        (self.root / "model").mkdir()
        (case,) = load_suite(path).cases
        noise = assumed_tolerance("float32")
        right = Right(case, PROFILE, (self.accepted,), LIMITS, noise)
        reference = reference_of(right, self.store, self.store.image)
        found = judged(right, self.now, reference, None)
        return found.verdict, found.reasons, dict(found.metrics)

    def in_a_calibration(self) -> tuple[Verdict, tuple[Reason, ...], dict[str, float]]:
        known = AcceptedImages(self.store, PROFILE, [self.accepted], "float32", None)
        run = self.b.stored()
        (case,) = run.record.cases
        found = known.judged(stored_evidence(run.record, run.folder, case))
        if found.verdict is not Verdict.INCOMPARABLE:
            assert known.seen(run, case).beyond is (found.verdict not in HELD)
        return found.verdict, found.reasons, dict(found.metrics)


def agree(found: dict[str, Any], expected: dict[str, float]) -> bool:
    """Say whether two measured the same, where both measured."""
    both = found.keys() & expected.keys()
    return bool(both) == bool(found) and all(found[name] == expected[name] for name in both)


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        (picture(), "identical"),
        (rounded(), "match"),
        (picture(3), "warn"),
        (picture(9), "drift"),
        (picture(size=(48, 32)), "incomparable"),
        (picture(mode="L"), "incomparable"),
    ],
    ids=["identical", "match", "warn", "drift", "another size", "another mode"],
)
def test_all_four_say_the_same_of_two_images(tmp_path: Path, now: Image.Image, verdict: str):
    pair = Pair(tmp_path, picture(), now)
    session, diff = pair.in_a_session(), pair.in_two_runs()
    assert session.verdict == diff.verdict == verdict
    assert session.reasons == diff.reasons
    assert session.metrics == diff.metrics
    assert session.diagnosis == diff.diagnosis

    check, reasons, metrics = pair.in_a_self_check()
    assert (check, reasons) == (session.verdict, session.reasons)
    assert agree(metrics, session.metrics)

    calibration, reasons, metrics = pair.in_a_calibration()  # which asks for no gates
    gates = [each for each in session.reasons if each.code == "gate"]
    assert calibration == ("warn" if gates else session.verdict)
    assert reasons == tuple(each for each in session.reasons if each not in gates)
    assert agree(metrics, session.metrics)


@pytest.mark.parametrize(
    ("tokens", "verdict"), [("a", "match"), ("b", "warn")], ids=["the same", "other tokens"]
)
def test_all_three_that_have_traces_look_along_them(tmp_path: Path, tokens: str, verdict: str):
    pair = Pair(tmp_path, picture(), rounded(), (trace(), trace(tokens)))
    session, diff = pair.in_a_session(), pair.in_two_runs()
    calibration, reasons, _ = pair.in_a_calibration()
    assert session.verdict == diff.verdict == calibration == verdict
    assert session.reasons == diff.reasons == reasons
    assert session.diagnosis == diff.diagnosis
