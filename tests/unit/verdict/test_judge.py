"""The verdict: which one, in which order, with which reasons."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from goldenseed.baselines.store import BaselineStore, Candidate
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256
from goldenseed.core.pixels import encode_png, pixels_sha256
from goldenseed.suite.cases import Limit
from goldenseed.suite.recipes import recipe_sha256
from goldenseed.tolerance.tolerance import assumed_tolerance
from goldenseed.verdict.evidence import Evidence, reference_to
from goldenseed.verdict.judge import Judgement, judge
from goldenseed.verdict.model import Verdict

PROFILE = "cpu-x86_64-avx512"
OTHER = "cpu-x86_64-avx2"
RECIPE: dict[str, Any] = {"prompt": "a red apple", "seed": 1, "call": {"num_inference_steps": 20}}
ENVIRONMENT = {"torch.version": "2.13.0", "cpu.threads": 1, "model.unet.sha256": "a" * 64}
ELSEWHERE = {**ENVIRONMENT, "cpu.threads": 4}
"""What rounding has a reason in."""


def picture(level: int = 100, size: tuple[int, int] = (32, 32), mode: str = "RGB") -> Image.Image:
    """A ramp with one bright square, lifted by ``level``."""
    image = Image.linear_gradient("L").resize(size).convert(mode)
    image.paste(255 if mode == "L" else (level, 10, 10), (4, 4, 12, 12))
    return image


ACCEPTED = picture()


def rounded(levels: int = 1) -> Image.Image:
    """``ACCEPTED`` with nine of its 1,024 pixels moved."""
    image = picture()
    image.paste((100 + levels, 10, 10), (4, 4, 7, 7))
    return image


class World:
    """A store of accepted and rejected images of one case, and the verdict against it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = BaselineStore(root / "baselines")

    def accept(
        self,
        *images: Image.Image,
        profile: str = PROFILE,
        recipe: dict[str, Any] = RECIPE,
        environment: dict[str, Any] = ENVIRONMENT,
    ) -> None:
        made = [
            replace(self.candidate(image, profile, recipe), environment=environment)
            for image in images
        ]
        self.store.accept(made, by="Ada", reason="looks right", add=True)

    def reject(self, image: Image.Image, profile: str = PROFILE) -> None:
        self.store.reject([self.candidate(image, profile, RECIPE)], by="Ada", reason="two stems")

    def candidate(self, image: Image.Image, profile: str, recipe: dict[str, Any]) -> Candidate:
        digest = pixels_sha256(image)
        file = self.root / f"{digest}.png"
        file.write_bytes(encode_png(image))
        return Candidate(
            suite="s",
            case="c",
            profile=profile,
            image=file,
            pixels_sha256=digest,
            recipe=recipe,
            recipe_sha256=recipe_sha256(recipe),
            environment=ENVIRONMENT,
            run_id="r",
        )

    def judge(
        self,
        image: Image.Image,
        *,
        recipe: dict[str, Any] = RECIPE,
        profile: str = PROFILE,
        dtype: str = "float32",
        environment: dict[str, Any] | None = ELSEWHERE,
        source: str = "suite",
        **limits: float,
    ) -> Judgement:
        now = Evidence.of_image(
            image,
            pixels_sha256(image),
            recipe=recipe,
            recipe_sha256=recipe_sha256(recipe),
            profile=profile,
            read_environment=lambda: environment,
        )
        return judge(
            now,
            reference_to(self.store, self.store.entry("s", "c"), profile),
            limits={name: Limit(value, source) for name, value in limits.items()},
            tolerance=assumed_tolerance(dtype),
        )


