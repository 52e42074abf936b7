from __future__ import annotations

import errno
import itertools
import os
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from baselines_world import World

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import TEMPORARY_PREFIX
from goldenseed.core.pixels import pixels_sha256

Start = Callable[..., subprocess.Popen[str]]
Go = Callable[[subprocess.Popen[str]], None]


def leftovers(world: World) -> list[Path]:
    return list(world.store.root.rglob(f"{TEMPORARY_PREFIX}*"))


def the_one_accepted(world: World) -> str:
    """Return the digest of what is accepted, having checked that all of it is whole."""
    (image,) = world.profile().accepted
    assert pixels_sha256(world.store.image(image.pixels_sha256)) == image.pixels_sha256
    assert world.store.environment(image.environment_sha256)
    return image.pixels_sha256


def test_killed_50_times_at_random_moments_a_baseline_is_the_old_or_the_new_one_whole(
    world: World, start: Start, go: Go
):
    randomly = random.Random(20261120)
    world.accept(world.candidate("white"))
    accepted = the_one_accepted(world)

    for round_number in range(50):
        pair = [f"#{round_number:02x}0000", f"#{round_number:02x}ffff"]
        child = start("accept_in_turns", *pair)
        go(child)
        time.sleep(randomly.uniform(0, 0.1))
        child.kill()
        child.wait()
        possible = {accepted, *(world.candidate(colour).pixels_sha256 for colour in pair)}
        accepted = the_one_accepted(world)
        assert accepted in possible

    world.accept(world.candidate("black"))
    assert leftovers(world) == []
    assert the_one_accepted(world) == world.candidate("black").pixels_sha256


def test_killed_at_each_flush_in_turn_a_baseline_is_the_old_or_the_new_one_whole(
    world: World, start: Start, go: Go
):
    old = world.candidate("white")
    seen = set()
    left_behind = 0
    for number in range(100):
        world.accept(old)
        new = world.candidate(f"#{number:02x}0000")
        child = start("die_at_flush", str(number), f"#{number:02x}0000")
        go(child)
        survived = child.wait() == 0
        left_behind += len(leftovers(world))
        accepted = the_one_accepted(world)
        assert accepted in {old.pixels_sha256, new.pixels_sha256}
        seen.add(accepted == new.pixels_sha256)
        if survived:
            break

    assert survived
    assert seen == {False, True}
    assert left_behind > 0
    assert leftovers(world) == []


def test_killed_at_each_flush_in_turn_a_calibration_is_kept_with_its_modes_or_not_at_all(
    world: World, start: Start, go: Go
):
    colours = ("red", "green", "blue")
    world.accept(world.candidate("white"))
    before = world.profile()
    digests = {world.candidate(colour, torch=colour).pixels_sha256 for colour in colours}
    for number in range(100):
        child = start("measure_and_die_at_flush", str(number), *colours)
        go(child)
        survived = child.wait() == 0
        now = world.profile()
        for image in now.accepted:
            assert pixels_sha256(world.store.image(image.pixels_sha256)) == image.pixels_sha256
            assert world.store.environment(image.environment_sha256)
        if now.tolerance is not None:
            break
        assert now == before
    assert number > len(colours)
    assert {image.pixels_sha256 for image in now.accepted[1:]} == digests
    assert now.tolerance.images == 4
    assert world.store.environment(now.tolerance.environment_sha256)
    world.accept(world.candidate("black"), add=True)
    assert survived or leftovers(world) == []


@pytest.mark.parametrize(
    ("fault", "seen_as"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt),
        (OSError(errno.ENOSPC, "No space left on device"), GoldenseedError),
    ],
    ids=["interrupted", "disk full"],
)
def test_stopped_at_each_flush_in_turn_nothing_half_done_is_left(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    fault: BaseException,
    seen_as: type[BaseException],
):
    old = world.candidate("white")
    flushes = count_flushes(world, monkeypatch)
    assert flushes > 3

    for number in range(flushes):
        world.accept(old)
        new = world.candidate(f"#{number:02x}0000", torch=str(number))
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", failing_at(number, fault))
            with pytest.raises(seen_as):
                world.accept(new)
        assert leftovers(world) == []
        assert the_one_accepted(world) in {old.pixels_sha256, new.pixels_sha256}


def count_flushes(world: World, monkeypatch: pytest.MonkeyPatch) -> int:
    """Count how often accepting a new image flushes to the disk."""
    flushed: list[int] = []
    world.accept(world.candidate("white"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", flushed.append)
        world.accept(world.candidate("black", torch="another"))
    return len(flushed)


def failing_at(number: int, fault: BaseException) -> Callable[[int], None]:
    """Return an ``os.fsync`` whose ``number``-th call fails."""
    remaining = itertools.count(number, -1)

    def fsync(handle: int) -> None:
        if next(remaining) == 0:
            raise fault

    return fsync


@pytest.mark.parametrize("limit_bytes", [0, 300], ids=["from the start", "at the entry"])
def test_a_full_disk_is_an_error_that_leaves_the_old_baseline(
    world: World, start: Start, go: Go, limit_bytes: int
):
    world.accept(world.candidate("white"))
    entry = world.store.entry_path("shapes", "red-apple[seed=1024]").read_bytes()
    child = start("accept_on_full_disk", str(limit_bytes), "blue")

    go(child)

    _, errors = child.communicate()
    assert errors.startswith("GoldenseedError: ")
    assert "File too large" in errors
    assert world.store.entry_path("shapes", "red-apple[seed=1024]").read_bytes() == entry
    assert leftovers(world) == []


# Permissions do not hold root back, and tests often run as root in containers; a file where a
# folder is needed holds everybody back.
@pytest.mark.parametrize("part", [".", ".lock", "shapes", "images", "environments"])
def test_a_folder_that_cannot_be_written_is_an_error_that_names_it(world: World, part: str):
    blocked = world.store.root / part
    blocked.parent.mkdir(parents=True, exist_ok=True)
    blocked.write_bytes(b"in the way")

    with pytest.raises(GoldenseedError) as caught:
        world.accept(world.candidate())

    assert str(blocked) in str(caught.value.path)
    assert caught.value.fix
    assert blocked.read_bytes() == b"in the way"
