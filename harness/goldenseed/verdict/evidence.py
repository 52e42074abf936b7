"""Evidence: what is known of one image, read when it is asked for; and what it is held against."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any, cast

from pydantic import JsonValue

from goldenseed.baselines.entry import BaselineEntry, ProfileBaseline
from goldenseed.core.elements import is_tensor, values_sha256
from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.fingerprint import Value
from goldenseed.environment.profile import fallback_chain
from goldenseed.tolerance.calibrated import Calibration, calibration_of, worth_naming
from goldenseed.tolerance.exact import exact_measures
from goldenseed.tolerance.rounding import TraceMeasure
from goldenseed.tolerance.tolerance import Tolerance
from goldenseed.trace.stages import Trace, ends_of
from goldenseed.verdict.worn import own_environment

if TYPE_CHECKING:
    from datetime import datetime

    from PIL.Image import Image

    from goldenseed.backends.protocol import Unusable
    from goldenseed.baselines.entry import AcceptedImage, RejectedImage
    from goldenseed.baselines.store import BaselineStore
    from goldenseed.core.elements import Array, Content
    from goldenseed.trace.written import WrittenPrompt


def nothing() -> None:
    """Read what is not kept."""


@dataclass(frozen=True, eq=False)
class Element:
    """One picture or tensor of those that a call returned; ``read`` decodes it anew each time."""

    name: str
    sha256: str
    size: tuple[int, int]
    mode: str
    read: Callable[[], Content]


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known of one image, wherever it is kept: just made, accepted, or left by a run.

    ``image``, ``trace`` and ``environment`` are read when they are first asked for, once, and raise
    ``GoldenseedError`` where they cannot be read.
    """

    recipe: Mapping[str, JsonValue]
    recipe_sha256: str = ""
    profile: str | None = None
    pixels_sha256: str = ""
    """The digest of the decoded pixels; empty where there is no image."""
    size: tuple[int, int] = (0, 0)
    mode: str = ""
    name: str | None = None
    """Of one element its name: ``frames[17]``."""
    elements: tuple[Element, ...] = ()
    """All that the call returned, where that is not one picture; ``pixels_sha256`` is then the one
    digest of them, size and mode are the first one's, and ``read_image`` reads nothing."""
    in_force: Mapping[str, Value] = field(default_factory=dict)
    """What the environment had otherwise inside the pipeline's call; it counts there."""
    written: WrittenPrompt | None = None
    """The prompt, where a language model wrote it."""
    read_image: Callable[[], Image | None] = nothing
    """Decodes the image, its digest verified."""
    read_tensor: Callable[[], Array | None] = nothing
    """Of an element that is no picture, its numbers, likewise."""
    read_trace: Callable[[], Trace | None] = nothing
    read_environment: Callable[[], Mapping[str, Value] | None] = nothing
    unusable: Unusable | None = None
    """Why what the pipeline returned is no image, where that is so."""
    at: datetime | None = None
    by: str | None = None  # who accepted it, and why; None if nobody did
    why: str | None = None
    run: str | None = None
    """The run that left it, if one did."""

    @classmethod
    def of_image(cls, image: Image, pixels_sha256: str, **more: Any) -> Evidence:
        """Describe an image that is in memory; ``more`` are the other fields."""
        return cls(
            pixels_sha256=pixels_sha256,
            size=image.size,
            mode=image.mode,
            read_image=lambda: image,
            **more,
        )

    @cached_property
    def image(self) -> Image | None:
        """The decoded image; None where none is kept."""
        return self.read_image()

    @cached_property
    def trace(self) -> Trace:
        """The records of its stages; empty where none are kept."""
        return self.read_trace() or ()

    @cached_property
    def environment(self) -> Mapping[str, Value] | None:
        """The fingerprint of where it was made; None where that is not on record.

        It names the adapters and language models of a whole suite; what this image did not wear,
        or what did not write its prompt, decides nothing of it.
        """
        found = self.read_environment()
        return found and own_environment(found, self.recipe)

    @property
    def parts(self) -> tuple[Evidence, ...]:
        """Each picture and tensor by itself: this evidence, where it is of one picture."""
        return tuple(map(self._part, self.elements)) if self.elements else (self,)

    def part(self, index: int) -> Evidence:
        """Return one of ``parts``; it shares trace and environment with this."""
        return self._part(self.elements[index]) if self.elements else self

    def _part(self, element: Element) -> Evidence:
        tensor = is_tensor(element.mode)
        return replace(
            self,
            pixels_sha256=element.sha256,
            size=element.size,
            mode=element.mode,
            name=element.name,
            elements=(),
            read_trace=lambda: self.trace,
            read_environment=lambda: self.environment,
            read_image=nothing if tensor else cast("Callable[[], Image]", element.read),
            read_tensor=cast("Callable[[], Array]", element.read) if tensor else nothing,
        )

    @property
    def surroundings(self) -> Mapping[str, Value] | None:
        """The environment as it was inside the pipeline's call; None as ``environment``."""
        return {**self.environment, **self.in_force} if self.environment else None


