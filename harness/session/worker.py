"""Running one case: generate, judge, keep the pictures, describe it all in a record."""

from __future__ import annotations

import filecmp
import math
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from harness.baselines.store import BaselineStore
from harness.comparison.gates import default_limits
from harness.diagnosis.first_divergence import diagnose
from harness.environment.fingerprint import read_fingerprint
from harness.environment.profile import PORTABLE, fallback_chain, profile_slug
from harness.errors import GoldenseedError
from harness.files import json_sha256, write_atomically
from harness.generation.stages import Trace
from harness.runs.record import BaselineUsed, CaseRecord, EnvironmentValue, Seconds
from harness.runs.traces import kept_trace
from harness.session.crashes import RUNNING, marked
from harness.session.lock_check import LockCheck
from harness.suites.expansion import Limit
from harness.suites.recipes import recipe_of, recipe_sha256
from harness.verdict.judge import Judgement, Subject, Tools, judge
from harness.verdict.model import Reason, Verdict
from harness.verdict.noise import unmeasured_noise

if TYPE_CHECKING:
    from PIL.Image import Image

    from harness.generation.backend import Backend
    from harness.suites.expansion import Case


class Worker:
    """Runs cases in this process; writes pictures into the run's folder and nothing else."""

    def __init__(
        self,
        *,
        root: Path,
        folder: Path,
        store: BaselineStore,
        passing: frozenset[Verdict],
        backend: Callable[[], Backend],
        locks: LockCheck,
        may_be_replaced: bool = False,
    ) -> None:
        self._root = root
        self._folder = folder
        self._store = store
        self._passing = passing
        self._make_backend = backend
        self.locks = locks
        self._may_be_replaced = may_be_replaced
        self._backend: Backend | None = None
        self.environment: Mapping[str, EnvironmentValue] = {}
        self._environment_sha256: str | None = None
        self.profile: str | None = None

    def run(self, case: Case) -> tuple[CaseRecord, Exception | None]:
        """Generate and judge one case; whatever a user can cause becomes the verdict ``error``.

        Returns the record, and the exception if no image was made.
        """
        sketch = self.sketch(case)
        marks = self._folder / RUNNING
        name = f"{sketch.path}::{sketch.id}"
        with marked(marks, name) if self._may_be_replaced else nullcontext() as died_before:
            if died_before:
                what = "the worker crashed while it ran this case, which is not tried again"
                return failed(sketch, "worker_crashed", what), None
            return self._run(case, sketch)

    def sketch(self, case: Case) -> CaseRecord:
        """Return what is known of a case before it runs, with the verdict ``error``."""
        return sketch_of(case, self._relative(case.suite.path))

    def _run(self, case: Case, sketch: CaseRecord) -> tuple[CaseRecord, Exception | None]:
        try:
            if self._backend is None:
                self._backend = self._make_backend()
            refusal = self.locks.before_loading(case, self._backend)
            load_seconds = 0.0 if refusal else self._backend.load(case)
            refusal = refusal or self.locks.after_loading(case, self._backend)
            if refusal:
                return failed(sketch, "environment_differs", refusal), None
            generation = self._backend.generate(case)
            self._remember(self._backend.fingerprint())
        except GoldenseedError as error:
            return failed(sketch, "generation_failed", str(error)), error
        seconds = Seconds(load=load_seconds, generate=generation.seconds)
        record = self._judge(
            sketch.model_copy(update={"seconds": seconds}),
            generation.image,
            limits=_limits(case),
            dtype=case.suite.model.dtype,
            profile=PORTABLE if case.suite.determinism.portable else self.profile,
            trace=generation.trace,
        )
        return record, None

    def judge(
        self, sketch: CaseRecord, image: Image, *, limits: Mapping[str, Limit], dtype: str
    ) -> CaseRecord:
        """Judge an image that a test made itself, without a back end."""
        if not self.environment:
            self._remember(read_fingerprint(_device_in_use()))
        limits = limits or default_limits()
        shown = {name: limit.value for name, limit in limits.items()}
        sketch = sketch.model_copy(update={"limits": shown})
        return self._judge(sketch, image, limits=limits, dtype=dtype, profile=self.profile)

    def _judge(
        self,
        sketch: CaseRecord,
        image: Image,
        *,
        limits: Mapping[str, Limit],
        dtype: str,
        profile: str | None,
        trace: Trace = (),
    ) -> CaseRecord:
        """Complete ``sketch`` with the verdict on ``image``, which is kept in the run's folder."""
        from harness.comparison.compare import measure
        from harness.pixels import pixels_sha256

        began = time.perf_counter()
        profile = profile or "unknown"
        stage = "unusable_image"
        try:
            subject = Subject(
                image=image,
                pixels_sha256=pixels_sha256(image),
                recipe=sketch.recipe,
                recipe_sha256=sketch.recipe_sha256,
                profile=profile,
            )
            stage = "not_kept"
            sketch = sketch.model_copy(update=self._described(subject, trace))
            stage = "unreadable_baseline"
            entry = self._store.entry(sketch.suite, sketch.id)
            judgement = judge(
                subject,
                entry,
                chain=fallback_chain(profile, entry.profiles if entry else ()),
                limits=limits,
                noise=unmeasured_noise(dtype, profile),
                tools=Tools(load_image=self._store.image, measure=measure),
            )
            if judgement.verdict is Verdict.IDENTICAL:
                self._check_accepted(subject.pixels_sha256)
            stage = "not_kept"
            update = self._conclude(image, judgement, trace)
        except GoldenseedError as error:
            return failed(sketch, stage, str(error))
        seconds = sketch.seconds.model_copy(update={"compare": time.perf_counter() - began})
        return sketch.model_copy(
            update={
                **update,
                "passed": judgement.verdict in self._passing,
                "seconds": seconds,
            }
        )

    def _remember(self, environment: Mapping[str, EnvironmentValue]) -> None:
        """Keep where the latest image was made; a back end reads that once for each model."""
        if environment is self.environment:
            return
        self.environment = environment
        self._environment_sha256 = json_sha256(dict(environment))
        self.profile = profile_slug(environment)

    def _described(self, subject: Subject, trace: Trace) -> dict[str, object]:
        """Return the record's fields on what was made, its image and trace written."""
        image = subject.image
        return {
            "profile": subject.profile,
            "environment_sha256": self._environment_sha256,
            "pixels_sha256": subject.pixels_sha256,
            "image": self._keep(image, subject.pixels_sha256),
            "width": image.width,
            "height": image.height,
            "mode": image.mode,
            **kept_trace(self._folder, trace),
        }

    def _conclude(self, image: Image, judgement: Judgement, trace: Trace) -> dict[str, object]:
        """Return the fields of the record that the judgement decides, its pictures written."""
        update: dict[str, object] = {
            "verdict": judgement.verdict,
            "reasons": judgement.reasons,
            "metrics": {n: v for n, v in judgement.metrics.items() if math.isfinite(v)},
        }
        against = judgement.against
        if against is None:
            return update
        accepted_image = against.image
        same = judgement.verdict is Verdict.IDENTICAL
        update["baseline"] = BaselineUsed(
            profile=against.profile,
            pixels_sha256=against.accepted.pixels_sha256,
            accepted_at=against.accepted.accepted_at,
            image=self._keep(accepted_image, against.accepted.pixels_sha256)
            if accepted_image
            else None,
        )
        if accepted_image and not same and accepted_image.size == image.size:
            update["difference"] = self._keep_difference(image, accepted_image)
        if not same:
            digest = against.accepted.trace_sha256
            update["diagnosis"] = diagnose(
                lambda: None if digest is None else self._store.trace(digest), lambda: trace
            )
        return update

    def _keep(self, image: Image, sha256: str) -> str:
        """Write ``image`` into the run's folder under its digest, once; return the place."""
        place = f"images/{sha256}.png"
        if not (self._folder / place).exists():
            write_atomically(self._folder / place, self._encoded(image, sha256), durable=False)
        return place

    def _encoded(self, image: Image, sha256: str) -> bytes:
        """Return a PNG file of ``image``: the accepted one, if these pixels are accepted.

        To decode and verify that costs a third of encoding the image again.
        """
        from harness.pixels import encode_png

        if self._store.image_path(sha256).is_file():
            with suppress(GoldenseedError):
                return self._store.image_file(sha256)
        return encode_png(image)

    def _check_accepted(self, sha256: str) -> None:
        """Raise ``GoldenseedError`` where the accepted file does not hold the accepted pixels."""
        accepted = self._store.image_path(sha256)
        kept = self._folder / f"images/{sha256}.png"
        if not accepted.is_file() or not filecmp.cmp(accepted, kept, shallow=False):
            self._store.image(sha256)

    def _keep_difference(self, image: Image, accepted: Image) -> str | None:
        from harness.comparison.compare import difference_image
        from harness.pixels import pixels_sha256

        if image.mode != accepted.mode:
            return None
        difference = difference_image(image, accepted)
        return self._keep(difference, pixels_sha256(difference))

    def _relative(self, path: Path) -> str:
        return (
            path.relative_to(self._root).as_posix()
            if path.is_relative_to(self._root)
            else str(path.name)
        )


def sketch_of(case: Case, path: str) -> CaseRecord:
    """Return what is known of a case of the file ``path`` before it runs; it counts as failed."""
    recipe = recipe_of(case)
    return CaseRecord(
        id=case.id,
        suite=case.suite.name,
        path=path,
        line=case.line,
        recipe=recipe,
        recipe_sha256=recipe_sha256(recipe),
        limits={name: limit.value for name, limit in _limits(case).items()},
        verdict=Verdict.ERROR,
        passed=False,
    )


def failed(sketch: CaseRecord, code: str, message: str) -> CaseRecord:
    """Complete ``sketch`` as the verdict ``error``, with what went wrong."""
    reason = Reason(code=code, detail=message)
    return sketch.model_copy(
        update={"verdict": Verdict.ERROR, "passed": False, "reasons": (reason,), "error": message}
    )


def _limits(case: Case) -> Mapping[str, Limit]:
    return case.limits or default_limits()


def _device_in_use() -> str:
    """Guess where a test made its image: on the GPU if its torch has one."""
    torch = sys.modules.get("torch")
    return "cuda:0" if torch is not None and torch.cuda.is_available() else "cpu"
