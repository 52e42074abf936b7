from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from toy_pipeline import ACCEPTED, ENVIRONMENT, RECIPE, Toy, recorded

from goldenseed.core.errors import GoldenseedError
from goldenseed.diagnosis.evidence import Blank
from goldenseed.diagnosis.explain import blank_of, diagnose
from goldenseed.diagnosis.model import Cause
from goldenseed.trace.files import read_trace
from goldenseed.trace.stages import Trace
from goldenseed.verdict.evidence import Evidence


def kept(trace: Trace | None = ACCEPTED, **environment: object) -> Evidence:
    found = ENVIRONMENT | environment
    return Evidence(recipe=RECIPE, read_environment=lambda: found, read_trace=lambda: trace)  # type: ignore[arg-type, return-value]


def test_what_is_kept_is_read_and_explained():
    found = diagnose(kept(), kept(recorded(Toy(guidance=6.0))))
    assert found
    assert found.first_divergence
    assert found.causes[0].cause is Cause.GUIDANCE


def test_a_baseline_from_before_traces_says_so_and_is_diagnosed_from_the_rest():
    found = diagnose(kept(None), kept(**{"cpu.threads": 2}))
    assert found
    assert found.first_divergence is None
    assert "accepted before traces were kept" in (found.note or "")
    assert found.causes[0].cause is Cause.CPU


def test_images_that_tests_make_have_no_traces_and_no_note():
    assert diagnose(kept(None), kept(None)) is None
    found = diagnose(kept(None), kept(None, **{"package.torch": "2.14.0"}))
    assert found
    assert found.note is None
    assert found.causes[0].cause is Cause.PACKAGES


def test_a_damaged_trace_is_a_note_and_no_error(tmp_path: Path):
    file = tmp_path / f"{'0' * 64}.json.gz"
    file.write_bytes(b"no gzip")
    damaged = Evidence(
        recipe=RECIPE, read_environment=lambda: ENVIRONMENT, read_trace=lambda: read_trace(file)
    )  # type: ignore[arg-type]
    found = diagnose(damaged, kept())
    assert found
    assert str(file) in (found.note or "")


def test_an_environment_that_cannot_be_read_is_a_remark():
    def lost() -> None:
        raise GoldenseedError("the environment is gone")

    before = Evidence(recipe=RECIPE, read_environment=lost, read_trace=lambda: ACCEPTED)  # type: ignore[arg-type]
    found = diagnose(before, kept(recorded(Toy(guidance=6.0))))
    assert found
    assert found.causes[0].cause is Cause.GUIDANCE
    assert "the environment cannot be read: the environment is gone" in found.remarks


def test_any_other_error_is_not_hidden():
    def broken() -> Trace:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        diagnose(Evidence(recipe={}, read_environment=dict, read_trace=broken), kept())


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("RGB", (0, 0, 0), Blank.BLACK),
        ("L", 0, Blank.BLACK),
        ("RGBA", (0, 0, 0, 255), Blank.BLACK),
        ("RGB", (9, 9, 9), Blank.ONE_COLOUR),
    ],
)
def test_an_image_that_shows_nothing_is_known(mode: str, colour: object, expected: Blank):
    image = Image.new(mode, (4, 4), colour)  # type: ignore[arg-type]
    assert blank_of(image) is expected
    image.putpixel((1, 1), 200 if mode == "L" else (200,) * len(mode))
    assert blank_of(image) is None
