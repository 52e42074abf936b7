"""Judging one image: held against what it should be, and all that came of it in its record."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.baselines.store import BaselineStore
from goldenseed.core.errors import GoldenseedError
from goldenseed.diagnosis.explain import diagnose
from goldenseed.runs.made import Made, mask_for
from goldenseed.runs.parts import ElementRecord, MaskUsed
from goldenseed.runs.record import BaselineUsed, CaseRecord, EnvironmentValue
from goldenseed.runs.stored import Pictures
from goldenseed.suite.cases import Limit
from goldenseed.suite.masking import MaskSpec
from goldenseed.tolerance.tolerance import assumed_tolerance
from goldenseed.verdict.evidence import Evidence, reference_to
from goldenseed.verdict.judge import Judgement, judge
from goldenseed.verdict.model import Verdict

if TYPE_CHECKING:
    from PIL.Image import Image

    from goldenseed.backends.protocol import GenerationError
    from goldenseed.baselines.entry import AcceptedImage, BaselineEntry
    from goldenseed.runs.resume import TakenOver
    from goldenseed.trace.digesting import Recording


def judged_fields(
    now: Evidence,
    judgement: Judgement,
    pictures: Pictures,
    elements: Sequence[ElementRecord] = (),
) -> dict[str, object]:
    """Return the fields of a record that a judgement decides, its pictures kept.

    ``elements`` are the record's so far.

    Raises:
        GoldenseedError: a picture cannot be kept.

    """
    against, same = judgement.against, judgement.verdict is Verdict.IDENTICAL
    fields: dict[str, object] = {
        "verdict": judgement.verdict,
        "reasons": judgement.reasons,
        "metrics": {n: v for n, v in judgement.metrics.items() if math.isfinite(v)},
        "baseline": None,
        "difference": None,
        "diagnosis": None,
    }
    if against is None or against.at is None:
        return fields
    if elements:
        fields["elements"] = _judged_elements(elements, judgement, against, pictures)
    whole, at = against.pixels_sha256, against.at
    # Of several elements the one that decided is shown, where one of another number is judged none.
    if same or bool(now.elements) == bool(against.elements):
        index = min(judgement.element, len(against.parts) - 1, len(now.parts) - 1)
        now, against = now.part(index), against.part(index)
    before = now.image if same else against.image  # of equal pixels none is decoded
    if before is None and not elements:
        return fields
    fields["baseline"] = BaselineUsed(
        profile=against.profile or "unknown",
        pixels_sha256=whole,
        accepted_at=at,
        accepted_by=against.by,
        reason=against.why,
        image=None if before is None else pictures.keep(before, against.pixels_sha256),
        run=against.run,
    )
    if not same:
        if now.image is not None and before is not None:
            fields["difference"] = pictures.keep_difference(now.image, before)
            if elements:
                fields["image"] = pictures.keep(now.image, now.pixels_sha256)
        fields["diagnosis"] = diagnose(against, now, judgement.metrics)
    return fields


def _judged_elements(
    elements: Sequence[ElementRecord],
    judgement: Judgement,
    against: Evidence,
    pictures: Pictures,
) -> tuple[ElementRecord, ...]:
    """Return the records of the elements, each with what became of it, the accepted ones kept."""
    comparable = [each.name for each in elements] == [each.name for each in against.elements]
    if not comparable:
        return tuple(elements)
    moved = {each.index: (each, own) for each, own in judgement.elements}
    found = []
    for index, (element, old) in enumerate(zip(elements, against.elements, strict=True)):
        update: dict[str, object] = {"baseline": element.file}
        if index in moved:
            each, own = moved[index]
            metrics = {name: value for name, value in each.metrics.items() if math.isfinite(value)}
            update = {"verdict": own, "metrics": metrics}
        elif element.sha256 == old.sha256:
            update["verdict"] = Verdict.IDENTICAL
        if element.sha256 != old.sha256:
            update["baseline"] = pictures.keep(old.read(), old.sha256)
        found.append(element.model_copy(update={**update}))
    return tuple(found)


class Judging:
    """Judges images against a store; writes into the run's folder and nothing else."""

    def __init__(self, folder: Path, store: BaselineStore, passing: frozenset[Verdict]) -> None:
        self._folder = folder
        self._store = store
        self._passing = passing
        self._pictures = Pictures(folder, store)

    def judge(
        self,
        record: CaseRecord,
        made: Made | TakenOver,
        *,
        limits: Mapping[str, Limit],
        dtype: str,
        mask: MaskSpec | None = None,
    ) -> CaseRecord:
        """Complete a pending record with the verdict on an image, which is kept.

        Args:
            record: what is known of the case.
            made: its image.
            limits: the gates.
            dtype: the one the image was computed in, as torch names it: ``float32``.
            mask: which pixels count.

        """
        began = time.perf_counter()
        if isinstance(made, Made) and not made.profile:
            made = replace(made, profile="unknown")
        profile = made.profile or "unknown"
        stage = "unusable_image"
        try:
            now = made.evidence(record)
            entry, unreadable = self._entry(record)
            stage = "not_kept"
            record = record.model_copy(update=self._kept(made, entry))
            stage = "unusable_mask"
            counted, masked = self._mask(made, mask)
            record = record.model_copy(update={"masked": masked})
            stage = "unreadable_baseline"
            if unreadable is not None:
                raise unreadable
            judgement = judge(
                now,
                reference_to(self._store, entry, profile),
                limits=limits,
                tolerance=assumed_tolerance(dtype, profile),
                mask=counted,
            )
            if judgement.verdict is Verdict.IDENTICAL:
                for part in now.parts:
                    self._pictures.check_accepted(part.pixels_sha256, part.mode)
            stage = "not_kept"
            fields = judged_fields(now, judgement, self._pictures, record.elements)
        except GoldenseedError as error:
            return record.failed(stage, str(error))
        fields["passed"] = judgement.verdict in self._passing
        fields["seconds"] = record.seconds.model_copy(
            update={"compare": time.perf_counter() - began}
        )
        return record.model_copy(update=fields)

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
        entry, _ = self._entry(failure)
        accepted = reference_to(self._store, entry, profile or "unknown").accepted
        if accepted is None:
            return failure
        now = Evidence(
            recipe=failure.recipe,
            in_force=failure.in_force,
            read_trace=lambda: error.trace,
            read_environment=lambda: environment,
            unusable=error.unusable,
        )
        return failure.model_copy(update={"diagnosis": diagnose(accepted.images[0], now)})

    def _entry(self, record: CaseRecord) -> tuple[BaselineEntry | None, GoldenseedError | None]:
        """Return what is accepted for the case, or why that cannot be read."""
        try:
            return self._store.entry(record.suite, record.id), None
        except GoldenseedError as error:
            return None, error

    def _kept(self, made: Made | TakenOver, entry: BaselineEntry | None) -> dict[str, object]:
        profiles = entry.profiles.values() if entry else ()
        accepted = next(
            filter(None, (each.accepted_with(made.pixels_sha256) for each in profiles)), None
        )
        trace = self._same_trace(made.recording, accepted)
        return made.kept(self._folder, self._pictures, trace=trace)

    def _same_trace(
        self, recording: Recording | None, accepted: AcceptedImage | None
    ) -> tuple[str, bytes] | None:
        """Return digest and file of the accepted trace, if every stage has the accepted values."""
        if recording is None or accepted is None or accepted.trace_sha256 is None:
            return None
        if accepted.stages_sha256 != recording.stages_sha256:
            return None
        with suppress(GoldenseedError):  # then it is written anew
            return accepted.trace_sha256, self._store.trace_file(
                accepted.trace_sha256, recording.stages_sha256
            )
        return None

    def _mask(
        self, made: Made | TakenOver, spec: MaskSpec | None
    ) -> tuple[Image | None, MaskUsed | None]:
        """Return the mask for an image, and what the record says of it, its picture kept."""
        from goldenseed.core.pixels import pixels_sha256

        picture = next((image for _, image in made.pictures), None)
        mask = None if picture is None else mask_for(picture.size, spec)
        if spec is None or mask is None:
            return None, None
        place = self._pictures.keep(mask, pixels_sha256(mask))
        return mask, MaskUsed(source=spec.source, ignore=spec.ignore, image=place or "")
