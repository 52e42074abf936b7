"""What a file is expected to say of its origin: `provenance` under a suite's `content`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue

from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.model import beside
from goldenseed.suite.sections import (
    CHOICE,
    PLAIN,
    SECTION,
    NonEmpty,
    Section,
)

if TYPE_CHECKING:
    from goldenseed.suite.document import Document

_List = Annotated[tuple[NonEmpty, ...], Field(strict=False, min_length=1)]
_Texts = Annotated[dict[NonEmpty, NonEmpty], Field(min_length=1)]
Texts = Annotated[Annotated[_List, PLAIN] | Annotated[_Texts, SECTION], CHOICE]
"""Names that have to be there, or each with a text that it has to hold."""


class C2paSection(Section):
    """What a C2PA manifest has to be besides valid."""

    roots: NonEmpty | None = None
    """A PEM file beside the suite with the certificates that its signer has to go back to."""
    source: NonEmpty | None = None
    """What an action of it has to name as digital source type: `trainedAlgorithmicMedia`."""
    generator: NonEmpty | None = None
    """What its claim generator has to be called."""


class ProvenanceSection(Section):
    """What the file as it was returned has to say of its origin."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    c2pa: Annotated[
        Annotated[Literal["valid"] | None, PLAIN] | Annotated[C2paSection, SECTION], CHOICE
    ] = None
    """`valid`: a C2PA manifest is there and holds; or what else it has to be."""
    png_text: Texts = ()
    """Texts of a PNG by their keyword, for example `[parameters]`."""
    exif: Texts = ()
    """Tags of EXIF by their name, for example `{Software: our-service}`."""


@dataclass(frozen=True, slots=True)
class C2paSpec:
    """What is expected of a C2PA manifest that has to be valid."""

    roots: Path | None = None
    source: str | None = None
    generator: str | None = None


@dataclass(frozen=True, slots=True)
class ProvenanceSpec:
    """What is expected of a file's own word on where it comes from."""

    c2pa: C2paSpec | None
    png_text: Mapping[str, str | None]
    """Keyword → the text that its text has to hold; None where any will do."""
    exif: Mapping[str, str | None]
    line: int

    def __bool__(self) -> bool:
        return self.c2pa is not None or bool(self.png_text or self.exif)

    def as_json(self) -> dict[str, JsonValue]:
        """Return it as the record has it; the roots by their file's name."""
        found: dict[str, JsonValue] = {}
        if self.c2pa is not None:
            roots = self.c2pa.roots
            given = {
                "roots": None if roots is None else roots.name,
                "source": self.c2pa.source,
                "generator": self.c2pa.generator,
            }
            found["c2pa"] = {key: value for key, value in given.items() if value} or "valid"
        for key, texts in (("png_text", self.png_text), ("exif", self.exif)):
            if texts:
                found[key] = dict(texts)
        return found


NOTHING = ProvenanceSpec(None, {}, {}, 0)


def provenance_spec(
    document: Document,
    place: tuple[str | int, ...],
    section: ProvenanceSection | None,
    below: ProvenanceSpec,
) -> ProvenanceSpec:
    """Return what is expected at ``place``, each key over that of the suite, ``below``.

    Raises GoldenseedError for roots that lie outside the suite's folder.
    """
    if section is None:
        return below
    line = document.key_line_of((*place, "provenance"))
    c2pa = below.c2pa
    if isinstance(section.c2pa, C2paSection):
        named = section.c2pa
        try:
            roots = None if named.roots is None else beside(document.path, named.roots)
        except GoldenseedError as error:
            raise GoldenseedError(
                error.what, path=document.path, line=line, fix=error.fix
            ) from None
        c2pa = C2paSpec(roots, named.source, named.generator)
    elif section.c2pa is not None:
        c2pa = C2paSpec()
    return ProvenanceSpec(
        c2pa,
        _texts(section.png_text) or below.png_text,
        _texts(section.exif) or below.exif,
        line,
    )


def _texts(given: tuple[str, ...] | dict[str, str]) -> dict[str, str | None]:
    return dict(given) if isinstance(given, dict) else dict.fromkeys(given)
