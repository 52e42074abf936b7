"""What two suite files say otherwise, and cases and model folders between them."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from goldenseed.bisect.two_suites import _WHOLE, TwoSuites, described, mixed, two_suites
from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.file_digests import FileDigests
from goldenseed.suite.cases import Case
from goldenseed.suite.loading import load_suite
from goldenseed.suite.recipes import recipe_of

MODEL = {
    "model_index.json": "{}",
    "unet/config.json": "{}",
    "unet/a-00001-of-00002.safetensors": "one",
    "unet/a-00002-of-00002.safetensors": "two",
    "unet/a.safetensors.index.json": "{}",
    "README.md": "of the model",
}


def side(
    folder: Path, call: str = "", case: str = "", model: dict[str, str] | None = None, top: str = ""
) -> Path:
    for name, text in {**MODEL, **(model or {})}.items():
        (folder / "toy" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "toy" / name).write_text(text)
    file = folder / "a.suite.yaml"
    file.write_text(
        f"suite: a\nmodel: {{source: toy, dtype: float32}}\n{top}"
        f"defaults:\n  call: {{num_inference_steps: 4, guidance_scale: 3{call}}}\n"
        f"cases:\n  - {{id: red, prompt: red, seeds: [1]}}\n"
        f"  - {{id: blue, prompt: blue, seeds: [1]{case}}}\n"
    )
    return file


def compared(good: Path, bad: Path) -> TwoSuites:
    return two_suites(load_suite(good), load_suite(bad), ["red[seed=1]", "blue[seed=1]"])


def test_fields_are_named_with_the_cases_that_they_touch(tmp_path: Path):
    scheduler = ", model: {scheduler: {class: EulerDiscreteScheduler, use_karras_sigmas: %s}}"
    good = side(tmp_path / "good", case=scheduler % "true")
    bad = side(
        tmp_path / "bad", ", eta: 0.5", scheduler % "false", top="determinism: {threads: 2}\n"
    )
    found = compared(good, bad)
    assert found.words == {
        "suite.call.eta": "call.eta none → 0.5",
        "suite.determinism.threads": "determinism.threads 1 → 2",
        "suite.model.scheduler.use_karras_sigmas": "model.scheduler.use_karras_sigmas true → false",
    }
    assert found.own["red[seed=1]"] == {"suite.call.eta", "suite.determinism.threads"}
    assert found.own["blue[seed=1]"] == {*found.changes}


def test_a_mixture_has_what_is_named_of_the_bad_side_and_all_else_of_the_good(tmp_path: Path):
    good = side(tmp_path / "good", ", eta: 0.5")
    bad = side(tmp_path / "bad", top="determinism: {threads: 2}\n")
    old, new = (load_suite(each).cases[0] for each in (good, bad))
    assert dict(mixed(old, new, ()).call) == dict(old.call)
    taken = mixed(old, new, ["suite.call.eta"])
    assert "eta" not in taken.call
    assert taken.suite.determinism.threads == 1
    taken = mixed(old, new, ["suite.determinism.threads"], tmp_path / "links")
    assert taken.suite.determinism.threads == 2
    assert taken.call["eta"] == 0.5
    assert taken.model.folder == tmp_path / "links"


def test_with_everything_taken_a_case_is_the_bad_side_s_and_with_nothing_the_good_side_s(
    tmp_path: Path,
):
    steps = ", postprocess: [{step: crop, left: 0, top: 0, width: %s, height: 8}]"
    good = side(tmp_path / "good", ", eta: 0.5", steps % 8)
    bad = side(tmp_path / "bad", case=steps % 6)
    found = compared(good, bad)
    assert "suite.postprocess" in found.changes
    for old, new in zip(load_suite(good).cases, load_suite(bad).cases, strict=True):
        assert recipe_of(mixed(old, new, found.changes)) == recipe_of(new)
        assert recipe_of(mixed(old, new, ())) == recipe_of(old)


def test_every_part_of_a_case_that_decides_pixels_is_known_to_be_one():
    """A part that is added has to be told apart and mixed, or be named here as deciding none."""
    decides_none = {
        "suite", "id", "case_id", "seed", "limits", "content", "marks", "line", "mask", "answers",
        "alternatives", "quarantine", "provenance",
    }  # fmt: skip
    mixed_by_key = {"call", "inputs", "model"}
    assert {each.name for each in fields(Case)} == {*_WHOLE, *mixed_by_key, *decides_none}


def test_of_two_model_folders_the_files_are_told_one_by_one_and_linked_together(tmp_path: Path):
    shards = {"unet/a-00001-of-00002.safetensors": "ONE", "unet/a.safetensors.index.json": "[]"}
    good = side(tmp_path / "good")
    bad = side(tmp_path / "bad", model={**shards, "vae/config.json": "{}", "README.md": "other"})
    found = compared(good, bad)
    assert found.changes == (
        "file.unet/a-00001-of-00002.safetensors",
        "file.unet/a.safetensors.index.json",
        "file.vae/config.json",
    )
    forced = found.forced()
    assert forced["file.unet/a.safetensors.index.json"] == {found.changes[0]}
    assert forced["file.vae/config.json"] == frozenset()
    place = found.linked(["file.vae/config.json"], tmp_path / "links")
    assert place == tmp_path / "links"
    assert (place / "vae/config.json").read_text() == "{}"
    assert (place / "unet/a-00001-of-00002.safetensors").read_text() == "one"
    found.linked(found.changes, place)
    assert (place / "unet/a-00001-of-00002.safetensors").read_text() == "ONE"
    found.linked((), place)
    assert not (place / "vae").exists()


def test_a_copy_of_a_model_beside_another_suite_is_no_difference(tmp_path: Path):
    found = compared(side(tmp_path / "good"), side(tmp_path / "bad"))
    assert found.changes == ()
    assert found.linked((), tmp_path / "links") is None


def test_a_case_that_only_one_suite_has_is_refused_with_its_name(tmp_path: Path):
    good, bad = side(tmp_path / "good"), side(tmp_path / "bad")
    good.write_text(good.read_text().replace("id: red", "id: crimson"))
    with pytest.raises(GoldenseedError, match=r"there is no case red\[seed=1\]"):
        compared(good, bad)


def test_a_search_is_another_one_once_a_file_of_the_model_is(tmp_path: Path):
    """What was made for it before is not gone on with: its recipe names the model's folder only."""

    def found() -> tuple[object, object]:
        case = load_suite(side(tmp_path)).cases[0]
        return recipe_of(case), described(case, FileDigests(tmp_path), with_folder=True)

    before = found()
    (tmp_path / "toy/unet/later.json").write_text("{}")
    after = found()
    assert before[0] == after[0]
    assert before[1] != after[1]
