"""Pruning: what nothing needs goes, what anything may need stays, whenever it is stopped."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from baselines_world import CASE, CPU, GPU, NOON, SUITE, World

from goldenseed.baselines.candidate import CandidateElement
from goldenseed.baselines.contents import Contents
from goldenseed.baselines.places import Places
from goldenseed.baselines.pruning import PrunePlan, plan_pruning, prune_baselines
from goldenseed.core.elements import content_sha256, encoded, sequence_sha256
from goldenseed.core.errors import GoldenseedError

OTHER = "pear[seed=1]"
GONE = {(SUITE, CASE)}


def plan(world: World, gone: set[tuple[str, str]] = GONE, profiles: tuple[str, ...] = (CPU,)):
    return plan_pruning(Places(world.store.root), gone, profiles)


def prune(world: World, gone: set[tuple[str, str]] = GONE) -> PrunePlan:
    return prune_baselines(Places(world.store.root), gone, {CPU})


def names(paths: tuple[Path, ...], root: Path) -> set[str]:
    return {path.relative_to(root).parts[0] for path in paths}


def missing(world: World) -> list[Path]:
    """Return the accepted images that are not there, in whatever entry they stand."""
    contents = Contents.read(Places(world.store.root))
    return [
        path
        for entry in contents.entries.values()
        for profile in entry.profiles.values()
        for image in profile.accepted
        if not (path := world.store.image_path(image.pixels_sha256)).exists()
    ]


def test_an_entry_goes_with_its_image_trace_and_environment_and_others_stay(world: World):
    world.accept(world.traced(world.candidate("red", torch="1")))
    world.accept(world.traced(world.candidate("blue", case=OTHER, torch="2"), 2.0))
    kept = Contents.read(Places(world.store.root)).entries[SUITE, OTHER]
    found = prune(world)
    assert [each.name for each in found.entries] == [(SUITE, CASE)]
    assert names(found.files, world.store.root) == {"images", "traces", "environments"}
    left = Contents.read(Places(world.store.root))
    assert dict(left.entries) == {(SUITE, OTHER): kept}
    assert len(left.files) == 3
    assert missing(world) == []
    assert prune(world).empty


def test_what_another_case_names_as_well_stays(world: World):
    world.accept(world.candidate("red"), world.candidate("red", case=OTHER))
    found = prune(world)
    assert found.files == ()
    assert world.store.cases(SUITE) == (OTHER,)
    assert missing(world) == []


def test_a_plan_deletes_nothing_and_writes_nothing(world: World, tmp_path: Path):
    world.accept(world.candidate("red"))
    (world.store.root / ".lock" / "accept.lock").unlink()
    before = set(world.store.root.rglob("*"))
    assert not plan(world).empty
    assert set(world.store.root.rglob("*")) == before


def test_another_profile_stays_with_its_image(world: World):
    world.accept(world.candidate("red"), world.candidate("blue", profile=GPU))
    found = prune(world)
    assert [list(each.gone) for each in found.entries] == [[CPU]]
    assert found.kept == (((SUITE, CASE), f"it is also of {GPU}, which was not run"),)
    entry = world.store.entry(SUITE, CASE)
    assert entry is not None
    assert list(entry.profiles) == [GPU]
    assert missing(world) == []
    assert plan(world).empty


def test_a_rejection_counts_everywhere_and_goes_with_the_last_profile(world: World):
    world.accept(world.candidate("red"), world.candidate("blue", profile=GPU))
    world.store.reject([world.candidate("white")], by="ada", reason="blank", now=NOON)
    prune(world)
    assert [each.reason for each in world.profile(CPU).rejected] == ["blank"]
    assert world.profile(CPU).accepted == ()
    everywhere = plan(world, profiles=(CPU, GPU))
    assert everywhere.entries[0].left is None
    assert [each.reason for each in everywhere.entries[0].gone[CPU].rejected] == ["blank"]


def test_a_profile_of_rejections_alone_is_left_while_another_stays(world: World):
    world.accept(world.candidate("blue", profile=GPU))
    world.store.reject([world.candidate("white")], by="ada", reason="blank", now=NOON)
    assert plan(world).entries == ()


def test_what_calibrations_exact_images_and_rejections_name_stays(world: World):
    exact = world.traced(world.candidate("green"), 3.0).trace
    assert exact is not None
    world.accept(world.candidate("red", torch="1"))
    world.measure(world.candidate("red", torch="1"), exact_trace=exact)
    world.accept(world.candidate("blue", torch="1"), add=True)
    world.store.reject([world.candidate("blue")], by="ada", reason="blue", now=NOON)
    assert plan(world, set()).empty


def test_every_element_of_a_sequence_stays_tensors_too(world: World):
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    file = world.folder / "run" / "tensor.npy"
    picture = world.candidate("red")
    file.write_bytes(encoded(array))
    elements = (
        CandidateElement("images[0]", picture.image, picture.pixels_sha256, (24, 16), "RGB"),
        CandidateElement("embeds", file, content_sha256(array), (3, 2), "float32"),
    )
    whole = sequence_sha256((each.name, each.sha256) for each in elements)
    world.accept(replace(picture, pixels_sha256=whole, elements=elements))
    assert plan(world, set()).empty
    assert len(prune(world).files) == 3


def test_an_image_that_no_entry_names_is_found_without_a_case_that_is_gone(world: World):
    world.accept(world.candidate("red"))
    world.accept(world.candidate("blue"))
    found = prune(world, set())
    assert found.files == (world.store.image_path(world.candidate("red").pixels_sha256),)
    assert missing(world) == []


def test_links_pipes_and_foreign_files_are_left_alone_and_named(world: World, tmp_path: Path):
    root = world.store.root
    world.accept(world.candidate("red"))
    outside = tmp_path / "outside"
    outside.mkdir()
    precious = outside / f"{'ab' * 32}.png"
    precious.write_bytes(b"precious")
    (outside / "data.json").write_text("{}")
    strangers = {
        root / "images" / "ab": "a symbolic link",
        root / "linked-suite": "a symbolic link",
        root / SUITE / "link.json": "a symbolic link",
        root / SUITE / "nowhere.json": "a symbolic link",
        root / SUITE / "pipe.json": "no regular file",
        root / SUITE / "notes.txt": "a file of another kind",
        root / "README.md": "a file of another kind",
        root / "traces" / "readme": "a file of another kind",
        root / "images" / "zz": "a folder that no file of the baselines is in",
    }
    (root / "images" / "ab").symlink_to(outside)
    (root / "linked-suite").symlink_to(outside)
    (root / SUITE / "link.json").symlink_to(outside / "data.json")
    (root / SUITE / "nowhere.json").symlink_to(outside / "nowhere")
    os.mkfifo(root / SUITE / "pipe.json")
    (root / SUITE / "notes.txt").touch()
    (root / "README.md").touch()
    (root / "traces").mkdir(exist_ok=True)
    (root / "traces" / "readme").touch()
    (root / "images" / "zz").mkdir()
    found = prune(world)
    assert {each.path: each.what for each in found.strangers} == strangers
    assert all(path.is_symlink() or path.exists() for path in strangers)
    assert precious.read_bytes() == b"precious"
    assert world.store.entry(SUITE, CASE) is None


def test_an_entry_behind_a_link_is_never_deleted_and_its_images_stay(world: World, tmp_path: Path):
    world.accept(world.candidate("red"))
    elsewhere = tmp_path / "elsewhere"
    (world.store.root / SUITE).rename(elsewhere)
    (world.store.root / SUITE).symlink_to(elsewhere)
    found = prune(world)
    assert found.empty
    assert found.kept == (((SUITE, CASE), "it lies behind a symbolic link"),)
    assert missing(world) == []


def test_an_entry_that_cannot_be_read_stops_everything(world: World):
    world.accept(world.candidate("red"), world.candidate("blue", case=OTHER))
    (world.store.root / SUITE / f"{OTHER}.json").write_text("<<<<<<< ours\n")
    before = world.files()
    with pytest.raises(GoldenseedError, match="merge conflict"):
        prune(world)
    assert world.files() == before


def test_killed_at_each_deletion_in_turn_no_entry_is_left_without_its_image(
    world: World,
    start: Callable[..., subprocess.Popen[str]],
    go: Callable[[subprocess.Popen[str]], None],
):
    cases = [f"case-{number}" for number in range(3)]
    colours = ("red", "green", "blue")
    survived = False
    for number in range(20):
        for case, colour in zip(cases, colours, strict=True):
            world.accept(world.traced(world.candidate(colour, case=case)))
        child = start("prune_and_die_at_deletion", str(number), *cases[:2])
        go(child)
        survived = child.wait() == 0
        assert missing(world) == []
        prune_baselines(Places(world.store.root), {(SUITE, case) for case in cases[:2]}, {CPU})
        assert world.store.cases(SUITE) == (cases[2],)
        assert len(Contents.read(Places(world.store.root)).files) == 3
        if survived:
            break
    assert survived
    assert number > 4  # two entries, two images and two traces
