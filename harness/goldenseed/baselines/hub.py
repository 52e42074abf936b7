"""A store in a repository of the Hugging Face hub: read through fsspec, written by commits."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar
from urllib.parse import unquote

from goldenseed.baselines.transports import OFFLINE, FsspecTransport
from goldenseed.core.errors import GoldenseedError

_URL = re.compile(
    r"hf://(?:(datasets|spaces|models)/)?(?!buckets/)([^/@]+/[^/@]+)(?:@([^/]+))?(?:/(.*))?"
)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_TRIES = 5
_CONFLICT = 412
"""What the hub answers where the branch is not at ``parent_commit`` any more."""

Answer = TypeVar("Answer")


def is_of_a_repository(url: str) -> bool:
    """Say whether a URL names a repository of the hub, and none of its buckets."""
    return _URL.fullmatch(url) is not None


@dataclass(frozen=True)
class HubTransport(FsspecTransport):
    """Objects below a folder of a repository, at a commit for reading or at a branch.

    Token and endpoint are huggingface_hub's own settings. Its repositories have no write that fails
    where a file is: a commit names the one that it follows, and is made anew where another was
    first.
    """

    offline_variables: tuple[str, ...] = (OFFLINE, "HF_HUB_OFFLINE")

    @cached_property
    def _parts(self) -> tuple[str, str, str | None, str]:
        """Kind, repository, revision, and the folder in it, with a slash at its end."""
        found = _URL.fullmatch(self.url)
        assert found is not None  # noqa: S101 - see ``is_of_a_repository``
        kind, repository, revision, folder = found.groups()
        return (
            (kind or "models").removesuffix("s"),
            repository,
            unquote(revision) if revision else None,
            f"{folder}/" if folder else "",
        )

    @property
    def _fixed(self) -> bool:
        """Whether the address names a commit, of which a listing holds for ever."""
        return _COMMIT.fullmatch(self._parts[2] or "") is not None

    def read(self, name: str) -> bytes | None:
        """Return an object's bytes."""
        return self._within(lambda: self._read(name))

    def _read(self, name: str) -> bytes | None:
        from huggingface_hub.errors import (
            EntryNotFoundError,
            RepositoryNotFoundError,
            RevisionNotFoundError,
        )

        system, root, _ = self.opened
        for _ in range(1 if self._fixed else 2):
            with suppress(EntryNotFoundError):  # as older releases say that a folder is not there
                found = super().read(name)
                if found is not None:
                    return found
            system.invalidate_cache()  # somebody may have written since it was listed
        try:
            system.resolve_path(f"{root}/{name}")
        except FileNotFoundError as error:
            if isinstance(error.__cause__, RepositoryNotFoundError | RevisionNotFoundError):
                raise GoldenseedError(
                    "there is no such repository or revision, or it is not shown to you",
                    fix="see that its name is right, and that HF_TOKEN may read it",
                ) from error
            raise
        return None

    def create(self, objects: Mapping[str, bytes]) -> None:
        """Write objects where there are none, in one commit."""
        if self._fixed:
            raise GoldenseedError(
                "it is at a commit, which never changes",
                fix="name a branch or none in `images`, accept, and then the commit that it tells",
            )
        self._within(lambda: self._commit(objects), times=1 + len(objects))

    def _commit(self, objects: Mapping[str, bytes]) -> None:
        from huggingface_hub import CommitOperationAdd, HfApi
        from huggingface_hub.errors import HfHubHTTPError

        kind, repository, branch, folder = self._parts
        api, places = (
            HfApi(**self.options),
            {f"{folder}{name}": data for name, data in objects.items()},
        )
        for _ in range(_TRIES):
            head = api.repo_info(repository, revision=branch, repo_type=kind).sha
            there = api.get_paths_info(repository, list(places), revision=head, repo_type=kind)
            known = {each.path for each in there}
            new = [
                CommitOperationAdd(path_in_repo=place, path_or_fileobj=data)
                for place, data in places.items()
                if place not in known
            ]
            try:
                if new:
                    api.create_commit(
                        repository,
                        new,
                        commit_message=f"Add {len(new)} objects of goldenseed",
                        repo_type=kind,
                        revision=branch,
                        parent_commit=head,
                    )
            except HfHubHTTPError as error:
                if getattr(error.response, "status_code", None) != _CONFLICT:
                    raise
            else:
                self.opened[0].invalidate_cache()
                return
        raise GoldenseedError("others wrote to it all the while", fix="accept again")

    def names(self, folder: str) -> Iterable[str]:
        """Return the names of all objects below a folder of the store."""
        self.opened[0].invalidate_cache()
        return self._within(lambda: super(HubTransport, self).names(folder))

    def pinned(self) -> str | None:
        """Return the address with the commit that the branch is at."""
        if self._fixed:
            return None
        from huggingface_hub import HfApi

        kind, repository, branch, folder = self._parts
        head = self._within(
            lambda: HfApi(**self.options).repo_info(repository, revision=branch, repo_type=kind).sha
        )
        return f"hf://{kind}s/{repository}@{head}/{folder}".rstrip("/")

    def _within(self, ask: Callable[[], Answer], times: int = 1) -> Answer:
        """Ask in a thread that nobody waits for when time is up: some questions have no limit."""
        answer: Future[Answer] = Future()

        def run() -> None:
            try:
                answer.set_result(ask())
            except Exception as error:  # noqa: BLE001 - raised again where it was asked
                answer.set_exception(error)

        seconds = self.timeout_seconds * times
        threading.Thread(target=run, daemon=True).start()
        try:
            return answer.result(seconds)
        except TimeoutError:
            if answer.done():
                raise
            raise TimeoutError(f"it did not answer within {seconds:g} seconds") from None
