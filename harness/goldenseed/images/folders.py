"""Two folders of pictures: paired by name, judged one pair after the other or several at once."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path

from goldenseed.core.errors import GoldenseedError
from goldenseed.images.compare import ImageComparison, Outcome, judge_pair
from goldenseed.images.terms import Terms

SUFFIXES = frozenset({".png", ".webp", ".jpg", ".jpeg"})
"""Files that are looked at."""

_BATCH = 8
"""Pairs that a process is given at once."""

_PRELOADED = ["goldenseed.images.compare", "goldenseed.images.ssim_compiled", "imagehash"]
"""What the processes share from their start; what is not installed is passed over."""


@dataclass(frozen=True, slots=True)
class FilePair:
    """A picture of two folders; None where one lacks it."""

    name: str
    a: Path | None
    b: Path | None


def pair_files(a: Path, b: Path) -> tuple[FilePair, ...]:
    """Pair two files, or the pictures of two folders by their names below them, sorted.

    Raises:
        GoldenseedError: one is no file or folder, one is a file and the other a folder, or neither
            folder holds any picture.

    """
    for path in (a, b):
        if not path.exists():
            raise GoldenseedError("there is no such file or folder", path=path)
    if a.is_dir() != b.is_dir():
        raise GoldenseedError(
            f"{a} and {b}: one is a folder and the other is not", fix="name two of a kind"
        )
    if not a.is_dir():
        return (FilePair(b.name, a, b),)
    files = {"a": _pictures(a), "b": _pictures(b)}
    names = sorted(files["a"].keys() | files["b"].keys())
    if not names:
        raise GoldenseedError(
            f"{a} and {b} hold no pictures", fix=f"pictures end in {', '.join(sorted(SUFFIXES))}"
        )
    return tuple(FilePair(name, files["a"].get(name), files["b"].get(name)) for name in names)


def judge_files(
    pairs: Sequence[FilePair], terms: Terms, *, jobs: int = 1
) -> Iterator[ImageComparison]:
    """Judge pairs in their order, in ``jobs`` processes; few results are held at a time.

    Raises:
        GoldenseedError: a process died.

    """
    if jobs <= 1 or len(pairs) <= _BATCH:
        _keep_memory()
        yield from (_judged(pair, terms) for pair in pairs)
        return
    batches = (pairs[at : at + _BATCH] for at in range(0, len(pairs), _BATCH))
    running: deque[Future[list[ImageComparison]]] = deque()
    context = get_context("forkserver" if "forkserver" in get_all_start_methods() else "spawn")
    context.set_forkserver_preload(_PRELOADED)
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_keep_memory) as pool:
        try:
            for batch in batches:
                running.append(pool.submit(_judged_batch, batch, terms))
                if len(running) > 2 * jobs:
                    yield from running.popleft().result()
            while running:
                yield from running.popleft().result()
        except BrokenProcessPool:
            raise GoldenseedError(
                "a process that compared images died", fix="use --jobs 1 to see at which pair"
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def usable_cores() -> int:
    """Return how many cores this process may use; all of the machine where no system call tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _pictures(folder: Path) -> dict[str, Path]:
    found = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return {path.relative_to(folder).as_posix(): path for path in found if path.is_file()}


def _keep_memory() -> None:
    """Let glibc keep what is freed, for the next pair: clearing its pages again takes 10 ms a pair.

    It keeps up to twice the largest block, of 32 MiB at most, that was freed before: mallopt(3),
    M_MMAP_THRESHOLD. Elsewhere this does nothing.
    """
    bytearray(31 * 2**20)


def _judged_batch(pairs: Sequence[FilePair], terms: Terms) -> list[ImageComparison]:
    return [_judged(pair, terms) for pair in pairs]


def _judged(pair: FilePair, terms: Terms) -> ImageComparison:
    if pair.a is None or pair.b is None:
        note = "only in A" if pair.b is None else "only in B"
        return ImageComparison(name=pair.name, outcome=Outcome.MISSING, notes=(note,))
    return judge_pair(pair.name, pair.a, pair.b, terms)
