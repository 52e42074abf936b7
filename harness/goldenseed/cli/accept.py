"""``goldenseed accept`` and ``goldenseed reject``: what becomes of images of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from goldenseed.baselines.rejections import in_words
from goldenseed.baselines.setting import remote_of, store_of_project
from goldenseed.baselines.store import Outcome, Step
from goldenseed.cli.common import (
    Baselines,
    By,
    Cases,
    Choice,
    Reason,
    Reports,
    Run,
    choose_cases,
    find_run,
)
from goldenseed.cli.deciding import Commit, DryRun, commit_files, commit_steps, desk_of
from goldenseed.cli.from_archive import Untrusted, opened_run
from goldenseed.cli.output import say
from goldenseed.cli.renamed import accept_renamed
from goldenseed.cli.trusting import Identities, Issuer, SigstoreRoot, StampRoot, Trusted, trusted
from goldenseed.core.errors import GoldenseedError
from goldenseed.review.commit import Committing, message_of_folders
from goldenseed.review.decisions import Marked, Place, marked, read_decisions
from goldenseed.review.desk import Applied, Desk
from goldenseed.review.folders import is_of_folders, take_over
from goldenseed.runs.candidates import open_cases, who_accepts
from goldenseed.runs.record import CaseRecord, RunRecord

_HOW = 'goldenseed accept RUN SUITE::CASE --reason "…", or goldenseed accept --from decisions.json'


def accept(
    run: Annotated[
        str | None,
        typer.Argument(
            help="A run's id, a unique beginning of it, latest, or path; an archive; or "
            "draft:RUN of the store.",
            show_default=False,
        ),
    ] = None,
    cases: Cases = None,
    *,
    reason: Annotated[
        str | None,
        typer.Option(
            "--reason",
            help="Why: kept in the baseline for ever; with --from, of decisions without one.",
            show_default=False,
        ),
    ] = None,
    decisions: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Apply a decisions.json, as a report exports it: accept, reject and skip.",
            show_default=False,
        ),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Accept the images in place of what is accepted so far."),
    ] = False,
    overrule: Annotated[
        bool,
        typer.Option(
            "--overrule-rejection", help="Accept the cases named by their ids though rejected."
        ),
    ] = False,
    renamed: Annotated[
        bool,
        typer.Option(
            "--renamed",
            help="Move baselines of the same recipe to the present names of their cases.",
        ),
    ] = False,
    dry_run: DryRun = False,
    commit: Commit = False,
    by: By = None,
    reports: Reports = Path("reports"),
    baselines: Baselines = Path("baselines"),
    trusted_key: Trusted = None,
    timestamp_root: StampRoot = None,
    trusted_identity: Identities = None,
    issuer: Issuer = None,
    sigstore_root: SigstoreRoot = None,
    untrusted: Untrusted = False,
    _add: Annotated[bool, typer.Option("--add", hidden=True)] = False,
) -> None:
    """Accept images of RUN beside what is accepted: the named CASES, else all not identical.

    RUN may be an archive or a draft, which is verified first, and whose digest the baseline
    remembers.
    A rejected image is never accepted unless its case is named and the rejection is overruled.
    """
    if replace and _add:
        raise GoldenseedError("--add keeps what --replace takes away: leave one of them out")
    _check_given(run, cases, reason, decisions)
    if renamed:
        if run is None or reason is None or decisions is not None:
            raise GoldenseedError("--renamed wants a run and a reason, and no --from", fix=_HOW)
        accept_renamed(
            find_run(run, reports)[0],
            cases,
            store_of_project(baselines),
            by=by or who_accepts(Path.cwd()),
            reason=reason,
            reports=reports,
            commit=commit,
            dry_run=dry_run,
        )
        return
    document = None if decisions is None else read_decisions(decisions)
    with opened_run(run or (document.run if document else ""), reports, baselines) as found:
        trust = trusted(trusted_key, timestamp_root, trusted_identity, issuer, sigstore_root)
        archive = found.believed(trust, untrusted=untrusted)
        record = found.record
        decided = marked(document, record, decisions) if document and decisions else None
        if decided is not None and is_of_folders(record):
            _take_over(record, decided, dry_run=dry_run, commit=commit, by=by)
            return
        desk = desk_of(record, found.folder, baselines, by, replace=replace, archive_sha256=archive)
        committing = Committing.checked(baselines) if commit and not dry_run else None
        _apply(
            desk,
            cases,
            decided,
            reason,
            overrule=overrule,
            dry_run=dry_run,
            committing=committing,
        )


def _apply(
    desk: Desk,
    cases: list[str] | None,
    decided: tuple[Marked, ...] | None,
    reason: str | None,
    *,
    overrule: bool,
    dry_run: bool,
    committing: Committing | None,
) -> None:
    """Accept the images of cases, or do what was decided elsewhere, and say what became of them."""
    if decided is None:
        choice = choose_cases(desk.record, cases)
        chosen, left_out, named = _decided_on(desk, choice, "accept", reason)
        if overrule and not named:
            raise GoldenseedError(
                "--overrule-rejection wants its case named by its whole id",
                fix="goldenseed accept RUN SUITE::CASE --overrule-rejection --reason WHY",
            )
    else:
        chosen, left_out = decided, ()
        named = frozenset(each.decision.place for each in decided)
    done = desk.apply(
        chosen,
        default_reason=reason or "",
        overruling=named if overrule else (),
        dry_run=dry_run,
    )
    _tell(done, chosen, left_out, dry_run=dry_run)
    remote = None if dry_run else remote_of(desk.store.root)
    pinned = remote and remote.pinned()
    if pinned:
        say(f"note: images = {pinned!r} names the store as it is now", err=True)
    commit_steps(committing, desk, done.steps)


def _check_given(
    run: str | None, cases: list[str] | None, reason: str | None, decisions: Path | None
) -> None:
    """Refuse what is lacking, and what a file of decisions has already."""
    if decisions is not None and cases:
        raise GoldenseedError("--from has the cases: name none beside it")
    if run is None and decisions is None:
        raise GoldenseedError("accept wants a run, or --from decisions.json", fix=_HOW)
    if reason is None and decisions is None:
        raise GoldenseedError("--reason is missing", fix=_HOW)


def _take_over(
    record: RunRecord, decided: Sequence[Marked], *, dry_run: bool, commit: bool, by: str | None
) -> None:
    """Copy accepted pictures of one folder over those of the other, and say which."""
    root = Path(record.options["a"])
    committing = Committing.checked(root) if commit and not dry_run else None
    files = take_over(record, decided, dry_run=dry_run)
    for path in files:
        say(f"{'would write' if dry_run else 'wrote'} {path}")
    say(f"{len(files):,} of {len(decided):,} were accepted; nothing else is changed")
    if committing is not None:
        by = by or who_accepts(Path.cwd())
        commit_files(committing, files, message_of_folders(record, decided, by))


def reject(
    run: Run,
    cases: Cases = None,
    *,
    reason: Reason,
    dry_run: DryRun = False,
    commit: Commit = False,
    by: By = None,
    reports: Reports = Path("reports"),
    baselines: Baselines = Path("baselines"),
    trusted_key: Trusted = None,
    timestamp_root: StampRoot = None,
    trusted_identity: Identities = None,
    issuer: Issuer = None,
    sigstore_root: SigstoreRoot = None,
    untrusted: Untrusted = False,
) -> None:
    """Reject the images of the named CASES: the same pixels fail from now on, everywhere.

    RUN may be an archive or a draft, as for `goldenseed accept`.
    """
    if not cases:
        raise GoldenseedError(
            "reject wants its cases named", fix="goldenseed reject RUN SUITE::CASE --reason WHY"
        )
    with opened_run(run, reports, baselines) as found:
        trust = trusted(trusted_key, timestamp_root, trusted_identity, issuer, sigstore_root)
        found.believed(trust, untrusted=untrusted)
        desk = desk_of(found.record, found.folder, baselines, by)
        committing = Committing.checked(baselines) if commit and not dry_run else None
        chosen, left_out, _ = _decided_on(desk, choose_cases(desk.record, cases), "reject", reason)
        done = desk.apply(chosen, dry_run=dry_run)
        _tell(done, chosen, left_out, dry_run=dry_run)
        commit_steps(committing, desk, done.steps)


def _decided_on(
    desk: Desk, choice: Choice, decision: Literal["accept", "reject"], reason: str | None
) -> tuple[tuple[Marked, ...], tuple[str, ...], frozenset[Place]]:
    """Mark what was chosen; return a line on what is left out, and the cases that were named."""
    matched, left_out = open_cases(desk.record, desk.folder, choice.matched, desk.store)
    if not (choice.named or matched):
        raise GoldenseedError(
            f"nothing to decide on in {desk.record.run_id}: {'; '.join(left_out)}",
            fix="name the case if you mean one of them",
        )
    chosen = tuple(Marked.of(case, decision, reason or "") for case in (*choice.named, *matched))
    return chosen, left_out, frozenset((case.path, case.id) for case in choice.named)


def _tell(
    done: Applied, chosen: Sequence[Marked], left_out: Iterable[str], *, dry_run: bool
) -> None:
    """Say what became of each image, and of those newly accepted what is odd of them."""
    for line in done.notes:
        say(f"note: {line}", err=True)
    for line in left_out:
        say(line)
    cases = {(each.case.suite, each.case.id): each.case for each in chosen}
    for step in done.steps:
        case = cases.get((step.candidate.suite, step.candidate.case))
        new = not step.rejects and step.outcome is not Outcome.UNCHANGED
        noted = _doubts(case) if case and new else ()
        say(f"{'would be ' if dry_run else ''}{step.outcome.value} {step.candidate.name}")
        for line in (*_consequences(step), *noted):
            say(f"  {line}")
    skipped = sum(each.decision.decision == "skip" for each in chosen)
    if skipped:
        say(f"skipped {skipped:,}")
    if dry_run:
        say("nothing was written: --dry-run")


def _doubts(case: CaseRecord) -> Iterator[str]:
    yield from (f"note: {remark}" for remark in case.remarks)
    if case.unstable:
        yield f"note: its {len(case.tries)} tries did not all come to the same; this is the last"


def _consequences(step: Step) -> Iterator[str]:
    """Say what else changed with a decision: earlier ones that it ends, and what holds now."""
    if step.overruled:
        yield f"overruled: {in_words(step.overruled)}"
    for image in step.replaced:
        yield (
            f"no longer accepted: {image.pixels_sha256[:12]}…, which {image.accepted_by} accepted "
            f"on {image.accepted_at:%Y-%m-%d}: {image.reason}"
        )
    if step.outcome is not Outcome.REJECTED:
        return
    if step.replaced:
        left = [f"{image.pixels_sha256[:12]}…" for image in step.change.baseline.accepted]
        yield f"now accepted in {step.candidate.profile}: {', '.join(left) or 'nothing'}"
    if step.accepted_elsewhere:
        yield f"it fails now in {', '.join(step.accepted_elsewhere)} as well, where it is accepted"
