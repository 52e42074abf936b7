"""The limits of a suite and its cases, each with the line it stands on."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from goldenseed.suite.answers import answer_specs
from goldenseed.suite.cases import GateLine, Limit, Template
from goldenseed.suite.document import Document
from goldenseed.suite.model import beside
from goldenseed.suite.provenance import NOTHING, provenance_spec
from goldenseed.suite.schema import ContentLimitSection, ContentSection


def limits_at(
    document: Document,
    place: tuple[str | int, ...],
    given: Mapping[str, ContentLimitSection | float],
    source: str,
    below: Mapping[str, Limit],
) -> Mapping[str, Limit]:
    """Return the limits that stand at ``place`` over those ``below``, name by name."""
    own = {}
    for name, limit in given.items():
        line = document.key_line_of((*place, name))
        if isinstance(limit, ContentLimitSection):
            own[name] = Limit(limit.value, source, line, beside(document.path, limit.model))
        else:
            own[name] = Limit(limit, source, line)
    if not own:
        return below
    return MappingProxyType({**below, **own})


NO_CONTENT: Mapping[str, Any] = MappingProxyType(
    {"content": MappingProxyType({}), "provenance": NOTHING, "answers": ()}
)


def content_at(
    document: Document,
    place: tuple[str | int, ...],
    section: ContentSection,
    source: str,
    below: Mapping[str, Any] = NO_CONTENT,
) -> dict[str, Any]:
    """Return a template's fields on the content that is asked for at ``place``, over ``below``."""
    return {
        "content": limits_at(document, place, section.limits, source, below["content"]),
        "provenance": provenance_spec(document, place, section.provenance, below["provenance"]),
        "answers": answer_specs(document, place, section.answers, source, below["answers"]),
    }


def gate_lines(templates: tuple[Template, ...], suite: Mapping[str, Limit]) -> list[GateLine]:
    """Return every gate of the suite and of its entries once, in the order of the file."""
    own = (
        (name, limit)
        for template in templates
        if template.limits is not suite
        for name, limit in template.limits.items()
        if limit.source == "case"
    )
    found = [GateLine(name, limit.value, limit.line) for name, limit in (*suite.items(), *own)]
    return sorted(dict.fromkeys(found), key=lambda gate: gate.line)
