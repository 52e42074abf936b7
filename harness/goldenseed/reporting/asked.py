"""What models that write have to do with an image, in words: its prompt, answers, safety flags."""

from __future__ import annotations

from collections.abc import Iterator

from goldenseed.runs.parts import AnswerRecord
from goldenseed.runs.record import CaseRecord


def made_with(record: CaseRecord) -> Iterator[tuple[str, str]]:
    """Yield who wrote the prompt, what a safety checker said and what a model answered."""
    if (written := record.written) is not None:
        cut = ", cut off" if written.cut else ""
        yield "Prompt by", f"{written.model}, {len(written.token_ids)} tokens{cut}"
    if record.flagged is not None:
        yield "Safety checker", f"flagged {sum(record.flagged)} of {len(record.flagged)}"
    for each in record.answers:
        yield "Asked", answer_in_words(each)


def answer_in_words(answer: AnswerRecord) -> str:
    """Return ``'Is it red?': 'no' (probability 0.93), 'no' expected``."""
    where = "" if answer.element is None else f"{answer.element}: "
    said = "could not be asked"
    if answer.answer is not None:
        cut = ", cut off" if answer.cut else ""
        said = f"{answer.answer!r} (probability {answer.probability or 0:.3g}{cut})"
    return f"{where}{answer.question!r}: {said}, {answer.expected} expected"
