"""Rejected images: refused by accept, and what is left of a rejection that was overruled."""

from __future__ import annotations

import pytest
from baselines_world import CASE, CPU, GPU, SUITE, World, edit

from goldenseed.core.errors import GoldenseedError

NAMED = ((SUITE, CASE),)


def reject(world: World, **where: str) -> None:
    world.store.reject([world.candidate(**where)], by="bob", reason="two stems")


@pytest.mark.parametrize("profile", [CPU, GPU])
@pytest.mark.parametrize("add", [True, False])
def test_a_rejected_image_is_refused_and_who_when_and_why_is_said(
    world: World, profile: str, *, add: bool
):
    reject(world, profile=profile)
    before = world.files()

    with pytest.raises(GoldenseedError, match=rf"rejected by bob on .* in {profile}: two stems"):
        world.accept(world.candidate("white"), world.candidate(), add=True)

    assert world.files() == before
    assert not world.store.image_path(world.candidate().pixels_sha256).exists()


def test_an_image_that_was_accepted_elsewhere_before_is_refused_too(world: World):
    world.accept(world.candidate())
    reject(world, profile=GPU)

    with pytest.raises(GoldenseedError, match="rejected by bob"):
        world.accept(world.candidate())


def test_overruling_another_case_does_not_take_it_back(world: World):
    reject(world)

    with pytest.raises(GoldenseedError, match="rejected by bob"):
        world.accept(
            world.candidate(), world.candidate(case="another"), overruling=((SUITE, "another"),)
        )


@pytest.mark.parametrize("profile", [CPU, GPU])
def test_an_overruled_rejection_ends_everywhere_and_stays_as_history(world: World, profile: str):
    reject(world, profile=profile)

    (result,) = world.accept(world.candidate(), reason="one stem", overruling=NAMED)

    assert world.accepted() == [world.candidate().pixels_sha256]
    assert world.profile(profile).rejected == ()
    (past,) = world.profile(profile).overruled
    assert (past.rejected_by, past.reason) == ("bob", "two stems")
    assert (past.overruled_by, past.overruled_because) == ("ada", "one stem")
    assert [(where, image.reason) for where, image in result.overruled] == [(profile, "two stems")]


def test_overruling_is_written_also_where_the_image_is_accepted_already(world: World):
    world.accept(world.candidate())
    reject(world, profile=GPU)

    (result,) = world.accept(world.candidate(), overruling=NAMED)

    assert result.outcome == "unchanged"
    assert world.profile(GPU).rejected == ()
    assert len(world.profile(GPU).overruled) == 1


def test_the_history_survives_whatever_is_decided_later(world: World):
    reject(world)
    world.accept(world.candidate(), overruling=NAMED)
    reject(world)
    world.accept(world.candidate(), overruling=NAMED)
    world.accept(world.candidate("white"))
    world.measure(world.candidate("white"))

    assert [past.reason for past in world.profile().overruled] == ["two stems", "two stems"]


def test_a_calibration_takes_no_rejected_image_back_as_a_mode(world: World):
    world.accept(world.candidate("white"))
    reject(world)
    before = world.files()

    with pytest.raises(GoldenseedError, match="rejected by bob"):
        world.measure(world.candidate("white"), world.candidate())

    assert world.files() == before


def test_an_entry_without_overruled_rejections_has_no_such_key(world: World):
    (step,) = world.accept(world.candidate())

    assert "overruled" not in step.path.read_text()


def test_a_time_without_a_zone_in_the_history_is_an_error_with_its_line(world: World):
    reject(world)
    (step,) = world.accept(world.candidate(), overruling=NAMED)
    edit(step.path, '"overruled_at": "2026-11-20T12:00:00Z"', '"overruled_at": "2026-11-20T12:00"')

    with pytest.raises(GoldenseedError, match=r"json:\d+: .*overruled_at: has no time zone"):
        world.store.entry(SUITE, CASE)
