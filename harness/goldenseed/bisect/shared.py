"""What all environments take from the running interpreter: torch and this package, by links.

A folder of links is put behind an environment's own packages, so that what it has itself goes
first. Nothing else of the running interpreter is seen: a package that is there by chance (peft,
SciPy) would change what diffusers does.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath

from goldenseed.bisect.packages import Package, Packages, normalised
from goldenseed.bisect.requirements import Demands, needed_by
from goldenseed.core.files import json_sha256

TORCH = ("torch", "torchvision", "torchaudio", "triton")
"""What is gigabytes, and stays out unless it is asked for."""
_OWN = ("pydantic", "pyyaml", "threadpoolctl")
"""What this package needs where images are made; all of it takes no part in them."""


def shared_with_torch(*, torch: bool) -> tuple[str, ...]:
    """Name the distributions of this interpreter that environments see, with what they need."""
    return tuple(sorted(_closure([*_OWN, *(TORCH if torch else ())])))


def as_packages(names: Iterable[str]) -> Packages:
    """Return the distributions as they are here."""
    return Packages.of(Package(name, distribution(name).version) for name in names)


def demands_of(names: Iterable[str]) -> Demands:
    """Return what the distributions need, as they are here."""
    return {name: needed_by(distribution(name).requires or ()) for name in names}


def _closure(names: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = [normalised(each) for each in names]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        with suppress(PackageNotFoundError):
            needs = needed_by(distribution(name).requires or ())
            found.add(name)
            waiting += [needed for needed, _ in needs]
    return found - {"numpy"}  # never torch's to bring: it decides tables of schedulers


def link_shared(names: Iterable[str], cache: Path) -> Path:
    """Return a folder of links to these distributions and to this package, made where missing."""
    links = dict(_links(names))
    folder = cache / json_sha256({name: str(place) for name, place in links.items()})[:16]
    folder.mkdir(parents=True, exist_ok=True)
    for name, place in links.items():
        with suppress(FileExistsError):
            (folder / name).symlink_to(place)
    return folder


def _links(names: Iterable[str]) -> Iterator[tuple[str, Path]]:
    for name in names:
        yield from _entries(distribution(name))
    yield "goldenseed", Path(__file__).resolve().parents[1]


def _entries(found: Distribution) -> Iterator[tuple[str, Path]]:
    """Yield what a distribution has put beside others, scripts left out."""
    tops = {
        PurePosixPath(os.fspath(file)).parts[0]
        for file in found.files or ()
        if ".." not in PurePosixPath(os.fspath(file)).parts
    }
    for top in sorted(tops - {"__pycache__"}):
        place = Path(str(found.locate_file(top)))
        if place.exists():
            yield top, place.resolve()
