from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from baselines_world import CASE, CPU, GPU, NOON, SUITE, World, edit
from PIL import Image

from goldenseed.baselines.candidate import Signature
from goldenseed.baselines.store import Candidate
from goldenseed.baselines.verifying import Kept, accepted_image
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.pixels import pixels_sha256


def test_nothing_is_accepted_in_a_folder_that_does_not_exist(world: World):
    assert world.store.entry(SUITE, CASE) is None


def test_an_accepted_image_is_found_with_who_when_why_and_its_recipe(world: World):
    candidate = world.candidate()

    world.accept(candidate, reason="first look")

    image = world.profile().accepted[0]
    assert image.pixels_sha256 == candidate.pixels_sha256
    assert (image.width, image.height, image.mode) == (24, 16, "RGB")
    assert image.recipe == candidate.recipe
    assert (image.accepted_by, image.reason, image.run_id) == (
        "ada",
        "first look",
        candidate.run_id,
    )
    assert world.store.environment(image.environment_sha256) == candidate.environment


def test_the_stored_image_has_the_accepted_pixels(world: World):
    candidate = world.candidate()

    world.accept(candidate)

    assert pixels_sha256(world.store.image(candidate.pixels_sha256)) == candidate.pixels_sha256


def test_the_entry_lies_in_a_file_named_as_the_case(world: World):
    (result,) = world.accept(world.candidate())

    assert result.path == world.store.root / "shapes" / "red-apple[seed=1024].json"
    assert result.path.is_file()


def test_the_entry_reads_well_in_a_diff(world: World):
    (result,) = world.accept(world.candidate())

    text = result.path.read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"
    assert '"accepted_at": "2026-11-20T12:00:00Z"' in text


def test_accepting_another_image_replaces_what_was_accepted(world: World):
    old, new = world.candidate("red"), world.candidate("blue")
    world.accept(old)

    (result,) = world.accept(new)

    assert result.outcome == "replaced"
    assert [image.pixels_sha256 for image in result.replaced] == [old.pixels_sha256]
    assert world.accepted() == [new.pixels_sha256]


def test_adding_keeps_what_was_accepted(world: World):
    old, new = world.candidate("red"), world.candidate("blue")
    world.accept(old)

    (result,) = world.accept(new, add=True)

    assert (result.outcome, result.replaced) == ("added", ())
    assert world.accepted() == [old.pixels_sha256, new.pixels_sha256]


def test_accepting_twice_changes_no_file_and_says_so(world: World):
    world.accept(world.candidate(torch="2.13.0"), reason="first look")
    before = world.files()

    (result,) = world.accept(world.candidate(torch="2.14.0"), reason="again")

    assert result.outcome == "unchanged"
    assert world.files() == before


def test_accepting_one_of_two_alternatives_again_keeps_both(world: World):
    first, second = world.candidate("red"), world.candidate("blue")
    world.accept(first)
    world.accept(second, add=True)

    world.accept(first)

    assert world.accepted() == [first.pixels_sha256, second.pixels_sha256]


@pytest.mark.parametrize("add", [False, True])
def test_the_same_pixels_from_a_new_recipe_take_the_new_recipe(world: World, add: bool):
    world.accept(world.candidate(steps=20))

    (result,) = world.accept(world.candidate(steps=19), add=add)

    (image,) = world.profile().accepted
    assert image.recipe["call"] == {"num_inference_steps": 19}
    assert (result.outcome, result.replaced) == ("replaced", ())


def test_another_profile_is_never_touched(world: World):
    gpu, cpu = world.candidate("blue", profile=GPU), world.candidate("red")
    world.accept(gpu)
    before = world.profile(GPU)

    world.accept(cpu)

    assert world.profile(GPU) == before
    assert world.accepted() == [cpu.pixels_sha256]


def test_one_image_is_stored_once_for_all_cases_and_profiles(world: World):
    world.accept(
        world.candidate(),
        world.candidate(case="another"),
        world.candidate(profile=GPU),
        world.candidate(suite="others"),
    )

    assert len(list((world.store.root / "images").rglob("*.png"))) == 1


def test_rejecting_an_accepted_image_ends_its_acceptance(world: World):
    candidate = world.candidate()
    world.accept(candidate)

    (result,) = world.store.reject([candidate], by="ada", reason="two stems")

    assert result.outcome == "rejected"
    assert [image.pixels_sha256 for image in result.replaced] == [candidate.pixels_sha256]
    assert (world.accepted(), world.rejected()) == ([], [candidate.pixels_sha256])


def test_rejecting_in_one_profile_leaves_the_acceptance_in_another(world: World):
    world.accept(world.candidate(), world.candidate(profile=GPU))

    (result,) = world.store.reject([world.candidate(profile=GPU)], by="ada", reason="two stems")

    assert world.accepted() == [world.candidate().pixels_sha256]
    assert result.accepted_elsewhere == (CPU,)


def test_rejecting_twice_changes_no_file_and_says_so(world: World):
    world.store.reject([world.candidate()], by="ada", reason="two stems")
    before = world.files()

    (result,) = world.store.reject([world.candidate()], by="bob", reason="again")

    assert result.outcome == "unchanged"
    assert world.files() == before


@pytest.mark.parametrize(("by", "reason"), [("ada", ""), ("ada", " \n"), ("", "why not")])
def test_nobody_accepts_without_a_name_and_a_reason(world: World, by: str, reason: str):
    with pytest.raises(GoldenseedError, match="is empty"):
        world.store.accept([world.candidate()], by=by, reason=reason)

    assert not world.store.root.exists()


