"""What has to be in an image by itself, as a suite file has it: limits, answers, origin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import ConfigDict, Field

from goldenseed.suite.answers import AnswerSection, answer_faults
from goldenseed.suite.document import Document, Problem
from goldenseed.suite.model import folder_fault
from goldenseed.suite.provenance import ProvenanceSection
from goldenseed.suite.sections import CHOICE, PLAIN, SECTION, NonEmpty, Section


class ContentLimitSection(Section):
    """A limit on a content score that is computed with a model."""

    value: float
    """The limit."""
    model: NonEmpty
    """The model's folder, relative to the suite file and inside its folder."""


ContentLimit = Annotated[Annotated[ContentLimitSection, SECTION] | Annotated[float, PLAIN], CHOICE]


class ContentSection(Section):
    """What has to be in an image by itself: limits on scores by their name, and its origin."""

    model_config = ConfigDict(extra="allow")

    __pydantic_extra__: dict[str, ContentLimit] = Field(init=False)
    """Limits by name, for example `min_sharpness: 20`."""
    provenance: ProvenanceSection | None = None
    """What the file as it was returned has to say of its origin, key by key."""
    answers: Annotated[tuple[AnswerSection, ...], Field(strict=False)] = ()
    """Questions that a model is asked of the image, and the answers that are expected."""

    @property
    def limits(self) -> dict[str, ContentLimitSection | float]:
        """The limits on scores, by name."""
        return self.__pydantic_extra__


def content_faults(
    document: Document, place: tuple[str | int, ...], content: object
) -> Iterator[Problem]:
    """Find models under ``content`` that are not there, and what is wrong with ``answers``."""
    if not isinstance(content, dict):
        return
    for name, limit in content.items():
        model = limit.get("model") if isinstance(limit, dict) else None
        fault = folder_fault(document.path, model) if isinstance(model, str) else None
        if fault:
            yield Problem(document.line_of((*place, name, "model")), *fault)
    yield from answer_faults(document, (*place, "answers"), content.get("answers"))
