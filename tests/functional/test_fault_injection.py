"""The diagnosis names what was done: a part of the benchmark, one fault or two of every family.

``python -m tests.benchmarks.diagnosis`` has all of them, and says how often it is right.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.diagnosis.fault import PAIRS, Fault, read_faults
from tests.benchmarks.diagnosis.generating import make_evidence_here
from tests.benchmarks.diagnosis.pair_scoring import beyond_rounding, hides_it
from tests.benchmarks.diagnosis.scoring import HIGH, Answer, answers

INJECTED = (
    "prompt-cut-inside",
    "merge-rule-lost",
    "text-encoder-1e-5",
    "beta-end-in-file",
    "one-step-fewer-inside",
    "next-seed-inside",
    "guidance-by-a-hair",
    "guidance-inside",
    "unet-1e-4",
    "upgrade-beside-unet",
    "vae-1e-3",
    "channels-last",
    "image-gamma",
    "shift-in-file",
)
PAIRED = (
    "threads-inside-beside-guidance-inside",
    "channels-last-beside-scheduler",
    "slicing-beside-text-encoder-in-memory",
    "batch-beside-unet",
)
"""Two at once: what only rounds otherwise must not hide the other."""
CONTROLS = ("same-again", "upgrade-without-effect")


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    """The answers, from runs made in this process."""
    known = (*read_faults(), *read_faults(PAIRS))
    named: dict[str, Fault] = {fault.name: fault for fault in known}
    faults = [named[name] for name in (*INJECTED, *PAIRED, *CONTROLS)]
    work: Path = tmp_path_factory.mktemp("faults")
    make_evidence_here(faults, work)
    return {each.fault.name: each for each in answers(faults, work)}


@pytest.mark.parametrize("name", [*INJECTED, *PAIRED])
def test_the_true_cause_comes_first(given: dict[str, Answer], name: str):
    answer = given[name]
    assert not answer.recorded.same_pixels
    assert answer.first is not None
    assert answer.first.cause.value == answer.fault.label


@pytest.mark.parametrize("name", CONTROLS)
def test_no_cause_is_named_where_nothing_differs(given: dict[str, Answer], name: str):
    answer = given[name]
    assert answer.recorded.same_pixels
    assert answer.named < HIGH


@pytest.mark.parametrize("name", PAIRED)
def test_rounding_beside_a_change_is_not_why_the_image_is_another_one(
    given: dict[str, Answer], name: str
):
    answer = given[name]
    assert beyond_rounding(answer)
    assert not hides_it(answer)


@pytest.mark.parametrize("name", [*INJECTED, *PAIRED])
def test_the_run_s_record_says_the_same(given: dict[str, Answer], name: str):
    answer = given[name]
    assert answer.recorded.case.diagnosis is not None
    assert answer.recorded.case.diagnosis.causes == answer.diagnosis.causes
