from __future__ import annotations

from datetime import UTC, datetime

import pytest

from goldenseed.diagnosis.model import (
    Cause,
    Diagnosis,
    FirstDivergence,
    RankedCause,
)
from goldenseed.reporting.diagnosis import grouping_sentences
from goldenseed.runs.grouping import Grouping, grouped
from goldenseed.runs.record import BaselineUsed, CaseRecord
from goldenseed.trace.stages import Stage
from goldenseed.verdict.model import Verdict


def grouping_sentence(cases: list[CaseRecord]) -> str | None:
    return "; ".join(grouping_sentences(cases)) or None


def only(cases: list[CaseRecord]) -> Grouping:
    (found,) = grouped(cases)
    return found


BASELINE = BaselineUsed(
    profile="cpu", pixels_sha256="0" * 64, accepted_at=datetime(2026, 11, 20, tzinfo=UTC)
)
GUIDANCE = ("guidance scale: about 4 → 6", Cause.GUIDANCE)
PROMPT = ("prompt", Cause.PROMPT)
THREADS = ("threads or instruction set", Cause.CPU)


def case(name: str, diagnosis: Diagnosis | None, verdict: Verdict = Verdict.DRIFT) -> CaseRecord:
    return CaseRecord(
        id=name,
        suite="s",
        path="s.suite.yaml",
        recipe={},
        recipe_sha256="0" * 64,
        verdict=verdict,
        passed=False,
        baseline=BASELINE,
        diagnosis=diagnosis,
    )


def why(
    cause: tuple[str, Cause] = GUIDANCE,
    stage: Stage = Stage.DENOISING_STEP,
    index: int = 0,
    confidence: float = 0.98,
) -> Diagnosis:
    words, which = cause
    found = FirstDivergence(stage=stage, index=index, of=20, words="", distances=())
    ranked = RankedCause(cause=which, confidence=confidence, evidence=(), words=words)
    return Diagnosis(first_divergence=found, causes=(ranked,))


def identical(count: int) -> list[CaseRecord]:
    return [case(f"same-{number}", None, Verdict.IDENTICAL) for number in range(count)]


def test_where_nothing_moved_there_is_nothing_to_say():
    assert grouping_sentence(identical(3)) is None
    assert grouping_sentence([]) is None
    assert grouping_sentence([case("new", None, Verdict.NEW)]) is None


def test_one_case_is_said_in_the_singular():
    likely = "at denoising step 1, likely cause: guidance scale: about 4 → 6 (0.98)"
    assert grouping_sentence([case("a", why())]) == f"the one case moved: it parts {likely}"
    assert grouping_sentence([case("a", why()), *identical(4)]) == (
        f"1 case of 5 moved: it parts {likely}"
    )


def test_what_all_share_is_said_once():
    cases = [case(str(number), why()) for number in range(12)]
    assert grouping_sentence([*cases, *identical(4)]) == (
        "12 of 16 cases moved: they part at denoising step 1, "
        "likely cause: guidance scale: about 4 → 6 (0.98)"
    )
    assert (grouping_sentence(cases) or "").startswith("all 12 cases moved: ")


def test_those_that_stand_apart_are_named():
    cases = [case(str(number), why()) for number in range(10)]
    cases.insert(3, case("red-apple[seed=1]", why(PROMPT, Stage.TOKEN_IDS)))
    sentence = grouping_sentence([*cases, *identical(1)])
    assert sentence == (
        "11 of 12 cases moved: 10 part at denoising step 1, likely cause: guidance scale: "
        "about 4 → 6 (0.98); 1 stands apart: red-apple[seed=1] at the token ids (prompt)"
    )


def test_groups_that_stand_apart_are_counted():
    cases = [case(f"g{n}", why()) for n in range(5)]
    cases += [case(f"p{n}", why(PROMPT, Stage.TOKEN_IDS)) for n in range(2)]
    assert (grouping_sentence(cases) or "").endswith(
        "; 2 stand apart: 2 cases at the token ids (prompt)"
    )


def test_cases_that_share_nothing_are_each_named():
    cases = [case("a", why()), case("b", why(PROMPT, Stage.TOKEN_IDS))]
    assert grouping_sentence(cases) == (
        "both cases moved: each by itself: a at denoising step 1 (guidance scale: about 4 → 6); "
        "b at the token ids (prompt)"
    )


def test_many_that_share_nothing_are_not_all_named():
    stages = [each for each in Stage if each.value != "pixels"][:6]
    cases = [case(str(number), why(stage=stage)) for number, stage in enumerate(stages)]
    assert (grouping_sentence(cases) or "").endswith("; and 3 more")


def test_hundreds_are_counted_with_separators():
    cases = [case(str(number), why(THREADS)) for number in range(1500)]
    assert (grouping_sentence(cases) or "").startswith("all 1,500 cases moved: they part at ")
    (group,) = grouped(cases).groups
    assert len(group.cases) == 1500


def test_different_values_of_one_cause_are_one_group_without_the_values():
    other = ("guidance scale: about 4 → 7", Cause.GUIDANCE)
    (group,) = grouped([case("a", why()), case("b", why(other, confidence=0.7))]).groups
    assert (group.words, group.confidence) == ("guidance scale", 0.7)


def test_steps_are_named_only_where_they_are_the_same():
    cases = [case("a", why()), case("b", why(index=3))]
    assert "they part at the denoising steps, " in (grouping_sentence(cases) or "")


@pytest.mark.parametrize("causes", [(), None])
def test_a_cause_that_is_hardly_believed_is_not_known(causes: object):
    diagnosis = why(confidence=0.3)
    if causes == ():
        diagnosis = diagnosis.model_copy(update={"causes": ()})
    sentence = grouping_sentence([case("a", diagnosis), case("b", diagnosis)])
    assert sentence == "both cases moved: they part at denoising step 1; the cause is not known"


def test_cases_without_a_diagnosis_are_counted():
    cases = [case("a", why()), case("b", why()), case("c", None)]
    assert (grouping_sentence(cases) or "").endswith("; 1 has no diagnosis")
    assert grouping_sentence([case("c", None)]) is None


def test_without_a_trace_the_stage_is_not_known():
    blind = why().model_copy(update={"first_divergence": None})
    assert "they part at a stage that is not known, likely cause: guid" in (
        grouping_sentence([case("a", blind), case("b", blind)]) or ""
    )


def test_matches_are_grouped_where_nothing_moved_beyond_the_noise():
    matches = [case(str(n), why(THREADS), Verdict.MATCH) for n in range(3)]
    assert grouping_sentence([*matches, *identical(1)]) == (
        "3 of 4 cases moved within the tolerance: they part at denoising step 1, "
        "likely cause: threads or instruction set (0.98)"
    )
    assert grouped([*matches, case("d", why())]).moved == 1


def test_a_failure_without_an_image_counts_only_with_a_diagnosis():
    assert grouping_sentence([case("a", None, Verdict.ERROR)]) is None
    assert grouped([case("a", why(), Verdict.ERROR)]).moved == 1
