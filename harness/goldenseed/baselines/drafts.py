"""Drafts: archives of runs that lie in a store, proposed by whoever made them and decided on later.

A draft is an object like any other: named by its content, verified when read, never written again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from goldenseed.baselines.remote import Remote
from goldenseed.baselines.setting import remote_of
from goldenseed.baselines.transports import OBJECT_LIMIT_BYTES
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular, sha256_hex
from goldenseed.core.names import name_problem

PREFIX = "draft:"
"""How a draft is named where a verb takes a run: this, and a beginning of its run's id."""
LATEST = "latest"
_FOLDER = "drafts"
_NAME = re.compile(rf"{_FOLDER}/([^/]+)/([0-9a-f]{{64}})\.zip")


@dataclass(frozen=True, slots=True, order=True)
class Draft:
    """An archive of a run, as a zip file in a store."""

    run_id: str
    sha256: str
    """Of the zip file."""

    @property
    def name(self) -> str:
        """What it is called in the store."""
        return f"{_FOLDER}/{self.run_id}/{self.sha256}.zip"


def store_of_drafts(baselines: Path) -> Remote:
    """Return the store of the project; GoldenseedError where it names none."""
    remote = remote_of(baselines)
    if remote is None:
        raise GoldenseedError(
            "drafts lie in a store, and this project has none",
            path=baselines,
            fix='name one in pyproject.toml: [tool.goldenseed] with images = "s3://bucket/folder"',
        )
    return remote


def put_draft(remote: Remote, run_id: str, archive: Path) -> Draft:
    """Put an archive, a zip file, into the store, and see that it can be read there.

    Raises GoldenseedError as ``Remote.put``.
    """
    data = read_regular(archive, OBJECT_LIMIT_BYTES)
    draft = Draft(run_id, sha256_hex(data))
    remote.put(draft.name, lambda: data)
    return draft


def drafts_in(remote: Remote) -> tuple[Draft, ...]:
    """Return the drafts of a store, the oldest first; without it those of which copies are here."""
    found = (_NAME.fullmatch(name) for name in remote.names(_FOLDER))
    drafts = (Draft(each[1], each[2]) for each in found if each is not None)
    return tuple(sorted(each for each in drafts if name_problem(each.run_id) is None))


def draft_named(remote: Remote, name: str) -> Draft:
    """Return the draft meant by ``latest`` or a beginning of its run's id or its digest.

    Raises GoldenseedError where there is none, or several.
    """
    drafts = drafts_in(remote)
    fitting = (each for each in drafts if name and name in _beginnings(each, len(name)))
    found = drafts[-1:] if name == LATEST else tuple(fitting)
    if len(found) != 1:
        listed = ", ".join(f"{each.run_id} {each.sha256[:12]}…" for each in found[:5])
        raise GoldenseedError(
            f"{name!r} begins {len(found)} drafts of the store {remote.url}: {listed}"
            if found
            else f"the store {remote.url} has no draft {name!r}",
            fix="goldenseed drafts lists those that are there; the digest tells two of a run apart",
        )
    return found[0]


def _beginnings(draft: Draft, length: int) -> tuple[str, str]:
    return draft.run_id[:length], draft.sha256[:length]
