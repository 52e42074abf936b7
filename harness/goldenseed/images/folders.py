"""Two folders of pictures: paired by name, judged one pair after the other or several at once."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import open_regular
from goldenseed.images.compare import ImageComparison, Outcome, judge_pair
from goldenseed.images.picture_files import LARGEST_FILE
from goldenseed.images.terms import Terms

SUFFIXES = frozenset({".png", ".webp", ".jpg", ".jpeg"})
"""Pictures that are read."""
DATA = frozenset(
    {".json", ".jsonl", ".yaml", ".yml", ".toml", ".txt", ".md", ".csv", ".tsv", ".log", ".html"}
    | {".htm", ".css", ".js", ".xml", ".py", ".ini", ".cfg", ".gz", ".sha256"}
)
"""Files that come with pictures and may differ, such as a run's record and report."""

_BLOCK_BYTES = 2**20

_BATCH = 8
"""Pairs that a process is given at once."""

_PRELOADED = ["goldenseed.images.compare", "goldenseed.images.ssim_compiled", "imagehash"]
"""What the processes share from their start; what is not installed is passed over."""


@dataclass(frozen=True, slots=True)
class FilePair:
    """A file of two folders; None where one lacks it."""

    name: str
    a: Path | None
    b: Path | None
    note: str | None = None
    """What the reader has to know of the names."""


@dataclass(frozen=True, slots=True)
class Paired:
    """What two files or folders hold."""

    pairs: tuple[FilePair, ...]
    """To be judged, sorted by name."""
    not_looked_at: Mapping[str, int]
    """How many other files there are, by their ending in small letters, sorted."""


def pair_files(a: Path, b: Path) -> Paired:
    """Pair two files, or the files of two folders by their names below them.

    A file of another kind is not looked at if it is data that comes with pictures (``DATA``),
    hidden, or the same in both folders; else it is a pair, that cannot be judged to be equal.

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
        return Paired((FilePair(b.name, a, b),), {})
    pairs: list[FilePair] = []
    others: list[FilePair] = []
    for pair in _by_name(_files(a), _files(b)):
        (pairs if _is_judged(pair) else others).append(pair)
    counts = Counter(_kind(each) for pair in others for each in (pair.a, pair.b) if each)
    unread = dict(sorted(counts.items()))
    if not pairs:
        found = f"; {not_looked_at(unread)}" if unread else ""
        raise GoldenseedError(
            f"{a} and {b} hold no pictures{found}",
            fix=f"pictures end in {', '.join(sorted(SUFFIXES))}",
        )
    return Paired(tuple(pairs), unread)


def not_looked_at(counts: Mapping[str, int]) -> str:
    """Say how many files of which kinds were not looked at."""
    total = sum(counts.values())
    kinds = ", ".join(f"{kind} ({count})" for kind, count in counts.items())
    return f"{total} {'file' if total == 1 else 'files'} of other kinds not looked at: {kinds}"


def _files(folder: Path) -> dict[str, Path]:
    """List everything below a folder that is no folder; links to folders are not entered."""
    found = {}
    for place, folders, names in os.walk(folder):
        links = [name for name in folders if Path(place, name).is_symlink()]
        for path in (Path(place, name) for name in (*names, *links)):
            found[path.relative_to(folder).as_posix()] = path
    return found


def _by_name(a: Mapping[str, Path], b: Mapping[str, Path]) -> Iterator[FilePair]:
    """Pair by name; what is left by the name's composed Unicode form, where that tells it apart."""
    forms = [
        Counter(unicodedata.normalize("NFC", name) for name in one if name not in other)
        for one, other in ((a, b), (b, a))
    ]
    by_form = {
        form: name
        for name in b
        if name not in a and forms[1][form := unicodedata.normalize("NFC", name)] == 1
    }
    twins = {}
    for name in a:
        form = unicodedata.normalize("NFC", name)
        if name not in b and forms[0][form] == 1 and form in by_form:
            twins[name] = by_form[form]
    for name in sorted((a.keys() | b.keys()) - set(twins.values())):
        twin = twins.get(name)
        note = f"B has the same name in another Unicode form: {twin!a}" if twin else None
        yield FilePair(name, a.get(name), b.get(twin or name), note)


def _is_judged(pair: FilePair) -> bool:
    there = [path for path in (pair.a, pair.b) if path is not None]
    if any(_is_aside(path) for path in there):
        return False
    if any(path.suffix.lower() in SUFFIXES for path in there):
        return not any(path.is_dir() for path in there)
    if all(path.suffix.lower() in DATA or path.is_dir() for path in there):
        return False
    return len(there) == 1 or not _same_bytes(*there)


def _is_aside(path: Path) -> bool:
    """Whether the file is hidden, an AppleDouble (``._name``) or another left-over of a system."""
    return path.name.startswith(".") or path.name.lower() in {"thumbs.db", "desktop.ini"}


def _kind(path: Path) -> str:
    if path.name.startswith("._"):
        return "AppleDouble ._*"
    if path.is_dir():
        return "link to a folder"
    return path.suffix.lower() or path.name


def _same_bytes(a: Path, b: Path) -> bool:
    """Whether two files hold the same; what is no regular file, or too large to tell, does not."""
    with suppress(OSError, GoldenseedError), open_regular(a) as first, open_regular(b) as second:
        sizes = {os.fstat(each.fileno()).st_size for each in (first, second)}
        if len(sizes) > 1 or max(sizes) > LARGEST_FILE:
            return False
        while block := first.read(_BLOCK_BYTES):
            if block != second.read(_BLOCK_BYTES):
                return False
        return True
    return False


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
    found = judge_pair(pair.name, pair.a, pair.b, terms)
    return found.model_copy(update={"notes": (*found.notes, pair.note)}) if pair.note else found
