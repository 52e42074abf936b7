"""Prompts between two: `prompt: {between: [a cat, a dog], at: 0.25}` mixes their embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, JsonValue

from goldenseed.suite.sections import NonEmpty, Section


class BetweenSection(Section):
    """Embeddings that lie between those of two prompts."""

    between: Annotated[tuple[NonEmpty, NonEmpty], Field(strict=False)]
    """Two prompts, whose embeddings are mixed along the line between them."""
    at: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    """How far from the first prompt to the second, 0 to 1."""


@dataclass(frozen=True, slots=True)
class BetweenPrompts:
    """What a pipeline is given in place of one prompt's embeddings."""

    between: tuple[str, str]
    at: float
    """0 to 1."""

    @property
    def described(self) -> dict[str, JsonValue]:
        """What the recipe says of it."""
        return {"between": list(self.between), "at": self.at}


def in_words(prompt: object) -> str | None:
    """Return a recipe's prompt as one text; None where there is none, or several."""
    between = texts_of(prompt)
    if between is not None and isinstance(prompt, dict):
        return f"{prompt.get('at')} of the way from “{between[0]}” to “{between[1]}”"
    return prompt if isinstance(prompt, str) else None


def texts_of(prompt: object) -> tuple[str, ...] | None:
    """Return the two prompts of one between them, as a case or its recipe has it; else None."""
    if isinstance(prompt, BetweenPrompts):
        return prompt.between
    between = prompt.get("between") if isinstance(prompt, dict) else None
    return tuple(map(str, between)) if isinstance(between, list) else None
