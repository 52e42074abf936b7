"""Two pieces of evidence measured element by element; of each only one is decoded at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from goldenseed.core.elements import is_tensor, relative_distance
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.listing import from_to
from goldenseed.verdict.evidence import Evidence
from goldenseed.verdict.model import Reason

if TYPE_CHECKING:
    from PIL.Image import Image

RELATIVE: Final = "relative_distance"
"""The metric of two tensors: the norm of their difference over that of the accepted one."""
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Compared:
    """How far one element is from the accepted one of the same name."""

    index: int
    name: str | None
    """None where the call returned one picture."""
    metrics: Mapping[str, float]

    @property
    def distance(self) -> float:
        """By which elements of one verdict are ordered: the worst decides."""
        return self.metrics.get("mean_difference", self.metrics.get(RELATIVE, 0.0))

    @property
    def is_tensor(self) -> bool:
        """Whether it is no picture, so that no gate is set on it."""
        return RELATIVE in self.metrics


def compared(
    now: Evidence, before: Evidence, names: Sequence[str], mask: Image | None
) -> Iterator[Compared]:
    """Measure every element that is not the same as the accepted one, by pictures' metrics.

    The two have elements of the same names, sizes and modes. GoldenseedError where one cannot be
    read.
    """
    for index, (new, old) in enumerate(zip(now.parts, before.parts, strict=True)):
        if now.elements and new.pixels_sha256 == old.pixels_sha256:
            continue
        if is_tensor(new.mode):
            yield Compared(index, new.name, {RELATIVE: _moved(new, old)})
        else:
            yield Compared(index, new.name, _measured(new, old, names, mask))


def same_kind(now: Evidence, before: Evidence) -> bool:
    """Whether the two have elements of the same names, sizes and modes."""
    kinds = ([(p.name, p.size, p.mode) for p in each.parts] for each in (now, before))
    one, other = kinds
    return one == other


def other_kind(now: Evidence, accepted: Evidence) -> Iterator[Reason]:
    """Say in what the elements of two are not of one kind: how many and which, size, mode."""
    new, old = ([each.name for each in evidence.parts] for evidence in (now, accepted))
    if new != old:
        yield _changed("elements", _which(new), _which(old))
        return
    found = 0
    for part, other in zip(now.parts, accepted.parts, strict=True):
        for what, value, limit in (
            ("size", "{}x{}".format(*part.size), "{}x{}".format(*other.size)),
            ("mode", part.mode, other.mode),
        ):
            if value != limit and found < _NAMED:
                found += 1
                yield _changed(what, value, limit, part.name)


def _changed(what: str, value: str, limit: str, element: str | None = None) -> Reason:
    return Reason(
        code=f"{what}_changed",
        metric=what,
        value=value,
        limit=limit,
        source="baseline",
        element=element,
    )


def _which(names: Sequence[str | None]) -> str:
    """Write how many elements there are and what they are called: ``16 (frames[0] … frames[15])``.

    Of one picture that is ``1``.
    """
    named = [each for each in names if each is not None]
    return f"{len(names)} ({from_to(named, _NAMED)})" if named else str(len(names))


def _measured(
    now: Evidence, before: Evidence, names: Sequence[str], mask: Image | None
) -> dict[str, float]:
    from goldenseed.images.measure import measure

    if mask is not None and mask.size != now.size:
        raise GoldenseedError(
            f"{now.name} has {now.size[0]} x {now.size[1]} pixels, and the mask is for "
            f"{mask.width} x {mask.height}",
            fix="remove the mask of this case: its pictures have several sizes",
        )
    return measure(_decoded(now), _decoded(before), names, mask=mask)


def _decoded(evidence: Evidence) -> Image:
    image = evidence.image
    if image is None:
        raise GoldenseedError(
            f"no image of the digest {evidence.pixels_sha256[:12]} is kept",
            fix="run the suite again",
        )
    return image


def _moved(now: Evidence, before: Evidence) -> float:
    new, old = now.read_tensor(), before.read_tensor()
    if new is None or old is None:
        raise GoldenseedError(f"no tensor {now.name} is kept", fix="run the suite again")
    if new.shape != old.shape:
        return math.inf
    return relative_distance(new, old)
