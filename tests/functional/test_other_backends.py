"""Back ends of other packages: the example of docs/backends.md, and such as go wrong."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from goldenseed.runs.folder import load_run
from goldenseed.runs.stored import stored_trace
from offered_backends import offer, on_the_path, seen_by_workers

if TYPE_CHECKING:
    from conftest import Project

PAGE = (Path(__file__).parents[2] / "docs/backends.md").read_text()
SUITE, EXAMPLE, DECLARED = re.findall(r"```(?:yaml|python|toml)\n(.*?)```", PAGE, re.DOTALL)

FAULTY = """
from goldenseed import Element, Generation
from PIL import Image

IMAGE = Image.new("L", (4, 4))
PAIR = (Element("a", IMAGE), Element("b", IMAGE))

class Faulty:
    def __init__(self, settings): pass
    def generate(self, case):
        return {
            "raises": lambda: {}[case.prompt],
            "nothing": lambda: None,
            "floats": lambda: Generation(Image.new("F", (4, 4)), 0.1),
            "array": lambda: Generation([[0]], 0.1),
            "backwards": lambda: Generation(Image.new("L", (4, 4)), -1.0),
            "record": lambda: Generation(Image.new("L", (4, 4)), 0.1, recording=[1]),
            "twins": lambda: Generation(None, 0.1, elements=2 * (Element("a", IMAGE),)),
            "text": lambda: Generation(None, 0.1, elements=(Element("a", "words"),)),
            "both": lambda: Generation(IMAGE, 0.1, elements=(Element("a", IMAGE),)),
            "pair": lambda: Generation(None, 0.1, elements=PAIR),
            "fine": lambda: Generation(Image.new("L", (4, 4)), 0.1),
        }[case.prompt]()
    def fingerprint(self):
        return {"device.type": "cpu", "platform.machine": "toy"}

class Silent:
    def __init__(self, settings): pass

class Nowhere(Faulty):
    def fingerprint(self):
        return {"device.type": ["cpu"]}

def fails(settings):
    raise ValueError("no licence")

NUMBER = 1
"""


@pytest.fixture
def offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Offer back ends to this process and forget their modules afterwards."""

    def make(package: str, source: str, **backends: str) -> Path:
        monkeypatch.delitem(sys.modules, package, raising=False)
        folder = offer(tmp_path / package, package, source, **backends)
        on_the_path(folder, monkeypatch)
        return folder

    return make


@pytest.fixture
def discs(offered: Callable[..., Path], make_project: Callable[[str], Project]) -> Project:
    name, value = re.findall(r'^(\w+) = "(\S+)"$', DECLARED, re.MULTILINE)[0]
    offered("discs", EXAMPLE, **{name: value})
    return make_project(SUITE)


def changed(discs: Project, monkeypatch: pytest.MonkeyPatch, old: str, new: str) -> None:
    import discs as module

    assert module.__file__ is not None
    discs.edit(old, new, Path(module.__file__))
    monkeypatch.delitem(sys.modules, "discs")


def test_the_example_makes_images_that_are_accepted_and_then_identical(discs: Project):
    assert len(EXAMPLE.splitlines()) < 50

    first = discs.run("--golden-update=missing")
    first.assert_outcomes(passed=2)
    discs.run().assert_outcomes(passed=2)

    assert set(discs.verdicts().values()) == {"identical"}
    run = load_run(discs.path / "reports" / "latest")
    assert run.complete
    assert run.environment["python.version"]
    assert run.cases[0].profile is not None
    assert run.cases[0].recipe["model"] == {
        "backend": "discs",
        "source": "discs-1",
        "dtype": "float32",
    }
    trace = stored_trace(discs.path / "reports" / "latest", run.cases[0])
    assert [each.stage.value for each in trace] == [
        "initial_noise",
        *["denoising_step"] * 6,
        "pixels",
    ]
    page = (discs.path / "reports" / "latest" / "index.html").read_text()
    assert "red[seed=1]" in page


def test_what_another_step_makes_is_beyond_and_diagnosed(
    discs: Project, monkeypatch: pytest.MonkeyPatch
):
    discs.run("--golden-update=missing").assert_outcomes(passed=2)
    changed(discs, monkeypatch, "np.float32(0.6)", "np.float32(0.59)")
    discs.run()
    assert set(discs.verdicts().values()) <= {"warn", "drift"}
    case = discs.record()["cases"][0]
    assert case["diagnosis"]["first_divergence"]["stage"] == "denoising_step"

    changed(discs, monkeypatch, "np.float32(0.59)", "np.float32(0.3)")
    discs.run().assert_outcomes(failed=2)
    assert set(discs.verdicts().values()) == {"drift"}


def test_an_error_of_its_own_is_the_case_s(discs: Project):
    discs.edit("discs-1", "discs-2")
    result = discs.run()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*there is no model 'discs-2'*"])
    assert "Traceback" not in result.stdout.str()


