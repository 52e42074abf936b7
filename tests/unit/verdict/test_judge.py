"""The verdict: which one, in which order, with which reasons."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from PIL import Image

from goldenseed.baselines.entry import (
    AcceptedImage,
    BaselineEntry,
    ProfileBaseline,
    RejectedImage,
)
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.pixels import pixels_sha256
from goldenseed.images.measure import measure
from goldenseed.suite.cases import Limit
from goldenseed.suite.recipes import recipe_sha256
from goldenseed.tolerance.tolerance import unmeasured_noise
from goldenseed.verdict.judge import (
    Judgement,
    Tools,
    judge,
    same_weights,
)
from goldenseed.verdict.model import Subject, Verdict

PROFILE = "cpu-x86_64-avx512"
OTHER = "cpu-x86_64-avx2"
RECIPE: dict[str, Any] = {"prompt": "a red apple", "seed": 1, "call": {"num_inference_steps": 20}}
NOW = datetime(2026, 11, 20, tzinfo=UTC)


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
    """A baseline entry with its images, and the verdict against it."""

    def __init__(self) -> None:
        self.images: dict[str, Image.Image] = {}
        self.decoded: list[str] = []
        self.profiles: dict[str, ProfileBaseline] = {}

    def accept(
        self, *images: Image.Image, profile: str = PROFILE, recipe: dict[str, Any] = RECIPE
    ) -> None:
        self.images |= {pixels_sha256(image): image for image in images}
        accepted = tuple(
            AcceptedImage(
                pixels_sha256=pixels_sha256(image),
                width=image.width,
                height=image.height,
                mode=image.mode,
                recipe=recipe,
                recipe_sha256=recipe_sha256(recipe),
                environment_sha256="0" * 64,
                run_id="r",
                accepted_at=NOW,
                accepted_by="Ada",
                reason="looks right",
            )
            for image in images
        )
        old = self.profiles.get(profile, ProfileBaseline())
        self.profiles[profile] = old.model_copy(update={"accepted": old.accepted + accepted})

    def reject(self, image: Image.Image, profile: str = PROFILE) -> None:
        rejected = RejectedImage(
            pixels_sha256=pixels_sha256(image),
            run_id="r",
            rejected_at=NOW,
            rejected_by="Ada",
            reason="two stems",
        )
        old = self.profiles.get(profile, ProfileBaseline())
        self.profiles[profile] = old.model_copy(update={"rejected": (*old.rejected, rejected)})

    def judge(
        self,
        image: Image.Image,
        *,
        recipe: dict[str, Any] = RECIPE,
        chain: tuple[str, ...] = (PROFILE,),
        dtype: str = "float32",
        changed_weights: Callable[[AcceptedImage], tuple[str, ...]] = same_weights,
        **limits: float,
    ) -> Judgement:
        entry = BaselineEntry(suite="s", case="c", profiles=self.profiles)
        return judge(
            Subject(image, pixels_sha256(image), recipe, recipe_sha256(recipe), PROFILE),
            entry if self.profiles else None,
            chain=chain,
            limits={name: Limit(value, "suite") for name, value in limits.items()},
            noise=unmeasured_noise(dtype),
            tools=Tools(load_image=self._load, measure=measure, changed_weights=changed_weights),
        )

    def _load(self, digest: str) -> Image.Image:
        self.decoded.append(digest)
        return self.images[digest]


@pytest.fixture
def world() -> World:
    world = World()
    world.accept(ACCEPTED)
    return world


def codes(judgement: Judgement) -> list[str]:
    return [reason.code for reason in judgement.reasons]


def test_nothing_accepted_is_new():
    judgement = World().judge(ACCEPTED)
    assert judgement.verdict is Verdict.NEW
    assert codes(judgement) == ["no_baseline"]


def test_accepted_only_in_a_profile_outside_the_chain_is_new_and_says_where(world: World):
    judgement = world.judge(ACCEPTED, chain=(OTHER,))
    assert judgement.verdict is Verdict.NEW
    assert PROFILE in str(judgement.reasons[0].detail)


def test_equal_pixels_are_identical_and_no_baseline_is_decoded(world: World):
    judgement = world.judge(ACCEPTED.copy())
    assert judgement.verdict is Verdict.IDENTICAL
    assert world.decoded == []


def test_any_of_several_accepted_images_is_identical(world: World):
    world.accept(picture(200))
    assert world.judge(picture(200)).verdict is Verdict.IDENTICAL
    assert world.judge(picture(100)).verdict is Verdict.IDENTICAL


def test_the_nearest_of_several_accepted_images_is_the_one_compared(world: World):
    world.accept(picture(200))
    judgement = world.judge(picture(203))
    assert judgement.against is not None
    assert judgement.against.accepted.pixels_sha256 == pixels_sha256(picture(200))
    assert judgement.metrics["peak_difference"] == 3


def test_one_level_is_the_noise_of_float32(world: World):
    judgement = world.judge(rounded(), max_peak_difference=0)
    assert judgement.verdict is Verdict.MATCH
    reason, share, alone = judgement.reasons
    assert "pixels alone" in (alone.detail or "")
    assert (share.metric, share.value, share.limit) == ("changed_fraction", 9 / 1024, 0.017)
    assert (reason.code, reason.metric, reason.value, reason.limit) == (
        "noise",
        "peak_difference",
        1,
        1,
    )


def test_without_traces_changed_weights_are_no_rounding(world: World):
    assert world.judge(rounded()).verdict is Verdict.MATCH
    judgement = world.judge(rounded(), changed_weights=lambda _accepted: ("unet",))
    assert judgement.verdict is Verdict.WARN
    assert judgement.reasons[0].detail == (
        "the weights of unet are not those of the accepted image, which is no rounding"
    )


def test_without_traces_nothing_is_rounding_where_the_accepted_environment_cannot_be_read(
    world: World,
):
    def unreadable(_accepted: AcceptedImage) -> tuple[str, ...]:
        raise GoldenseedError("no such file")

    judgement = world.judge(rounded(), changed_weights=unreadable)
    assert judgement.verdict is Verdict.WARN
    assert "is not known: no such file" in str(judgement.reasons[0].detail)


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
    assert (reason.metric, reason.value, reason.limit, reason.source) == (
        "peak_difference",
        10,
        4,
        "suite",
    )
    assert codes(judgement) == ["gate", "noise", "noise"]


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


def test_rejected_pixels_are_not_new_where_nothing_is_accepted():
    world = World()
    world.reject(picture(101))
    assert world.judge(picture(101)).verdict is Verdict.REJECTED
    assert world.judge(picture(99)).verdict is Verdict.NEW


def test_a_changed_recipe_comes_before_the_reject_list(world: World):
    world.reject(picture(101))
    recipe = {**RECIPE, "seed": 2}
    assert world.judge(picture(101), recipe=recipe).verdict is Verdict.INCOMPARABLE


@pytest.mark.parametrize("level", [100, 101, 110])
def test_a_baseline_from_another_profile_is_always_named(level: int):
    world = World()
    world.accept(ACCEPTED, profile=OTHER)
    judgement = world.judge(picture(level), chain=(PROFILE, OTHER), max_peak_difference=4)
    reason = judgement.reasons[-1]
    assert (reason.code, reason.value, reason.limit) == ("profile_fallback", OTHER, PROFILE)


def test_the_own_profile_goes_before_another(world: World):
    world.accept(picture(150), profile=OTHER)
    judgement = world.judge(picture(150), chain=(PROFILE, OTHER), max_peak_difference=4)
    assert judgement.verdict is Verdict.DRIFT
    assert judgement.against is not None
    assert judgement.against.profile == PROFILE
