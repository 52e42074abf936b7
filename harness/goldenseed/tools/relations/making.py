"""Making the two images of a relation, in this process or one of their own, and judging them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside, read_regular, write_atomically
from goldenseed.environment.keys import EnvironmentValue
from goldenseed.runs.inputs import names_cases
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.runs.relation_record import MadeImage, RelationRecord
from goldenseed.runs.relations import image_of, judged_relation
from goldenseed.runs.stored import trace_path
from goldenseed.suite.cases import Case, Suite
from goldenseed.tolerance.exact import stages_of
from goldenseed.tools.calibration.accepted import another_image
from goldenseed.tools.probe.change import UNCHANGED, Change, Situation, Unfit
from goldenseed.tools.probe.child import SKIPPED, Maker, Preparation, exactly
from goldenseed.tools.probe.probing import Probe
from goldenseed.tools.relations.members import Member
from goldenseed.trace.files import encode_trace, read_trace

if TYPE_CHECKING:
    from goldenseed.backends.protocol import Backend

Environment = Mapping[str, EnvironmentValue]
_LARGEST_FILE = 1 << 32


@dataclass(frozen=True)
class Made:
    """An image in the run's folder, and where it was made."""

    image: MadeImage
    environment: Environment


@dataclass(frozen=True)
class Tried:
    """What became of a member, and the environments in which its images were made."""

    record: RelationRecord
    environments: tuple[Environment, ...] = ()


@dataclass
class _Other:
    """A back end beside the session's own, for one change."""

    name: str
    backend: Backend
    preparation: Preparation


