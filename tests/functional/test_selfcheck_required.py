"""``selfcheck: required``: a session fails where the gates would pass a wrong image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

CACHE = ".pytest_cache/v/goldenseed/selfcheck"


def demand(project: Project, gates: str = "max_peak_difference: 4, min_ssim: 0.999") -> None:
    text = project.suite.read_text()
    text = text.replace("max_peak_difference: 4, min_ssim: 0.999", gates)
    project.suite.write_text(text + "selfcheck: required\n")


def test_gates_that_can_fail_pass_and_are_not_checked_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    demand(project)
    project.accept_all()
    assert len((project.path / CACHE).read_text().split(",")) == 4
    from goldenseed.tools.selfcheck import check as selfcheck

    def never(*arguments: object) -> None:
        raise AssertionError(arguments)

    monkeypatch.setattr(selfcheck, "altered", never)
    project.run().assert_outcomes(passed=4)


def test_gates_that_pass_a_wrong_image_fail_every_session(project: Project):
    demand(project, "max_phash_distance: 30")
    project.run("--golden-update=missing")
    for _ in range(2):
        result = project.run()
        result.assert_outcomes(passed=4)
        assert result.ret == pytest.ExitCode.TESTS_FAILED
        result.stdout.fnmatch_lines(
            [
                (
                    "ERROR tiny.suite.yaml: the self-check that the suite demands fails: * wrong "
                    "images would pass every gate: *contrast-80 in *; `goldenseed selfcheck "
                    "tiny.suite.yaml --profile cpu-*"
                )
            ]
        )


def test_changed_gates_are_checked_again(project: Project):
    demand(project)
    project.accept_all()
    project.edit("max_peak_difference: 4, min_ssim: 0.999", "max_phash_distance: 30")
    assert project.run().ret == pytest.ExitCode.TESTS_FAILED


def test_a_session_without_a_cache_checks_too(project: Project):
    demand(project, "max_phash_distance: 30")
    project.run("--golden-update=missing")
    assert project.run("-p", "no:cacheprovider").ret == pytest.ExitCode.TESTS_FAILED


def test_only_what_ran_is_checked(project: Project):
    demand(project)
    project.accept_all()
    project.edit(
        "seeds: [1, 2]",
        "seeds: [1, 2]\n    gates: {fail: {max_peak_difference: 254, min_ssim: -1}}",
    )
    assert project.run("-k", "blue").ret == 0
    assert project.run("-k", "apple").ret == pytest.ExitCode.TESTS_FAILED


def test_the_command_that_is_named_shows_the_table(project: Project):
    demand(project, "max_phash_distance: 30")
    project.run("--golden-update=missing")
    shown = project.command("selfcheck", "tiny.suite.yaml")
    assert shown.returncode == 1, shown.stderr
    assert "max_phash_distance" in shown.stdout
    assert "    max_peak_difference: 1" in shown.stdout.splitlines()
