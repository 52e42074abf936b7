"""``goldenseed archive replay``: an archive's images made again, and held against the archived."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from goldenseed.cli.archive_answer import Certificate, Statement, answer
from goldenseed.cli.common import AsJson, Cases, Device, choose_cases
from goldenseed.cli.output import say, tracked
from goldenseed.cli.report_folder import check_report_folder
from goldenseed.cli.trusting import Identities, Issuer, SigstoreRoot, StampRoot, Trusted
from goldenseed.cli.trusting import trusted as trusted_by
from goldenseed.reporting.comparison import comparison_blocks
from goldenseed.reporting.documents import comparison_document
from goldenseed.reporting.words import count_of
from goldenseed.reporting.writing import write_verb
from goldenseed.runs.comparison import comparison_record
from goldenseed.runs.movement import movement_of
from goldenseed.runs.pairing import environments_of
from goldenseed.runs.parts import VerbRecord

if TYPE_CHECKING:
    from goldenseed.archive.replay import Replayed
    from goldenseed.runs.record import CaseRecord, RunRecord


def replay(
    path: Annotated[Path, typer.Argument(help="An archive: its folder or its zip file.")],
    cases: Cases = None,
    *,
    model: Annotated[
        list[Path] | None,
        typer.Option(
            "--model",
            help="The folder of the archived model; or one in which the models lie as they did "
            "below pytest's root. Several are looked through in turn.",
            show_default=False,
        ),
    ] = None,
    trusted_key: Trusted = None,
    timestamp_root: StampRoot = None,
    trusted_identity: Identities = None,
    issuer: Issuer = None,
    sigstore_root: SigstoreRoot = None,
    device: Device = "auto",
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", help="Write a report of the images into this folder.", show_default=False
        ),
    ] = None,
    certificate: Certificate = None,
    statement: Statement = None,
    as_json: AsJson = False,
) -> None:
    """Verify an archive, then make its images again, or those of the named CASES: level 5.

    Needs the model and what runs it. Exit codes as of `verify`; 15: an image is another now.
    """
    from goldenseed.archive.replay import Replay
    from goldenseed.archive.replay import replay as replay_archive
    from goldenseed.archive.verify import opened

    began = datetime.now(UTC)
    trust = trusted_by(trusted_key, timestamp_root, trusted_identity, issuer, sigstore_root)
    if report is not None:
        check_report_folder(report, "diff-", compared=(path,))

    def choose(run: RunRecord) -> tuple[CaseRecord, ...]:
        chosen = choose_cases(run, cases or ["*"])
        found = (*chosen.named, *chosen.matched)
        say(f"making images of {count_of(len(found), 'case')} again", err=True)
        return found

    progress = partial(tracked, doing="making")
    how = Replay(tuple(model or ()), device, report, progress)
    with opened(path) as archive:
        done = replay_archive(archive, how, trusted=trust, choose=choose)
        more = _document(done)
        if report is not None and done.comparison is not None:
            say(f"report  {_report(done, report, began)}", err=True)
    answer(
        done.verification,
        certificate=certificate,
        statement=statement,
        as_json=as_json,
        more={"replay": more},
    )


def _document(done: Replayed) -> dict[str, Any] | None:
    """Return all that was found of each image as JSON data: A is the archive, B is now."""
    if done.comparison is None:
        return None
    environments = environments_of(done.comparison.pairing.pairs, done.differences)
    movement = movement_of(done.comparison.pairs, done.differences)
    return comparison_document(done.comparison, environments, movement)


def _report(done: Replayed, folder: Path, began: datetime) -> Path:
    """Write a report as of two runs compared."""
    found = done.comparison
    assert found is not None  # noqa: S101 - asked by the caller
    environments = environments_of(found.pairing.pairs, done.differences)
    movement = movement_of(found.pairs, done.differences)
    notes = tuple(comparison_blocks(found, environments, movement, every_case=False))
    verb = VerbRecord(name="diff", passed=found.same, notes=notes)
    record = comparison_record(found, started=began, finished=datetime.now(UTC), verb=verb)
    return write_verb(record, folder)
