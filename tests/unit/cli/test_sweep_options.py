"""What a sweep refuses before its first image, and when it goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from goldenseed.cli.sweep_options import ASKED, Asked, asked_as_data, check_same, scoring_of
from goldenseed.core.errors import GoldenseedError
from goldenseed.tools.sweep.grid import Grid

SUITE = """\
suite: tiny
model: {source: model}
defaults: {call: {guidance_scale: 3.0, num_inference_steps: 4, width: 64, height: 64}}
cases:
  - {id: apple, prompt: a red apple, seeds: [1, 2]}
"""


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "model").mkdir()
    path = tmp_path / "tiny.suite.yaml"
    path.write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    return path


def grid_of(
    what: str = "tiny.suite.yaml::apple[seed=1]",
    suite: Path | None = None,
    seeds: str | None = "0:4",
    vary: tuple[str, ...] = (),
    between: str | None = None,
) -> Grid:
    asked = Asked(what, suite, seeds, vary, between)
    return asked.grid(asked.swept(), {})


@pytest.mark.parametrize(
    ("rules", "vary", "said"),
    [
        ("steps: {max: 5}", "num_inference_steps=4,6", "num_inference_steps is 6, at most 5"),
        ("guidance: {min: 2, max: 4}", "guidance_scale=1:3:1", "guidance_scale is 1, at least 2"),
        ("sizes: [64x64, 96x64]", "height=64,96", "the size 64x96 is none of"),
        ("seeds: {max: 2}", "eta=0", "the seed is 3, at most 2"),
        ("call: {eta: 0}", "eta=0,1", "`eta` is 1, 0 is needed"),
    ],
)
def test_what_the_suite_s_policy_does_not_allow_is_not_begun(
    suite: Path, rules: str, vary: str, said: str
) -> None:
    suite.write_text(f"{SUITE}policy: {{{rules}}}\n".replace("64}}", "64, eta: 0}}"))
    with pytest.raises(GoldenseedError, match=f"{said}.*line 6"):
        grid_of(vary=(vary,))


def test_a_policy_in_a_file_holds_free_prompts_too_and_counts_no_seeds(suite: Path) -> None:
    (suite.parent / "policy.yaml").write_text(
        "prompts: {templates: ['a {colour} apple'], words: {colour: [red, green]}}\n"
        "seeds: {at_least: 2}\n"
    )
    suite.write_text(f"{SUITE}policy: policy.yaml\n")
    assert len(grid_of("a green apple", suite, "7")) == 1
    with pytest.raises(GoldenseedError, match=r"a blue pear.*policy.yaml:1"):
        grid_of("a blue pear", suite, "7")
    towards = Asked("a green apple", suite, None, (), None, "a blue pear", 5)
    with pytest.raises(GoldenseedError, match=r"a blue pear.*policy.yaml:1"):
        towards.grid(towards.swept(), {})


def test_a_sweep_goes_on_as_it_was_begun_or_not_at_all(suite: Path) -> None:
    def asked(keep: str | None = "min_sharpness=3", by: str | None = None) -> dict[str, object]:
        return asked_as_data(grid_of(), scoring_of(keep, by, []), trace=True)

    begun = {ASKED: json.dumps(asked())}
    check_same(begun, asked(by="max_sharpness"), suite)
    with pytest.raises(GoldenseedError, match=r"keep.min_sharpness 3.0 then, 4.0 now"):
        check_same(begun, asked("min_sharpness=4"), suite)
    with pytest.raises(GoldenseedError, match=r"trace true then, false now"):
        check_same(begun, {**asked(), "trace": False}, suite)
    suite.write_text(SUITE.replace("num_inference_steps: 4", "num_inference_steps: 5"))
    with pytest.raises(GoldenseedError, match=r"recipe.call.num_inference_steps 4 then, 5 now"):
        check_same(begun, asked(), suite)
    of_an_earlier_release = {
        k: v for k, v in asked().items() if k in {"case", "suite", "prompt", "seeds", "axes"}
    }
    check_same({ASKED: json.dumps(of_an_earlier_release)}, asked(), suite)
    with pytest.raises(GoldenseedError, match="no run of a sweep"):
        check_same({}, asked(), suite)


def test_as_many_seeds_are_drawn_as_were_before(suite: Path) -> None:
    before = {ASKED: json.dumps({"drawn": [5, 6]})}
    asked = Asked("tiny.suite.yaml::apple[seed=1]", None, "random:2", (), None)
    assert asked.grid(asked.swept(), before).seeds == (5, 6)
    other = Asked("tiny.suite.yaml::apple[seed=1]", None, "random:3", (), None)
    with pytest.raises(GoldenseedError, match="2 seeds were drawn, random:3 is given"):
        other.grid(other.swept(), before)


def test_points_between_two_seeds_take_the_place_of_seeds(suite: Path) -> None:
    assert len(grid_of(seeds=None, between="1:2:5")) == 5
    with pytest.raises(GoldenseedError, match="takes the place of --seeds"):
        grid_of(between="1:2:5")


@pytest.mark.parametrize(
    ("by", "measured"),
    [
        (None, ()),
        ("max_sharpness", ()),
        ("max_diversity", ()),
        ("max_faces", ("faces",)),
        ("min_face_size", ("face_size",)),
    ],
)
def test_what_is_ranked_by_is_measured(by: str | None, measured: tuple[str, ...]) -> None:
    pytest.importorskip("cv2")
    assert scoring_of(None, by, []).others == measured


@pytest.mark.parametrize(
    ("by", "models", "said"),
    [
        ("max_clip_score", [], "--by max_clip_score needs a model"),
        ("max_beauty", [], "there is no content limit"),
        ("sharpness", [], "there is no content limit"),
        (None, ["clip_score=nowhere"], "there is no such folder"),
        (None, ["sharpness=models"], "is no score with its model"),
    ],
)
def test_a_score_that_cannot_be_had_is_refused(
    suite: Path, by: str | None, models: list[str], said: str
) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(GoldenseedError, match=said):
        scoring_of(None, by, models)
