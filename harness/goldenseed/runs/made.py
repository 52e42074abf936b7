"""What a record says before the verdict: the case as it was asked for, and what was made of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from goldenseed.core.elements import content_sha256, is_tensor, kind_of, sequence_sha256
from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.profile import PORTABLE, profile_slug
from goldenseed.images.gates import default_limits
from goldenseed.runs.parts import ElementRecord, Quarantined
from goldenseed.runs.provenance import Files, kept_files
from goldenseed.runs.record import CaseRecord, EnvironmentValue
from goldenseed.runs.stored import Pictures, kept_layers, kept_trace
from goldenseed.suite.cases import Limit
from goldenseed.suite.recipes import recipe_of, recipe_sha256
from goldenseed.verdict.evidence import Element as EvidenceElement
from goldenseed.verdict.evidence import Evidence
from goldenseed.verdict.model import Verdict

if TYPE_CHECKING:
    from PIL.Image import Image

    from goldenseed.backends.diffusers.layers import DeepTrace
    from goldenseed.backends.protocol import Element
    from goldenseed.core.elements import Content
    from goldenseed.suite.cases import Case
    from goldenseed.suite.masking import MaskSpec
    from goldenseed.suite.quarantine import Quarantine
    from goldenseed.trace.digesting import Recording
    from goldenseed.trace.written import WrittenPrompt


_LOOKS = 7


def pending(case: Case, path: str, today: date | None = None) -> CaseRecord:
    """Return what is known of a case of the file ``path`` before it runs; it counts as failed.

    With an ``error`` where an input cannot be read: then there is nothing to run. A quarantine is
    over from its day on: ``today`` is the day in UTC, by default the clock's.
    """
    unreadable = None
    try:
        recipe = recipe_of(case)
    except GoldenseedError as error:
        unreadable, recipe = str(error), recipe_of(replace(case, inputs={}))
    record = CaseRecord(
        id=case.id,
        suite=case.suite.name,
        path=path,
        line=case.line,
        recipe=recipe,
        recipe_sha256=recipe_sha256(recipe),
        alternatives=dict(case.alternatives),
        quarantine=_quarantined(case.quarantine, today or datetime.now(UTC).date()),
        **limit_fields(limits_of(case)),
        verdict=Verdict.ERROR,
        passed=False,
    )
    return record if unreadable is None else record.failed("unusable_input", unreadable)


def _quarantined(found: Quarantine | None, today: date) -> Quarantined | None:
    if found is None:
        return None
    day = found.until.isoformat()
    over = today >= found.until
    return Quarantined(owner=found.owner, reason=found.reason, until=day, over=over)


def case_profile(case: Case, environment: Mapping[str, EnvironmentValue]) -> str:
    """Name the profile of a case's image that is made in ``environment``."""
    portable = case.suite.determinism.portable
    return PORTABLE if portable else profile_slug(environment, noise=case.noise.drawn_by)


def limits_of(case: Case) -> Mapping[str, Limit]:
    """Return the gates in force for a case: its own, or the default ones."""
    return case.limits or default_limits()


def limit_fields(limits: Mapping[str, Limit]) -> dict[str, Any]:
    """Return the record's fields on the gates in force."""
    return {
        "limits": {name: limit.value for name, limit in limits.items()},
        "limit_sources": {name: limit.source for name, limit in limits.items()},
    }


