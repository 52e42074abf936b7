"""What an entry of ``relations`` looks like in a suite file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue

from goldenseed.suite.quarantine import QuarantineSection
from goldenseed.suite.sections import CHOICE, PLAIN, SECTION, Marks, Name, NonEmpty, Section


class HoldSection(Section):
    """Limits on how far two images of a relation may be apart; other keys are gates."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float] = Field(init=False)

    no_farther_from_exact_than: Annotated[float, Field(ge=1)] | None = None
    """How many times as far from the exact image as the reference it may be, at any stage."""


class RelationSection(Section):
    """Two ways of making one image, in one build, that have to agree."""

    id: Name
    """The relation's name, unique in the suite, and no case's."""
    cases: Annotated[tuple[NonEmpty, ...], Field(strict=False, min_length=1)]
    """Case ids, ids without their bracket, or patterns with `*` and `?`."""
    vary: Annotated[dict[NonEmpty, JsonValue], Field(min_length=1)]
    """What is done otherwise: a key of the table of changes, and a value or a list of them."""
    hold: Annotated[
        Annotated[HoldSection, SECTION] | Annotated[Literal["identical", "match"], PLAIN], CHOICE
    ]
    """How the two have to agree: `identical`, `match`, or limits such as `max_peak_difference`."""
    marks: Marks = ()
    """pytest marks, besides those of its cases."""
    quarantine: QuarantineSection | None = None
    """A failure that is known, as of a case."""
