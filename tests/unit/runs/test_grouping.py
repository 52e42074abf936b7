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
from goldenseed.runs.grouping import Grouping, Kind, grouped
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
        "about 4 → 6 (0.98); "
        "s::red-apple[seed=1] parts at the token ids, likely cause: prompt (0.98)"
    )


def test_groups_that_stand_apart_are_counted():
    cases = [case(f"g{n}", why()) for n in range(5)]
    cases += [case(f"p{n}", why(PROMPT, Stage.TOKEN_IDS)) for n in range(2)]
    assert (grouping_sentence(cases) or "").endswith(
        "; 2 cases part at the token ids, likely cause: prompt (0.98)"
    )


def test_cases_that_share_nothing_are_each_named():
    cases = [case("a", why()), case("b", why(PROMPT, Stage.TOKEN_IDS))]
    assert grouping_sentence(cases) == (
        "both cases moved, each by itself; "
        "s::a parts at denoising step 1, likely cause: guidance scale: about 4 → 6 (0.98); "
        "s::b parts at the token ids, likely cause: prompt (0.98)"
    )


def test_many_that_share_nothing_are_not_all_named():
    stages = [each for each in Stage if each.value != "pixels"][:6]
    cases = [case(str(number), why(stage=stage)) for number, stage in enumerate(stages)]
    assert (grouping_sentence(cases) or "").endswith(
        "; and 3 more part elsewhere or for other reasons"
    )


def test_hundreds_are_counted_with_separators():
    cases = [case(str(number), why(THREADS)) for number in range(1500)]
    assert (grouping_sentence(cases) or "").startswith("all 1,500 cases moved: they part at ")
    (group,) = only(cases).groups
    assert len(group.cases) == 1500


def test_different_values_of_one_cause_are_one_group_without_the_values():
    other = ("guidance scale: about 4 → 7", Cause.GUIDANCE)
    (group,) = only([case("a", why()), case("b", why(other, confidence=0.7))]).groups
    assert group.words == "guidance scale (0.70)"


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
    assert (grouping_sentence(cases) or "").startswith(
        "all 3 cases moved, of which 1 has no diagnosis: 2 part at denoising step 1, "
    )
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
    assert only([*matches, case("d", why())]).total == 1


def test_a_failure_without_an_image_counts_only_with_a_diagnosis():
    assert grouping_sentence([case("a", None, Verdict.ERROR)]) is None
    assert only([case("a", why(), Verdict.ERROR)]).total == 1


def ranked(*causes: tuple[Cause, str, float]) -> Diagnosis:
    found = tuple(
        RankedCause(cause=cause, confidence=confidence, evidence=(), words=words)
        for cause, words, confidence in causes
    )
    return why().model_copy(update={"causes": found})


WEIGHTS = (Cause.DENOISER, "denoiser weights: unet", 0.49)
ADAPTER = (Cause.LORA, "LoRA adapter: pipeline.fused_loras 0 → 1", 0.49)


def test_causes_that_tie_are_both_named():
    sentence = grouping_sentence([case("a", ranked(WEIGHTS, ADAPTER))])
    assert sentence == (
        "the one case moved: it parts at denoising step 1, likely cause: denoiser weights: unet "
        "(0.49) or LoRA adapter: pipeline.fused_loras 0 → 1 (0.49)"
    )


def test_a_tie_is_one_group_whichever_of_the_two_comes_first():
    both = [case("a", ranked(WEIGHTS, ADAPTER)), case("b", ranked(ADAPTER, WEIGHTS))]
    assert len(only(both).groups) == 1


def test_a_first_cause_that_is_not_enough_is_named_with_the_second():
    sentence = grouping_sentence([case("a", ranked(ADAPTER, (*WEIGHTS[:2], 0.39)))]) or ""
    assert sentence.endswith("fused_loras 0 → 1 (0.49) or denoiser weights: unet (0.39)")


def test_what_ties_with_the_unknown_is_named():
    batch = (Cause.BATCH, "batch size: 1 → 4", 0.49)
    sentence = grouping_sentence([case("a", ranked((Cause.UNKNOWN, "unknown", 0.5), batch))]) or ""
    assert sentence.endswith("likely cause: unknown (0.50) or batch size: 1 → 4 (0.49)")


def test_many_that_tie_are_as_good_as_none():
    few = [(cause, cause.value, 0.13) for cause in list(Cause)[:7]]
    assert (grouping_sentence([case("a", ranked(*few))]) or "").endswith("; the cause is not known")


def test_different_failures_have_sentences_of_their_own():
    cases = [
        case("a", why()),
        case("b", why(PROMPT, Stage.TOKEN_IDS), Verdict.INCOMPARABLE),
        case("c", why(THREADS), Verdict.ERROR),
    ]
    assert [each.partition(":")[0] for each in grouping_sentences(cases)] == [
        "1 case of 3 moved",
        "1 case of 3 is incomparable",
        "1 case of 3 failed",
    ]


def test_equal_pixels_never_moved():
    same = case("a", why(PROMPT, Stage.TOKEN_IDS), Verdict.INCOMPARABLE)
    same = same.model_copy(update={"pixels_sha256": BASELINE.pixels_sha256})
    assert only([same]).kind is Kind.UNMOVED
    assert grouping_sentences([same]) == (
        "the one case is incomparable, and the pixels are the accepted ones",
    )
    assert grouping_sentences([same.model_copy(update={"diagnosis": None})])
