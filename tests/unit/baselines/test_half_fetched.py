"""Pointers of Git LFS and sparse checkouts: named, and never taken for what is accepted."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from baselines_world import CASE, SUITE, World

from goldenseed.baselines.contents import Contents
from goldenseed.baselines.places import Places
from goldenseed.core.errors import GoldenseedError

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'4d' * 32}\nsize 1234\n"


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=ada", "-c", "user.email=ada@example.org")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.accept(world.traced(world.candidate()))
    return world


@pytest.fixture
def committed(world: World) -> World:
    git(world.folder, "init", "-q")
    git(world.folder, "add", "baselines")
    git(world.folder, "commit", "-qm", "Accept")
    return world


@pytest.mark.parametrize("kind", ["image", "trace", "environment", "entry"])
def test_a_pointer_in_a_files_place_is_named(world: World, kind: str):
    accepted = world.profile().accepted[0]
    places = Places(world.store.root)
    path, read = {
        "image": (
            places.image(accepted.pixels_sha256),
            lambda: world.store.image(accepted.pixels_sha256),
        ),
        "trace": (
            places.trace(accepted.trace_sha256 or ""),
            lambda: world.store.trace(accepted.trace_sha256 or ""),
        ),
        "environment": (
            places.environment(accepted.environment_sha256),
            lambda: world.store.environment(accepted.environment_sha256),
        ),
        "entry": (places.entry(SUITE, CASE), lambda: world.store.entry(SUITE, CASE)),
    }[kind]
    path.write_text(POINTER)
    with pytest.raises(GoldenseedError, match="is a pointer of Git LFS") as caught:
        read()
    assert caught.value.path == path


def test_an_entry_that_a_sparse_checkout_left_out_is_not_new(committed: World):
    git(committed.folder, "sparse-checkout", "set", "--no-cone", "/*", f"!/baselines/{SUITE}")
    assert not (committed.store.root / SUITE).exists()
    with pytest.raises(GoldenseedError, match="a sparse checkout left it out"):
        committed.store.entry(SUITE, CASE)
    assert committed.store.entry(SUITE, "another") is None


def test_nothing_is_accepted_over_an_entry_that_was_left_out(committed: World):
    git(committed.folder, "sparse-checkout", "set", "--no-cone", "/*", f"!/baselines/{SUITE}")
    with pytest.raises(GoldenseedError, match="a sparse checkout left it out"):
        committed.accept(committed.candidate("blue"))
    assert not (committed.store.root / SUITE).exists()


def test_what_entries_name_that_were_left_out_is_not_pruned(committed: World):
    git(committed.folder, "sparse-checkout", "set", "--no-cone", "/*", f"!/baselines/{SUITE}")
    with pytest.raises(GoldenseedError, match="a sparse checkout left it out"):
        Contents.read(Places(committed.store.root))


def test_an_image_that_a_sparse_checkout_left_out_is_named_so(committed: World):
    git(committed.folder, "sparse-checkout", "set", "--no-cone", "/*", "!/baselines/images")
    with pytest.raises(GoldenseedError, match="a sparse checkout left it out"):
        committed.store.image(committed.accepted()[0])


def test_an_entry_that_somebody_deleted_is_new(committed: World):
    git(committed.folder, "sparse-checkout", "set", "--no-cone", "/*")
    Places(committed.store.root).entry(SUITE, CASE).unlink()
    assert committed.store.entry(SUITE, CASE) is None


def test_a_worktree_of_its_own_has_gaps_of_its_own(committed: World):
    git(committed.folder, "worktree", "add", "--no-checkout", "-q", "beside")
    beside = committed.folder / "beside"
    git(beside, "sparse-checkout", "set", "--no-cone", "/*", f"!/baselines/{SUITE}")
    git(beside, "checkout", "-q")
    assert committed.store.entry(SUITE, CASE)
    with pytest.raises(GoldenseedError, match="a sparse checkout left it out"):
        World(beside).store.entry(SUITE, CASE)