def test_workers_have_it_too(discs: Project):
    seen_by_workers(discs)
    result = discs.run("-n", "2", "--golden-update=missing")
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("raises", "the back end 'faulty' raised KeyError: 'raises' (generate)"),
        ("nothing", "the back end 'faulty' returned a NoneType, not a goldenseed.Generation"),
        ("floats", "not an image of mode L, RGB, RGBA"),
        ("array", "the back end 'faulty' returned a list, not an image of mode"),
        ("backwards", "the back end 'faulty' returned -1.0 as the seconds of generate()"),
        ("record", "the back end 'faulty' returned a list as its recording"),
        ("twins", "the back end 'faulty' returned 2 elements with 1 names"),
        ("text", "the back end 'faulty' returned as a a str of no mode"),
        ("both", "an image beside them"),
    ],
)
def test_nonsense_is_the_case_s_error_and_names_the_back_end(
    offered: Callable[..., Path], make_project: Callable[[str], Project], prompt: str, said: str
):
    offered("faulty", FAULTY, faulty="faulty:Faulty")
    project = make_project(
        "suite: tiny\nmodel: {backend: faulty, source: x}\n"
        f"cases:\n  - {{id: bad, prompt: {prompt}, seeds: [1]}}\n"
        "  - {id: good, prompt: fine, seeds: [1]}\n"
    )
    result = project.run("--golden-update=missing")
    assert project.verdicts() == {"bad[seed=1]": "error", "good[seed=1]": "new"}
    bad = project.record()["cases"][0]
    assert said in bad["error"]
    assert "Traceback" not in result.stdout.str()


def test_several_pictures_of_another_back_end_are_elements(
    offered: Callable[..., Path], make_project: Callable[[str], Project]
):
    offered("faulty", FAULTY, faulty="faulty:Faulty")
    project = make_project(
        "suite: tiny\nmodel: {backend: faulty, source: x}\n"
        "cases:\n  - {id: two, prompt: pair, seeds: [1]}\n"
    )
    project.run("--golden-update=missing")
    project.run().assert_outcomes(passed=1)
    (case,) = project.record()["cases"]
    assert [each["name"] for each in case["elements"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("faulty:Silent", "is a Silent without generate(case)"),
        ("faulty:Nowhere", "returned no mapping of names to plain values from fingerprint()"),
        ("faulty:fails", "raised ValueError: no licence (made)"),
    ],
)
def test_one_that_is_none_is_said_by_every_case(
    offered: Callable[..., Path],
    make_project: Callable[[str], Project],
    value: str,
    said: str,
):
    offered("faulty", FAULTY, broken=value)
    project = make_project(
        "suite: tiny\nmodel: {backend: broken, source: x}\n"
        "cases:\n  - {id: good, prompt: fine, seeds: [1, 2]}\n"
    )
    project.run().assert_outcomes(failed=2)
    assert all(f"the back end 'broken' {said}" in c["error"] for c in project.record()["cases"])


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        ("unknown", "there is no back end 'unknown' here"),
        ("gone", "'gone' of bad 1.0 (nowhere:AT_ALL) cannot be loaded: ModuleNotFoundError"),
        ("number", "'number' of bad 1.0 (bad:NUMBER) is a int, which makes no back end"),
        ("twice", "2 packages offer a back end 'twice': "),
        ("diffusers", "2 packages offer a back end 'diffusers': "),
    ],
)
def test_one_that_cannot_be_had_stops_before_anything_is_made(
    offered: Callable[..., Path],
    make_project: Callable[[str], Project],
    backend: str,
    said: str,
):
    offered(
        "bad",
        FAULTY,
        gone="nowhere:AT_ALL",
        number="bad:NUMBER",
        twice="bad:Faulty",
        diffusers="bad:Faulty",
    )
    offered("worse", FAULTY, twice="worse:Faulty")
    project = make_project(
        f"suite: tiny\nmodel:\n  backend: {backend}\n  source: model\n"
        "cases:\n  - {id: good, prompt: fine, seeds: [1]}\n"
    )
    result = project.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    text = result.stdout.str()
    assert f"tiny.suite.yaml:3: {'the back end ' if ' of ' in said else ''}{said}" in text
    assert "Traceback" not in text
    assert not (project.path / "reports").exists()


def test_calibrates_but_for_what_only_diffusers_has(discs: Project):
    discs.run("--golden-update=missing").assert_outcomes(passed=2)
    done = discs.command("calibrate", "tiny.suite.yaml", "red[seed=1]", "--repeats", "2")
    assert done.returncode == 0, done.stderr + done.stdout
    done = discs.command("probe", "tiny.suite.yaml", "--changes", "repeat,vae-tiling")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "process=fresh" in done.stdout
    assert "is known of diffusers only, and" in done.stdout
    assert "Traceback" not in done.stderr + done.stdout


def test_portable_is_refused_with_the_line(discs: Project):
    discs.edit("gates:\n", "determinism: portable\ngates:\n")
    result = discs.run()
    result.stdout.fnmatch_lines(["*tiny.suite.yaml:3: *which the back end*discs*cannot promise*"])


def test_the_recipe_of_diffusers_does_not_name_it(project: Project):
    project.run("--golden-update=missing")
    recipe = json.loads((project.path / "reports/latest/run.json").read_text())["cases"][0][
        "recipe"
    ]
    assert "backend" not in recipe["model"]