@dataclass(frozen=True)
class Made:
    """An image as a back end or a test just made it, and where."""

    image: Image | None
    """None where there are ``elements``."""
    profile: str | None
    environment: Mapping[str, EnvironmentValue] | None = None
    environment_sha256: str | None = None
    in_force: Mapping[str, EnvironmentValue] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    """What is odd of how it was made."""
    recording: Recording | None = None
    layers: DeepTrace | None = None
    elements: tuple[Element, ...] = ()
    """All that the call returned, where that is not one picture."""
    file: bytes | None = None
    """The file that ``image`` was decoded from, where one was returned."""
    written: WrittenPrompt | None = None
    """The prompt, where a language model wrote it."""
    flagged: tuple[bool, ...] | None = None
    """What a safety checker said of each image."""

    @cached_property
    def digests(self) -> tuple[str, ...]:
        """The digest of each element; raises ``GoldenseedError`` for an image that has none."""
        return tuple(content_sha256(each.content) for each in self.elements)

    @cached_property
    def pixels_sha256(self) -> str:
        """The digest of the pixels, or the one of all elements; raises as ``digests``."""
        if self.image is not None:
            return content_sha256(self.image)
        names = (each.name for each in self.elements)
        return sequence_sha256(zip(names, self.digests, strict=True))

    @property
    def pictures(self) -> Iterator[tuple[str | None, Image]]:
        """Every picture, with its name where there are elements."""
        if self.image is not None:
            yield None, self.image
        for each in self.elements:
            if not is_tensor(kind_of(each.content)[1]):
                yield each.name, cast("Image", each.content)

    @property
    def files(self) -> Files:
        """Every picture's file as it was returned, with its name where there are elements."""
        if self.image is not None:
            return [(None, self.file)]
        pictures = (each for each in self.elements if not is_tensor(kind_of(each.content)[1]))
        return [(each.name, each.file) for each in pictures]

    def evidence(self, record: CaseRecord) -> Evidence:
        """Describe it; norms and sketches are not made before its trace is asked for."""
        elements = tuple(
            EvidenceElement(each.name, digest, *kind_of(each.content), partial(_itself, each))
            for each, digest in zip(self.elements, self.digests, strict=True)
        )
        size, mode = kind_of(self.image or self.elements[0].content)
        return Evidence(
            pixels_sha256=self.pixels_sha256,
            size=size,
            mode=mode,
            elements=elements,
            read_image=lambda: self.image,
            recipe=record.recipe,
            recipe_sha256=record.recipe_sha256,
            profile=self.profile,
            in_force=self.in_force,
            written=self.written,
            read_trace=lambda: None if self.recording is None else self.recording.trace,
            read_environment=lambda: self.environment,
        )

    def kept(
        self,
        folder: Path,
        pictures: Pictures,
        *,
        trace: tuple[str, bytes] | None = None,
    ) -> dict[str, object]:
        """Keep image and traces in a run's folder; return the record's fields on what was made.

        An accepted image of the same pixels is copied, and ``trace`` (digest and file) if given.
        """
        kept = self._kept_elements(pictures)
        first = self.image or self.elements[0].content
        (width, height), mode = kind_of(first)
        image = (
            pictures.keep(self.image, self.pixels_sha256)
            if self.image
            else next((each.file for each in kept if not is_tensor(each.mode)), None)
        )
        return {
            "profile": self.profile,
            "environment_sha256": self.environment_sha256,
            "in_force": dict(self.in_force),
            "pixels_sha256": self.pixels_sha256,
            "image": image,
            "width": width,
            "height": height,
            "mode": mode,
            "elements": kept,
            "returned": kept_files(folder, self.files),
            "written": self.written,
            "flagged": self.flagged,
            "remarks": (*self.remarks, *_odd(self.pictures)),
            **kept_trace(folder, self.recording, trace),
            **kept_layers(folder, self.layers),
        }

    def _kept_elements(self, pictures: Pictures) -> tuple[ElementRecord, ...]:
        found = []
        for each, digest in zip(self.elements, self.digests, strict=True):
            (width, height), mode = kind_of(each.content)
            found.append(
                ElementRecord(
                    name=each.name,
                    sha256=digest,
                    width=width,
                    height=height,
                    mode=mode,
                    file=pictures.keep(each.content, digest),
                )
            )
        return tuple(found)


def _itself(element: Element) -> Content:
    return element.content


def _odd(pictures: Iterable[tuple[str | None, Image]]) -> Iterator[str]:
    """Say of flat pictures that they are, of several once."""
    flat = [(name, colour) for name, each in pictures if (colour := _flat(each)) is not None]
    if not flat:
        return
    name, colour = flat[0]
    if name is None:
        yield f"the image is flat: every pixel is {colour}"
    else:
        more = f" and {len(flat) - 1} more are" if len(flat) > 1 else " is"
        yield f"{name}{more} flat: every pixel is the same"


def _flat(image: Image) -> object:
    """Return the one colour of a flat picture, else None; a few pixels tell of most."""
    first = image.getpixel((0, 0))
    places = ((image.width * n // _LOOKS, image.height * n // _LOOKS) for n in range(_LOOKS))
    if any(image.getpixel(place) != first for place in places):
        return None
    extrema = image.getextrema()
    channels = extrema if isinstance(extrema[0], tuple) else (extrema,)
    return first if all(low == high for low, high in channels) else None


def mask_for(size: tuple[int, int], spec: MaskSpec | None) -> Image | None:
    """Return which pixels of an image of ``size`` count, white on black; None where all do."""
    if spec is None:
        return None
    from goldenseed.images.terms import mask_of

    return mask_of(size, file=spec.file, ignore=spec.ignore, path=spec.path, line=spec.line)
