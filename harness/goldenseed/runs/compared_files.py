"""Pairs of picture files, judged without a suite, as the cases of a run."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldenseed.core.errors import GoldenseedError
from goldenseed.images.compare import ImageComparison, Outcome
from goldenseed.images.folders import FilePair
from goldenseed.images.terms import Terms
from goldenseed.runs.parts import MaskUsed
from goldenseed.runs.record import BaselineUsed, CaseRecord
from goldenseed.runs.stored import Pictures
from goldenseed.suite.recipes import recipe_sha256
from goldenseed.verdict.model import Reason, Verdict

if TYPE_CHECKING:
    from PIL.Image import Image

SUITE = "compare"
"""What stands in the place of a suite's name."""
_PROFILE = "files"
_VERDICTS: Mapping[Outcome, Verdict] = {
    Outcome.IDENTICAL: Verdict.IDENTICAL,
    Outcome.WITHIN: Verdict.WARN,
    Outcome.BEYOND: Verdict.DRIFT,
    Outcome.INCOMPARABLE: Verdict.INCOMPARABLE,
    Outcome.ERROR: Verdict.ERROR,
}
"""Without a suite no tolerance is known, so that nothing is a ``match``; as in a comparison of
runs, a file that only B has is ``new``, and one that only A has an ``error``."""


def case_of_files(
    pair: FilePair, found: ImageComparison, terms: Terms, pictures: Pictures
) -> CaseRecord:
    """Describe a pair that was judged; its pictures are kept unless they are identical.

    Raises:
        GoldenseedError: a picture cannot be kept.

    """
    verdict = _VERDICTS.get(found.outcome) or (Verdict.NEW if pair.a is None else Verdict.ERROR)
    error = verdict is Verdict.ERROR
    place = pair.b or pair.a
    return CaseRecord(
        id=found.name,
        suite=SUITE,
        path=place.as_posix() if place else found.name,
        recipe={},
        recipe_sha256=recipe_sha256({}),
        verdict=verdict,
        passed=found.passed,
        reasons=tuple(_reasons(found, terms)),
        metrics=found.metrics,
        limits={each.gate: each.limit for each in found.gates},
        limit_sources={
            each.gate: terms.limits[each.gate].source
            for each in found.gates
            if each.gate in terms.limits
        },
        error="; ".join(found.notes) if error else None,
        remarks=() if error else found.notes[len(_told(found)) :],
        **({} if found.outcome is Outcome.IDENTICAL else _pictures(pair, terms, pictures)),
    )


def _told(found: ImageComparison) -> tuple[str, ...]:
    """Return the notes that say why a pair could not be compared: the first."""
    obstacle = found.outcome in {Outcome.INCOMPARABLE, Outcome.MISSING, Outcome.ERROR}
    return found.notes[:1] if obstacle else ()


def _reasons(found: ImageComparison, terms: Terms) -> list[Reason]:
    if told := _told(found):
        unreadable = found.outcome is Outcome.ERROR
        return [Reason(code="unreadable" if unreadable else found.outcome.value, detail=told[0])]
    if found.outcome is Outcome.IDENTICAL:
        return [Reason(code="identical")]
    broken = [
        Reason(
            code="gate",
            metric=each.metric,
            direction=each.direction,
            value=each.value if each.value is not None else "inf",
            limit=each.limit,
            source=terms.limits[each.gate].source if each.gate in terms.limits else None,
        )
        for each in found.gates
        if not each.passed
    ]
    held = "every gate holds; how far rounding explains it is unknown without a suite"
    return broken or [Reason(code=Outcome.WITHIN.value, detail=held)]


def _pictures(pair: FilePair, terms: Terms, pictures: Pictures) -> dict[str, Any]:
    """Keep the pictures that can be read, and return the record's fields on them."""
    from goldenseed.core.pixels import pixels_sha256
    from goldenseed.images.picture_files import in_one_mode
    from goldenseed.images.terms import mask_of

    before, now = _read(pair.a), _read(pair.b)
    fields: dict[str, Any] = {}
    if before is not None and now is not None and before.size == now.size:
        before, now, _ = in_one_mode(before, now)
        if "I;16" not in {before.mode, now.mode}:
            fields["difference"] = pictures.keep_difference(now, before)
        if mask := mask_of(now.size, file=terms.mask, ignore=terms.ignore):
            kept = pictures.keep(mask, pixels_sha256(mask)) or ""
            source = None if terms.mask is None else str(terms.mask)
            fields["masked"] = MaskUsed(source=source, ignore=terms.ignore, image=kept)
    if now is not None:
        digest = pixels_sha256(now)
        fields |= {"pixels_sha256": digest, "image": pictures.keep(now, digest)}
        fields |= {"width": now.width, "height": now.height, "mode": now.mode}
    if before is not None and pair.a is not None:
        digest = pixels_sha256(before)
        fields["baseline"] = BaselineUsed(
            profile=_PROFILE,
            pixels_sha256=digest,
            accepted_at=datetime.fromtimestamp(pair.a.stat().st_mtime, UTC),
            image=pictures.keep(before, digest),
            run=pair.a.as_posix(),
        )
    return fields


def _read(path: Path | None) -> Image | None:
    """Decode a file; None where it is missing or cannot be read, which its outcome says."""
    from goldenseed.images.picture_files import read_picture

    with suppress(GoldenseedError, OSError):
        return None if path is None else read_picture(path).image
    return None
