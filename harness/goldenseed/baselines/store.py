"""The baseline store: what is accepted, on disk, and the only way to change it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.baselines import changes, stored
from goldenseed.baselines.candidate import (
    Candidate,
    Decision,
    Measurement,
    Signature,
    refuse_rivals,
)
from goldenseed.baselines.changes import Outcome, Step, make_plan
from goldenseed.baselines.entry import BaselineEntry
from goldenseed.baselines.places import LOCK_TIMEOUT_SECONDS, Places, writing
from goldenseed.baselines.reading import read_entry
from goldenseed.baselines.rejections import Rejections, refuse, rejections_of
from goldenseed.baselines.remote import Remote
from goldenseed.baselines.verified import Verified
from goldenseed.baselines.verifying import (
    Kept,
    accepted_image,
    accepted_modes,
    measured_parts,
    parts_of,
    rejected_image,
)
from goldenseed.core.files import MANY, flush, json_sha256
from goldenseed.trace.files import digest_of
from goldenseed.trace.stages import Trace

if TYPE_CHECKING:
    from PIL import Image

    from goldenseed.core.elements import Content

__all__ = ["BaselineStore", "Candidate", "Decision", "Outcome", "Step"]


class BaselineStore:
    """The baselines below one folder.

    Reading takes no lock and touches no image unless one is asked for: every file is replaced
    whole, and images, environments and traces are written before the entry that names them.
    Writing takes the folder's lock, so that two writers at once both land. With a ``remote`` what
    is accepted goes there; images and traces are read from the folder where they lie in it.
    """

    def __init__(
        self,
        root: Path,
        *,
        lock_timeout_seconds: float = LOCK_TIMEOUT_SECONDS,
        verified: Verified = stored.NOTHING,
        remote: Remote | None = None,
    ) -> None:
        self.root = root
        self._verified = verified
        self._places = Places(root, remote)
        self._lock_timeout_seconds = lock_timeout_seconds

    def entry(self, suite: str, case: str) -> BaselineEntry | None:
        """Return what is accepted and rejected for a case, or None if nothing ever was.

        Raises GoldenseedError, with ``path:line``, for a file that was edited into nonsense.
        """
        return read_entry(self._places.entry(suite, case), suite=suite, case=case)

    def entry_path(self, suite: str, case: str) -> Path:
        """Return where a case's entry lies or would lie; GoldenseedError for an unsafe name."""
        return self._places.entry(suite, case)

    def image_path(self, pixels_sha256: str) -> Path:
        """Return where an accepted image lies, or its copy, or it would lie; nothing is fetched."""
        return self._places.nearby(self._places.image(pixels_sha256))

    def image(self, pixels_sha256: str) -> Image.Image:
        """Decode an accepted image; raises where it is missing, damaged or another image."""
        return stored.image(self._places, pixels_sha256)

    def element(self, sha256: str, mode: str) -> Content:
        """Decode an accepted picture or tensor of ``mode``; errors as of ``image``."""
        return stored.element(self._places, sha256, mode)

    def element_path(self, sha256: str, mode: str) -> Path:
        """Return where an accepted picture or tensor of ``mode`` lies; as of ``image_path``."""
        return self._places.nearby(self._places.element(sha256, mode))

    def fetched(self, path: Path) -> Path:
        """Return a file with what belongs at ``path``; raises where the store does not give it."""
        return self._places.fetched(path)

    def image_file(self, pixels_sha256: str) -> bytes:
        """Return an accepted image's PNG file, its pixels verified; errors as of ``image``."""
        return stored.image_file(self._places, pixels_sha256, self._verified)

    def trace_file(self, trace_sha256: str, stages_sha256: str) -> bytes:
        """Return the file of a trace, its digest and that of its stages verified.

        Errors as of ``trace``.
        """
        return stored.trace_file(self._places, trace_sha256, stages_sha256, self._verified)

    def trace(self, trace_sha256: str) -> Trace:
        """Read the trace of an accepted image; raises where it is missing, cut short or altered."""
        return stored.trace(self._places, trace_sha256)

    def environment(self, environment_sha256: str) -> dict[str, str | int | float | bool | None]:
        """Return the environment an accepted image was made in: dotted key → value."""
        return stored.environment(self._places, environment_sha256)

    def suites(self) -> tuple[str, ...]:
        """Return the names of the suites for which anything was ever accepted, sorted."""
        return self._places.suites()

    def cases(self, suite: str) -> tuple[str, ...]:
        """Return the ids of the suite's cases that have an entry, sorted."""
        return self._places.cases(suite)

    def accept(
        self,
        candidates: Sequence[Candidate],
        *,
        by: str,
        reason: str,
        add: bool = False,
        overruling: Collection[tuple[str, str]] = (),
        now: datetime | None = None,
    ) -> tuple[Step, ...]:
        """Accept images: each in place of what its profile accepts, or beside it with ``add``.

        An image that is accepted already (same pixels, same recipe) leaves its entry's file as it
        is; only a missing or damaged copy of the image is written again. Other profiles are not
        touched, but for rejections that are overruled. Everything is validated before the first
        write. A process killed half-way leaves each case either as it was or changed, whole.

        Args:
            candidates: what to accept, in order.
            by: who accepts.
            reason: why; must not be empty.
            add: keep what is accepted so far.
            overruling: suite and id of cases whose images are accepted although they are rejected;
                the rejections end, in every profile, and stay in the entry as history.
            now: the time to record, with a time zone; by default the clock's.

        Raises:
            GoldenseedError: a candidate is not what its run recorded or is rejected, an entry
                cannot be read, the lock cannot be had, or the folder cannot be written.

        """
        accepted = [Decision(each, reason, accepts=True) for each in candidates]
        return self.decide(accepted, by=by, replace=not add, overruling=overruling, now=now)

    def rejected(self, candidates: Iterable[Candidate]) -> tuple[tuple[Candidate, Rejections], ...]:
        """Return those of the candidates that somebody rejected, in whichever profile."""
        return tuple(
            (each, found)
            for each in candidates
            if (found := rejections_of(self.entry(each.suite, each.case), each.pixels_sha256))
        )

    def reject(
        self,
        candidates: Sequence[Candidate],
        *,
        by: str,
        reason: str,
        now: datetime | None = None,
    ) -> tuple[Step, ...]:
        """Put images on their profile's reject list, and end their acceptance there.

        Arguments and errors are those of ``accept``; rejecting twice changes nothing.
        """
        rejected = [Decision(each, reason, accepts=False) for each in candidates]
        return self.decide(rejected, by=by, now=now)

    def decide(
        self,
        decisions: Sequence[Decision],
        *,
        by: str,
        replace: bool = False,
        overruling: Collection[tuple[str, str]] = (),
        now: datetime | None = None,
        guard: Callable[[], None] = lambda: None,
        dry_run: bool = False,
    ) -> tuple[Step, ...]:
        """Accept and reject images, each for a reason of its own, all of them or none.

        With ``replace`` an image takes the place of what its profile accepts. ``guard`` is called
        under the lock, and may raise what stops everything; with ``dry_run`` nothing is locked or
        written. All else is as of ``accept``.
        """
        signed = {each.reason: Signature.checked(by, each.reason, now) for each in decisions}
        accepted = [each.candidate for each in decisions if each.accepts]
        if replace:
            refuse_rivals(accepted)
        kept = Kept()
        proposals = [
            (
                each.candidate,
                accepted_image(each.candidate, signed[each.reason], kept)
                if each.accepts
                else rejected_image(each.candidate, signed[each.reason]),
            )
            for each in decisions
        ]
        paths = (
            path
            for each in decisions
            for path in parts_of(self._places, each.candidate, accepts=each.accepts)
        )
        with nullcontext() if dry_run else self._writing(paths):
            guard()
            refuse(self.rejected(c for c in accepted if (c.suite, c.case) not in overruling))
            plan = make_plan(self._places, proposals, partial(changes.decided, add=not replace))
            if not dry_run:
                durable = len(plan.entries) < MANY
                self._store_parts(plan.steps, kept, durable=durable)
                if not durable:
                    flush()
                plan.write()
        return plan.steps

    def files_of(self, steps: Iterable[Step]) -> tuple[Path, ...]:
        """Return the files that hold what the steps came to: entries, and all that these name."""
        found = (parts_of(self._places, each.candidate, accepts=not each.rejects) for each in steps)
        return tuple(path for path in dict.fromkeys(chain.from_iterable(found)) if path.exists())

    def measured(self, found: Sequence[Measurement], *, by: str) -> None:
        """Keep what was measured of cases and accept their modes, one write an entry.

        Something made from the same recipe has to be accepted in the profile. A process killed
        half-way leaves each case either as it was or changed, whole.

        Raises:
            GoldenseedError: nothing is accepted, a mode is rejected, an entry cannot be read, the
                lock cannot be had, or the folder cannot be written.

        """
        proposals = [
            (each.unchanged, (each.tolerance, accepted_modes(each, by), each.exact))
            for each in found
        ]
        with self._writing(path for each in found for path in measured_parts(self._places, each)):
            refuse(self.rejected(mode for each in found for mode in each.modes))
            plan = make_plan(self._places, proposals, lambda old, new: changes.measured(old, *new))
            with self._places.together():
                for mode in (mode for each in found for mode in each.modes):
                    self._store_image(mode, Kept(0))
                    if mode.trace is not None:
                        stored.store_trace(self._places, mode.trace)
                for each in found:
                    if each.exact_trace is not None:
                        stored.store_trace(self._places, each.exact_trace)
            for each in found:
                for made_in in (*each.environments, *(mode.environment for mode in each.modes)):
                    stored.store_environment(self._places, made_in)
            plan.write()

    def _writing(self, paths: Iterable[Path]) -> AbstractContextManager[None]:
        return writing(self._places, paths, timeout_seconds=self._lock_timeout_seconds)

    def _store_parts(self, steps: Iterable[Step], kept: Kept, *, durable: bool) -> None:
        """Write what the entries are about to name, each environment once."""
        environments = {}
        with self._places.together():
            for step in steps:
                candidate = step.candidate
                digest = json_sha256(candidate.environment)
                if step.rejects:
                    if step.outcome is Outcome.REJECTED:
                        environments[digest] = candidate.environment
                    continue
                self._store_image(candidate, kept, durable=durable)
                for path, sha256 in candidate.returned:
                    if any(sha256 in each.returned for each in step.change.baseline.accepted):
                        stored.store_returned(self._places, path, sha256, durable=durable)
                if step.names_environment(digest):
                    environments[digest] = candidate.environment
                if candidate.trace is not None and step.names_trace(digest_of(candidate.trace)):
                    stored.store_trace(self._places, candidate.trace, durable=durable)
        for each in environments.values():
            stored.store_environment(self._places, each)

    def _store_image(self, candidate: Candidate, kept: Kept, *, durable: bool = True) -> None:
        for sha256, mode in candidate.pictures:
            verified = partial(kept.take, candidate, sha256)
            stored.store_element(self._places, sha256, mode, verified, durable=durable)
