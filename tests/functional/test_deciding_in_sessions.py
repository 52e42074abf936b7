"""What a session accepts, and what it notices of baselines that were altered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from goldenseed.core.files import sha256_hex
from goldenseed.core.pixels import encode_png

if TYPE_CHECKING:
    from conftest import Project

APPLE = "red-apple[seed=1]"


def write_test(project: Project, colour: str, version: int) -> None:
    project.pytester.makepyfile(
        test_colour=f"""
        from PIL import Image
        def test_colour(golden_image):
            image = Image.new("RGB", (16, 16), "{colour}")
            golden_image.check(image, recipe={{"version": {version}}})
        """
    )


@pytest.mark.parametrize("update", ["changed", "all"])
def test_update_takes_no_rejected_image_back_whatever_the_verdict(project: Project, update: str):
    write_test(project, "red", 1)
    project.run("--golden-update=missing", "test_colour.py")
    write_test(project, "blue", 1)
    project.run("test_colour.py")
    said = project.command("reject", "latest", "test_colour", "--reason", "red was right")
    assert said.returncode == 0, said.stderr
    write_test(project, "blue", 2)

    result = project.run(f"--golden-update={update}", "test_colour.py")

    assert project.record()["cases"][0]["verdict"] == "incomparable"
    result.stdout.fnmatch_lines(["ERROR left out *rejected by *: red was right"])
    assert result.ret == 1
    shown = project.command("show", "test_colour").stdout
    assert "red was right" in shown
    assert "overruled" not in shown


def exchange_picture(project: Project, case: str) -> None:
    """Put another picture in the place of an accepted one, with its digest in the entry."""
    entry = project.path / "baselines" / "tiny" / f"{case}.json"
    document = json.loads(entry.read_text())
    (profile,) = document["profiles"].values()
    digest = profile["accepted"][0]["pixels_sha256"]
    picture = project.path / "baselines" / "images" / digest[:2] / f"{digest}.png"
    other = encode_png(Image.new("RGB", (32, 32), "red"))
    picture.write_bytes(other)
    profile["accepted"][0]["file_sha256"] = sha256_hex(other)
    entry.write_text(json.dumps(document))


@pytest.mark.parametrize("remembered", [True, False])
def test_a_picture_exchanged_together_with_its_digest_is_an_error(
    project: Project, *, remembered: bool
):
    project.accept_all()
    if remembered:
        project.run().assert_outcomes(passed=4)
    exchange_picture(project, APPLE)

    result = project.run()

    result.assert_outcomes(failed=1, passed=3)
    result.stdout.fnmatch_lines(["*does not hold the pixels that were accepted*"])


def test_pictures_are_remembered_by_workers_too(project: Project):
    project.accept_all()
    project.run("-n", "2").assert_outcomes(passed=4)
    seen = list((project.path / ".pytest_cache" / "d" / "goldenseed-verified").iterdir())
    assert len(seen) == 8  # a picture and a trace of each case
