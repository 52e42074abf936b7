"""How objects come from a store and go there: a folder, or whatever fsspec knows."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular, write_atomically

OBJECT_LIMIT_BYTES = 1 << 30
TIMEOUT_SECONDS = 60.0
"""How long one question to a store may take, its repetitions included."""


def names_below(root: Path, folder: str) -> list[str]:
    """Return the names of the files below a folder of a folder, sorted."""
    found = (root / folder).rglob("*.*")
    return sorted(each.relative_to(root).as_posix() for each in found if each.is_file())


class Transport(Protocol):
    """Moves the bytes of an object, and knows nothing of what they mean.

    Names are relative, with forward slashes. Whatever a store does instead of answering is raised
    as it comes; ``Remote`` turns it into words.
    """

    @property
    def url(self) -> str:
        """The store's address, for messages."""

    @property
    def near(self) -> bool:
        """Whether it is a folder of this machine, so that nothing is asked of a net."""

    def read(self, name: str) -> bytes | None:
        """Return an object, of which at most the limit and one byte are read; None without one."""

    def create(self, name: str, data: bytes) -> None:
        """Write a new object, whole or not at all; FileExistsError where there is one by now."""

    def names(self, folder: str) -> Iterable[str]:
        """Return the names of all objects below a folder of the store."""


@dataclass(frozen=True)
class FolderTransport:
    """A store in a folder, such as a share that is mounted."""

    folder: Path
    near: bool = True

    @property
    def url(self) -> str:
        """The store's address, for messages."""
        return f"file:{self.folder}"

    def read(self, name: str) -> bytes | None:
        """Return an object's bytes."""
        self._check()
        path = self.folder / name
        return read_regular(path, OBJECT_LIMIT_BYTES) if path.exists() else None

    def create(self, name: str, data: bytes) -> None:
        """Write an object; one of the same name that another writer puts there at once is as good.

        Both were verified to hold what the name, a digest, says.
        """
        self._check()
        write_atomically(self.folder / name, data)

    def names(self, folder: str) -> Iterable[str]:
        """Return the names of all objects below a folder of the store."""
        self._check()
        return names_below(self.folder, folder)

    def _check(self) -> None:
        """Refuse a folder that is not there: a share that is not mounted looks like that."""
        if not self.folder.is_dir():
            raise GoldenseedError(
                "the folder is not there",
                path=self.folder,
                fix="mount it; or make it, if the store is new",
            )


@dataclass(frozen=True)
class FsspecTransport:
    """A store behind a URL of fsspec: ``s3://``, ``gs://``, ``hf://``, ``https://`` and others.

    Keys, endpoints and the like are fsspec's own settings and those of its packages.
    """

    url: str
    timeout_seconds: float = TIMEOUT_SECONDS
    near: bool = False

    @cached_property
    def _opened(self) -> tuple[Any, str, dict[str, float]]:
        try:
            from fsspec.core import url_to_fs

            system, root = url_to_fs(self.url, use_listings_cache=False, skip_instance_cache=True)
        except (ImportError, ValueError) as error:
            raise GoldenseedError(
                f"the store {self.url} cannot be opened: {error}",
                fix="install fsspec's package for it: pip install 'pytest-goldenseed[store]' has "
                "that of s3://",
            ) from error
        return system, root, {"timeout": self.timeout_seconds} if system.async_impl else {}

    def read(self, name: str) -> bytes | None:
        """Return an object's bytes."""
        system, root, limits = self._opened
        try:
            found = system.cat_file(f"{root}/{name}", start=0, end=OBJECT_LIMIT_BYTES + 1, **limits)
        except FileNotFoundError:
            return None
        except OSError as error:  # S3 has no range of an empty object
            if error.errno == errno.EINVAL and not system.info(f"{root}/{name}", **limits)["size"]:
                return b""
            raise
        return bytes(found)

    def create(self, name: str, data: bytes) -> None:
        """Write an object where there is none."""
        system, root, limits = self._opened
        system.pipe_file(f"{root}/{name}", data, mode="create", **limits)

    def names(self, folder: str) -> Iterable[str]:
        """Return the names of all objects below a folder of the store."""
        system, root, limits = self._opened
        found = system.find(f"{root}/{folder}", **limits)
        return [each.removeprefix(f"{root}/") for each in found]
