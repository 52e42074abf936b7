"""``goldenseed drafts``: the runs in the project's store that somebody is to decide on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from goldenseed.baselines.drafts import PREFIX, Draft, draft_named, drafts_in, store_of_drafts
from goldenseed.baselines.remote import Remote
from goldenseed.baselines.setting import store_of_project
from goldenseed.baselines.store import BaselineStore
from goldenseed.cli.common import AsJson, Baselines
from goldenseed.cli.output import say, say_json
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular, write_atomically
from goldenseed.reporting.words import count_of


def drafts(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Drafts: a beginning of the run's id or of the digest, or latest.",
            show_default="all",
        ),
    ] = None,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            help="Copy each into this folder, as RUN.zip: an archive.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
    baselines: Baselines = Path("baselines"),
) -> None:
    """List the drafts in the project's store, and how many images were accepted of each here.

    `goldenseed archive create RUN --draft` puts one there. Wherever a run is decided on, draft:NAME
    names one: `goldenseed pending draft:NAME`, then `review` or `accept`.
    """
    remote = store_of_drafts(baselines)
    chosen = [draft_named(remote, name) for name in names] if names else drafts_in(remote)
    accepted = _accepted(store_of_project(baselines))
    rows = [
        {"run": each.run_id, "sha256": each.sha256, "accepted": accepted[each.run_id]}
        for each in chosen
    ]
    if remote.offline:
        say("note: the store is not asked: these are the copies on this machine", err=True)
    if as_json:
        say_json(rows)
    else:
        for each in chosen:
            count = count_of(accepted[each.run_id], "image")
            say(f"{PREFIX}{each.run_id}  {each.sha256[:12]}  {count} accepted of it")
    if output is not None:
        for each in chosen:
            say(f"wrote {_copied(remote, each, output)}", err=as_json)


def _accepted(store: BaselineStore) -> Counter[str]:
    """Count the accepted images by the runs that made them."""
    entries = (store.entry(suite, case) for suite in store.suites() for case in store.cases(suite))
    return Counter(
        image.run_id
        for entry in entries
        if entry is not None
        for profile in entry.profiles.values()
        for image in profile.accepted
    )


def _copied(remote: Remote, draft: Draft, folder: Path) -> Path:
    """Copy a draft's archive into a folder; nothing else that lies there is written over."""
    found = remote.sound(draft.name)
    data, target = read_regular(found, found.stat().st_size), folder / f"{draft.run_id}.zip"
    if target.exists() and read_regular(target, target.stat().st_size) != data:
        raise GoldenseedError(
            "is there already, and is another file", path=target, fix="name another folder"
        )
    write_atomically(target, data)
    return target
