from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from baselines_world import CASE, CPU, SUITE, World

from goldenseed.baselines.store import BaselineStore
from goldenseed.core.errors import GoldenseedError

Start = Callable[..., subprocess.Popen[str]]
Go = Callable[[subprocess.Popen[str]], None]


def finish(children: list[subprocess.Popen[str]], go: Go) -> None:
    for child in children:
        go(child)
    for child in children:
        assert child.communicate()[1] == ""


def accepted(world: World, case: str) -> set[str]:
    entry = world.store.entry(SUITE, case)
    assert entry is not None
    return {image.pixels_sha256 for image in entry.profiles[CPU].accepted}


def test_four_processes_that_accept_for_one_case_all_land(world: World, start: Start, go: Go):
    colours = [[f"#0{writer}0{image}00" for image in range(5)] for writer in range(4)]

    finish([start("add", CASE, *each) for each in colours], go)

    assert accepted(world, CASE) == {
        world.candidate(colour).pixels_sha256 for each in colours for colour in each
    }


def test_four_processes_that_accept_for_different_cases_all_land(
    world: World, start: Start, go: Go
):
    finish([start("add", f"case-{number}", "red", "blue") for number in range(4)], go)

    both = {world.candidate("red").pixels_sha256, world.candidate("blue").pixels_sha256}
    assert [accepted(world, f"case-{number}") for number in range(4)] == [both] * 4


def test_waiting_for_another_writer_ends_with_a_message(world: World, start: Start):
    start("hold_the_lock")
    impatient = BaselineStore(world.store.root, lock_timeout_seconds=0.05)

    with pytest.raises(GoldenseedError, match="another process has been writing"):
        impatient.accept([world.candidate()], by="ada", reason="why not")

    assert world.files() == {}


def test_the_lock_of_a_killed_process_holds_nobody_up(world: World, start: Start):
    child = start("hold_the_lock")
    child.kill()
    child.wait()

    world.accept(world.candidate())

    assert world.accepted() == [world.candidate().pixels_sha256]


def test_reading_waits_for_no_writer(world: World, start: Start):
    world.accept(world.candidate())

    start("hold_the_lock")

    assert world.accepted() == [world.candidate().pixels_sha256]


def test_git_sees_the_baselines_and_never_the_lock(world: World):
    subprocess.run(["git", "init", "-q", str(world.folder)], check=True)

    world.accept(world.candidate())

    status = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all", "baselines"],
        cwd=world.folder,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    assert len(status.splitlines()) == 3
    assert ".lock" not in status
