"""``goldenseed accept`` and ``goldenseed reject``: what becomes of images of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import typer

from goldenseed.baselines.rejections import in_words
from goldenseed.baselines.store import BaselineStore, Candidate, Outcome, Step
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
from goldenseed.cli.output import say
from goldenseed.cli.renamed import accept_renamed
from goldenseed.core.errors import GoldenseedError
from goldenseed.runs.candidates import candidates_of, open_candidates, who_accepts
from goldenseed.runs.record import CaseRecord, RunRecord


def accept(
    run: Run,
    cases: Cases = None,
    *,
    reason: Reason,
    add: Annotated[
        bool, typer.Option("--add", help="Keep what is accepted and accept this image as well.")
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
            help="Move baselines of the same recipe to what their cases are called now.",
        ),
    ] = False,
    by: By = None,
    reports: Reports = Path("reports"),
    baselines: Baselines = Path("baselines"),
) -> None:
    """Accept images of RUN as baselines: the named CASES, else all that are not identical.

    A rejected image is never accepted unless its case is named and the rejection is overruled.
    """
    record, folder = find_run(run, reports)
    if renamed:
        signer = by or who_accepts(Path.cwd())
        accept_renamed(record, cases, BaselineStore(baselines), by=signer, reason=reason)
        return
    choice = choose_cases(record, cases)
    if overrule and not choice.named:
        raise GoldenseedError(
            "--overrule-rejection wants its case named by its whole id",
            fix="goldenseed accept RUN SUITE::CASE --overrule-rejection --reason WHY",
        )
    store = BaselineStore(baselines)
    candidates, left_out = _decided_on(record, folder, choice, store)
    done = store.accept(
        candidates,
        by=by or who_accepts(Path.cwd()),
        reason=reason,
        add=add,
        overruling={(case.suite, case.id) for case in choice.named} if overrule else (),
    )
    _tell(done, left_out, {(case.suite, case.id): case for case in record.cases})


def reject(
    run: Run,
    cases: Cases = None,
    *,
    reason: Reason,
    by: By = None,
    reports: Reports = Path("reports"),
    baselines: Baselines = Path("baselines"),
) -> None:
    """Reject the images of the named CASES: the same pixels fail from now on, everywhere."""
    if not cases:
        raise GoldenseedError(
            "reject wants its cases named", fix="goldenseed reject RUN SUITE::CASE --reason WHY"
        )
    record, folder = find_run(run, reports)
    choice = choose_cases(record, cases)
    store = BaselineStore(baselines)
    candidates, left_out = _decided_on(record, folder, choice, store)
    done = store.reject(candidates, by=by or who_accepts(Path.cwd()), reason=reason)
    _tell(done, left_out)


def _decided_on(
    record: RunRecord, folder: Path, choice: Choice, store: BaselineStore
) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    """Return what was chosen, and a line on what is left out of it since no one named it."""
    matched, left_out = open_candidates(record, folder, choice.matched, store)
    candidates = (*candidates_of(record, folder, choice.named), *matched)
    if not candidates:
        raise GoldenseedError(
            f"nothing to decide on in {record.run_id}: {'; '.join(left_out)}",
            fix="name the case if you mean one of them",
        )
    return candidates, left_out


def _tell(
    done: Iterable[Step],
    left_out: Iterable[str],
    cases: Mapping[tuple[str, str], CaseRecord] = MappingProxyType({}),
) -> None:
    """Say what became of each image, and of those newly accepted what is odd of them."""
    for line in left_out:
        say(line)
    for step in done:
        case = cases.get((step.candidate.suite, step.candidate.case))
        noted = _doubts(case) if case and step.outcome is not Outcome.UNCHANGED else ()
        say(f"{step.outcome.value} {step.candidate.name}")
        for line in (*_consequences(step), *noted):
            say(f"  {line}")


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
