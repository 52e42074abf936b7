"""Questions that a model is asked of an image: `answers` under a suite's `content`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from goldenseed.suite.document import Document, Problem
from goldenseed.suite.model import absent_fault, beside
from goldenseed.suite.sections import LIST, PLAIN, PLAIN_OR_LIST, NonEmpty, Section

Place = tuple[str | int, ...]
_Several = Annotated[tuple[NonEmpty, ...], Field(strict=False, min_length=1)]


class AnswerSection(Section):
    """A question to an image-question model, and the answer that is expected."""

    model: NonEmpty
    """The model's folder, relative to the suite file and inside its folder."""
    question: NonEmpty
    """What it is asked of the image."""
    expect: Annotated[Annotated[NonEmpty, PLAIN] | Annotated[_Several, LIST], PLAIN_OR_LIST]
    """The answer, or several of which one will do; letter case and punctuation do not count."""
    min_probability: Annotated[float, Field(ge=0, le=1)] | None = None
    """How probable the answer has to be to the model."""
    max_new_tokens: Annotated[int, Field(ge=1, le=256)] = 16
    """After how many tokens it is stopped."""
    template: NonEmpty | None = None
    """How it is asked: `{question}` and, where its processor wants one, `{image}`; by default by
    its chat template, or the question alone."""


@dataclass(frozen=True, slots=True)
class AnswerSpec:
    """A question, and what has to be answered."""

    folder: Path
    """The model's, absolute."""
    question: str
    expect: tuple[str, ...]
    min_probability: float | None
    max_new_tokens: int
    template: str | None
    source: str
    """``suite`` or ``case``."""
    line: int

    @property
    def expected(self) -> str:
        """What has to be answered, in words: ``'no' or 'none', at least 0.8 probable``."""
        words = " or ".join(map(repr, self.expect))
        least = self.min_probability
        return words if least is None else f"{words}, at least {least:g} probable"


def answer_specs(
    document: Document,
    place: Place,
    given: Sequence[AnswerSection],
    source: str,
    below: tuple[AnswerSpec, ...],
) -> tuple[AnswerSpec, ...]:
    """Return the questions at ``place`` and those ``below`` that are not asked there again."""
    own = tuple(
        AnswerSpec(
            folder=beside(document.path, each.model),
            question=each.question,
            expect=(each.expect,) if isinstance(each.expect, str) else each.expect,
            min_probability=each.min_probability,
            max_new_tokens=each.max_new_tokens,
            template=each.template,
            source=source,
            line=document.line_of((*place, "answers", index)),
        )
        for index, each in enumerate(given)
    )
    asked = {each.question for each in own}
    return (*(each for each in below if each.question not in asked), *own) if own else below


def answer_faults(document: Document, place: Place, answers: object) -> Iterator[Problem]:
    """Find what is wrong with questions to images."""
    for where, what, fix in _faults(document.path, place, answers):
        yield Problem(document.line_of(where), what, fix)


def _faults(suite: Path, place: Place, answers: object) -> Iterator[tuple[Place, str, str]]:
    """Say what is wrong: where, what, and the fix."""
    asked: set[str] = set()
    for index, each in enumerate(answers if isinstance(answers, list) else ()):
        if not isinstance(each, dict):
            continue
        here, model, question = (*place, index), each.get("model"), each.get("question")
        if isinstance(model, str) and model:
            outside, absent = "put the model into the suite's folder", "put the model into {}"
            fault = absent_fault(suite, model, outside, absent, is_folder=True)
            if fault:
                yield (*here, "model"), *fault
        if isinstance(question, str):
            if question in asked:
                what = f"{question!r} is asked twice here"
                yield (*here, "question"), what, "ask it once, with all that `expect` may be"
            asked.add(question)
        template = each.get("template")
        if isinstance(template, str) and "{question}" not in template:
            fix = "write `{question}` where it belongs"
            yield (*here, "template"), "the template has no place for the question", fix
