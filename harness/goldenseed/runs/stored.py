"""The images and traces that a run left behind, and what ``run.json`` says of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside, write_atomically
from goldenseed.runs.record import CaseRecord, TraceStage
from goldenseed.trace.digesting import Recording
from goldenseed.trace.files import SUFFIX, encode_trace, read_trace
from goldenseed.trace.stages import Trace

if TYPE_CHECKING:
    from PIL.Image import Image


def stored_image(folder: Path, case: CaseRecord) -> Image:
    """Decode the image of ``case`` from its run's folder and verify that it is the recorded one.

    Raises:
        GoldenseedError: the case has no image, its file is missing or damaged or lies outside the
            folder, or its pixels (size and mode included) are not those on record.

    """
    from goldenseed.core.pixels import decode, pixels_sha256

    if case.image is None or case.pixels_sha256 is None:
        raise GoldenseedError(
            f"no image was recorded: the verdict was {case.verdict.value}"
            + (f" ({case.error.strip()})" if case.error else ""),
            path=folder,
            fix="mend what the message names and run the suite again",
        )
    path = inside(folder, case.image)
    image = decode(path, formats=("PNG",))
    found = pixels_sha256(image)
    if found != case.pixels_sha256:
        raise GoldenseedError(
            f"holds the pixels {found[:12]}…, not the recorded {case.pixels_sha256[:12]}…",
            path=path,
            fix="copy the run's folder again from where it was made, or run the suite again",
        )
    return image


def stored_mask(folder: Path, case: CaseRecord) -> Image | None:
    """Decode the mask under which ``case`` was judged; None where all pixels counted.

    Raises:
        GoldenseedError: its file is missing or damaged or lies outside the folder.

    """
    from goldenseed.core.pixels import decode

    return decode(inside(folder, case.masked.image), formats=("PNG",)) if case.masked else None


FOLDER = "traces"


def kept_trace(
    folder: Path, recording: Recording | None, known: tuple[str, bytes] | None = None
) -> dict[str, object]:
    """Write a trace into the run's folder under its digest, once; return a record's fields on it.

    Args:
        folder: the run's.
        recording: what was recorded; None if that was not wanted.
        known: digest and file of a trace whose stages have the same digests.

    Raises:
        GoldenseedError: it cannot be written.

    """
    if recording is None or not recording.stages:
        return {}
    digest, data = known or encode_trace(recording.trace)
    path = trace_path(folder, digest)
    if not path.exists():
        write_atomically(path, data, durable=False)
    stages = (
        # These come from the stages themselves; to validate them again takes as long as all else.
        TraceStage.model_construct(
            stage=each.stage, index=each.index, source=each.source, sha256=each.sha256
        )
        for each in recording.stages
    )
    return {"trace": tuple(stages), "trace_file": f"{FOLDER}/{path.name}"}


def trace_path(folder: Path, trace_sha256: str) -> Path:
    """Return where a trace lies in a run's folder, or would lie."""
    return folder / FOLDER / f"{trace_sha256}{SUFFIX}"


def stored_trace(folder: Path, case: CaseRecord) -> Trace | None:
    """Read the trace of ``case`` from its run's folder and verify it; None if there is none.

    Raises:
        GoldenseedError: the file is missing, damaged, outside the folder, or not of this case.

    """
    if case.trace_file is None:
        return None
    path = inside(folder, case.trace_file)
    trace = read_trace(path)
    if [each.sha256 for each in trace] != [each.sha256 for each in case.trace]:
        raise GoldenseedError(
            f"is not the trace that the record of {case.id} lists",
            path=path,
            fix="copy the run's folder again from where it was made, or run the suite again",
        )
    return trace
