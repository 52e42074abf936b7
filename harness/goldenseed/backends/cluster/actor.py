"""A process of a Ray cluster that makes images: what each is made with, and where it is."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from goldenseed.environment.fingerprint import read_fingerprint
from goldenseed.environment.keys import EnvironmentValue
from goldenseed.environment.profile import profile_slug

_THREADS: Final = "OMP_NUM_THREADS"


@dataclass(frozen=True, kw_only=True)
class Station:
    """What every actor of a crew is made with."""

    root: Path
    """Where the driver works, which every node sees under this path."""
    folder: Path
    """The run's, likewise."""
    device: str
    """As a user names it; ``auto`` takes a GPU where there is one."""
    paths: tuple[str, ...] = ()
    """Where the driver finds modules, beyond where every Python looks."""

    @classmethod
    def here(cls, root: Path, folder: Path, **given: object) -> Self:
        """Return it with this process's own paths."""
        paths = tuple(path for path in sys.path if path and Path(path).is_dir())
        return cls(root=root, folder=folder, paths=paths, **given)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Hello:
    """Where an actor is."""

    node: str
    """``host:process``"""
    sees_run: bool
    """Whether the run's folder is the driver's."""
    profile: str
    packages: Mapping[str, EnvironmentValue]
    """What makes images, by the fingerprint's keys."""


class Actor:
    """Makes one image at a time and holds one model."""

    def __init__(self, station: Station) -> None:
        sys.path[:0] = [path for path in station.paths if path not in sys.path]
        os.chdir(station.root)
        if not _in_first_environment(_THREADS):
            os.environ.pop(_THREADS, None)  # Ray's own, which would be on record as the machine's
        self._station = station

    def hello(self, token: str) -> Hello:
        """Say where this is; ``token`` is the name of a file that the driver left in the run."""
        from goldenseed.environment.device import device_for

        environment = read_fingerprint(device_for(self._station.device))
        return Hello(
            node=f"{socket.gethostname()}:{os.getpid()}",
            sees_run=(self._station.folder / token).is_file(),
            profile=profile_slug(environment),
            packages={
                k: v
                for k, v in environment.items()
                if k.startswith(("package.", "torch.git", "python."))
            },
        )


def _in_first_environment(name: str) -> bool:
    """Whether a variable was set when this process began, where the system tells (Linux)."""
    try:
        found = Path("/proc/self/environ").read_bytes()
    except OSError:
        return False
    return any(each.startswith(f"{name}=".encode()) for each in found.split(b"\0"))
