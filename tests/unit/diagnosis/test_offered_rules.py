"""Rules of other packages: a real distribution's metadata on the path, in a fresh process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

RULES = """
from goldenseed.diagnosis.model import Cause
from goldenseed.diagnosis.places import Place
from goldenseed.diagnosis.suspicion import LIKELY, Suspicion

def upscaler(findings, root):
    if root.place is Place.CONVERSION and findings.value("pipeline.class") == "StudioPipeline":
        seen = "the VAE's output is the same, and only the upscaler comes after it"
        yield Suspicion(Cause.SAFETY_CHECKER, 900, "the studio's upscaler", (seen,))

def raises(findings, root):
    yield Suspicion(Cause.SEED, LIKELY, "", ())
    raise KeyError("weights")

def answer(*given):
    return lambda findings, root: [Suspicion(*given)]

UNKNOWN_CAUSE = answer("goblins", LIKELY, "", ())
NAN = answer(Cause.SEED, float("nan"), "", ())
BOUNDLESS = answer(Cause.SEED, 1e308, "", ())
WORDLESS = answer(Cause.SEED, LIKELY, None, ())
LETTERS = answer(Cause.SEED, LIKELY, "", "a sentence")
TEXT = lambda findings, root: ["the seed"]
NOTHING = lambda findings, root: None
NO_RULE = 1
"""
ASK = """
import json, sys
from dataclasses import replace
from toy_pipeline import ENVIRONMENT, Toy, evidence
from goldenseed.diagnosis.explain import explain
both = evidence(Toy(brightness=1.02), pipeline__class=sys.argv[1])
known = {**ENVIRONMENT, "pipeline.class": sys.argv[1]}
both = replace(both, accepted=replace(both.accepted, environment=known))
print(explain(both).model_dump_json())
"""


def diagnosed(folder: Path, rules: dict[str, str], pipeline: str = "StudioPipeline") -> Any:
    """Diagnose a change of the post-processing where a package offers ``rules``."""
    info = folder / "studio-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: studio\nVersion: 1.0\n")
    points = "\n".join(f"{name} = {value}" for name, value in rules.items())
    (info / "entry_points.txt").write_text(f"[goldenseed.rules]\n{points}\n")
    (folder / "studio_rules.py").write_text(RULES)
    here = Path(__file__)
    paths = os.pathsep.join(map(str, (folder, here.parent, here.parents[3] / "harness")))
    done = subprocess.run(
        [sys.executable, "-c", ASK, pipeline],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_is_asked_about_the_root_and_ranked_among_the_others(tmp_path: Path):
    found = diagnosed(tmp_path, {"upscaler": "studio_rules:upscaler"})
    first, second = found["causes"][:2]
    assert first["words"] == "safety checker: the studio's upscaler"
    assert first["evidence"][0].startswith("the VAE's output is the same, and only")
    assert second["cause"] == "post_processing"
    assert found["remarks"] == []


def test_says_nothing_where_it_suspects_nothing(tmp_path: Path):
    found = diagnosed(tmp_path, {"upscaler": "studio_rules:upscaler"}, "FluxPipeline")
    assert [each["cause"] for each in found["causes"]] == ["post_processing"]


BROKEN = {
    "gone": ("nowhere:AT_ALL", "cannot be loaded: ModuleNotFoundError"),
    "lost": ("studio_rules:AT_ALL", "cannot be loaded: AttributeError"),
    "number": ("studio_rules:NO_RULE", "is a int, and no rule"),
    "raises": ("studio_rules:raises", "is left out: it raised KeyError: 'weights'"),
    "nothing": ("studio_rules:NOTHING", "is left out: it raised TypeError"),
    "texts": ("studio_rules:TEXT", "returned a str, not a Suspicion"),
    "goblins": ("studio_rules:UNKNOWN_CAUSE", "the cause 'goblins', which there is not"),
    "nan": ("studio_rules:NAN", "the weight nan"),
    "boundless": ("studio_rules:BOUNDLESS", "the weight 1e+308"),
    "wordless": ("studio_rules:WORDLESS", "words that are no sentences"),
    "letters": ("studio_rules:LETTERS", "words that are no sentences"),
    "denoiser": ("studio_rules:upscaler", "there is another rule of that name"),
}


@pytest.fixture(scope="module")
def among_broken_ones(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a diagnosis for which one sound rule is asked among all that are not."""
    rules = {name: value for name, (value, _) in BROKEN.items()}
    folder = tmp_path_factory.mktemp("studio")
    return diagnosed(folder, {**rules, "upscaler": "studio_rules:upscaler"})


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_one_is_named_with_its_package_and_its_fault(among_broken_ones: Any, name: str):
    value, note = BROKEN[name]
    named = f"the diagnosis rule {name!r} of studio 1.0 ({value}) "
    (remark,) = [each for each in among_broken_ones["remarks"] if each.startswith(named)]
    assert note in remark


def test_the_diagnosis_goes_on_without_broken_ones(among_broken_ones: Any):
    assert len(among_broken_ones["remarks"]) == len(BROKEN)
    causes = [each["cause"] for each in among_broken_ones["causes"]]
    assert causes == ["safety_checker", "post_processing"]


def test_of_two_with_one_name_none_is_asked(tmp_path: Path):
    other = tmp_path / "rival-2.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: rival\nVersion: 2.0\n")
    (other / "entry_points.txt").write_text("[goldenseed.rules]\nupscaler = rival:rule\n")
    found = diagnosed(tmp_path, {"upscaler": "studio_rules:upscaler"})
    assert found["causes"][0]["cause"] == "post_processing"
    assert sorted(each.split(" of ")[1][:5] for each in found["remarks"]) == ["rival", "studi"]
