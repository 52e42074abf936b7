"""``goldenseed archive chain``: from an accepted image back to the run that made it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from goldenseed.archive.findings import Status
from goldenseed.baselines.setting import store_of_project
from goldenseed.cli.archive_answer import NOT_CHECKED
from goldenseed.cli.common import AsJson, Baselines, entries_named
from goldenseed.cli.exit_codes import ExitCode
from goldenseed.cli.output import say, say_json
from goldenseed.cli.trusting import Identities, Issuer, SigstoreRoot, StampRoot, Trusted
from goldenseed.cli.trusting import trusted as trusted_by
from goldenseed.reporting.words import visible

if TYPE_CHECKING:
    from goldenseed.archive.chain import Chain


def chain(
    case: Annotated[str, typer.Argument(help="A case id or pattern, also as suite::case.")],
    *,
    archives: Annotated[
        Path, typer.Option("--archives", help="The folder in which archives lie.")
    ] = Path("archives"),
    trusted_key: Trusted = None,
    timestamp_root: StampRoot = None,
    trusted_identity: Identities = None,
    issuer: Issuer = None,
    sigstore_root: SigstoreRoot = None,
    as_json: AsJson = False,
    baselines: Baselines = Path("baselines"),
) -> None:
    """Walk from what is accepted for CASE to the archived run that made it; verify each step.

    Exit code 0: every link holds. 1: one is broken or missing. 10: none is, and not all could be
    checked, as a signature without --trusted-key.
    """
    from goldenseed.archive.chain import chains_of

    store = store_of_project(baselines)
    trusted = trusted_by(trusted_key, timestamp_root, trusted_identity, issuer, sigstore_root)
    found = [*chains_of(entries_named(case, store), store, archives, trusted)]
    if as_json:
        document = [asdict(each) | {"status": each.status} for each in found]
        say_json({"schema_version": 1, "chains": document})
    else:
        for each in found:
            for line in _lines(each):
                say(visible(line, lines=False))
    statuses = {each.status for each in found}
    if Status.FAILED in statuses:
        raise typer.Exit(ExitCode.FOUND)
    if Status.NOT_CHECKED in statuses:
        raise typer.Exit(NOT_CHECKED)


def _lines(found: Chain) -> Iterator[str]:
    yield f"{found.suite}::{found.case} in {found.profile}"
    for link in found.links:
        yield f"  {link.name:<10} {link.status.upper():<12} {link.what}"
