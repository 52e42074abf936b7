"""Where images part and why, in words: from the diagnoses of a recorded run."""

from __future__ import annotations

import html
from pathlib import Path

from goldenseed.diagnosis.model import Cause, ChangedKey, Diagnosis, FirstDivergence, Jump
from goldenseed.reporting.commands import Place
from goldenseed.reporting.diagnosis import (
    distances_in_words,
    environment_in_words,
    stage_limits,
    why,
)
from goldenseed.reporting.markdown import summary_markdown
from goldenseed.reporting.terminal import failure_text, summary_lines, why_lines
from goldenseed.reporting.view import case_view, run_view
from goldenseed.runs.record import CaseRecord
from goldenseed.trace.stages import Stage
from tests.unit.reporting.recorded import case, page_of, run

DRIFT = case("drift")
FOUND = DRIFT.diagnosis or Diagnosis()
PARTS = "denoising step 1 of 4; prompt embeddings, timesteps and initial noise are identical"
CAUSE = "denoiser weights: unet (0.85)"


def divergence(**fields: object) -> FirstDivergence:
    assert FOUND.first_divergence
    return FOUND.first_divergence.model_copy(update=fields)


def altered(**fields: object) -> CaseRecord:
    return case("drift", diagnosis=FOUND.model_copy(update=fields).model_dump())


def text(record: CaseRecord) -> str:
    return failure_text(case_view(record, Place("run")), None)


def test_where_it_began_how_far_it_grew_and_why_are_told_with_the_evidence():
    lines = list(why_lines(why(FOUND)))
    assert lines[0] == f"first divergence: {PARTS}"
    assert lines[1].startswith("relative distance ")
    assert lines[1].endswith(" before the VAE, there from the start")
    assert lines[2].startswith("environment: diffusers 0.41.0 → 0.42.1, model.unet.sha256 ")
    assert lines[3] == f"likely cause: {CAUSE}"
    assert [line[:2] for line in lines[4:]] == ["  "] * 3
    assert lines[6] == "  or package upgrade: diffusers 0.41.0 → 0.42.1 (0.13)"


def test_causes_that_are_not_worth_it_are_not_named():
    first, *others = FOUND.causes
    faint = [each.model_copy(update={"confidence": 0.05}) for each in others]
    assert why(FOUND.model_copy(update={"causes": (first, *faint)})).others == ()


def test_an_unknown_cause_is_called_so():
    unknown = FOUND.causes[0].model_copy(update={"cause": Cause.UNKNOWN, "confidence": 0.62})
    assert why(FOUND.model_copy(update={"causes": (unknown,)})).likely == "not known"


def test_keys_that_take_no_effect_are_counted():
    incomparable = case("incomparable").diagnosis
    assert incomparable
    assert environment_in_words(incomparable.environment) == (
        "diffusers 0.41.0 → 0.42.1, 2 other differences take no effect where the images part"
    )
    ruled_out = [each for each in incomparable.environment if not each.explains]
    assert environment_in_words(ruled_out[:1]) == (
        "1 difference takes no effect where the images part"
    )
    assert environment_in_words([]) is None


def test_many_keys_are_counted_and_packages_come_first():
    key = next(each for each in FOUND.environment if each.key != "package.diffusers")
    many = [key.model_copy(update={"key": f"cpu.cache.{n}"}) for n in range(9)]
    line = environment_in_words([*many, *FOUND.environment])
    assert line
    assert line.startswith("diffusers 0.41.0 → 0.42.1, cpu.cache.0 ")
    assert line.endswith(", 8 more")


def test_what_a_release_of_torch_brings_with_it_goes_without_saying():
    torch = ChangedKey(key="package.torch", old="2.12.1", new="2.13.0", explains=True)
    build = ChangedKey(key="torch.git_version", old="1" * 40, new="2" * 40, explains=True)
    assert environment_in_words([build, torch]) == "torch 2.12.1 → 2.13.0"


def test_a_key_that_explains_one_case_is_not_ruled_out_by_another():
    (package,) = [each for each in FOUND.environment if each.key == "package.diffusers"]
    ruled_out = package.model_copy(update={"explains": False})
    assert environment_in_words([ruled_out, package]) == "diffusers 0.41.0 → 0.42.1"


def test_a_jump_is_told():
    jump = Jump(stage=Stage.DENOISING_STEP, index=2, factor=100.0)
    words = distances_in_words(divergence(jump=jump))
    assert words
    assert words.endswith("100 times as far at denoising step 3 as just before")


