"""``postprocess:``: steps of suites, cases, alternatives, in the recipe; every fault's line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.cases import Suite
from goldenseed.suite.cube import parsed_cube
from goldenseed.suite.loading import load_suite
from goldenseed.suite.recipes import recipe_of, recipe_sha256
from goldenseed.suite.step_schema import STEPS

Read = Callable[..., Suite]
CASES = "cases:\n  - {id: a, prompt: x, seeds: [3]}\n"
CUBE = "TITLE warm\nLUT_3D_SIZE 2\n" + "0.5 0.5 0.5\n" * 8
STEP_AT = 4
"""The line of the first step."""


@pytest.fixture
def read(tmp_path: Path) -> Read:
    (tmp_path / "toy").mkdir()
    (tmp_path / "mine.py").write_text("raise SystemExit('was run')\n")
    (tmp_path / "warm.cube").write_text(CUBE)

    def read(*steps: str, cases: str = CASES, **keys: str) -> Suite:
        path = tmp_path / "toy.suite.yaml"
        head = "suite: toy\nmodel: {source: toy}\n"
        listed = "".join(f"  - {step}\n" for step in steps)
        more = "".join(f"{key}: {value}\n" for key, value in keys.items())
        path.write_text(f"{head}postprocess:{' []' if not steps else ''}\n{listed}{cases}{more}")
        return load_suite(path)

    return read


def steps_of(suite: Suite) -> list[list[dict[str, Any]]]:
    return [recipe_of(case).get("postprocess", []) for case in suite.cases]  # type: ignore[misc]


def test_each_parameter_is_in_the_recipe_with_its_value(read: Read):
    (steps,) = steps_of(
        read(
            "{step: sharpen, radius: 2, percent: 150}",
            "{step: sharpen, library: opencv, kernel: [[0, 0, 0], [0, 1, 0], [0, 0, 0]]}",
        )
    )
    assert steps == [
        {"step": "sharpen", "library": "pillow", "radius": 2.0, "percent": 150, "threshold": 0},
        {
            "step": "sharpen",
            "library": "opencv",
            "kernel": [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]],
        },
    ]


def test_two_steps_of_a_kind_have_two_labels(read: Read):
    suite = read(*["{step: vignette, strength: 0.1}"] * 2)
    assert [step.label for step in suite.cases[0].postprocess] == ["vignette", "vignette-2"]


def test_a_suite_without_steps_has_the_digest_it_had(read: Read, tmp_path: Path):
    path = tmp_path / "other.suite.yaml"
    path.write_text(f"suite: toy\nmodel: {{source: toy}}\n{CASES}")
    without = load_suite(path).cases[0]
    assert recipe_sha256(recipe_of(read().cases[0])) == recipe_sha256(recipe_of(without))


def test_own_code_is_digested_and_not_run(read: Read, tmp_path: Path):
    step = "{step: 'mine:grain', arguments: {amount: 3}}"
    before = steps_of(read(step))
    assert before[0][0]["arguments"] == {"amount": 3}
    (tmp_path / "mine.py").write_text("raise SystemExit('was run, changed')\n")
    assert steps_of(read(step))[0][0]["sha256"] != before[0][0]["sha256"]


def test_of_a_file_counts_what_is_in_it(read: Read, tmp_path: Path):
    before = steps_of(read("{step: colour, table: warm.cube}"))
    (tmp_path / "warm.cube").rename(tmp_path / "warmer.cube")
    assert steps_of(read("{step: colour, table: warmer.cube}")) == before
    (tmp_path / "warmer.cube").write_text(CUBE.replace("0.5", "0.6"))
    assert steps_of(read("{step: colour, table: warmer.cube}")) != before


def test_a_case_and_an_alternative_take_the_place_of_the_suites_steps(read: Read):
    cases = """\
cases:
  - {id: own, prompt: x, seeds: [3], postprocess: [{step: vignette, strength: 0.5}]}
  - {id: none, prompt: x, seeds: [3], postprocess: []}
  - id: both
    prompt: x
    seeds: [3]
    vary:
      postprocess:
        plain: []
        dark: [{step: vignette, strength: 0.9}]
"""
    found = steps_of(read("{step: vignette, strength: 0.1}", cases=cases))
    strengths = [[step["strength"] for step in steps] for steps in found]
    assert strengths == [[0.5], [], [], [0.9]]


def test_a_case_with_steps_and_alternatives_of_them_is_refused(read: Read):
    cases = """\
