"""Masks and ignored regions: in suites, in ordinary tests, and between two runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

if TYPE_CHECKING:
    from conftest import Project


def masked(project: Project, name: str, size: tuple[int, int]) -> None:
    Image.new("L", size, 255).save(project.path / name)


def test_a_difference_that_is_ignored_is_a_match_and_the_record_says_what_was(project: Project):
    project.suite.unlink()
    project.pytester.makepyfile(
        test_hero="""
        from PIL import Image
        def test_hero(golden_image):
            image = Image.new("RGB", (32, 32), (200, 30, 30))
            image.paste((1, 1, 1), (0, 0, 4, 4))
            golden_image.check(image, ignore=[(0, 0, 4, 4)])
        """
    )
    project.accept_all()
    project.edit("(1, 1, 1)", "(9, 99, 9)", project.path / "test_hero.py")
    project.run().assert_outcomes(passed=1)
    (case,) = project.record()["cases"]
    assert (case["verdict"], case["reasons"][0]["code"]) == ("match", "ignored")
    assert case["masked"]["ignore"] == [[0, 0, 4, 4]]
    with Image.open(project.path / "reports/latest" / case["masked"]["image"]) as mask:
        assert mask.getpixel((3, 3)) == 0
        assert mask.getpixel((4, 4)) == 255
    project.edit("(0, 0, 4, 4)]", "(0, 0, 4, 3)]", project.path / "test_hero.py")
    project.run().assert_outcomes(failed=1)
    assert project.verdicts() == {"test_hero": "drift"}


def test_two_runs_are_compared_under_the_mask_of_the_second(project: Project):
    project.suite.unlink()
    project.pytester.makepyfile(
        test_hero="""
        from PIL import Image
        def test_hero(golden_image):
            image = Image.new("RGB", (32, 32), (200, 30, 30))
            image.paste((1, 1, 1), (0, 0, 4, 4))
            golden_image.check(image, ignore=[(0, 0, 4, 4)])
        """
    )
    project.run()
    project.edit("(1, 1, 1)", "(9, 99, 9)", project.path / "test_hero.py")
    project.run()
    first, second = sorted(
        run.parent.name for run in (project.path / "reports").glob("2*/run.json")
    )
    done = project.command("diff", first, second)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_mask_of_another_size_is_an_error_at_its_line(project: Project):
    masked(project, "mask.png", (32, 16))
    project.edit("cases:", "mask: mask.png\ncases:")
    result = project.run("-k", "apple and 1", "--golden-update=missing")
    result.stdout.fnmatch_lines(
        ["*tiny.suite.yaml:7: the mask mask.png has 32 x 16 pixels, the image has 32 x 32"]
    )


def test_a_case_s_own_mask_takes_the_place_of_the_suite_s(project: Project):
    masked(project, "mask.png", (32, 16))
    masked(project, "own.png", (32, 32))
    project.edit("cases:", "mask: mask.png\nignore: [[0, 0, 2, 2]]\ncases:")
    project.edit("seeds: [1, 2]", "seeds: [1]\n    mask: own.png")
    project.run("-k", "apple", "--golden-update=missing").assert_outcomes(passed=1)
    (case,) = project.record()["cases"]
    assert case["masked"]["source"] == "own.png"
    assert case["masked"]["ignore"] == [[0, 0, 2, 2]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("mask: gone.png", "*tiny.suite.yaml:7: there is no file `gone.png` beside the suite file"),
        ("mask: ../mask.png", "*tiny.suite.yaml:7: *"),
        ("ignore: [[0, 0, 4]]", "*tiny.suite.yaml:7: *ignore*"),
        ("ignore: [[0, 0, 0, 4]]", "*tiny.suite.yaml:7: *ignore*"),
    ],
)
def test_what_is_wrong_with_a_mask_is_said_at_collection(project: Project, line: str, message: str):
    project.edit("cases:", f"{line}\ncases:")
    result = project.run("--collect-only")
    result.stdout.fnmatch_lines([message])
    assert result.ret == pytest.ExitCode.INTERRUPTED
