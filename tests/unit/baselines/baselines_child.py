"""A process that accepts images, for tests that kill it, starve it or run several at once.

Prints ``ready``, waits for a line on its standard input, then does what its first argument says.
"""

from __future__ import annotations

import itertools
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from baselines_world import CPU, NOON, SUITE, World

from goldenseed.baselines.candidate import Signature
from goldenseed.baselines.places import Places, exclusive
from goldenseed.baselines.pruning import prune_baselines
from goldenseed.baselines.renaming import rename
from goldenseed.core.errors import GoldenseedError


def accept_in_turns(world: World, *colours: str) -> None:
    """Accept one colour after the other, for ever."""
    candidates = [world.candidate(colour, torch=colour) for colour in colours]
    ready()
    for candidate in itertools.cycle(candidates):
        world.store.accept([candidate], by="child", reason="in turns", now=NOON)


def add(world: World, case: str, *colours: str) -> None:
    """Add each colour to what one case accepts."""
    candidates = [world.candidate(colour, case=case) for colour in colours]
    ready()
    for candidate in candidates:
        world.accept(candidate, add=True)


def die_at_flush(world: World, number: str, colour: str) -> None:
    """Accept, and be killed where the ``number``-th flush to the disk would begin."""
    candidate = world.candidate(colour, torch=colour)
    _killed_at_flush(int(number))
    ready()
    world.accept(candidate)


def measure_and_die_at_flush(world: World, number: str, *colours: str) -> None:
    """Keep a calibration with modes, and be killed where a flush to the disk would begin."""
    modes = [world.candidate(colour, torch=colour) for colour in colours]
    _killed_at_flush(int(number))
    ready()
    world.measure(*modes)


def _killed_at_flush(number: int) -> None:
    remaining = itertools.count(number, -1)
    flush = os.fsync

    def fsync(handle: int) -> None:
        if next(remaining) == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        flush(handle)

    os.fsync = fsync


def prune_and_die_at_deletion(world: World, number: str, *cases: str) -> None:
    """Prune cases, and be killed where the ``number``-th file would be deleted."""
    _killed_at_deletion(int(number))
    ready()
    prune_baselines(Places(world.store.root), {(SUITE, case) for case in cases}, {CPU})


def rename_and_die_at_deletion(world: World, number: str, old: str, new: str) -> None:
    """Rename a case, and be killed where the ``number``-th file would be deleted."""
    _killed_at_deletion(int(number))
    ready()
    signature = Signature("child", "a new name", NOON)
    rename(Places(world.store.root), [((SUITE, old), (SUITE, new))], signature, "a-run")


def _killed_at_deletion(number: int) -> None:
    remaining = itertools.count(number, -1)
    unlink = os.unlink

    def deleted(path: Path, **more: int) -> None:
        if ".lock" not in Path(path).parts and next(remaining) == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        unlink(path, **more)

    os.unlink = deleted


def accept_on_full_disk(world: World, limit_bytes: str, colour: str) -> None:
    """Accept where no file can grow beyond a limit."""
    candidate = world.candidate(colour, torch=colour)
    ready()
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit_bytes), int(limit_bytes)))
    world.accept(candidate)


def hold_the_lock(world: World) -> None:
    """Hold the lock until killed."""
    with exclusive(Places(world.store.root), timeout_seconds=5):
        ready()
        time.sleep(600)


def ready() -> None:
    print("ready", flush=True)
    sys.stdin.readline()


VERBS: dict[str, Callable[..., None]] = {
    verb.__name__: verb
    for verb in (
        accept_in_turns,
        add,
        die_at_flush,
        measure_and_die_at_flush,
        prune_and_die_at_deletion,
        rename_and_die_at_deletion,
        accept_on_full_disk,
        hold_the_lock,
    )
}

if __name__ == "__main__":
    _, folder, name, *arguments = sys.argv
    try:
        VERBS[name](World(Path(folder)), *arguments)
    except GoldenseedError as error:
        sys.exit(f"GoldenseedError: {error}")
