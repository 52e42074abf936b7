from __future__ import annotations

import pytest
from baselines_world import World

from goldenseed.baselines.places import Places
from goldenseed.core.errors import GoldenseedError

HOSTILE = [
    "",
    " ",
    ".",
    "..",
    "../escape",
    "a/b",
    "/etc/passwd",
    "a\\b",
    "C:evil",
    ".hidden",
    "trailing.",
    "trailing ",
    "new\nline",
    "nul\0byte",
    "\udcff",
    "\u202egnp",
    "u\u0308ber",
    "what?",
    "star*",
    "con",
    "NUL.txt",
    "x" * 201,
]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_case_id_that_is_no_plain_file_name_is_refused(world: World, name: str):
    with pytest.raises(GoldenseedError, match="the case id"):
        world.store.entry("shapes", name)


@pytest.mark.parametrize("name", [*HOSTILE, "images", "Images", "environments"], ids=ascii)
def test_a_suite_name_that_is_no_plain_file_name_is_refused(world: World, name: str):
    with pytest.raises(GoldenseedError, match="the suite name"):
        world.store.entry(name, "case")


@pytest.mark.parametrize(
    "name",
    [
        "red-apple[seed=1024]",
        "a b",
        "übung",
        "日本語",
        "x" * 200,
        "colours[blue,seed=1]",
        "console",
    ],
)
def test_an_ordinary_case_id_is_its_file_name(world: World, name: str):
    world.accept(world.candidate(case=name))

    assert world.store.entry_path("shapes", name).name == f"{name}.json"
    assert world.store.cases("shapes") == (name,)


@pytest.mark.parametrize("digest", ["", "../../x", "A" * 64, "0" * 63, "0" * 64 + "\n"], ids=ascii)
def test_what_is_no_digest_names_no_image(world: World, digest: str):
    with pytest.raises(GoldenseedError, match="SHA-256"):
        world.store.image_path(digest)


def test_the_cases_of_a_suite_are_those_with_an_entry(world: World):
    world.accept(world.candidate(case="b"), world.candidate(case="a"))
    (world.store.root / "shapes" / ".tmp-1-1-x").write_bytes(b"half")
    (world.store.root / "shapes" / "notes.txt").write_bytes(b"mine")

    assert world.store.cases("shapes") == ("a", "b")


def test_a_suite_without_baselines_has_no_cases(world: World):
    assert world.store.cases("unknown") == ()


def test_the_suites_are_the_folders_that_hold_entries(world: World):
    world.accept(world.candidate(suite="b"), world.candidate(suite="a"))

    assert world.store.suites() == ("a", "b")


def test_an_image_that_no_entry_names_any_more_is_unreferenced(world: World):
    old, new = world.candidate("red"), world.candidate("blue")
    world.accept(old)
    assert world.unreferenced("images") == ()

    world.accept(new)

    assert world.unreferenced("images") == (old.pixels_sha256,)


def test_an_image_of_another_case_or_profile_stays_referenced(world: World):
    world.accept(world.candidate("red", case="other", profile="cuda-h200"))
    world.accept(world.candidate("red"))

    world.accept(world.candidate("blue"))

    assert world.unreferenced("images") == ()


def test_a_rejected_image_stays_referenced(world: World):
    world.accept(world.candidate("red"))

    world.store.reject([world.candidate("red")], by="ada", reason="two stems")

    assert world.unreferenced("images") == ()


def test_making_paths_touches_no_disk(world: World):
    places = Places(world.store.root)

    places.entry("shapes", "a")
    places.image("0" * 64)

    assert not world.store.root.exists()
