"""What a record says before the verdict: the case as it was asked for, and what was made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.profile import PORTABLE, profile_slug
from goldenseed.images.gates import default_limits
from goldenseed.runs.record import CaseRecord, EnvironmentValue
from goldenseed.runs.stored import Pictures, kept_layers, kept_trace
from goldenseed.suite.cases import Limit
from goldenseed.suite.recipes import recipe_of, recipe_sha256
from goldenseed.verdict.evidence import Evidence
from goldenseed.verdict.model import Verdict

if TYPE_CHECKING:
    from PIL.Image import Image

    from goldenseed.backends.diffusers.layers import DeepTrace
    from goldenseed.suite.cases import Case
    from goldenseed.suite.masking import MaskSpec
    from goldenseed.trace.digesting import Recording


_LOOKS = 7


def pending(case: Case, path: str) -> CaseRecord:
    """Return what is known of a case of the file ``path`` before it runs; it counts as failed.

    With an ``error`` where an input cannot be read: then there is nothing to run.
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
        **limit_fields(limits_of(case)),
        verdict=Verdict.ERROR,
        passed=False,
    )
    return record if unreadable is None else record.failed("unusable_input", unreadable)


def case_profile(case: Case, environment: Mapping[str, EnvironmentValue]) -> str:
    """Name the profile of a case's image that is made in ``environment``."""
    portable = case.suite.determinism.portable
    return PORTABLE if portable else profile_slug(environment, noise=case.noise.kind)


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

    image: Image
    profile: str | None
    environment: Mapping[str, EnvironmentValue] | None = None
    environment_sha256: str | None = None
    in_force: Mapping[str, EnvironmentValue] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    """What is odd of how it was made."""
    recording: Recording | None = None
    layers: DeepTrace | None = None

    @cached_property
    def pixels_sha256(self) -> str:
        """The digest of the pixels; raises ``GoldenseedError`` for an image that has none."""
        from goldenseed.core.pixels import pixels_sha256

        return pixels_sha256(self.image)

    def evidence(self, record: CaseRecord) -> Evidence:
        """Describe it; norms and sketches are not made before its trace is asked for."""
        return Evidence.of_image(
            self.image,
            self.pixels_sha256,
            recipe=record.recipe,
            recipe_sha256=record.recipe_sha256,
            profile=self.profile,
            in_force=self.in_force,
            read_trace=lambda: self.recording and self.recording.trace,
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
        image = self.image
        return {
            "profile": self.profile,
            "environment_sha256": self.environment_sha256,
            "in_force": dict(self.in_force),
            "pixels_sha256": self.pixels_sha256,
            "image": pictures.keep(image, self.pixels_sha256),
            "width": image.width,
            "height": image.height,
            "mode": image.mode,
            "remarks": (*self.remarks, *_odd(image)),
            **kept_trace(folder, self.recording, trace),
            **kept_layers(folder, self.layers),
        }


def _odd(image: Image) -> Iterator[str]:
    """Say of a flat picture that it is one; of others a few pixels tell that they are not."""
    first = image.getpixel((0, 0))
    places = ((image.width * n // _LOOKS, image.height * n // _LOOKS) for n in range(_LOOKS))
    if any(image.getpixel(place) != first for place in places):
        return
    extrema = image.getextrema()
    channels = extrema if isinstance(extrema[0], tuple) else (extrema,)
    if all(low == high for low, high in channels):
        yield f"the image is flat: every pixel is {first}"


def mask_for(size: tuple[int, int], spec: MaskSpec | None) -> Image | None:
    """Return which pixels of an image of ``size`` count, white on black; None where all do."""
    if spec is None:
        return None
    from goldenseed.images.terms import mask_of

    return mask_of(size, file=spec.file, ignore=spec.ignore, path=spec.path, line=spec.line)
