"""The verdict's vocabulary: what may become of a case, and a reason for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)


class Verdict(StrEnum):
    """What became of a case; declared in the order in which they are decided."""

    ERROR = "error"
    """Generation raised, or an image cannot be read."""
    NEW = "new"
    """Nothing is accepted for this case in any usable profile."""
    INCOMPARABLE = "incomparable"
    """Another size or mode, or the recipe changed since it was accepted."""
    REJECTED = "rejected"
    """The pixels are on the reject list."""
    IDENTICAL = "identical"
    """The digest of the decoded pixels is among the accepted images."""
    MATCH = "match"
    """Not identical, within the tolerance, and what moves rounding is on record as another one."""
    WARN = "warn"
    """Beyond that, inside the gates."""
    DRIFT = "drift"
    """Beyond a gate."""


PASSING = (Verdict.IDENTICAL, Verdict.MATCH, Verdict.WARN)
"""The verdicts that can pass, best first; ``--golden-require`` names the worst that does."""

UPDATED: Mapping[str, frozenset[Verdict]] = {
    "none": frozenset(),
    "missing": frozenset({Verdict.NEW}),
    "changed": frozenset({Verdict.INCOMPARABLE, Verdict.WARN, Verdict.DRIFT}),
    "all": frozenset(
        {Verdict.NEW, Verdict.INCOMPARABLE, Verdict.MATCH, Verdict.WARN, Verdict.DRIFT}
    ),
}
"""Which verdicts ``--golden-update`` accepts; never ``error``, never what was rejected."""


def passing(require: str, update: str = "none") -> frozenset[Verdict]:
    """Return the verdicts that pass: the good enough ones, and those about to be accepted."""
    good_enough = PASSING[: PASSING.index(Verdict(require)) + 1]
    return UPDATED.get(update, frozenset()) | frozenset(good_enough)


CONTENT = "content"
CALIBRATION = "calibration"
"""The code of the reason whose value names, with commas, what a calibration would have to."""
"""The code of a reason that is about the image by itself: the case fails, whatever its verdict."""


class Reason(BaseModel):
    """One machine-readable reason for a verdict."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    """What kind of reason: ``gate``, ``tolerance``, ``recipe_changed``, ``size_changed``, …"""
    metric: str | None = None
    """The metric, or the dotted name of the recipe field, that was looked at."""
    direction: Literal["min", "max"] | None = None
    """Of a gate or a content limit, the side on which the limit lies."""
    value: float | int | str | bool | None = None
    """What was found."""
    limit: float | int | str | bool | None = None
    """What was allowed or expected."""
    source: str | None = None
    """Where the limit came from: ``suite``, ``case``, ``default``, ``tolerance``, ``baseline``."""
    detail: str | None = None
    """A sentence for people."""
    element: str | None = None
    """Which of several pictures it is about: ``frames[17]``; the record has the key where it is."""

    @model_serializer(mode="wrap")
    def _as_ever(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Write no ``element`` where there is none, as records of one image always had it."""
        written: dict[str, Any] = write(self)
        if self.element is None:
            written.pop("element", None)
        return written

    @model_validator(mode="before")
    @classmethod
    def _by_todays_names(cls, data: Any) -> Any:
        """Read what older records call noise: what rounding explains is the tolerance."""
        if not isinstance(data, dict) or data.get("code") != "noise":
            return data
        source = data.get("source")
        if isinstance(source, str):
            source = re.sub(r"^noise(?= \()", "tolerance", source)
        return {**data, "code": "tolerance", "source": source}
