"""Where a project says that its images lie: ``[tool.goldenseed]`` of its ``pyproject.toml``."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from goldenseed.baselines.hub import HubTransport, is_of_a_repository
from goldenseed.baselines.object_cache import ObjectCache
from goldenseed.baselines.remote import Remote
from goldenseed.baselines.store import BaselineStore
from goldenseed.baselines.stored import NOTHING
from goldenseed.baselines.transports import FolderTransport, FsspecTransport, Transport
from goldenseed.baselines.verified import Verified
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular
from goldenseed.core.names import did_you_mean
from goldenseed.environment.file_digests import cache_folder

FILE = "pyproject.toml"
CACHE_GIGABYTES = 10
_KNOWN = ["images", "images_cache_gb"]
_LIMIT_BYTES = 16 * 2**20
_SECRETS = (
    ("a password", re.compile(r"(?<!github)://[^/]*:[^/]*@")),
    ("a user or a token", re.compile(r"https?://[^/]*@")),
    ("a query", re.compile(r"[?#]")),
)
"""What may be secret in an address, also in one behind another: ``simplecache::s3://…``."""


def remote_of(baselines: Path) -> Remote | None:
    """Return the store of the project in which a folder of baselines lies; None without one.

    The nearest ``pyproject.toml`` above the folder counts that has the table ``[tool.goldenseed]``,
    up to the root of the git repository, so that pytest and every verb find the same wherever they
    are started. Nothing is asked of the store yet.

    Raises:
        GoldenseedError: the file is no TOML, or what the table says is not known.

    """
    for folder in baselines.absolute().parents:
        file = folder / FILE
        table = _table(file) if file.is_file() else None
        if table is not None:
            return _remote(table, file)
        if (folder / ".git").exists():
            return None
    return None


def store_of_project(baselines: Path, *, verified: Verified = NOTHING) -> BaselineStore:
    """Return the baselines of a folder, with the store that its project names; as ``remote_of``."""
    return BaselineStore(baselines, verified=verified, remote=remote_of(baselines))


def _table(file: Path) -> dict[str, Any] | None:
    data = read_regular(file, _LIMIT_BYTES)
    if b"goldenseed" not in data:
        return None
    try:
        found = tomllib.loads(data.decode()).get("tool", {}).get("goldenseed")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, AttributeError) as error:
        raise GoldenseedError(str(error), path=file, fix="write it as TOML") from None
    if found is not None and not isinstance(found, dict):
        raise GoldenseedError("tool.goldenseed is no table", path=file, fix="make it a table")
    return found


def _remote(table: dict[str, Any], file: Path) -> Remote | None:
    for key in table:
        if key not in _KNOWN:
            raise GoldenseedError(
                f"[tool.goldenseed] has no setting {key!r}",
                path=file,
                fix=did_you_mean(key, _KNOWN),
            )
    gigabytes = table.get("images_cache_gb", CACHE_GIGABYTES)
    if isinstance(gigabytes, bool) or not isinstance(gigabytes, int | float) or gigabytes < 0:
        raise GoldenseedError(
            f"images_cache_gb is {gigabytes!r}",
            path=file,
            fix="give the most gigabytes that copies of images may take on a machine",
        )
    url = table.get("images")
    if url is None:
        return None
    cache = ObjectCache(cache_folder().parent / "objects", int(gigabytes * 1e9))
    return Remote(_transport(url, file), cache)


def _transport(url: object, file: Path) -> Transport:
    if not isinstance(url, str) or not re.match(r"[a-z][a-z0-9+.-]+:.", url):
        raise GoldenseedError(
            f"images is {url!r}, which is no URL",
            path=file,
            fix='write images = "file:../images" for a folder, or "s3://bucket/folder"',
        )
    if found := next((what for what, pattern in _SECRETS if pattern.search(url)), None):
        raise GoldenseedError(
            f"images has {found} in its URL",
            path=file,
            fix="take it out, and give it as the store's package reads it from the environment",
        )
    scheme, _, rest = url.partition(":")
    if scheme == "file":
        return FolderTransport(file.parent / rest.removeprefix("//"))
    of_the_hub = is_of_a_repository(url.rstrip("/"))
    return (HubTransport if of_the_hub else FsspecTransport)(url.rstrip("/"))
