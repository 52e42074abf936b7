"""Judging one image: the verdict, its pictures and trace kept, all of it in the record."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.baselines.entry import ProfileBaseline
from goldenseed.baselines.store import BaselineStore
from goldenseed.core.errors import GoldenseedError
from goldenseed.diagnosis.evidence import Blank
from goldenseed.diagnosis.explain import Kept, diagnose
from goldenseed.environment.fingerprint import changed_weights
from goldenseed.environment.profile import fallback_chain
from goldenseed.runs.layers import kept_layers
from goldenseed.runs.pending import failed
from goldenseed.runs.pictures import Pictures
from goldenseed.runs.record import (
    BaselineUsed,
    CaseRecord,
    EnvironmentValue,
    MaskUsed,
)
from goldenseed.runs.stored import kept_trace
from goldenseed.suite.cases import Limit
from goldenseed.suite.masking import MaskSpec
from goldenseed.tolerance.exact import exact_measures
from goldenseed.tolerance.rounding import TraceMeasure
from goldenseed.tolerance.tolerance import Noise, calibrated_noise, unmeasured_noise
from goldenseed.trace.stages import Trace
from goldenseed.verdict.judge import (
    Judgement,
    Measured,
    Tools,
    judge,
)
from goldenseed.verdict.model import Subject, Verdict

if TYPE_CHECKING:
    from PIL.Image import Image
    from pydantic import JsonValue

    from goldenseed.backends.diffusers.layers import DeepTrace
    from goldenseed.backends.protocol import GenerationError
    from goldenseed.baselines.entry import AcceptedImage, BaselineEntry
    from goldenseed.diagnosis.model import Diagnosis
    from goldenseed.trace.digesting import Recording


@dataclass(frozen=True, slots=True)
class Made:
    """An image as a back end or a test made it, with what its verdict depends on."""

    image: Image
    limits: Mapping[str, Limit]
    dtype: str
    """The one it was computed in: ``float32``."""
    profile: str | None
    environment_sha256: str | None
    environment: Mapping[str, EnvironmentValue] | None = None
    in_force: Mapping[str, EnvironmentValue] = field(default_factory=dict)
    recording: Recording | None = None
    layers: DeepTrace | None = None
    mask: MaskSpec | None = None

    @property
    def trace(self) -> Trace:
        """The records of its stages; empty where there are none."""
        return () if self.recording is None else self.recording.trace


class Judging:
    """Judges images against a store; writes into the run's folder and nothing else."""

    def __init__(self, folder: Path, store: BaselineStore, passing: frozenset[Verdict]) -> None:
        self._folder = folder
        self._store = store
        self._passing = passing
        self._pictures = Pictures(folder, store)

    def judge(self, sketch: CaseRecord, made: Made) -> CaseRecord:
        """Complete ``sketch`` with the verdict on an image, which is kept in the run's folder."""
        from goldenseed.core.pixels import pixels_sha256
        from goldenseed.images.measure import measure

        began = time.perf_counter()
        profile = made.profile or "unknown"
        stage = "unusable_image"
        try:
            subject = Subject(
                image=made.image,
                pixels_sha256=pixels_sha256(made.image),
                recipe=sketch.recipe,
                recipe_sha256=sketch.recipe_sha256,
                profile=profile,
            )
            entry, unreadable = self._entry(sketch)
            stage = "not_kept"
            sketch = sketch.model_copy(update=self._described(subject, made, entry))
            stage = "unusable_mask"
            mask, masked = self._mask(made)
            if masked is not None:
                sketch = sketch.model_copy(update={"masked": masked})
            stage = "unreadable_baseline"
            if unreadable is not None:
                raise unreadable
            judgement = judge(
                subject,
                entry,
                chain=fallback_chain(profile, entry.profiles if entry else ()),
                limits=made.limits,
                noise=unmeasured_noise(made.dtype, profile),
                tools=Tools(
                    load_image=self._store.image,
                    measure=partial(measure, mask=mask),
                    load_traces=partial(self._both_traces, made),
                    measured_noise=partial(self._measured_noise, made, sketch.recipe_sha256),
                    changed_weights=partial(self._changed_weights, made),
                    exact_measures=partial(self._exact, made, sketch.recipe_sha256),
                ),
            )
            if judgement.verdict is Verdict.IDENTICAL:
                self._pictures.check_accepted(subject.pixels_sha256)
            stage = "not_kept"
            update = self._conclude(made, judgement, sketch.recipe)
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

    def _mask(self, made: Made) -> tuple[Image | None, MaskUsed | None]:
        """Return the mask for an image, and what the record says of it, its picture kept."""
        spec = made.mask
        if spec is None:
            return None, None
        from goldenseed.core.pixels import pixels_sha256
        from goldenseed.images.terms import mask_of

        mask = mask_of(
            made.image.size, file=spec.file, ignore=spec.ignore, path=spec.path, line=spec.line
        )
        assert mask is not None  # noqa: S101 - a spec masks something
        place = self._pictures.keep(mask, pixels_sha256(mask))
        return mask, MaskUsed(source=spec.source, ignore=spec.ignore, image=place)

    def explained(
        self,
        failure: CaseRecord,
        error: GenerationError,
        profile: str | None,
        environment: Mapping[str, EnvironmentValue],
    ) -> CaseRecord:
        """Add to a failure what its trace tells, held against the image accepted first."""
        if error.unusable is None:
            return failure
        profile = profile or "unknown"
        try:
            entry = self._store.entry(failure.suite, failure.id)
        except GoldenseedError:
            return failure
        chain = fallback_chain(profile, entry.profiles if entry else ())
        accepted = [image for name in chain if entry and name in entry.profiles
                    for image in entry.profiles[name].accepted]  # fmt: skip
        if not accepted:
            return failure
        now = Kept(
            recipe=failure.recipe,
            environment=lambda: environment,
            in_force=failure.in_force,
            trace=lambda: error.trace,
            blank=Blank(error.unusable.value),
        )
        return failure.model_copy(
            update={"diagnosis": diagnose(self._kept(accepted[0], None), now)}
        )

    def _kept(self, accepted: AcceptedImage, image: Image | None) -> Kept:
        return Kept(
            recipe=accepted.recipe,
            environment=lambda: self._store.environment(accepted.environment_sha256),
            in_force=accepted.in_force,
            trace=lambda: self._accepted_trace(accepted),
            image=image,
        )

    def _entry(self, sketch: CaseRecord) -> tuple[BaselineEntry | None, GoldenseedError | None]:
        """Return what is accepted for the case, or why that cannot be read."""
        try:
            return self._store.entry(sketch.suite, sketch.id), None
        except GoldenseedError as error:
            return None, error

    def _described(
        self, subject: Subject, made: Made, entry: BaselineEntry | None
    ) -> dict[str, object]:
        """Return the record's fields on what was made, its image and trace written.

        What is accepted already, to the last bit, is copied.
        """
        image = subject.image
        profiles = entry.profiles.values() if entry else ()
        accepted = next(
            filter(None, (each.accepted_with(subject.pixels_sha256) for each in profiles)), None
        )
        return {
            "profile": subject.profile,
            "environment_sha256": made.environment_sha256,
            "in_force": dict(made.in_force),
            "pixels_sha256": subject.pixels_sha256,
            "image": self._pictures.keep(image, subject.pixels_sha256, accepted=accepted),
            "width": image.width,
            "height": image.height,
            "mode": image.mode,
            **kept_trace(self._folder, made.recording, self._same_trace(made, accepted)),
            **kept_layers(self._folder, made.layers),
        }

    def _conclude(
        self, made: Made, judgement: Judgement, recipe: Mapping[str, JsonValue]
    ) -> dict[str, object]:
        """Return the fields of the record that the judgement decides, its pictures written."""
        update: dict[str, object] = {
            "verdict": judgement.verdict,
            "reasons": judgement.reasons,
            "metrics": {n: v for n, v in judgement.metrics.items() if math.isfinite(v)},
        }
        against = judgement.against
        if against is None:
            return update
        accepted = against.image
        update["baseline"] = BaselineUsed(
            profile=against.profile,
            pixels_sha256=against.accepted.pixels_sha256,
            accepted_at=against.accepted.accepted_at,
            image=self._pictures.keep(accepted, against.accepted.pixels_sha256)
            if accepted
            else None,
        )
        if judgement.verdict is Verdict.IDENTICAL:
            return update
        if accepted and accepted.size == made.image.size:
            update["difference"] = self._pictures.keep_difference(made.image, accepted)
        update["diagnosis"] = self._diagnosed(made, against, recipe)
        return update

    def _measured_noise(
        self, made: Made, recipe_sha256: str, baseline: ProfileBaseline, unmeasured: Noise
    ) -> Noise:
        return calibrated_noise(
            baseline,
            recipe_sha256,
            unmeasured,
            present={**made.environment, **made.in_force} if made.environment else None,
            measured_in=self._store.environment,
        )

    def _changed_weights(self, made: Made, accepted: AcceptedImage) -> tuple[str, ...]:
        if not made.environment:
            return ()
        return changed_weights(
            self._store.environment(accepted.environment_sha256), made.environment
        )

    def _exact(
        self, made: Made, recipe_sha256: str, baseline: ProfileBaseline
    ) -> tuple[TraceMeasure, ...]:
        kept = baseline.exact
        if kept is None or kept.recipe_sha256 != recipe_sha256:
            return ()
        return exact_measures(kept, self._store.trace(kept.trace_sha256), made.trace)

    def _both_traces(self, made: Made, accepted: AcceptedImage) -> tuple[Trace, Trace] | None:
        before = self._accepted_trace(accepted) if made.trace else None
        return (before, made.trace) if before else None

    def _same_trace(self, made: Made, accepted: AcceptedImage | None) -> tuple[str, bytes] | None:
        """Return digest and file of the accepted trace, if every stage has the accepted values."""
        recording = made.recording
        if recording is None or accepted is None or accepted.trace_sha256 is None:
            return None
        if accepted.stages_sha256 != recording.stages_sha256:
            return None
        with suppress(GoldenseedError):  # then it is written anew
            return accepted.trace_sha256, self._store.trace_file(accepted.trace_sha256)
        return None

    def _accepted_trace(self, accepted: AcceptedImage) -> Trace | None:
        digest = accepted.trace_sha256
        return None if digest is None else self._store.trace(digest)

    def _diagnosed(
        self, made: Made, against: Measured, recipe: Mapping[str, JsonValue]
    ) -> Diagnosis | None:
        now = Kept(
            recipe=recipe,
            environment=lambda: made.environment,
            in_force=made.in_force,
            trace=lambda: made.trace,
            image=made.image,
        )
        return diagnose(self._kept(against.accepted, against.image), now, against.metrics)
