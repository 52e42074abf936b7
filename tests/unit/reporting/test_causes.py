from __future__ import annotations

import html
from pathlib import Path

from sample_report import case, run

from goldenseed.diagnosis.model import (
    Cause,
    ChangedKey,
    Diagnosis,
    RankedCause,
)
from goldenseed.reporting.divergence import cause_lines, environment_line
from goldenseed.reporting.html import render
from goldenseed.reporting.markdown import summary_markdown
from goldenseed.reporting.terminal import failure_text, summary_lines


def ranked(cause: Cause, confidence: float, words: str, *evidence: str) -> RankedCause:
    return RankedCause(cause=cause, confidence=confidence, words=words, evidence=evidence)


ATTENTION = ranked(
    Cause.ATTENTION, 0.93, "attention kernel: math → flash", "attention.unet.kernel math → flash"
)
TORCH = ChangedKey(key="package.torch", old="2.12.1", new="2.13.0", explains=True)
BUILD = ChangedKey(key="torch.git_version", old="1" * 40, new="2" * 40, explains=True)
KERNEL = ChangedKey(key="attention.unet.kernel", old="math", new="flash", explains=True)
TOKENIZERS = ChangedKey(key="package.tokenizers", old="0.22", new="0.23", explains=False)
ENVIRONMENT = (
    "environment: torch 2.12.1 → 2.13.0, attention.unet.kernel math → flash, "
    "1 other difference takes no effect where the images part"
)
FOUND = Diagnosis(
    causes=(ATTENTION, ranked(Cause.PACKAGES, 0.05, "package upgrade")),
    environment=(KERNEL, BUILD, TORCH, TOKENIZERS),
)


def test_the_likeliest_cause_is_told_with_its_evidence_and_the_environment():
    assert list(cause_lines(FOUND)) == [
        ENVIRONMENT,
        "likely cause: attention kernel: math → flash (0.93)",
        "  attention.unet.kernel math → flash",
    ]


def test_causes_that_are_worth_it_are_named_beside_it():
    others = (ranked(Cause.SCHEDULER, 0.2, "scheduler"), ranked(Cause.UNKNOWN, 0.1, "unknown"))
    lines = list(cause_lines(Diagnosis(causes=(ATTENTION, *others))))
    assert lines[-1] == "  or scheduler (0.20), or unknown (0.10)"


def test_an_unknown_cause_is_called_so():
    lines = list(cause_lines(Diagnosis(causes=(ranked(Cause.UNKNOWN, 0.62, "unknown"),))))
    assert lines == ["likely cause: unknown (0.62)"]


def test_many_keys_are_counted_and_only_ruled_out_ones_are_said_to_be():
    many = [KERNEL.model_copy(update={"key": f"cpu.cache.{n}"}) for n in range(9)]
    line = environment_line(many)
    assert line
    assert line.endswith(", 5 more")
    assert environment_line([TOKENIZERS]) == (
        "environment: 1 difference takes no effect where the images part"
    )
    assert environment_line([]) is None


def test_failure_text_summary_and_card_say_the_cause(tmp_path: Path):
    drifted = case("drift", diagnosis=FOUND)
    assert "\n  likely cause: attention kernel: math → flash (0.93)\n" in failure_text(
        drifted, "run", None
    )
    summary = html.unescape(summary_markdown(run(drifted)))
    assert "likely cause: attention kernel: math → flash (0.93)" in summary
    assert "Likely cause: attention kernel: math → flash (0.93)" in render(run(drifted), tmp_path)


def test_hostile_words_move_no_cursor():
    hostile = ranked(Cause.PROMPT, 0.9, "prompt: \x1b[31m → x\ny", "a\x1b[2J")
    lines = list(cause_lines(Diagnosis(causes=(hostile,))))
    assert all("\x1b" not in line and "\n" not in line for line in lines)


def test_summary_terminal_and_page_begin_with_what_the_cases_share(tmp_path: Path):
    drifted = run(case("drift", diagnosis=FOUND), case("drift", diagnosis=FOUND), case())
    sentence = "2 of 3 cases moved: they part at a stage that is not known, likely cause: "
    assert summary_lines(drifted)[0].startswith(f"golden: {sentence}")
    assert html.unescape(summary_markdown(drifted)).split("\n\n")[1].startswith(f"**{sentence}")
    assert f'<p class="shared">{sentence}' in render(drifted, tmp_path)
