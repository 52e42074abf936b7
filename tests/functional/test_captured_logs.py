"""What is logged while a case runs is in pytest's report of it, as of any test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

CONFTEST = """
import logging
import pytest

def pytest_collection_finish(session):
    item = session.items[0]
    usual = item.config.hook.pytest_runtest_setup
    print("\\nLEFT OUT", item.ihook.pytest_runtest_setup is not usual)

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_{phase}(item):
    # diffusers keeps its loggers from propagating.
    logging.getLogger("diffusers").error("an error of diffusers")
    logging.getLogger("ours").error("an error of ours")
"""


@pytest.mark.parametrize(("phase", "left_out"), [("call", True), ("setup", False)])
def test_logs_of_every_phase_that_has_any_are_shown(project: Project, phase: str, left_out: bool):
    (project.path / "conftest.py").write_text(CONFTEST.format(phase=phase))
    result = project.run("-s", "-k", "apple and 1")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            f"LEFT OUT {left_out}",
            f"*Captured log {phase}*",
            "*an error of diffusers",
            "*an error of ours",
        ]
    )


def test_a_case_that_is_run_again_has_the_logs_of_each_try(project: Project):
    (project.path / "conftest.py").write_text(CONFTEST.format(phase="call"))
    result = project.run("-s", "-k", "apple and 1", "--reruns=1")
    result.assert_outcomes(failed=1, errors=0)
    result.stdout.fnmatch_lines(["LEFT OUT True", "*an error of ours"])
