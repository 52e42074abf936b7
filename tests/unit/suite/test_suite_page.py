"""The examples of the page on the suite file are suites."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from goldenseed.suite.cases import Suite
from goldenseed.suite.section_places import SECTIONS

PAGE = (Path(__file__).parents[3] / "docs" / "suite-file.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    ("example", "cases"), list(zip(EXAMPLES, (1, 18, 2, 24, 1, 1), strict=True))
)
def test_an_example_loads(
    load: Callable[[str | bytes], Suite], folder: Path, example: str, cases: int
):
    for name in ("shapes-sd", "rooms-sd"):
        (folder / name).symlink_to(folder / "toy")
    (folder / "inputs").mkdir()
    for name in ("room.png", "window.png", "cat.safetensors"):
        (folder / "inputs" / name).touch()
    for name in ("anna", "ben"):
        (folder / f"{name}.safetensors").touch()
    assert len(load(example).cases) == cases


def test_every_key_is_on_the_page():
    fields = [
        field.alias or name
        for section in SECTIONS.values()
        for name, field in section.model_fields.items()
    ]
    assert [key for key in fields if not re.search(rf"\b{key}\b", PAGE)] == []
