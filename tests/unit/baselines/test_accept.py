from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import pytest
from PIL import Image

from harness.errors import GoldenseedError
from harness.pixels import pixels_sha256

SUITE, CASE, PROFILE = "shapes", "red-apple[seed=1024]", "cpu-x86_64-avx512"


def accepted(store, profile=PROFILE):
    return [image.pixels_sha256 for image in store.entry(SUITE, CASE).profiles[profile].accepted]


def rejected(store, profile=PROFILE):
    return [image.pixels_sha256 for image in store.entry(SUITE, CASE).profiles[profile].rejected]


def test_nothing_is_accepted_in_a_folder_that_does_not_exist(store):
    assert store.entry(SUITE, CASE) is None


def test_an_accepted_image_is_found_with_who_when_why_and_its_recipe(store, accept, make_candidate):
    candidate = make_candidate()

    accept(candidate, reason="first look")

    image = store.entry(SUITE, CASE).profiles[PROFILE].accepted[0]
    assert image.pixels_sha256 == candidate.pixels_sha256
    assert (image.width, image.height, image.mode) == (24, 16, "RGB")
    assert image.recipe == candidate.recipe
    assert (image.accepted_by, image.reason, image.run_id) == (
        "ada",
        "first look",
        candidate.run_id,
    )
    assert store.environment(image.environment_sha256) == candidate.environment


def test_the_stored_image_has_the_accepted_pixels(store, accept, make_candidate):
    candidate = make_candidate()

    accept(candidate)

    assert pixels_sha256(store.image(candidate.pixels_sha256)) == candidate.pixels_sha256


def test_the_entry_lies_in_a_file_named_as_the_case(store, accept, make_candidate):
    (result,) = accept(make_candidate())

    assert result.path == store.root / "shapes" / "red-apple[seed=1024].json"
    assert result.path.is_file()


def test_the_entry_reads_well_in_a_diff(store, accept, make_candidate):
    (result,) = accept(make_candidate())

    text = result.path.read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"
    assert '"accepted_at": "2026-11-20T12:00:00Z"' in text


def test_accepting_another_image_replaces_what_was_accepted(store, accept, make_candidate):
    old, new = make_candidate("red"), make_candidate("blue")
    accept(old)

    (result,) = accept(new)

    assert (result.outcome, result.replaced) == ("replaced", (old.pixels_sha256,))
    assert accepted(store) == [new.pixels_sha256]


def test_adding_keeps_what_was_accepted(store, accept, make_candidate):
    old, new = make_candidate("red"), make_candidate("blue")
    accept(old)

    (result,) = accept(new, add=True)

    assert (result.outcome, result.replaced) == ("added", ())
    assert accepted(store) == [old.pixels_sha256, new.pixels_sha256]


def test_accepting_twice_changes_no_file_and_says_so(store, accept, make_candidate, files_below):
    accept(make_candidate(torch="2.13.0"), reason="first look")
    before = files_below(store.root)

    (result,) = accept(make_candidate(torch="2.14.0"), reason="again")

    assert result.outcome == "unchanged"
    assert files_below(store.root) == before


def test_accepting_one_of_two_alternatives_again_keeps_both(store, accept, make_candidate):
    first, second = make_candidate("red"), make_candidate("blue")
    accept(first)
    accept(second, add=True)

    accept(first)

    assert accepted(store) == [first.pixels_sha256, second.pixels_sha256]


@pytest.mark.parametrize("add", [False, True])
def test_the_same_pixels_from_a_new_recipe_take_the_new_recipe(store, accept, make_candidate, add):
    accept(make_candidate(steps=20))

    (result,) = accept(make_candidate(steps=19), add=add)

    (image,) = store.entry(SUITE, CASE).profiles[PROFILE].accepted
    assert image.recipe["call"] == {"num_inference_steps": 19}
    assert (result.outcome, result.replaced) == ("replaced", ())


def test_another_profile_is_never_touched(store, accept, make_candidate):
    gpu, cpu = make_candidate("blue", profile="cuda-h200"), make_candidate("red")
    accept(gpu)
    before = store.entry(SUITE, CASE).profiles["cuda-h200"]

    accept(cpu)

    assert store.entry(SUITE, CASE).profiles["cuda-h200"] == before
    assert accepted(store) == [cpu.pixels_sha256]


def test_one_image_is_stored_once_for_all_cases_and_profiles(store, accept, make_candidate):
    accept(
        make_candidate(),
        make_candidate(case="another"),
        make_candidate(profile="cuda-h200"),
        make_candidate(suite="others"),
    )

    assert len(list((store.root / "images").rglob("*.png"))) == 1


