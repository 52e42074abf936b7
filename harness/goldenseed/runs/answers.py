"""The questions of a case asked of what was made of it, picture by picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from goldenseed.core.errors import GoldenseedError
from goldenseed.runs.parts import AnswerRecord
from goldenseed.runs.record import CaseRecord
from goldenseed.suite.answers import AnswerSpec
from goldenseed.verdict.model import CONTENT, Reason

if TYPE_CHECKING:
    from PIL.Image import Image


def with_answers(
    record: CaseRecord,
    pictures: Iterable[tuple[str | None, Image]],
    specs: Sequence[AnswerSpec],
) -> CaseRecord:
    """Complete ``record`` with what models answer about its pictures; the verdict stays.

    An answer that is not as expected, or a model that cannot be asked, makes the case fail, with a
    reason of its own.
    """
    if not specs:
        return record
    from goldenseed.content.answers import ask
    from goldenseed.content.scores import Scene

    answers: list[AnswerRecord] = []
    reasons: list[Reason] = []
    shown = [(name, Scene(image).rgb) for name, image in pictures]
    for spec in specs:
        said = {"question": spec.question, "expected": spec.expected}
        if not shown:
            what = f"asked {spec.question!r}: the call returned no picture to ask about"
            reasons.append(Reason(code=CONTENT, detail=what))
            answers.append(AnswerRecord(**said, holds=False))
        for name, image in shown:
            try:
                answer = ask(image, spec)
            except (GoldenseedError, ImportError) as error:
                reasons.append(Reason(code=CONTENT, detail=str(error), element=name))
                answers.append(AnswerRecord(**said, holds=False, element=name))
                break
            fault = answer.fault(spec)
            if fault is not None:
                reasons.append(Reason(code=CONTENT, detail=fault, source=spec.source, element=name))
            answers.append(
                AnswerRecord(
                    **said,
                    answer=answer.text,
                    probability=answer.probability,
                    cut=answer.cut,
                    holds=fault is None,
                    element=name,
                )
            )
    return record.model_copy(
        update={
            "answers": tuple(answers),
            "reasons": (*record.reasons, *reasons),
            "passed": record.passed and not reasons,
        }
    )
