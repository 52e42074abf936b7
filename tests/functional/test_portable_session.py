"""A portable suite in a whole session: what is accepted for it holds on every machine."""

from __future__ import annotations

from typing import Any

MODEL = "model: {source: model}"
PORTABLE = f"{MODEL}\ndeterminism: portable"


def test_portable_cases_are_accepted_for_every_machine(project: Any):
    project.edit(MODEL, PORTABLE)
    project.accept_all()
    assert {case["profile"] for case in project.record()["cases"]} == {"portable"}
    assert project.run().ret == 0
    assert set(project.verdicts().values()) == {"identical"}
    assert {case["baseline"]["profile"] for case in project.record()["cases"]} == {"portable"}


def test_the_run_still_says_on_which_machine_it_was(project: Any):
    project.edit(MODEL, PORTABLE)
    project.run("-k", "red-apple")
    assert project.record()["profile"].startswith("cpu-")


def test_a_baseline_of_a_machine_is_none_for_a_portable_case(project: Any):
    project.accept_all()
    project.edit(MODEL, PORTABLE)
    project.run("-k", "red-apple")
    assert set(project.verdicts().values()) == {"new"}
