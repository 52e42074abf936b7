"""Quarantine: a case that fails without failing the session, until a date, by somebody's leave."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field

from goldenseed.suite.sections import NonEmpty, Section


def _a_date(text: str) -> str:
    if date.fromisoformat(text).isoformat() != text:
        raise ValueError("it is no date as 2026-12-31")
    return text


Day = Annotated[str, AfterValidator(_a_date), Field(json_schema_extra={"format": "date"})]


class QuarantineSection(Section):
    """A failure that is known: the case is run, judged and told of, and fails nothing."""

    owner: NonEmpty
    """Who sees to it."""
    reason: NonEmpty
    """Why it may fail until then."""
    until: Day
    """The day, as `2026-12-31`, on which it fails again by itself, as it begins in UTC."""


@dataclass(frozen=True, slots=True)
class Quarantine:
    """What a suite says of a case that may fail."""

    owner: str
    reason: str
    until: date
    """The first day, in UTC, on which it fails again."""

    @classmethod
    def of(cls, section: QuarantineSection | None) -> Quarantine | None:
        """Return what a section says; None where there is none."""
        if section is None:
            return None
        return cls(section.owner, section.reason, date.fromisoformat(section.until))
