"""The pictures and traces in a run's folder: each written once under its digest, and read back."""

from __future__ import annotations

import filecmp
import re
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.core.elements import (
    content_sha256,
    decoded,
    encoded,
    kind_of,
    sequence_sha256,
    suffix_of,
)
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside, write_atomically
from goldenseed.runs.parts import ElementRecord
from goldenseed.runs.record import CaseRecord, EnvironmentValue, RunRecord, TraceStage
from goldenseed.suite.recipes import recipe_sha256
from goldenseed.trace.digesting import Recording
from goldenseed.trace.files import LAYERS_SUFFIX, SUFFIX, encode_trace, read_trace
from goldenseed.trace.stages import Trace
from goldenseed.verdict.evidence import Element, Evidence, nothing

if TYPE_CHECKING:
    from PIL.Image import Image

    from goldenseed.backends.diffusers.layers import DeepTrace
    from goldenseed.baselines.store import BaselineStore
    from goldenseed.core.elements import Content

FOLDER = "traces"

_FORMS = (
    ("profile", re.compile(r"[a-z0-9][a-z0-9_.-]*")),
    ("environment_sha256", re.compile(r"[0-9a-f]{64}")),
)


def stored_evidence(run: RunRecord, folder: Path, case: CaseRecord) -> Evidence:
    """Describe an image that ``run`` left in ``folder``; no file is read yet.

    Raises GoldenseedError where the record was altered so that it cannot be true.
    """
    for name, form in _FORMS:
        value = getattr(case, name)
        if value is not None and not form.fullmatch(value):
            raise GoldenseedError(
                f"the record of {case.id} in {run.run_id} was altered: {name} is {value!r}",
                fix="run the suite again",
            )
    return Evidence(
        elements=_elements(run, folder, case),
        recipe=case.recipe,
        recipe_sha256=recipe_sha256(case.recipe),
        profile=case.profile,
        pixels_sha256=case.pixels_sha256 or "",
        size=(case.width or 0, case.height or 0),
        mode=case.mode or "",
        in_force=case.in_force,
        written=case.written,
        read_image=nothing if case.elements else partial(stored_image, folder, case),
        read_trace=partial(stored_trace, folder, case),
        read_environment=partial(stored_environment, run, case),
        at=run.finished or run.started,
        run=run.run_id,
    )


def decoded_evidence(run: RunRecord, folder: Path, case: CaseRecord) -> Evidence:
    """Describe it likewise, and decode its pictures and tensors at once, which verifies them.

    Raises GoldenseedError where one of them is not what the record says.
    """
    evidence = stored_evidence(run, folder, case)
    for each in evidence.elements:
        each.read()
    if not evidence.elements:
        evidence.image  # noqa: B018 - it is there or raises
    return evidence


def _elements(run: RunRecord, folder: Path, case: CaseRecord) -> tuple[Element, ...]:
    found = sequence_sha256((each.name, each.sha256) for each in case.elements)
    if case.elements and found != case.pixels_sha256:
        raise GoldenseedError(
            f"the record of {case.id} in {run.run_id} was altered: its elements are not those that "
            "its pixels_sha256 stands for",
            fix="run the suite again",
        )
    return tuple(
        Element(
            each.name,
            each.sha256,
            (each.width, each.height),
            each.mode,
            partial(stored_element, folder, case, each),
        )
        for each in case.elements
    )


def stored_element(folder: Path, case: CaseRecord, element: ElementRecord) -> Content:
    """Decode one of several pictures and tensors of ``case``, and verify it.

    Raises GoldenseedError as ``stored_image``.
    """
    path = inside(folder, element.file or f"images/{element.sha256}{suffix_of(element.mode)}")
    found = decoded(path, element.mode)
    kind = (element.width, element.height), element.mode
    if content_sha256(found) != element.sha256 or kind_of(found) != kind:
        raise GoldenseedError(
            f"is not {element.name} as the record of {case.id} has it",
            path=path,
            fix="copy the run's folder again from where it was made, or run the suite again",
        )
    return found


def stored_environment(run: RunRecord, case: CaseRecord) -> dict[str, EnvironmentValue] | None:
    """Return where ``case`` ran, or None where that is not on record."""
    return None if case.environment_sha256 is None else run.environment_of(case)