@pytest.fixture
def empty(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def world(empty: World) -> World:
    empty.accept(ACCEPTED)
    return empty


def codes(judgement: Judgement) -> list[str]:
    return [reason.code for reason in judgement.reasons]


def test_what_a_harmless_change_could_have_moved_says_what_to_measure(world: World):
    def advice(**environment: object) -> list[object]:
        judgement = world.judge(picture(102), environment={**ENVIRONMENT, **environment})
        assert judgement.verdict is Verdict.WARN
        return [each.value for each in judgement.reasons if each.code == "calibration"]

    assert advice(**{"cpu.threads": 2}) == ["threads=2"]
    assert advice() == []
    assert advice(**{"cpu.threads": 2, "torch.version": "2.14.0"}) == []


def test_nothing_accepted_is_new(empty: World):
    judgement = empty.judge(ACCEPTED)
    assert judgement.verdict is Verdict.NEW
    assert codes(judgement) == ["no_baseline"]


def test_accepted_only_in_a_profile_outside_the_chain_is_new_and_says_where(world: World):
    judgement = world.judge(ACCEPTED, profile="cuda-h200-sm90-132sm")
    assert judgement.verdict is Verdict.NEW
    assert PROFILE in str(judgement.reasons[0].detail)


def test_equal_pixels_are_identical_and_no_baseline_is_decoded(world: World):
    world.store.image_path(pixels_sha256(ACCEPTED)).unlink()
    assert world.judge(ACCEPTED.copy()).verdict is Verdict.IDENTICAL


def test_an_accepted_image_that_is_compared_and_missing_is_an_error_that_names_it(world: World):
    path = world.store.image_path(pixels_sha256(ACCEPTED))
    path.unlink()
    with pytest.raises(GoldenseedError, match=path.name):
        world.judge(rounded())


def test_any_of_several_accepted_images_is_identical(world: World):
    world.accept(picture(200))
    assert world.judge(picture(200)).verdict is Verdict.IDENTICAL
    assert world.judge(picture(100)).verdict is Verdict.IDENTICAL


def test_the_nearest_of_several_accepted_images_is_the_one_compared(world: World):
    world.accept(picture(200))
    judgement = world.judge(picture(203))
    assert judgement.against is not None
    assert judgement.against.pixels_sha256 == pixels_sha256(picture(200))
    assert judgement.metrics["peak_difference"] == 3


def test_one_level_is_the_noise_of_float32(world: World):
    judgement = world.judge(rounded(), max_peak_difference=1)
    assert judgement.verdict is Verdict.MATCH
    reason, share, alone = judgement.reasons
    assert "pixels alone" in (alone.detail or "")
    assert (share.metric, share.value, share.limit) == ("changed_fraction", 9 / 1024, 0.017)
    assert (reason.code, reason.metric, reason.value, reason.limit) == (
        "tolerance",
        "peak_difference",
        1,
        1,
    )


@pytest.mark.parametrize(
    ("key", "old", "new"),
    [
        ("model.unet.sha256", "a" * 64, "b" * 64),
        ("model.vae.dtype", "bfloat16", "float32"),
        ("model.unet.hooks", None, "app.hook@01234567 x 1"),
        ("scheduler.config.beta_end", 0.012, 0.02),
    ],
)
def test_what_is_on_record_as_another_substance_is_no_rounding(
    empty: World, key: str, old: Any, new: Any
):
    accepted = {**ENVIRONMENT, "fingerprint.version": 2, key: old}
    empty.accept(ACCEPTED, environment=accepted)
    now = {**accepted, "cpu.threads": 4}
    assert empty.judge(rounded(), environment=now).verdict is Verdict.MATCH
    judgement = empty.judge(rounded(), environment={**now, key: new})
    assert judgement.verdict is Verdict.WARN
    assert judgement.reasons[0].code == "recorded_change"
    assert key in str(judgement.reasons[0].detail)
    assert not judgement.explained


def test_a_difference_without_a_reason_on_record_is_a_warning_that_says_so(world: World):
    judgement = world.judge(rounded(), environment=ENVIRONMENT, max_peak_difference=1)
    assert judgement.verdict is Verdict.WARN
    assert judgement.reasons[0].code == "no_recorded_reason"
    assert judgement.explained


def test_an_environment_that_is_not_on_record_is_a_doubt_that_is_said(world: World):
    judgement = world.judge(rounded(), environment=None)
    assert judgement.verdict is Verdict.WARN
    assert judgement.reasons[0].code == "unknown_environment"


def test_beyond_a_gate_of_the_suite_is_drift_where_rounding_explains_it_too(world: World):
    judgement = world.judge(rounded(), max_peak_difference=0)
    assert judgement.verdict is Verdict.DRIFT
    assert codes(judgement)[:2] == ["gate", "rounding_alone"]
    assert "accept the image for this profile" in str(judgement.reasons[1].detail)


def test_a_default_gate_says_nothing_where_rounding_explains_the_difference(world: World):
    beyond = {"max_peak_difference": 0.0}
    assert world.judge(rounded(), source="default", **beyond).verdict is Verdict.MATCH
    unexplained = world.judge(rounded(), source="default", environment=ENVIRONMENT, **beyond)
    assert unexplained.verdict is Verdict.DRIFT


@pytest.mark.parametrize("part", ["vae", "transformer"])
def test_where_rounding_may_tip_signs_no_default_gate_makes_drift(empty: World, part: str):
    tips = {f"model.{part}.tips": "WanRMS_norm x 3"}
    empty.accept(ACCEPTED, environment={**ENVIRONMENT, **tips})
    elsewhere = {**ELSEWHERE, **tips}

    def judged(environment: dict[str, Any], source: str = "default") -> Judgement:
        return empty.judge(
            rounded(10), environment=environment, source=source, max_peak_difference=1
        )

    told = judged(elsewhere)
    assert told.verdict is Verdict.WARN
    assert codes(told)[0] == "tipped_by_rounding"
    assert f"{part} (WanRMS_norm x 3)" in str(told.reasons[0].detail)
    assert judged(elsewhere, "suite").verdict is Verdict.DRIFT, "a gate of the suite's own holds"
    assert judged({**ENVIRONMENT, **tips}).verdict is Verdict.DRIFT, "rounding has no reason"
    changed = {**elsewhere, "model.unet.sha256": "b" * 64}
    assert judged(changed).verdict is Verdict.DRIFT, "other weights are on record"


def test_without_traces_nothing_is_rounding_where_the_accepted_environment_cannot_be_read(
    world: World,
):
    name = f"{json_sha256(ENVIRONMENT)}.json"
    (world.store.root / "environments" / name).unlink()
    judgement = world.judge(rounded())
    assert judgement.verdict is Verdict.WARN
    assert "is not known" in str(judgement.reasons[0].detail)
    assert name in str(judgement.reasons[0].detail)


def test_one_level_in_more_pixels_than_rounding_moves_is_beyond_the_noise(world: World):
    judgement = world.judge(picture(101))
    assert judgement.verdict is Verdict.WARN
    assert judgement.metrics["changed_fraction"] == 64 / 1024


def test_two_levels_are_beyond_the_noise(world: World):
    assert world.judge(picture(102)).verdict is Verdict.WARN


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_no_noise_is_assumed_for_half_precision(world: World, dtype: str):
    judgement = world.judge(picture(101), dtype=dtype)
    assert judgement.verdict is Verdict.WARN
    assert judgement.reasons[0].limit is None


def test_beyond_a_gate_is_drift_and_names_the_gate_value_limit_and_source(world: World):
    judgement = world.judge(picture(110), max_peak_difference=4, min_ssim=0.5)
    assert judgement.verdict is Verdict.DRIFT
    reason = judgement.reasons[0]
    assert reason.code == "gate"
    assert (reason.metric, reason.direction, reason.value, reason.limit, reason.source) == (
        "peak_difference",
        "max",
        10,
        4,
        "suite",
    )
    assert codes(judgement) == ["gate", "tolerance", "tolerance", "calibration"]


def test_exactly_at_the_gate_is_inside(world: World):
    assert world.judge(picture(104), max_peak_difference=4).verdict is Verdict.WARN


def test_a_metric_asked_for_by_a_gate_alone_is_measured(world: World):
    judgement = world.judge(picture(110), max_whash_distance=64)
    assert "whash_distance" in judgement.metrics


def test_a_changed_recipe_is_incomparable_even_with_equal_pixels(world: World):
    recipe = {**RECIPE, "call": {"num_inference_steps": 19}}
    judgement = world.judge(ACCEPTED, recipe=recipe)
    assert judgement.verdict is Verdict.INCOMPARABLE
    (reason,) = judgement.reasons
    assert (reason.metric, reason.value, reason.limit) == (
        "recipe.call.num_inference_steps",
        19,
        20,
    )
    assert judgement.metrics["peak_difference"] == 0


def test_another_size_is_incomparable_without_metrics(world: World):
    judgement = world.judge(picture(size=(32, 40)))
    assert judgement.verdict is Verdict.INCOMPARABLE
    assert codes(judgement) == ["size_changed"]
    assert (judgement.reasons[0].value, judgement.reasons[0].limit) == ("32x40", "32x32")
    assert judgement.metrics == {}


def test_another_mode_is_incomparable(world: World):
    assert codes(world.judge(picture(mode="L"))) == ["mode_changed"]


def test_rejected_pixels_fail_although_they_are_near(world: World):
    world.reject(picture(101))
    judgement = world.judge(picture(101))
    assert judgement.verdict is Verdict.REJECTED
    assert "two stems" in str(judgement.reasons[0].detail)


def test_rejected_pixels_are_rejected_in_every_profile(world: World):
    world.reject(picture(101), profile=OTHER)
    assert world.judge(picture(101)).verdict is Verdict.REJECTED


def test_rejected_pixels_are_not_new_where_nothing_is_accepted(empty: World):
    empty.reject(picture(101))
    assert empty.judge(picture(101)).verdict is Verdict.REJECTED
    assert empty.judge(picture(99)).verdict is Verdict.NEW


def test_a_changed_recipe_comes_before_the_reject_list(world: World):
    world.reject(picture(101))
    recipe = {**RECIPE, "seed": 2}
    assert world.judge(picture(101), recipe=recipe).verdict is Verdict.INCOMPARABLE


@pytest.mark.parametrize("level", [100, 101, 110])
def test_a_baseline_from_another_profile_is_always_named(empty: World, level: int):
    empty.accept(ACCEPTED, profile=OTHER)
    judgement = empty.judge(picture(level), max_peak_difference=4)
    (reason,) = (each for each in judgement.reasons if each.code == "profile_fallback")
    assert (reason.value, reason.limit) == (OTHER, PROFILE)


def test_the_own_profile_goes_before_another(world: World):
    world.accept(picture(150), profile=OTHER)
    judgement = world.judge(picture(150), max_peak_difference=4)
    assert judgement.verdict is Verdict.DRIFT
    assert judgement.against is not None
    assert judgement.against.profile == PROFILE