PLACEHOLDERS = ["…", "...", '"…"', "<why>", "WHY", "TEXT", "<reason>", " - ", "?", "\u200b", "___"]


@pytest.mark.parametrize("placeholder", PLACEHOLDERS)
def test_an_unedited_placeholder_is_no_reason(world: World, placeholder: str):
    for decide in (world.store.accept, world.store.reject):
        with pytest.raises(GoldenseedError, match=r"the reason .* says nothing"):
            decide([world.candidate()], by="ada", reason=placeholder)

    assert not world.store.root.exists()


@pytest.mark.parametrize("reason", ["ok", "why not?", "赤いりんご", "#12", "texture is right"])
def test_a_short_reason_is_one(world: World, reason: str):
    world.accept(world.candidate(), reason=reason)
    assert world.profile().accepted[0].reason == reason


def test_a_reason_that_is_no_unicode_is_refused(world: World):
    with pytest.raises(GoldenseedError, match="surrogate"):
        world.store.accept([world.candidate()], by="ada", reason="\udcff")


def test_a_time_without_a_zone_is_a_mistake_of_the_caller(world: World):
    naive = datetime(2026, 11, 20)  # noqa: DTZ001 - the subject of the test
    with pytest.raises(ValueError, match="time zone"):
        world.store.accept([world.candidate()], by="ada", reason="why not", now=naive)


def test_an_entry_that_could_not_be_read_again_is_not_written(world: World):
    world.accept(world.candidate())
    before = world.files()

    with pytest.raises(GoldenseedError, match=r"would have 17,\d+,\d+ bytes"):
        world.accept(world.candidate("blue"), reason="why " * (17 * 10**6 // 4))

    assert world.files() == before


def other_pixels(candidate: Candidate) -> Candidate:
    Image.new("RGB", (24, 16), "green").save(candidate.image)
    return candidate


def truncated(candidate: Candidate) -> Candidate:
    candidate.image.write_bytes(candidate.image.read_bytes()[:-20])
    return candidate


def missing(candidate: Candidate) -> Candidate:
    candidate.image.unlink()
    return candidate


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (other_pixels, "the pixels have the digest"),
        (truncated, "truncated"),
        (missing, "cannot be read"),
        (lambda c: replace(c, recipe={"prompt": "a pear"}), "the recipe does not fit"),
        (lambda c: replace(c, size=(16, 24)), "the image has the size"),
        (lambda c: replace(c, mode="RGBA"), "the image has the mode RGB, and the run's record"),
        (lambda c: replace(c, profile="../x"), "no profile's name"),
        (lambda c: replace(c, profile="CUDA"), "no profile's name"),
        (lambda c: replace(c, environment={"noise": float("nan")}), "not a number"),
        (lambda c: replace(c, case="../../etc/passwd"), "the case id"),
        (lambda c: replace(c, suite="images"), "name of a folder in the baseline store"),
    ],
)
def test_one_bad_candidate_stops_all_before_anything_is_written(
    world: World, spoil: Callable[[Candidate], Candidate], message: str
):
    world.accept(world.candidate("red"))
    before = world.files()
    bad = spoil(world.candidate("blue", case="bad"))

    with pytest.raises(GoldenseedError, match=message):
        world.accept(world.candidate("white"), bad)

    assert world.files() == before


def test_a_damaged_entry_of_one_case_stops_all_before_anything_is_written(world: World):
    (result,) = world.accept(world.candidate("red", case="damaged"))
    edit(result.path, '"reason"', '"raison"')
    before = world.files()

    with pytest.raises(GoldenseedError, match=r"damaged\.json:\d+: .*raison"):
        world.accept(world.candidate("white"), world.candidate("blue", case="damaged"))

    assert world.files() == before


def test_two_images_cannot_replace_each_other_in_one_call(world: World):
    with pytest.raises(GoldenseedError, match="2 different images"):
        world.accept(world.candidate("red"), world.candidate("blue"))


def test_two_images_can_be_added_in_one_call(world: World):
    world.accept(world.candidate("red"), world.candidate("blue"), add=True)

    assert len(world.accepted()) == 2


@pytest.mark.parametrize("damage", [lambda p: p.unlink(), lambda p: p.write_bytes(b"not a PNG")])
def test_accepting_again_mends_the_stored_image(world: World, damage: Callable[[Path], object]):
    candidate = world.candidate()
    world.accept(candidate)
    damage(world.store.image_path(candidate.pixels_sha256))

    world.accept(candidate)

    assert pixels_sha256(world.store.image(candidate.pixels_sha256)) == candidate.pixels_sha256


def test_what_fits_into_memory_is_read_once_and_the_rest_again(world: World):
    red, blue = world.candidate("red"), world.candidate("blue")
    signature = Signature.checked("ada", "right", NOON)
    size = 24 * 16 * 3
    kept = Kept(size)
    for each in (red, blue):
        accepted_image(each, signature, kept)
    red.image.unlink()
    assert kept.take(red, red.pixels_sha256).size == (24, 16)
    assert kept.take(blue, blue.pixels_sha256).getpixel((0, 0)) == (0, 0, 255)
    blue.image.unlink()
    with pytest.raises(GoldenseedError):
        kept.take(blue, blue.pixels_sha256)
