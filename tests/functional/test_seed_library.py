"""A library of seeds by its command: put in, found, handed on, made golden."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, PngImagePlugin

if TYPE_CHECKING:
    from conftest import Project


@pytest.fixture
def kept(project: Project) -> Project:
    """A project whose accepted images are in a library."""
    project.accept_all()
    added = project.command("seeds", "add", "latest", "--tag", "kept", "--by", "Zoë")
    assert added.returncode == 0, added.stderr
    assert "4 added, 0 were there; 4 seeds in seeds.sqlite" in added.stdout
    return project


def found(project: Project, *arguments: str) -> list[dict[str, Any]]:
    """What `seeds search` finds."""
    result = project.command("seeds", "search", *arguments, "--json")
    assert result.returncode == 0, result.stderr
    listed: list[dict[str, Any]] = json.loads(result.stdout)
    return listed


def test_seeds_are_found_marked_and_handed_on(kept: Project) -> None:
    apples = found(kept, "apple", "--tag", "kept")
    assert sorted(each["recipe"]["seed"] for each in apples) == [1, 2]
    assert {each["made_by"] for each in apples} == {"Zoë"}
    first = apples[0]
    image = kept.path / "reports" / "latest" / "images" / f"{first['pixels_sha256']}.png"
    nearest = found(kept, "--like", str(image), "--limit", "2")
    assert nearest[0]["id"] == first["id"]
    assert nearest[0]["relevance"] == pytest.approx(1)
    assert found(kept, "--like", first["id"], "--limit", "1")[0]["id"] == first["id"]
    marked = kept.command("seeds", "tag", first["id"][:8], "--rating", "5", "--add", "hero")
    assert "hero, kept, rated 5" in marked.stdout
    assert kept.command("seeds", "recommend", "a green apple").stdout.startswith(
        f"seed {first['recipe']['seed']}"
    )
    assert kept.command("seeds", "export", "--tag", "hero", "--output", "best.json").returncode == 0
    handed_on = ("seeds", "add", "best.json", "--library", "other.sqlite")
    elsewhere = kept.command(*handed_on, "--tag", "mine", "--note", "from home")
    assert "1 added" in elsewhere.stdout
    there = found(kept, "--library", "other.sqlite", "--like", str(image))
    assert [(each["id"], each["rating"]) for each in there] == [(first["id"], 5)]
    shown = kept.command("seeds", "show", first["id"], "--library", "other.sqlite").stdout
    assert "prompt: a red apple" in shown
    assert "tags: hero, kept, mine" in shown
    assert "note: from home" in shown
    assert "made by: Zoë" in shown
    assert "removed" in kept.command("seeds", "remove", first["id"]).stdout
    assert len(found(kept, "apple")) == 1


def test_a_seed_that_comes_again_becomes_golden(kept: Project) -> None:
    one, two = (each["id"] for each in found(kept, "apple"))
    (kept.path / "pytest.ini").write_text(
        "[pytest]\naddopts = -k nothing --golden-update=all\ngolden_shard = 2/2\n"
    )
    made = kept.command(
        "seeds",
        "promote",
        one,
        "--suite",
        "best.suite.yaml",
        "--reason",
        "the best",
        "--case",
        "one",
    )
    assert made.returncode == 0, made.stderr
    assert "came again bit for bit" in made.stdout
    more = kept.command(
        "seeds", "promote", two, "--suite", "best.suite.yaml", "--reason", "next", "--case", "two"
    )
    assert more.returncode == 0, more.stderr
    assert not list((kept.path / "reports").glob(".tmp-*"))
    assert kept.record()["cases"][0]["id"].startswith("two[")
    (kept.path / "pytest.ini").unlink()
    kept.run("best.suite.yaml").assert_outcomes(passed=2)
    assert set(kept.verdicts().values()) == {"identical"}


def test_a_seed_that_does_not_come_again_changes_nothing(kept: Project) -> None:
    (seed, *_) = found(kept, "apple")
    weights = kept.path / "model"
    copied = kept.path / "other"
    shutil.copytree(weights.resolve(), copied)
    weights.unlink()
    copied.rename(weights)
    config = weights / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text().replace('"beta_end": 0.012', '"beta_end": 0.013'))
    before = kept.baselines()
    refused = kept.command(
        "seeds", "promote", seed["id"], "--suite", "new.suite.yaml", "--reason", "the best"
    )
    assert refused.returncode == 2
    assert "does not come again here" in refused.stderr
    assert not (kept.path / "new.suite.yaml").exists()
    assert kept.baselines() == before


def test_a_suite_that_cannot_take_a_seed_is_as_it_was(kept: Project) -> None:
    (seed, *_) = found(kept, "apple")
    kept.suite.write_text(kept.suite.read_text() + "lock: tiny.lock.json\n")
    before = kept.suite.read_bytes()
    refused = kept.command(
        "seeds", "promote", seed["id"], "--suite", "tiny.suite.yaml", "--reason", "x"
    )
    assert "other keys after its list of cases" in refused.stderr
    assert kept.suite.read_bytes() == before
    text = before.decode().replace("lock: tiny.lock.json\n", "").replace("steps: 3", "steps: 4")
    other = kept.path / "other.suite.yaml"
    other.write_text(text.replace("{source: model}", "{source: model, dtype: bfloat16}"))
    before = other.read_bytes()
    refused = kept.command(
        "seeds", "promote", seed["id"], "--suite", "other.suite.yaml", "--reason", "x"
    )
    assert "another recipe" in refused.stderr
    assert "model.dtype" in refused.stderr
    assert other.read_bytes() == before


def test_a_picture_brings_its_recipe(project: Project) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text(
        "parameters",
        "a red apple\nNegative prompt: blur\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 12, "
        "Size: 64x64, Model: any",
    )
    Image.new("RGB", (64, 64), "red").save(project.path / "apple.png", pnginfo=info)
    Image.new("RGB", (64, 64), "red").save(project.path / "bare.png")
    assert "1 added" in project.command("seeds", "add", "apple.png", "--model", "model").stdout
    (seed,) = found(project, "apple")
    assert seed["recipe"]["seed"] == 12
    assert seed["recipe"]["call"]["num_inference_steps"] == 20
    bare = project.command("seeds", "add", "bare.png")
    assert bare.returncode == 2
    assert "bare.png" in bare.stderr


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("[]", "no export"),
        ('{"goldenseed_seeds": 2, "seeds": []}', "no export"),
        ('{"goldenseed_seeds": 1, "seeds": [1]}', "seed 1 is no seed"),
        ('{"goldenseed_seeds": 1, "seeds": [{}]}', "seed 1: recipe"),
        ('{"goldenseed_seeds": 1, "seeds": [{"looks": {"x": "AACAPw=="}}]}', "recipe"),
        ('{"goldenseed_seeds": 1, "seeds": [{"looks": {"../x": "AACAPw=="}}]}', "looks"),
        ('{"goldenseed_seeds": 1, "seeds": [{"looks": {"x": "AADAfw=="}}]}', "looks"),
        ('{"goldenseed_seeds": 1, "seeds": [{"looks": {"x": "?"}}]}', "looks"),
        ("{", "seeds.json:1: is not JSON"),
    ],
)
def test_a_file_of_no_seeds_is_refused(project: Project, document: str, said: str) -> None:
    (project.path / "seeds.json").write_text(document)
    refused = project.command("seeds", "add", "seeds.json")
    assert refused.returncode == 2
    assert said in refused.stderr
    assert not (project.path / "seeds.sqlite").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("search", "--size", "big"), "is no size"),
        (("search", "--keep", "sharpness=3"), "is no limit"),
        (("search", "--keep", "min_sharpness=1e999"), "is no limit"),
        (("search", "?!"), "no word"),
        (("show", "%"), "is no id"),
        (("tag", "abcd"), "nothing to change"),
        (("add", "nowhere"), "no run is called"),
    ],
)
def test_what_makes_no_sense_is_said(kept: Project, arguments: tuple[str, ...], said: str) -> None:
    refused = kept.command("seeds", *arguments)
    assert refused.returncode == 2
    assert said in refused.stderr
