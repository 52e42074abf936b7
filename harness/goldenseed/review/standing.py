"""How the baselines have the image of a case by now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from goldenseed.baselines.entry import AcceptedImage, RejectedImage
from goldenseed.baselines.store import BaselineStore
from goldenseed.review.decisions import CaseDecision
from goldenseed.runs.record import CaseRecord, RunRecord


def decided_before(run: RunRecord, store: BaselineStore) -> Iterator[CaseDecision]:
    """Yield what the baselines say was accepted or rejected from this very run."""
    for case in run.cases:
        found = _standing(store, case)
        if found is not None and case.pixels_sha256 is not None and found[1].run_id == run.run_id:
            decision, image = found
            yield CaseDecision(
                suite=case.path,
                case=case.id,
                pixels_sha256=case.pixels_sha256,
                decision=decision,
                reason=image.reason,
            )


def _standing(
    store: BaselineStore, case: CaseRecord
) -> tuple[Literal["accept", "reject"], AcceptedImage | RejectedImage] | None:
    """Return how the baselines have the image of a case by now, and what they say of it."""
    entry = store.entry(case.suite, case.id)
    for baseline in entry.profiles.values() if entry else ():
        for rejected in baseline.rejected:
            if rejected.pixels_sha256 == case.pixels_sha256:
                return "reject", rejected
    for baseline in entry.profiles.values() if entry else ():
        accepted = baseline.accepted_with(case.pixels_sha256 or "")
        if accepted is not None:
            return "accept", accepted
    return None


def as_it_stands(store: BaselineStore, case: CaseRecord) -> str:
    """Say what somebody else decided."""
    match _standing(store, case):
        case _, AcceptedImage() as image:
            return f"accepted by {image.accepted_by}: {image.reason}"
        case _, RejectedImage() as image:
            return f"rejected by {image.rejected_by}: {image.reason}"
    return "its baseline is another now"
