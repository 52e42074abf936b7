"""Running one case: the back end makes its image, which is then judged."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.backends.diffusers.in_force import differing
from goldenseed.backends.protocol import GenerationError
from goldenseed.baselines.store import BaselineStore
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256
from goldenseed.environment.device import device_for
from goldenseed.environment.fingerprint import read_fingerprint
from goldenseed.environment.profile import profile_slug
from goldenseed.images.gates import default_limits
from goldenseed.runs.answers import with_answers
from goldenseed.runs.inputs import kept_inputs, names_cases, with_accepted_inputs
from goldenseed.runs.judging import Judging
from goldenseed.runs.made import Made, case_profile, limit_fields, limits_of, pending
from goldenseed.runs.parts import Seconds
from goldenseed.runs.provenance import with_provenance
from goldenseed.runs.record import CaseRecord, EnvironmentValue
from goldenseed.runs.resume import Earlier, TakenOver
from goldenseed.runs.scoring import with_content
from goldenseed.session.distribution import RUNNING, marked
from goldenseed.session.lock_check import LockCheck
from goldenseed.session.making_backends import MakingBackends
from goldenseed.session.resuming import Resuming
from goldenseed.suite.cases import Limit
from goldenseed.suite.masking import MaskSpec
from goldenseed.suite.recipes import recipe_of, recipe_sha256
from goldenseed.tools.relations.making import Making, Tried
from goldenseed.verdict.model import Verdict

if TYPE_CHECKING:
    from PIL.Image import Image

    from goldenseed.backends.protocol import Backend
    from goldenseed.suite.cases import Case
    from goldenseed.tools.relations.members import Member


class Worker:
    """Runs cases in this process; writes pictures into the run's folder and nothing else."""

    def __init__(
        self,
        *,
        root: Path,
        folder: Path,
        store: BaselineStore,
        passing: frozenset[Verdict],
        backends: MakingBackends,
        locks: LockCheck,
        resuming: Resuming | None = None,
        may_be_replaced: bool = False,
    ) -> None:
        self._root = root
        self._folder = folder
        self._store = store
        self._judging = Judging(folder, store, passing)
        self._make_backend = backends.own
        self.locks = locks
        self.resuming = resuming or Resuming(Earlier(), "on")
        self._may_be_replaced = may_be_replaced
        self.making = Making(
            folder=folder,
            device=lambda: backends.device,
            own=self.backend,
            other=backends.other,
        )
        self._backend: Backend | None = None
        self.environment: Mapping[str, EnvironmentValue] = {}
        self._environment_sha256: str | None = None
        self.profile: str | None = None

    def run(self, case: Case, name: str) -> tuple[CaseRecord, Exception | None]:
        """Generate and judge one case; return its record, and what was raised if no image is.

        ``name`` is the test's, which tells the repetitions of a case apart.
        """
        record = self.pending(case)
        if record.error is not None:
            return record, None
        marks = self._folder / RUNNING
        with (
            marked(marks, f"{record.path}::{name}")
            if self._may_be_replaced
            else nullcontext() as died_before
        ):
            if died_before:
                what = "the worker crashed while it ran this case, which is not tried again"
                return record.failed("worker_crashed", what), None
            return self._run(case, record)

    def expect(
        self,
        cases: Sequence[tuple[Case, str]],  # noqa: ARG002 - for workers that begin ahead
        members: Sequence[Member],
        held_back: Callable[[Case], bool],  # noqa: ARG002 - likewise
    ) -> None:
        """Be told what is going to be run, in its order: cases with their tests' names.

        What is ``held_back`` may not be begun before it is run, if it is at all.
        """
        self.making.expect(members)

    def close(self) -> list[str]:
        """End what makes images elsewhere; return what there is to say of it."""
        return []

    def pending(self, case: Case) -> CaseRecord:
        """Return what is known of a case before it runs, with the verdict ``error``."""
        return pending(case, self.path_of(case))

    def path_of(self, case: Case) -> str:
        """Return the path of a case's suite as records have it."""
        path = case.suite.path
        inside = path.is_relative_to(self._root)
        return path.relative_to(self._root).as_posix() if inside else path.name

    def _run(self, case: Case, record: CaseRecord) -> tuple[CaseRecord, Exception | None]:
        try:
            load_seconds, refusal = self._loaded(case)
            if refusal:
                return record.failed("environment_differs", refusal), None
            if names_cases(case.inputs):
                case = self._with_inputs(case)
                recipe = recipe_of(case)
                update = {"recipe": recipe, "recipe_sha256": recipe_sha256(recipe)}
                record = record.model_copy(update=update)
            made, seconds = self._made(case, record, load_seconds)
            inputs = kept_inputs(self._folder, case.inputs)
        except GoldenseedError as error:
            code = error.code if isinstance(error, GenerationError) else "generation_failed"
            record = record.failed(code, str(error))
            return self._explained(record, error, case.noise.drawn_by), error
        record = self._judging.judge(
            record.model_copy(update={"seconds": seconds, "inputs": inputs}),
            made,
            limits=limits_of(case),
            dtype=case.model.dtype,
            mask=case.mask,
        )
        self.making.know(case, record, self.environment)
        text = made.written.text if made.written else case.text
        record = with_content(record, made.pictures, text, case.content)
        record = with_answers(record, made.pictures, case.answers)
        return with_provenance(record, made.files, case.provenance), None

    def _made(
        self, case: Case, record: CaseRecord, load_seconds: float
    ) -> tuple[Made | TakenOver, Seconds]:
        """Make the image of a case whose model is loaded, or take it over from an earlier run."""
        backend = self.backend()
        if self.resuming.earlier.runs:
            self._remember(backend.fingerprint(), case.noise.drawn_by)
            flagged = case.suite.safety == "required"
            taken = self.resuming.taken(record, self.environment, flagged=flagged)
            if taken is not None:
                return taken, taken.case.seconds
        generation = backend.generate(case)
        self._remember(backend.fingerprint(), case.noise.drawn_by)
        made = Made(
            image=generation.image,
            elements=generation.elements,
            profile=case_profile(case, self.environment),
            environment=self.environment,
            environment_sha256=self._environment_sha256,
            in_force=differing(generation.in_force, self.environment),
            remarks=generation.remarks,
            recording=generation.recording,
            layers=generation.layers,
            file=generation.file,
            written=generation.written,
            flagged=generation.flagged,
        )
        return made, Seconds(load=load_seconds, generate=generation.seconds)

    def news(self) -> dict[str, object]:
        """Return what a report has to carry beside a record, since this was last asked."""
        found = {"resumed": self.resuming.news(), "lock_differences": list(self.locks.news())}
        return {name: each for name, each in found.items() if each}

    def backend(self) -> Backend:
        """Return what makes the images of cases; made when it is first asked for."""
        if self._backend is None:
            self._backend = self._make_backend()
        return self._backend

    def _loaded(self, case: Case) -> tuple[float, str | None]:
        """Load the case's model; return the seconds it took, or why it is refused."""
        self.making.free()
        refusal = self.locks.before_loading(case, self.backend())
        seconds = 0.0 if refusal else self.backend().load(case)
        return seconds, refusal or self.locks.after_loading(case, self.backend())

    def _with_inputs(self, case: Case) -> Case:
        """Look up the accepted images that are inputs of a case whose model is loaded."""
        self._remember(self.backend().fingerprint(), case.noise.drawn_by)
        return with_accepted_inputs(case, self._store, case_profile(case, self.environment))

    def not_related(self, member: Member, why: str) -> Tried:
        """Return the record of a relation whose images are not made."""
        found = member.record(self.path_of(member.case))
        return Tried(found.model_copy(update={"state": "cannot", "why": why}))

    def relate(self, member: Member) -> Tried:
        """Make and judge the two images of a relation; what goes wrong is in its record."""
        path, case = self.path_of(member.case), member.case
        found = member.record(path)
        marks = self._folder / RUNNING
        with (
            marked(marks, f"{path}::{member.name}")
            if self._may_be_replaced
            else nullcontext() as died_before
        ):
            if died_before:
                what = "the worker crashed while it ran this, which is not tried again"
                return Tried(found.model_copy(update={"why": what}))
            try:
                if names_cases(case.inputs):
                    _, refusal = self._loaded(case)
                    if refusal:
                        return Tried(found.model_copy(update={"why": refusal}))
                    case = self._with_inputs(case)
            except GoldenseedError as error:
                return Tried(found.model_copy(update={"why": str(error)}))
            return self.making.tried(member, path, case)

    def _explained(self, failure: CaseRecord, error: GoldenseedError, noise: str) -> CaseRecord:
        if not isinstance(error, GenerationError) or error.unusable is None or not self._backend:
            return failure
        self._remember(self._backend.fingerprint(), noise)
        in_force = differing(error.in_force, self.environment)
        failure = failure.model_copy(update={"in_force": in_force})
        return self._judging.explained(failure, error, self.profile, self.environment)

    def judge(
        self,
        record: CaseRecord,
        image: Image,
        *,
        limits: Mapping[str, Limit],
        dtype: str,
        mask: MaskSpec | None = None,
        file: bytes | None = None,
    ) -> CaseRecord:
        """Judge an image that a test made itself, without a back end; ``file`` is what held it."""
        if not self.environment:
            torch = sys.modules.get("torch")  # a test makes its image on the GPU if torch has one
            self._remember(read_fingerprint("cpu" if torch is None else device_for("auto")))
        limits = limits or default_limits()
        record = record.model_copy(update=limit_fields(limits))
        made = Made(image, self.profile, self.environment, self._environment_sha256, file=file)
        return self._judging.judge(record, made, limits=limits, dtype=dtype, mask=mask)

    def _remember(
        self, environment: Mapping[str, EnvironmentValue], noise: str | None = None
    ) -> None:
        """Keep where the latest image was made; a back end reads that once for each model."""
        if environment is not self.environment:
            self.environment = environment
            self._environment_sha256 = json_sha256(dict(environment))
        self.profile = profile_slug(environment, noise=noise)
