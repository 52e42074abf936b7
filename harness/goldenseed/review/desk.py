"""Where decisions on a run's images become changes of the baselines: all of them, or none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from goldenseed.baselines.store import BaselineStore, Decision, Step
from goldenseed.core.errors import GoldenseedError
from goldenseed.review.decisions import CaseDecision, Marked, Place
from goldenseed.review.standing import as_it_stands, decided_before
from goldenseed.runs.acceptable import check_acceptable
from goldenseed.runs.candidates import candidates_of
from goldenseed.runs.folder import load_run
from goldenseed.runs.record import CaseRecord, RunRecord


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one decision that was applied."""

    rejects: bool
    words: str


def reasons_given(decided: Iterable[Marked], default: str = "") -> None:
    """Raise GoldenseedError for what is accepted or rejected without a reason."""
    for each in decided:
        if each.decision.seed is not None:
            raise GoldenseedError(
                f"{each.case.suite}::{each.case.id}: `seed` is for a sweep or a library of seeds",
                fix="leave it out",
            )
        made = each.decision.decision != "skip"
        if made and not (each.decision.reason.strip() or default.strip()):
            raise GoldenseedError(
                f"{each.case.suite}::{each.case.id}: the reason is empty",
                fix="give one: others will ask for it later",
            )


@dataclass(frozen=True)
class Applied:
    """What came of decisions."""

    done: tuple[Done, ...] = ()
    """One for each that is not skipped, in their order."""
    steps: tuple[Step, ...] = ()
    """What was done in the store, likewise."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Desk:
    """A run that is decided on, by whom and with what effect."""

    record: RunRecord
    folder: Path
    store: BaselineStore
    by: str
    here: Path
    """From where suites are looked for, as of ``check_acceptable``."""
    replace: bool = False
    """Whether an accepted image takes the place of what its profile accepts."""
    archive_sha256: str | None = None
    """The digest of the verified archive that the run lies in."""

    def apply(
        self,
        decided: Sequence[Marked],
        *,
        default_reason: str = "",
        overruling: Collection[Place] = (),
        guard: Callable[[], None] = lambda: None,
        dry_run: bool = False,
    ) -> Applied:
        """Accept and reject as decided; the others are skipped.

        Everything is verified before anything is written, and ``guard`` is asked once more under
        the store's lock. ``default_reason`` is for decisions without one, and ``overruling`` names
        the cases whose images are accepted although they are rejected.

        Raises:
            GoldenseedError: one of them cannot be; then none is.

        """
        chosen = [each for each in decided if each.decision.decision != "skip"]
        reasons_given(chosen, default_reason)
        cases = [each.case for each in chosen]
        accepted = [each.case for each in chosen if each.decision.decision == "accept"]
        notes = check_acceptable(self.record, accepted, self.store, self.here)
        decisions = [
            Decision(
                replace(candidate, archive_sha256=self.archive_sha256),
                each.decision.reason.strip() or default_reason,
                accepts=each.decision.decision == "accept",
            )
            for each, candidate in zip(
                chosen, candidates_of(self.record, self.folder, cases), strict=True
            )
        ]
        steps = self.store.decide(
            decisions,
            by=self.by,
            replace=self.replace,
            overruling={(c.suite, c.id) for c in cases if (c.path, c.id) in overruling},
            guard=guard,
            dry_run=dry_run,
        )
        done = tuple(Done(rejects=each.rejects, words=each.outcome.value) for each in steps)
        return Applied(done, steps, notes)

    def decided(self) -> Iterator[CaseDecision]:
        """Yield what the baselines say was accepted or rejected from this very run."""
        return decided_before(self.record, self.store)

    def watched(self, case: CaseRecord) -> tuple[Path, ...]:
        """Return the case's entry."""
        return (self.store.entry_path(case.suite, case.id),)

    def standing(self, case: CaseRecord) -> str:
        """Say how the baselines have the case's image by now."""
        return as_it_stands(self.store, case)

    def read_again(self) -> Desk:
        """Return the same with the run's record as it is now."""
        return replace(self, record=load_run(self.folder))
