"""Runs that lie in archives, for the verbs that take a run: opened, and believed on conditions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from goldenseed.baselines.drafts import PREFIX, draft_named, store_of_drafts
from goldenseed.cli.common import find_run
from goldenseed.cli.output import say
from goldenseed.core.errors import GoldenseedError
from goldenseed.reporting.commands import Place
from goldenseed.runs.folder import load_run
from goldenseed.runs.record import RunRecord

if TYPE_CHECKING:
    from goldenseed.archive.trust import Trust
    from goldenseed.archive.verify import Opened

Untrusted = Annotated[
    bool,
    typer.Option(
        "--untrusted", help="Take an archive that nobody whom you trust signed; it is verified."
    ),
]


@dataclass(frozen=True, slots=True)
class FoundRun:
    """A run that a verb was asked for, as long as it is open."""

    record: RunRecord
    folder: Path
    archive: Opened | None = None
    """What it lies in, where that is an archive."""
    name: str = ""
    """How the archive was named."""

    def place(self, baselines: Path) -> Place:
        """Say how commands name the run, where this one is run."""
        found = Place.of_folder(self.folder, baselines)
        return replace(found, run=self.name) if self.archive else found

    def believed(self, trust: Trust, *, untrusted: bool) -> str | None:
        """Verify the archive that the run lies in and return its digest; None where there is none.

        Raises:
            GoldenseedError: a level fails; or no trusted key signed it and ``untrusted`` is not
                said; or options for archives are given for a run that lies in none.

        """
        if self.archive is None:
            if untrusted or trust.anybody or trust.stamp_roots:
                raise GoldenseedError(
                    "whom to trust is said of archives, and this run lies in none",
                    path=self.folder,
                    fix="name the archive: its folder or its zip file",
                )
            return None
        return _digest(self.archive, trust, untrusted=untrusted)


@contextmanager
def opened_run(name: str, reports: Path, baselines: Path | None = None) -> Iterator[FoundRun]:
    """Open the run called ``name``: as of ``find_run``, or the one that an archive holds.

    With ``baselines`` it may be a draft in the store of their project.
    """
    from goldenseed.archive.layout import RUN
    from goldenseed.archive.verify import is_archive, opened

    path, said = Path(name), None
    if baselines is not None and name.startswith(PREFIX):
        path = fetched_draft(name, baselines)
        said = path.parent.name
    elif not is_archive(path):
        yield FoundRun(*find_run(name, reports))
        return
    with opened(path) as archive:
        for finding in archive.packing:
            raise GoldenseedError(
                f"is no sound zip file: {finding.place or 'it'} {finding.what}",
                path=path,
                fix=f"goldenseed archive verify {path} says all that is wrong with it",
            )
        record = load_run(archive.folder / RUN)
        if said not in {None, record.run_id}:
            raise GoldenseedError(
                f"is called a draft of the run {said}, and holds {record.run_id}",
                path=path,
                fix="find out who put it into the store under that name",
            )
        yield FoundRun(record, archive.folder / RUN, archive, name)


def fetched_draft(name: str, baselines: Path) -> Path:
    """Return a copy of the draft called ``draft:…``, verified to be what was put into the store.

    Raises GoldenseedError where the store has none, several or another object, or does not answer.
    """
    remote = store_of_drafts(baselines)
    return remote.sound(draft_named(remote, name.removeprefix(PREFIX)).name)


def _digest(archive: Opened, trust: Trust, *, untrusted: bool) -> str:
    from goldenseed.archive.findings import Level, Status

    verb = f"goldenseed archive verify {archive.path}"
    if not (trust.anybody or untrusted):
        raise GoldenseedError(
            "nobody vouches for an archive without the key of somebody whom you trust",
            path=archive.path,
            fix="name it with --trusted-key, or somebody with --trusted-identity; or say "
            "--untrusted, and in the reason why",
        )
    found = archive.verified(trusted=trust)
    for level in found.levels:
        if level.status is Status.FAILED:
            first, more = level.findings[0], len(level.findings) - 1
            raise GoldenseedError(
                f"fails level {int(level.level)}, {level.level.name.lower()}: {first.place} "
                f"{first.what}{f' ({more} more)' if more else ''}",
                path=archive.path,
                fix=f"{verb} says all that is wrong with it",
            )
        if level.status is Status.NOT_CHECKED:
            for note in level.notes:
                say(f"note: level {int(level.level)} is not checked: {note}", err=True)
    if trust.anybody and found.of(Level.SIGNATURE).status is not Status.PASSED:
        raise GoldenseedError("its signature was not checked", path=archive.path, fix=verb)
    assert found.digest is not None  # noqa: S101 - level 1 passed
    return found.digest
