"""Whether a way of making images is as exact as another, on a tiny pipeline of diffusers."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.reporting.lossless import lossless_blocks, lossless_document, lossless_svg
from goldenseed.runs.comparison import StoredRun
from goldenseed.runs.folder import load_run
from goldenseed.suite.loading import load_suite
from goldenseed.tools.lossless.errors import StageError
from goldenseed.tools.lossless.finding import LEAST_TIMES, finding_of, times_of
from goldenseed.tools.lossless.trying import Answer, Lossless
from goldenseed.tools.probe.change import Change
from goldenseed.tools.probe.changes import change_named
from goldenseed.tools.probe.child import Job, run_job
from goldenseed.tools.probe.probing import Probe
from goldenseed.trace.stages import Stage
from tiny_pipelines import tiny_stable_diffusion

SUITE = """\
suite: tiny
model: {source: model}
defaults:
  call: {num_inference_steps: 3, height: 32, width: 32, guidance_scale: 3.0}
cases:
  - {id: apple, prompt: a red apple, seeds: [1, 2, 3, 4]}
"""
LEGAL = ("batch=2+position=last", "sdpa=flash", "attention_backend=native")
"""The last cannot be had: no attention processor of the model takes a back end."""
Ask = Callable[[str], Answer]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Asks whether a change is lossless; images are made in this process, and once."""
    folder = tmp_path_factory.mktemp("lossless")
    tiny_stable_diffusion(folder / "model")
    file = folder / "tiny.suite.yaml"
    file.write_text(SUITE)
    suite = load_suite(file)

    def ask(name: str) -> Answer:
        runs = folder / name

        def make(change: Change) -> StoredRun:
            cases = tuple(case.id for case in suite.cases)
            job = Job(
                suite=str(file),
                change=change.name,
                cases=cases,
                folder=str(runs),
                device="cpu",
                parent=os.getppid(),
                values=True,
                vary=change.vary,
            )
            run_job(job)
            return StoredRun(load_run(runs / change.name), runs / change.name)

        return Lossless(
            probe=Probe(suite=suite, cases=suite.cases, folder=runs, values=True),
            candidate=change_named(name),
            reference=None,
            legal=[change_named(each) for each in LEGAL],
            tell=lambda _: None,
            make=make,
        ).run()

    return ask


def test_a_candidate_that_changes_nothing_is_bit_identical(ask: Ask):
    answer = ask("process=fresh")
    assert answer.finding.kind == "identical"
    assert answer.finding.sentence.startswith("bit-identical to the reference")
    assert answer.finding.first is None
    assert answer.finding.legal == LEGAL[:2]


def test_channels_last_is_as_exact(ask: Ask):
    answer = ask("channels_last")
    assert answer.finding.kind == "as exact"
    assert answer.finding.sentence.startswith("as exact as the reference: at no stage more than")
    assert all(each.candidate.odd == 0 for each in answer.finding.stages)
    assert not list(answer.candidate.folder.glob("values"))


def test_bfloat16_is_less_exact_from_the_first_stage_on(ask: Ask):
    answer = ask("dtype=bfloat16")
    finding = answer.finding
    assert finding.kind == "less exact"
    assert finding.first is not None
    assert finding.first.candidate.stage is Stage.PROMPT_EMBEDDINGS
    assert finding.sentence.startswith(
        "less exact than the reference, from the prompt embeddings on: error 0.00"
    )
    document = lossless_document(answer, candidate="dtype=bfloat16", reference="as the suite says")
    assert json.loads(json.dumps(document)) == document
    assert document["answer"] == "less exact"
    assert [each["id"] for each in document["cases"]] == [f"apple[seed={n}]" for n in (1, 2, 3, 4)]
    assert document["stages"][0]["candidate"]["rms"] > 1000 * document["stages"][0]["legal"]["rms"]
    (said, table) = lossless_blocks(finding)
    assert said.sentences[0] == finding.sentence
    assert len(table.rows) == len(finding.stages)
    drawn = ET.fromstring(lossless_svg(finding, candidate="<dtype>"))
    assert len(drawn.findall("{http://www.w3.org/2000/svg}path")) == 3


def test_what_cannot_be_tried_here_is_no_answer(ask: Ask):
    with pytest.raises(
        GoldenseedError, match=r"cannot be told whether offload=model .*needs a GPU"
    ):
        ask("offload=model")


ERROR = StageError(Stage.VAE_OUTPUT, 0, rms=1.0, worst=4.0, means=(0.1, -0.1, 0.1, -0.1), odd=0)


@pytest.mark.parametrize(
    ("candidate", "drift", "says"),
    [
        ({"rms": 1.49, "worst": 5.9}, 1.0, None),
        ({"rms": 1.51}, 1.0, "error 1.5"),
        ({"worst": 6.1}, 1.0, "worst error 6.1"),
        ({"means": (0.3, 0.31, 0.3, 0.31)}, 1.0, "a bias of \\+0.3"),
        ({"means": (0.9, -0.7, 0.8, 0.2)}, 1.0, None),
        ({"odd": 2}, 1.0, "2 values are not finite"),
        ({}, 1.6, "1.6 from the reference, where legal environments are 1"),
    ],
)
def test_each_rule_fails_by_itself(candidate: dict[str, object], drift: float, says: str | None):
    legal = {f"legal-{n}": [ERROR] for n in range(30)}
    found = finding_of(
        reference=[ERROR],
        candidate=[replace(ERROR, **candidate)],  # type: ignore[arg-type]
        legal=legal,
        drift=[replace(ERROR, rms=drift)],
        spread=legal,
        same=False,
        cases=4,
    )
    assert found.times == LEAST_TIMES
    assert found.kind == ("as exact" if says is None else "less exact")
    assert says is None or re.search(says, found.sentence)


def test_few_environments_tell_little_of_how_rounding_varies():
    assert times_of(1) == LEAST_TIMES
    assert times_of(4) == pytest.approx(1 + 3 / 6**0.5)
    assert times_of(100) == LEAST_TIMES


def test_of_few_cases_a_mean_is_not_told_from_chance():
    two = replace(ERROR, means=(0.9, 0.9))
    same = {"reference": [two], "candidate": [two], "drift": [ERROR], "cases": 2}
    found = finding_of(**same, legal={}, spread={}, same=False)  # type: ignore[arg-type]
    assert found.kind == "as exact"
    assert found.remarks == (
        "no legal environment could be made here: the reference alone is the scale",
        "2 cases are too few to tell a mean error from chance",
    )