cases:
  - id: both
    prompt: x
    seeds: [3]
    postprocess: []
    vary: {postprocess: {dark: [{step: vignette, strength: 0.9}], plain: []}}
"""
    with pytest.raises(GoldenseedError, match=r"yaml:9: `postprocess` is set by the case and by"):
        read(cases=cases)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("{step: sharpn}", "one of resize, crop, sharpen"),
        ("{strength: 1}", "has no `step`"),
        ("{step: resize, width: 0, height: 4, filter: box}", "width` is 0, it can be at least 1"),
        ("{step: resize, width: 4, height: 4, filter: cubic}", "write bicubic"),
        ("{step: resize, width: 4, height: 4, filter: area}", "pillow has no filter `area`"),
        ("{step: vignette, strength: 0.4, radious: 1}", "write `radius`"),
        ("{step: vignette, strength: 4}", "it can be at most 1"),
        ("{step: sharpen, radius: 1}", "it has no `percent`"),
        ("{step: sharpen, kernel: [[1, 1, 1], [1, 1, 1]]}", "as many rows as columns: 3 or 5"),
        (
            "{step: sharpen, percent: 9, kernel: [[1], [1]]}",
            "`percent` has no effect beside `kernel`",
        ),
        ("{step: sharpen, radius: 1, percent: 9, threshold: 3, library: opencv}", "has none"),
        ("{step: sharpen, kernel: []}", "as many rows as columns"),
        ("{step: colour}", "it changes nothing"),
        ("{step: colour, table: cold.cube}", "there is no file `cold.cube`"),
        ("{step: colour, table: ../warm.cube}", "leaves its folder"),
        ("{step: colour, table: mine.py}", "is no .cube file"),
        ("{step: colour, table: blank.cube}", "`blank.cube` is no table of colours"),
        ("{step: watermark, place: centre, opacity: 1, picture: cut.png}", "`cut.png` is"),
        (
            "{step: watermark, place: centre, opacity: 1, text: x, size: 9, font: cut.otf}",
            "`cut.otf` is no font that can be read",
        ),
        ("{step: watermark, place: centre, opacity: 1}", "either `text` or `picture`"),
        ("{step: watermark, place: centre, opacity: 1, text: x, size: 9}", "needs its `colour`"),
        ("{step: encode, format: jpeg, quality: 90}", "needs its `subsampling`"),
        ("{step: encode, format: webp}", "it has no `quality`"),
        ("{step: encode, format: jpeg, lossless: true}", "always loses something"),
        ("{step: upscale, model: toy}", "its configuration cannot be read"),
        ("{step: 'nowhere:grain'}", "there is no module `nowhere`"),
        ("vignette", "a mapping is needed"),
    ],
)
def test_a_fault_is_said_with_its_line(read: Read, tmp_path: Path, step: str, said: str):
    for name in ("blank.cube", "cut.png", "cut.otf"):
        (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n" if name == "cut.png" else b"\n")
    with pytest.raises(GoldenseedError) as caught:
        read(step)
    assert caught.value.line == STEP_AT
    assert said in str(caught.value)


def test_what_depends_on_the_machine_is_refused_in_a_portable_suite(read: Read, tmp_path: Path):
    (tmp_path / "toy" / "config.json").write_text('{"model_type": "swin2sr"}')
    assert read("{step: upscale, model: toy}").cases[0].postprocess[0].model is not None
    with pytest.raises(GoldenseedError, match="`determinism` is portable"):
        read("{step: upscale, model: toy}", determinism="portable")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "LUT_3D_SIZE is not from 2"),
        ("LUT_3D_SIZE 2\n0 0 0\n", "it has 1 rows, 8 are needed"),
        ("LUT_3D_SIZE 2\nDOMAIN_MAX 2 2 2\n", "its DOMAIN_MAX is not 1"),
        ("LUT_3D_SIZE 2\n0 0 nan\n", "no row of three numbers"),
        ("LUT_1D_SIZE 2\n", "no row of three numbers"),
    ],
)
def test_what_is_no_table_of_colours_is_refused(text: str, said: str):
    with pytest.raises(GoldenseedError, match=said):
        parsed_cube(text.encode())


def test_every_key_of_every_step_is_on_the_page():
    page = (Path(__file__).parents[3] / "docs" / "postprocess.md").read_text(encoding="utf-8")
    keys = {key for section in STEPS.values() for key in section.model_fields}
    assert [key for key in sorted({*STEPS, *keys}) if f"`{key}`" not in page] == []
