"""Symbolic links inside the baselines: nothing is written through them."""

from __future__ import annotations

from pathlib import Path

import pytest
from baselines_world import CASE, SUITE, World

from goldenseed.baselines.store import Candidate
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256
from goldenseed.trace.files import digest_of


def places(world: World, candidate: Candidate) -> dict[str, Path]:
    root, image = world.store.root, world.store.image_path(candidate.pixels_sha256)
    assert candidate.trace is not None
    trace = digest_of(candidate.trace)
    return {
        "suite": root / SUITE,
        "entry": root / SUITE / f"{CASE}.json",
        "images": root / "images",
        "shard": image.parent,
        "image": image,
        "environments": root / "environments",
        "environment": root / "environments" / f"{json_sha256(dict(candidate.environment))}.json",
        "traces": root / "traces",
        "trace": root / "traces" / trace[:2] / candidate.trace.name,
        "lock": root / ".lock",
        "lock file": root / ".lock" / "accept.lock",
        "ignore": root / ".lock" / ".gitignore",
    }


FILES = {"entry", "image", "environment", "trace", "lock file", "ignore"}
ALL = sorted(FILES | {"suite", "images", "shard", "environments", "traces", "lock"})


def linked(world: World, place: Path, *, to_file: bool) -> Path:
    """Put a link in the place of a part, to something outside that is not empty."""
    outside = world.folder / "outside"
    outside.mkdir()
    (outside / "precious").write_text("of somebody else")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(outside / "precious" if to_file else outside)
    return outside


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.mark.parametrize("part", ALL)
def test_accept_writes_through_no_link(world: World, part: str):
    candidate = world.traced(world.candidate())
    outside = linked(world, places(world, candidate)[part], to_file=part in FILES)

    with pytest.raises(GoldenseedError, match=r"is a symbolic link to .*outside") as caught:
        world.accept(candidate)

    assert caught.value.path == places(world, candidate)[part]
    assert contents(outside) == {"precious": "of somebody else"}


@pytest.mark.parametrize("part", ["suite", "entry", "lock", "lock file", "ignore"])
def test_reject_writes_through_no_link(world: World, part: str):
    candidate = world.traced(world.candidate())
    outside = linked(world, places(world, candidate)[part], to_file=part in FILES)

    with pytest.raises(GoldenseedError, match=r"is a symbolic link to .*outside"):
        world.store.reject([candidate], by="ada", reason="two stems")

    assert contents(outside) == {"precious": "of somebody else"}


@pytest.mark.parametrize("part", ["suite", "images", "environments", "traces", "lock"])
@pytest.mark.parametrize("with_mode", [True, False])
def test_a_calibration_writes_through_no_link(world: World, part: str, *, with_mode: bool):
    white = world.candidate("white")
    world.accept(white)
    mode = world.traced(world.candidate(torch="2.12.0"))
    modes = (white, mode) if with_mode else (white,)
    place = places(world, mode)[part]
    if place.exists():
        place.rename(world.folder / "moved")
    outside = linked(world, place, to_file=False)

    with pytest.raises(GoldenseedError, match=r"is a symbolic link to .*outside"):
        world.measure(*modes, exact_trace=mode.trace)

    assert contents(outside) == {"precious": "of somebody else"}


def test_a_link_that_leads_nowhere_is_refused_too(world: World):
    world.store.root.mkdir()
    (world.store.root / "images").symlink_to(world.folder / "nowhere")

    with pytest.raises(GoldenseedError, match=r"is a symbolic link to .*nowhere"):
        world.accept(world.candidate())

    assert not (world.folder / "nowhere").exists()


def test_the_whole_folder_may_be_a_link(world: World):
    elsewhere = world.folder / "elsewhere"
    elsewhere.mkdir()
    world.store.root.symlink_to(elsewhere)

    world.accept(world.candidate())

    assert world.accepted() == [world.candidate().pixels_sha256]
    assert (elsewhere / SUITE / f"{CASE}.json").is_file()
