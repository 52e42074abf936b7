"""How objects come from a store and go there: a folder, or whatever fsspec knows."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular, write_atomically

OFFLINE = "GOLDENSEED_OFFLINE"
"""The variable that keeps a session from asking a store."""
OBJECT_LIMIT_BYTES = 1 << 30
_AT_ONCE = 8
TIMEOUT_SECONDS = 60.0
"""How long one question to a store may take, its repetitions included."""


def names_below(root: Path, folder: str) -> list[str]:
    """Return the names of the files below a folder of a folder, sorted."""
    found = (root / folder).rglob("*.*")
    return sorted(each.relative_to(root).as_posix() for each in found if each.is_file())


class Transport(Protocol):
    """Moves the bytes of objects, and knows nothing of what they mean.

    Names are relative, with forward slashes. Whatever a store does instead of answering is raised
    as it comes; ``Remote`` turns it into words.
    """

    @property
    def url(self) -> str:
        """The store's address, for messages."""

    @property
    def offline_variables(self) -> tuple[str, ...]:
        """The environment variables of which each keeps it from being asked."""

    @property
    def at_once(self) -> int:
        """How many questions it takes at a time, each in a thread of its own."""

    def read(self, name: str) -> bytes | None:
        """Return an object, of which at most the limit and one byte are read; None without one."""

    def create(self, objects: Mapping[str, bytes]) -> None:
        """Write new objects, each whole or not at all; one that is there by now stays as it is."""

    def names(self, folder: str) -> Iterable[str]:
        """Return the names of all objects below a folder of the store."""

    def pinned(self) -> str | None:
        """Return the address of the store as it is now, for ever; None where there is no such."""


@dataclass(frozen=True)
class FolderTransport:
    """A store in a folder, such as a share that is mounted."""

    folder: Path
    offline_variables: tuple[str, ...] = ()
    at_once: int = 1

    @property
    def url(self) -> str:
        """The store's address, for messages."""
        return f"file:{self.folder}"

    def read(self, name: str) -> bytes | None:
        """Return an object's bytes."""
        self._check()
        path = self.folder / name
        return read_regular(path, OBJECT_LIMIT_BYTES) if path.exists() else None

    def create(self, objects: Mapping[str, bytes]) -> None:
        """Write objects; one of the same name that another writer puts there at once is as good.

        Both were verified to hold what the name, a digest, says.
        """
        self._check()
        for name, data in objects.items():
            write_atomically(self.folder / name, data)

    def names(self, folder: str) -> Iterable[str]:
        """Return the names of all objects below a folder of the store."""
        self._check()
        return names_below(self.folder, folder)

    def pinned(self) -> None:
        """Return nothing: a folder is as it is."""

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
    """A store behind a URL of fsspec: ``s3://``, ``gs://``, ``https://`` and others.

    Keys, endpoints and the like are fsspec's own settings and those of its packages.
    """

    url: str
    timeout_seconds: float = TIMEOUT_SECONDS
    options: Mapping[str, Any] = field(default_factory=dict)
    """Given to fsspec's package, such as ``endpoint``."""
    offline_variables: tuple[str, ...] = (OFFLINE,)

    @cached_property
    def opened(self) -> tuple[Any, str, dict[str, float]]:
        """Fsspec's file system, the store's place in it, and what limits a question."""
        try:
            from fsspec.core import url_to_fs

            options = {"use_listings_cache": False, "skip_instance_cache": True, **self.options}
            system, root = url_to_fs(self.url, **options)
        except (ImportError, ValueError) as error:
            raise GoldenseedError(
                f"it cannot be opened: {error}",
                fix="install fsspec's package for it: pip install 'pytest-goldenseed[store]' has "
                "that of s3://; hf:// is of huggingface_hub",
            ) from error
        return system, root, {"timeout": self.timeout_seconds} if system.async_impl else {}

    @property
    def at_once(self) -> int:
        """Those that wait for many answers in one thread are asked many questions."""
        return _AT_ONCE if self.opened[0].async_impl else 1

    def read(self, name: str) -> bytes | None:
        """Return an object's bytes."""
        system, root, limits = self.opened
        try:
            found = system.cat_file(f"{root}/{name}", start=0, end=OBJECT_LIMIT_BYTES + 1, **limits)
        except FileNotFoundError as error:
            _refuse_no_bucket(error)
            return None
        except OSError as error:  # S3 has no range of an empty object
            if error.errno == errno.EINVAL and not system.info(f"{root}/{name}", **limits)["size"]:
                return b""
            raise
        return bytes(found)

    def create(self, objects: Mapping[str, bytes]) -> None:
        """Write objects where there are none."""
        system, root, limits = self.opened

        def write(name: str) -> None:
            with suppress(FileExistsError):  # another writer was first
                system.pipe_file(f"{root}/{name}", objects[name], mode="create", **limits)

        with ThreadPoolExecutor(self.at_once) as threads:
            list(threads.map(write, objects))

    def names(self, folder: str) -> Iterable[str]:
        """Return the names of all objects below a folder of the store."""
        system, root, limits = self.opened
        try:
            found = system.find(f"{root}/{folder}", **limits)
        except FileNotFoundError as error:
            _refuse_no_bucket(error)
            return []
        return [each.removeprefix(f"{root}/") for each in found]

    def pinned(self) -> str | None:
        """Return nothing: a bucket is as it is."""
        return None


def _refuse_no_bucket(error: FileNotFoundError) -> None:
    """Raise GoldenseedError where S3 says that it is the bucket that is not there."""
    answer = getattr(error.__cause__, "response", None)
    if isinstance(answer, dict) and answer.get("Error", {}).get("Code") == "NoSuchBucket":
        raise GoldenseedError(str(error)) from error