@dataclass
class Making:
    """Makes images for relations; holds one model at most beside what the session frees for it."""

    folder: Path
    """The run's, in which images and traces are kept."""
    device: Callable[[], str]
    own: Callable[[], Backend]
    """Returns the session's own back end."""
    other: Callable[[Preparation | None, bool], Backend]
    """Makes another one, which prepares each pipeline; or one for exact images."""
    _expected: Sequence[Member] = ()
    _wanted: frozenset[tuple[Path, str]] = frozenset()
    _references: dict[tuple[Path, str], Made] = field(default_factory=dict)
    _elsewhere: dict[tuple[Path, str, str], Made | GoldenseedError] = field(default_factory=dict)
    _exact: dict[tuple[Path, str], str] = field(default_factory=dict)
    _changed: dict[str, Suite] = field(default_factory=dict)
    _held: _Other | None = None

    def expect(self, members: Sequence[Member]) -> None:
        """Be told what this process is to try, so that one other process makes all of a change."""
        self._expected = members
        self._wanted = frozenset((each.case.suite.path, each.case.id) for each in members)

    def know(self, case: Case, record: CaseRecord, environment: Environment) -> None:
        """Remember an image of the session, which need not be made again as a reference."""
        key = case.suite.path, case.id
        if key in self._wanted and record.trace_file is not None and record.error is None:
            self._references[key] = Made(image_of(record), environment)

    def free(self) -> None:
        """Let go of the model that a change was tried with."""
        if self._held is not None:
            self._held.backend.close()
            self._held = None

    def tried(self, member: Member, path: str, case: Case) -> Tried:
        """Make the images of a member and judge them; ``path`` is the suite's on record.

        ``case`` is the member's, the accepted images that are its inputs looked up. What goes wrong
        is in the record.
        """
        found, environments = member.record(path), []
        change = member.change
        try:
            reference = self._alone(member, Change(UNCHANGED, "")) if change.after else None
            reference = reference or self._reference(case)
            environments.append(reference.environment)
            _refuse(change, Situation(case.suite, (case,), reference.environment))
            made = self._alone(member, change) if change.alone else self._here(case, change)
            environments.append(made.environment)
            found = found.model_copy(update={"reference": reference.image, "candidate": made.image})
            if member.spec.hold.times is not None:
                found = found.model_copy(update={"exact_trace": self._exactly(case, reference)})
            run = _run_of(environments)
            found = judged_relation(found, case, member.spec.hold, run, self.folder)
        except Unfit as unfit:
            update = {"state": "cannot", "why": str(unfit), "reference": None, "candidate": None}
            return Tried(found.model_copy(update=update), ())
        except GoldenseedError as error:
            found = found.model_copy(update={"state": "error", "why": str(error)})
        return Tried(found, tuple(environments))

    def _reference(self, case: Case) -> Made:
        key = case.suite.path, case.id
        if key not in self._references:
            self.free()
            self._references[key] = self._made(self.own(), case, case)
        return self._references[key]

    def _here(self, case: Case, change: Change) -> Made:
        """Make a changed image in this process."""
        varied = self._varied(case, change)
        if change.tweak is None:
            self.free()
            return self._made(self.own(), case, varied)
        other = self._of(change)
        made = self._made(other.backend, case, varied)
        if (reason := other.preparation.no_effect()) is not None:
            raise Unfit(reason)
        return made

    def _of(self, change: Change) -> _Other:
        """Return the back end of a change, the models of all others freed."""
        if self._held is None or self._held.name != change.name:
            self.free()
            self.own().close()
            preparation = Preparation(change)
            backend = self.other(preparation, change.exact)
            self._held = _Other(change.name, backend, preparation)
        return self._held

    def _varied(self, case: Case, change: Change) -> Case:
        key = f"{case.suite.path} {change.name}"
        if key not in self._changed:
            self._changed = {key: change.applied_to(case.suite)}
        own = next(each for each in self._changed[key].cases if each.id == case.id)
        return replace(own, inputs=case.inputs)

    def _made(self, backend: Backend, case: Case, varied: Case) -> Made:
        maker = Maker(self.folder, backend)
        record = maker.make(case, varied)
        if record.error is not None:
            raise GoldenseedError(record.error)
        return Made(image_of(record), maker.environments[-1])

    def _alone(self, member: Member, change: Change) -> Made:
        """Make a changed image in a process of its own, with those of the same change to come."""
        suite, case = member.case.suite, member.case
        if names_cases(case.inputs):
            raise Unfit("another process does not look up the accepted image that is its input")
        key = suite.path, change.name, case.id
        if key not in self._elsewhere:
            self.free()
            self.own().close()
            alike = [each.case for each in self._expected if _shares(each, member)]
            together = [case] if change.after or not change.alone else [*alike, case]
            cases = tuple(dict.fromkeys(together))
            self._make_elsewhere(suite, change, cases)
        found = self._elsewhere[key]
        if isinstance(found, GoldenseedError):
            raise found
        return found

    def _make_elsewhere(self, suite: Suite, change: Change, cases: tuple[Case, ...]) -> None:
        """Make changed images in one other process, and copy them into the run's folder."""
        folder = self.folder / f"relations-{os.getpid()}"
        try:
            run = Probe(suite=suite, cases=cases, folder=folder, device=self.device()).make(change)
            skipped = Unfit(run.record.options.get(SKIPPED, "nothing was made"))
            made = {each.id: self._moved(run.record, run.folder, each) for each in run.record.cases}
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        for each in cases:
            self._elsewhere[suite.path, change.name, each.id] = made.get(each.id, skipped)

    def _moved(self, run: RunRecord, folder: Path, case: CaseRecord) -> Made | GoldenseedError:
        """Copy what another process made of a case into the run's folder."""
        if case.error is not None:
            return GoldenseedError(case.error)
        named = [case.image, case.trace_file, *(each.file for each in case.elements)]
        for place in filter(None, named):
            data = read_regular(inside(folder, place), _LARGEST_FILE)
            write_atomically(self.folder / place, data, durable=False)
        return Made(image_of(case), run.environment_of(case))

    def _exactly(self, case: Case, reference: Made) -> str:
        """Return the place of the exact image's trace, which is made once a case."""
        key = case.suite.path, case.id
        if key not in self._exact:
            change = exactly()
            reason = change.ruled_out(case.suite, (case,))
            if case.model.allow_new_weights:
                reason = "weights that are filled at random are others in float64"
            if reason is not None:
                raise Unfit(f"no exact image: {reason}")
            made = self._made(self._of(change).backend, case, self._varied(case, change))
            traces = [
                read_trace(inside(self.folder, each.trace_file or ""))
                for each in (made.image, reference.image)
            ]
            if (fault := another_image(*traces)) is not None:
                raise Unfit(f"no exact image: {fault}")
            digest, data = encode_trace(stages_of(traces[0]))
            place = trace_path(self.folder, digest)
            write_atomically(place, data, durable=False)
            self._exact[key] = place.relative_to(self.folder).as_posix()
        return self._exact[key]


def _refuse(change: Change, situation: Situation) -> None:
    """Raise ``Unfit`` for a change that cannot be tried here."""
    reason = change.reason_against(situation)
    if reason is not None:
        raise Unfit(reason)


def _shares(one: Member, other: Member) -> bool:
    """Whether two members are of one suite and one change."""
    return one.change.name == other.change.name and one.case.suite is other.case.suite


def _run_of(environments: Iterable[Environment]) -> RunRecord:
    """Return a record that knows environments, for images that no record has yet."""
    first, *others = [dict(each) for each in environments]
    return RunRecord(
        run_id="relations",
        started=datetime.now(UTC),
        environment=first,
        other_environments=tuple(others),
    )
