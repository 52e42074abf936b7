"""What the verbs that decide share: options, where they decide on a run, the commit at the end."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from goldenseed.baselines.setting import remote_of, store_of_project
from goldenseed.baselines.store import Step
from goldenseed.cli.output import say
from goldenseed.core.errors import GoldenseedError
from goldenseed.review.commit import Committing, message_of
from goldenseed.review.desk import Desk
from goldenseed.runs.candidates import who_accepts
from goldenseed.runs.record import RunRecord

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Verify everything, say what would be, write nothing.")
]
Commit = Annotated[
    bool,
    typer.Option("--commit", help="Make one git commit of the baselines that this changes."),
]


def desk_of(
    record: RunRecord,
    folder: Path,
    baselines: Path,
    by: str | None,
    *,
    replace: bool = False,
    archive_sha256: str | None = None,
) -> Desk:
    """Return where it is decided on a run, by git's identity unless ``by`` says who.

    ``archive_sha256`` is the digest of the verified archive that the run lies in.
    """
    who, store = by or who_accepts(Path.cwd()), store_of_project(baselines)
    return Desk(record, folder, store, who, Path.cwd(), replace, archive_sha256)


def commit_steps(committing: Committing | None, desk: Desk, steps: Sequence[Step]) -> None:
    """Commit what decisions changed, where that was asked for, and say so."""
    if committing is not None:
        commit_files(
            committing, desk.store.files_of(steps), message_of(desk.record, steps, desk.by)
        )


def commit_files(committing: Committing, files: Sequence[Path], message: str) -> None:
    """Commit files, and say so; raises as ``Committing.commit``."""
    made = committing.commit(files, message)
    say(f"committed {made[:12]}" if made else "nothing to commit: git has it already")


def say_pinned(desk: Desk) -> None:
    """Say how the store is called as it is now, where it has a name for that."""
    with suppress(GoldenseedError):  # a convenience: everything is done
        remote = remote_of(desk.store.root)
        if pinned := remote and remote.pinned():
            say(f"note: images = {pinned!r} names the store as it is now", err=True)