def test_accepting_a_rejected_image_takes_it_off_the_reject_list(store, accept, make_candidate):
    candidate = make_candidate()
    store.reject([candidate], by="ada", reason="two stems")

    (result,) = accept(candidate)

    assert result.no_longer_rejected
    assert (accepted(store), rejected(store)) == ([candidate.pixels_sha256], [])


def test_rejecting_an_accepted_image_ends_its_acceptance(store, accept, make_candidate):
    candidate = make_candidate()
    accept(candidate)

    (result,) = store.reject([candidate], by="ada", reason="two stems")

    assert (result.outcome, result.no_longer_accepted) == ("rejected", True)
    assert (accepted(store), rejected(store)) == ([], [candidate.pixels_sha256])


def test_rejecting_in_one_profile_leaves_the_acceptance_in_another(store, accept, make_candidate):
    accept(make_candidate(), make_candidate(profile="cuda-h200"))

    store.reject([make_candidate(profile="cuda-h200")], by="ada", reason="two stems")

    assert accepted(store) == [make_candidate().pixels_sha256]


def test_rejecting_twice_changes_no_file_and_says_so(store, make_candidate, files_below):
    store.reject([make_candidate()], by="ada", reason="two stems")
    before = files_below(store.root)

    (result,) = store.reject([make_candidate()], by="bob", reason="again")

    assert result.outcome == "unchanged"
    assert files_below(store.root) == before


@pytest.mark.parametrize(("by", "reason"), [("ada", ""), ("ada", " \n"), ("", "why not")])
def test_nobody_accepts_without_a_name_and_a_reason(store, make_candidate, by, reason):
    with pytest.raises(GoldenseedError, match="is empty"):
        store.accept([make_candidate()], by=by, reason=reason)

    assert not store.root.exists()


def test_a_reason_that_is_no_unicode_is_refused(store, make_candidate):
    with pytest.raises(GoldenseedError, match="surrogate"):
        store.accept([make_candidate()], by="ada", reason="\udcff")


def test_a_time_without_a_zone_is_a_mistake_of_the_caller(store, make_candidate):
    naive = datetime(2026, 11, 20)  # noqa: DTZ001 - the subject of the test
    with pytest.raises(ValueError, match="time zone"):
        store.accept([make_candidate()], by="ada", reason="why not", now=naive)


def other_pixels(candidate):
    Image.new("RGB", (24, 16), "green").save(candidate.image)
    return candidate


def truncated(candidate):
    candidate.image.write_bytes(candidate.image.read_bytes()[:-20])
    return candidate


def missing(candidate):
    candidate.image.unlink()
    return candidate


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (other_pixels, "the pixels have the digest"),
        (truncated, "truncated"),
        (missing, "cannot be read"),
        (lambda c: replace(c, recipe={"prompt": "a pear"}), "the recipe does not fit"),
        (lambda c: replace(c, profile="../x"), "no profile's name"),
        (lambda c: replace(c, profile="CUDA"), "no profile's name"),
        (lambda c: replace(c, environment={"noise": float("nan")}), "not a number"),
        (lambda c: replace(c, case="../../etc/passwd"), "the case id"),
        (lambda c: replace(c, suite="images"), "reserved"),
    ],
)
def test_one_bad_candidate_stops_all_before_anything_is_written(
    store, accept, make_candidate, files_below, spoil, message
):
    accept(make_candidate("red"))
    before = files_below(store.root)
    bad = spoil(make_candidate("blue", case="bad"))

    with pytest.raises(GoldenseedError, match=message):
        accept(make_candidate("white"), bad)

    assert files_below(store.root) == before


def test_a_damaged_entry_of_one_case_stops_all_before_anything_is_written(
    store, accept, make_candidate, files_below, edit
):
    (result,) = accept(make_candidate("red", case="damaged"))
    edit(result.path, '"reason"', '"raison"')
    before = files_below(store.root)

    with pytest.raises(GoldenseedError, match=r"damaged\.json:\d+: .*raison"):
        accept(make_candidate("white"), make_candidate("blue", case="damaged"))

    assert files_below(store.root) == before


def test_two_images_cannot_replace_each_other_in_one_call(store, accept, make_candidate):
    with pytest.raises(GoldenseedError, match="2 different images"):
        accept(make_candidate("red"), make_candidate("blue"))


def test_two_images_can_be_added_in_one_call(store, accept, make_candidate):
    accept(make_candidate("red"), make_candidate("blue"), add=True)

    assert len(accepted(store)) == 2


@pytest.mark.parametrize("damage", [lambda p: p.unlink(), lambda p: p.write_bytes(b"not a PNG")])
def test_accepting_again_mends_the_stored_image(store, accept, make_candidate, damage):
    candidate = make_candidate()
    accept(candidate)
    damage(store.image_path(candidate.pixels_sha256))

    accept(candidate)

    assert pixels_sha256(store.image(candidate.pixels_sha256)) == candidate.pixels_sha256