def accepted_evidence(store: BaselineStore, profile: str, accepted: AcceptedImage) -> Evidence:
    """Describe an image that is accepted in ``profile``; nothing is read from ``store`` yet."""
    read_image = cache(partial(store.image, accepted.pixels_sha256))
    elements = tuple(
        Element(
            each.name,
            each.sha256,
            (each.width, each.height),
            each.mode,
            partial(store.element, each.sha256, each.mode),
        )
        for each in accepted.elements
    )
    readers = tuple(each.read for each in elements) or (read_image,)
    return Evidence(
        recipe=accepted.recipe,
        recipe_sha256=accepted.recipe_sha256,
        profile=profile,
        pixels_sha256=accepted.pixels_sha256,
        size=(accepted.width, accepted.height),
        mode=accepted.mode,
        elements=elements,
        in_force=accepted.in_force,
        written=accepted.written,
        read_image=nothing if elements else read_image,
        read_trace=partial(_accepted_trace, store, accepted, readers),
        read_environment=partial(store.environment, accepted.environment_sha256),
        at=accepted.accepted_at,
        by=accepted.accepted_by,
        why=accepted.reason,
    )


def _accepted_trace(
    store: BaselineStore, accepted: AcceptedImage, readers: tuple[Callable[[], Content], ...]
) -> Trace | None:
    """Read the trace of an accepted image, and refuse one that ends in other pixels.

    ``readers`` decode its pictures, one after the other.
    """
    if accepted.trace_sha256 is None:
        return None
    trace = store.trace(accepted.trace_sha256)
    ends = ends_of(trace, len(readers))
    if ends and ends != tuple(values_sha256(read()) for read in readers):
        raise GoldenseedError(
            f"the accepted image {accepted.pixels_sha256[:12]}… has the trace of another image, "
            f"{accepted.trace_sha256[:12]}…",
            path=store.root,
            fix="restore the case's entry from version control, or accept the case again",
        )
    return trace


@dataclass(frozen=True)
class Accepted:
    """The images that stand for what is right, all of one profile, and how far they move."""

    images: tuple[Evidence, ...]
    kept: ProfileBaseline = field(default_factory=ProfileBaseline)
    """Of it the calibration and the exact image are used."""
    read_environment: Callable[[str], Mapping[str, Value]] | None = None
    """Reads the fingerprints that the calibration names by their digests."""
    read_trace: Callable[[str], Trace] | None = None

    @property
    def profile(self) -> str | None:
        """The profile of the images."""
        return self.images[0].profile

    def calibrated(self, now: Evidence, unmeasured: Tolerance) -> Tolerance:
        """Return what was measured and holds for ``now``, else ``unmeasured``."""
        calibration, present = self._calibration(now), now.surroundings
        if calibration is None or present is None:
            return unmeasured
        return calibration.tolerance(present, unmeasured, elsewhere=now.profile != self.profile)

    def worth_naming(self, now: Evidence, against: Evidence) -> tuple[str, ...] | None:
        """Return the harmless changes that a calibration would have to name; None if it is no use.

        ``against`` is the accepted image that ``now`` is judged by; one of ``goldenseed.tolerance``
        says what () is.
        """
        if self.read_environment is None or now.surroundings is None:
            return None
        return worth_naming(
            self._calibration(now),
            against.surroundings or {},
            now.surroundings,
            elsewhere=now.profile != self.profile,
        )

    def flickers(self, tolerance: Tolerance) -> bool:
        """Whether ``tolerance`` is what unchanged runs of the case were seen to move by."""
        found = self.kept.tolerance
        return tolerance.measured is not None and found is not None and not found.harmless

    def _calibration(self, now: Evidence) -> Calibration | None:
        if self.read_environment is None:
            return None
        return calibration_of(self.kept, now.recipe_sha256, self.read_environment)

    def exact_measures(self, now: Evidence) -> tuple[TraceMeasure, ...]:
        """Hold ``now`` against the exact image that is kept for its recipe, along their traces."""
        exact = self.kept.exact
        if exact is None or exact.recipe_sha256 != now.recipe_sha256 or self.read_trace is None:
            return ()
        return exact_measures(exact, self.read_trace(exact.trace_sha256), now.trace)


@dataclass(frozen=True)
class Reference:
    """All that one image is held against."""

    accepted: Accepted | None
    """What is used; None where nothing is accepted that may be."""
    own: str | None = None
    """The profile that was asked for; None where it is of no account."""
    chain: tuple[str, ...] = ()
    """The profiles that may be used, most specific first."""
    elsewhere: tuple[str, ...] = ()
    rejected: tuple[tuple[str, RejectedImage], ...] = ()
    """What is rejected, each with its profile: a wrong picture is wrong everywhere."""


def reference_to(store: BaselineStore, entry: BaselineEntry | None, profile: str) -> Reference:
    """Return what images of ``profile`` are held against; nothing is read from ``store`` yet."""
    profiles = entry.profiles if entry else {}
    chain = fallback_chain(profile, profiles)
    usable = next((name for name in chain if profiles[name].accepted), None)
    accepted = None
    if usable is not None:
        accepted = Accepted(
            tuple(accepted_evidence(store, usable, each) for each in profiles[usable].accepted),
            profiles[usable],
            store.environment,
            store.trace,
        )
    return Reference(
        accepted=accepted,
        own=profile,
        chain=chain,
        elsewhere=tuple(sorted(name for name, each in profiles.items() if each.accepted)),
        rejected=tuple((n, image) for n, each in profiles.items() for image in each.rejected),
    )