def stored_image(folder: Path, case: CaseRecord) -> Image:
    """Decode the image of ``case`` from its run's folder and verify that it is the recorded one.

    Raises GoldenseedError where it is not, or there is none inside the folder.
    """
    from goldenseed.core.pixels import decode, pixels_sha256

    if case.elements:
        raise GoldenseedError(
            f"{case.id} is {len(case.elements)} elements ({case.elements[0].name}, …), and one "
            "image is wanted",
            path=folder,
            fix="take a case that makes one image",
        )
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
    if (*image.size, image.mode) != (case.width, case.height, case.mode):
        raise GoldenseedError(
            f"the record of {case.id} was altered: it says {case.width} x {case.height} "
            f"{case.mode}, and the image is {image.width} x {image.height} {image.mode}",
            path=path,
            fix="run the suite again",
        )
    return image


def stored_mask(folder: Path, case: CaseRecord) -> Image | None:
    """Decode the mask under which ``case`` was judged; None where all pixels counted."""
    from goldenseed.core.pixels import decode

    return decode(inside(folder, case.masked.image), formats=("PNG",)) if case.masked else None


def kept_trace(
    folder: Path, recording: Recording | None, known: tuple[str, bytes] | None = None
) -> dict[str, object]:
    """Write a trace into the run's folder under its digest, once; return a record's fields on it.

    ``known`` are digest and file of a trace whose stages have the same digests.
    """
    if recording is None or not recording.stages:
        return {}
    digest, data = known or encode_trace(recording.trace)
    path = trace_path(folder, digest)
    if not path.exists():
        write_atomically(path, data, durable=False)
    stages = [
        TraceStage(each.stage, each.index, each.sha256, source=each.source)
        for each in recording.stages
    ]
    return {"trace": tuple(stages), "trace_file": f"{FOLDER}/{path.name}"}


def kept_layers(folder: Path, layers: DeepTrace | None) -> dict[str, object]:
    """Write a deep trace into the run's folder under its digest; return a record's field on it."""
    if layers is None:
        return {}
    place = f"{FOLDER}/{layers.sha256}{LAYERS_SUFFIX}"
    write_atomically(folder / place, layers.data, durable=False)
    return {"layers_file": place}


def trace_path(folder: Path, trace_sha256: str) -> Path:
    """Return where a trace lies in a run's folder, or would lie."""
    return folder / FOLDER / f"{trace_sha256}{SUFFIX}"


def stored_trace(folder: Path, case: CaseRecord) -> Trace | None:
    """Read the trace of ``case`` from its run's folder and verify it; None if there is none."""
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


class Pictures:
    """Writes PNGs into a run's folder; may take accepted files of the same pixels from a store."""

    def __init__(self, folder: Path | None, store: BaselineStore | None = None) -> None:
        self._folder = folder
        self._store = store
        self._taken: set[str] = set()
        """The digests of the accepted files that were verified and written here."""

    def keep(self, image: Content, sha256: str) -> str | None:
        """Write ``image`` under its digest, once; return the place, or None if none is kept.

        A tensor is kept likewise.
        """
        if self._folder is None:
            return None
        place = _place(image, sha256)
        if not (self._folder / place).exists():
            data = self._encoded(image, sha256)
            write_atomically(self._folder / place, data, durable=False)
        return place

    def keep_difference(self, image: Image, accepted: Image) -> str | None:
        """Write the picture of how two images differ; None where they are of different kinds."""
        from goldenseed.core.pixels import pixels_sha256
        from goldenseed.images.measure import difference_image

        alike = (image.size, image.mode) == (accepted.size, accepted.mode)
        if self._folder is None or not alike:
            return None
        difference = difference_image(image, accepted)
        return self.keep(difference, pixels_sha256(difference))

    def check_accepted(self, sha256: str, mode: str) -> None:
        """Raise ``GoldenseedError`` where the accepted file does not hold the accepted pixels."""
        if self._store is None or self._folder is None or sha256 in self._taken:
            return
        accepted = self._store.element_path(sha256, mode)
        kept = self._folder / f"images/{sha256}{suffix_of(mode)}"
        if not accepted.is_file() or not filecmp.cmp(accepted, kept, shallow=False):
            self._store.element(sha256, mode)

    def _encoded(self, image: Content, sha256: str) -> bytes:
        """Return a PNG file of ``image``: the accepted one where it is sound, which is faster."""
        if self._store is not None and self._store.image_path(sha256).is_file():
            with suppress(GoldenseedError):
                data = self._store.image_file(sha256)
                self._taken.add(sha256)
                return data
        return encoded(image)


class NamedPictures(Pictures):
    """Says where ``Pictures`` would keep each, and writes nothing."""

    def __init__(self) -> None:
        super().__init__(Path())

    def keep(self, image: Content, sha256: str) -> str:
        """Return the picture's place."""
        return _place(image, sha256)


def _place(image: Content, sha256: str) -> str:
    return f"images/{sha256}{suffix_of(kind_of(image)[1])}"
