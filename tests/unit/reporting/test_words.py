from __future__ import annotations

import pytest

from goldenseed.reporting.words import (
    MEANINGS,
    WORST_FIRST,
    count_of,
    outcome,
    place_of,
    told,
    visible,
)
from goldenseed.runs.parts import GateInForce
from goldenseed.runs.record import RunRecord
from goldenseed.trace.stages import Stage
from goldenseed.verdict.model import Reason, Verdict
from tests.unit.reporting.recorded import case, record, run


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", "⟨U+001B⟩[31m"),
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("a\u2066b", "a⟨U+2066⟩b"),
        ("\x00", "⟨U+0000⟩"),
        ("\ud800", "⟨U+D800⟩"),
        ("a\u200bb", "a⟨U+200B⟩b"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("👩\u200d🚀 नमस्ते 猫", "👩\u200d🚀 नमस्ते 猫"),
    ],
)
def test_unseen_characters_are_shown_and_scripts_are_kept(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (run(), "no cases"),
        (run(case()), "the one case passes"),
        (run(case("drift")), "1 of 1 case fails"),
        (run(*[case()] * 1200), "all 1,200 cases pass"),
        (run(*[case(), case("new")] * 700), "700 of 1,400 cases fail"),
        (run(case(), complete=False), "cut short: the one case passes"),
    ],
)
def test_the_outcome_is_said_in_a_few_words(record: RunRecord, words: str) -> None:
    assert outcome(record) == words


def test_one_line_text_has_no_line_breaks() -> None:
    assert visible("a\nb\tc", lines=False) == "a b c"


def test_every_verdict_has_its_place_and_its_meaning() -> None:
    assert set(WORST_FIRST) == set(MEANINGS) == set(Verdict)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (
            {"code": "gate", "metric": "ssim", "value": 0.871, "limit": 0.95, "source": "suite"},
            "ssim 0.871 < min_ssim 0.95 (suite)",
        ),
        (
            {"code": "gate", "metric": "phash_distance", "value": 14, "limit": 6, "source": "case"},
            "phash 14 > max_phash_distance 6 (case)",
        ),
        (
            {"code": "gate", "metric": "psnr", "value": "inf", "limit": 40, "source": "suite"},
            "psnr inf > max_psnr 40 dB (suite)",
        ),
        (
            {
                "code": "tolerance",
                "metric": "peak_difference",
                "value": 4,
                "limit": 1,
                "source": "noise",
            },
            "peak difference 4 > 1 (noise)",
        ),
        (
            {
                "code": "tolerance",
                "metric": "peak_difference",
                "value": 1,
                "limit": 1,
                "source": "noise",
            },
            "peak difference 1 ≤ 1 (noise)",
        ),
        ({"code": "tolerance", "detail": "no tolerance is known"}, "no tolerance is known"),
        (
            {
                "code": "recipe_changed",
                "metric": "recipe.call.num_inference_steps",
                "value": 19,
                "limit": 20,
            },
            "call.num_inference_steps 20 → 19",
        ),
        ({"code": "recipe_changed", "metric": "recipe.seed", "value": 1}, "seed none → 1"),
        (
            {"code": "size_changed", "metric": "size", "value": "64x64", "limit": "128x128"},
            "size 128x128 → 64x64",
        ),
        ({"code": "mode_changed", "metric": "mode", "value": "L", "limit": "RGB"}, "mode RGB → L"),
        (
            {"code": "profile_fallback", "value": "cpu-a", "limit": "cpu-b"},
            "BASELINE FROM ANOTHER PROFILE: cpu-a stands in for cpu-b",
        ),
        ({"code": "rejected", "detail": "by Ada"}, "these pixels are on the reject list: by Ada"),
        ({"code": "no_baseline"}, "nothing is accepted for this case in any usable profile"),
        ({"code": "generation_failed"}, "generation failed"),
        ({"code": "unreadable_baseline"}, "the baseline image cannot be read"),
        ({"code": "identical", "source": "baseline"}, "the pixels are the accepted ones"),
        (
            {
                "code": "trace_moved",
                "metric": "latents",
                "value": 0.5,
                "limit": 0.1,
                "source": "noise",
            },
            "trace moved latents 0.5 against 0.1 (noise)",
        ),
    ],
)
def test_each_reason_is_said_in_words(reason: dict[str, object], words: str) -> None:
    limits = {"min_ssim": 0.95, "max_phash_distance": 6.0, "max_psnr": 40.0}
    gates = [GateInForce.named(*each) for each in limits.items()]
    assert told(Reason.model_validate(reason), gates).words == words


def test_a_reason_that_names_its_direction_needs_no_gates() -> None:
    reason = Reason(code="gate", metric="psnr", direction="max", value=40, limit=40, source="case")
    assert told(reason, ()).words == "psnr 40 dB against max_psnr 40 dB (case)"


def test_a_detail_that_repeats_the_error_message_is_not_said_twice() -> None:
    record = case("error")
    (reason,) = record.reasons
    assert reason.detail == record.error
    assert told(reason, (), record.error).words == "generation failed"


def test_every_recorded_reason_is_known() -> None:
    for each in record().cases:
        for reason in each.reasons:
            words = told(reason, each.gates, each.error).words
            unknown = reason.code.replace("_", " ")
            assert not words.startswith(unknown) or reason.code == "generation_failed"


def test_a_number_agrees_with_its_noun() -> None:
    assert count_of(1, "case") == "1 case"
    assert count_of(2000, "case") == "2,000 cases"
    assert count_of(1, "key differs", "keys differ") == "1 key differs"


@pytest.mark.parametrize("stage", Stage)
def test_every_stage_has_its_words(stage: Stage) -> None:
    expected = "denoising step 1" if stage is Stage.DENOISING_STEP else "the "
    assert place_of(stage, 0).startswith(expected)