def test_distances_that_are_not_known_are_not_told():
    unknown = tuple(
        each
        if each.stage is Stage.LATENTS_BEFORE_VAE
        else each.model_copy(update={"distance": None})
        for each in divergence().distances
    )
    words = distances_in_words(divergence(distances=unknown, growth=None))
    assert words
    assert " there" not in words
    assert words.endswith(" before the VAE")


def test_what_hinders_a_diagnosis_is_said_everywhere(tmp_path: Path):
    note = "the accepted image has no trace"
    hindered = altered(first_divergence=None, note=note)
    words = f"irst divergence: unknown, since {note}"
    view = run_view(run(hindered))
    assert f"\n  f{words}\n" in text(hindered)
    assert f"f{words}" in html.unescape(summary_markdown(view))
    assert f"F{words}" in page_of(view)


def test_a_stage_has_the_limit_that_the_verdict_held_it_against():
    limits = dict(stage_limits(DRIFT))
    named = {why(FOUND).points[place][0]: limit for place, limit in limits.items()}
    held = {each.metric: each.limit for each in DRIFT.reasons}
    assert named["denoising step 4"] == held["latents_distance"]
    assert set(named.values()) == {held["latents_distance"]}
    assert "initial noise" not in named


def test_text_summary_and_card_say_where_and_why(tmp_path: Path):
    view = run_view(run(DRIFT))
    page = html.unescape(page_of(view))
    summary = html.unescape(summary_markdown(view))
    assert f"\n  first divergence: {PARTS}\n" in text(DRIFT)
    assert f"\n  likely cause: {CAUSE}\n" in text(DRIFT)
    assert f"first divergence: {PARTS}<br>likely cause: {CAUSE} |" in summary
    assert f"First divergence: {PARTS}" in page
    assert f"Likely cause: {CAUSE}" in page
    assert '["denoising step 3",' in page


def test_hostile_words_move_no_cursor_and_add_no_element():
    cause = FOUND.causes[0].model_copy(
        update={"words": "prompt: \x1b[31m<script> → x\ny", "evidence": ("a\x1b[2J\nb",)}
    )
    hostile = altered(causes=(cause,), remarks=("<script>\x1b[31m",))
    shown = text(hostile)
    assert "\x1b" not in shown
    assert "likely cause: prompt: ⟨U+001B⟩[31m<script> → x y (0.85)\n" in shown
    page = page_of(run_view(run(hostile)))
    assert "\x1b" not in page
    assert "<script>⟨" not in page
    assert "&lt;script&gt;⟨U+001B⟩[31m" in page


def test_summary_terminal_and_page_begin_with_what_the_cases_share():
    view = run_view(run(DRIFT, case("drift", id="b[seed=1]"), case()))
    sentence = f"2 of 3 cases moved: they part at denoising step 1, likely cause: {CAUSE}"
    assert summary_lines(view)[0] == f"golden: {sentence}"
    assert html.unescape(summary_markdown(view)).split("\n\n")[1] == f"**{sentence}.**"
    assert f'<p class="shared">{sentence}.</p>' in page_of(view)


def test_hostile_ids_in_the_shared_sentence_move_no_cursor():
    cases = [case("drift", id="\x1b[2J"), case("rejected", id="b\nc")]
    view = run_view(run(*cases))
    assert view.shared
    shared = summary_lines(view)[1]
    assert "⟨U+001B⟩[2J parts at denoising step 1" in shared
    assert "\n" not in shared
    assert "\x1b" not in summary_markdown(view) + page_of(view)


def test_what_the_causes_rest_on_is_never_among_those_left_out():
    many = [
        ChangedKey(key=f"package.a{number}", old="1", new="2", explains=True) for number in range(9)
    ]
    guilty = [
        ChangedKey(key=key, old="1", new="2", explains=True)
        for key in ("package.tokenizers", "cpu.threads")
    ]
    rests_on = tuple(each.key for each in guilty)
    cause = FOUND.causes[0].model_copy(update={"keys": rests_on})
    line = environment_in_words([*many, *guilty], blamed=[cause])
    assert line == "tokenizers 1 → 2, cpu.threads 1 → 2, a0 1 → 2, a1 1 → 2, 7 more"


def test_a_key_is_not_taken_for_another_that_begins_like_it():
    keys = [
        ChangedKey(key=f"package.{name}", old="1", new="2", explains=True)
        for name in ("a", "b", "c", "d", "torch", "torchvision")
    ]
    cause = FOUND.causes[0].model_copy(update={"keys": ("package.torchvision",)})
    line = environment_in_words(keys, blamed=[cause]) or ""
    assert line.startswith("torchvision 1 → 2, a 1 → 2, ")
    assert "torch 1" not in line
