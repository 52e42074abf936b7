from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from goldenseed.reporting import failure_text, summary_lines
from goldenseed.verdict.model import Reason
from tests.unit.reporting.sample_report import baseline, case, full_run, run

REPORT = "reports/20261120T151233Z/index.html"


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The failure text of each verdict, the first of each kind."""
    record = full_run(tmp_path_factory.mktemp("run"), identical=1)
    return {c.verdict: failure_text(c, record.run_id, REPORT) for c in reversed(record.cases)}


def test_a_drift_names_each_gate_the_baseline_the_report_and_the_command(
    texts: dict[str, str],
) -> None:
    digest = baseline("images/red-apple.baseline.png").pixels_sha256[:6]
    assert texts["drift"].splitlines() == [
        "DRIFT suites/shapes.suite.yaml::red-apple[seed=1024]",
        (
            "  ssim 0.8714 < min_ssim 0.95 (suite)   phash 14 > max_phash_distance 6 (suite)   "
            "8.2 % of pixels changed, max 187"
        ),
        f"  baseline {digest}… accepted 2026-11-11 in cpu-x86_64-avx512",
        f"  report  {REPORT}#shapes.red-apple-1024",
        "  accept  goldenseed accept 20261120T151233Z 'red-apple[seed=1024]' --reason \"…\"",
    ]


def test_an_error_keeps_every_line_of_its_message_and_offers_nothing_to_accept(
    texts: dict[str, str],
) -> None:
    assert texts["error"].splitlines() == [
        "ERROR suites/shapes.suite.yaml::cat-face[seed=7]",
        "  generation failed",
        "  RuntimeError: mat1 and mat2 shapes cannot be multiplied (77x64 and 96x64)",
        "    in UNet2DConditionModel.forward",
        f"  report  {REPORT}#shapes.cat-face-7",
    ]


def test_an_incomparable_case_names_the_field_and_still_shows_the_metrics(
    texts: dict[str, str],
) -> None:
    assert texts["incomparable"].splitlines()[1:3] == [
        "  call.num_inference_steps 20 → 19",
        "  31.1 % of pixels changed, max 57",
    ]


def test_a_rejected_case_says_who_rejected_it_and_offers_nothing_to_accept(
    texts: dict[str, str],
) -> None:
    assert texts["rejected"].splitlines()[1:] == [
        (
            "  these pixels are on the reject list: rejected by Ada in cpu-x86_64-avx512:"
            " the cat has three ears"
        ),
        f"  report  {REPORT}#shapes.yellow-cat-1024",
    ]


def test_a_new_case_says_so_and_how_to_accept_it(texts: dict[str, str]) -> None:
    assert texts["new"].splitlines()[1:] == [
        "  nothing was ever accepted for this case",
        f"  report  {REPORT}#shapes.red-ball-at-night-3",
        "  accept  goldenseed accept 20261120T151233Z 'red-ball-at-night[seed=3]' --reason \"…\"",
    ]


def test_a_warning_names_the_noise_that_was_left(texts: dict[str, str]) -> None:
    assert texts["warn"].splitlines()[1].startswith("  peak difference 4 > 1 (float32 rounding)")


def test_what_is_said_of_the_noise_in_words_has_a_line_of_its_own() -> None:
    expired = "the calibration of 2026-11-20 has expired: torch.version changed"
    far = Reason(code="noise", metric="coherence", value=0.9, limit=0.3, source="noise")
    said = Reason(code="noise", source="noise", detail=expired)
    near = Reason(code="noise", metric="peak_difference", value=1, limit=1, source="noise")
    lines = failure_text(case("warn", reasons=(near, far, said)), "run", None).splitlines()
    assert lines[1] == f"  {expired}"
    assert lines[2].startswith("  peak difference 1 ≤ 1   coherence 0.9 > 0.3 (noise)")


def test_a_baseline_of_another_profile_is_named_first_and_loudly() -> None:
    fallback = Reason(code="profile_fallback", value="cpu-a", limit="cpu-b", source="baseline")
    gate = Reason(code="gate", metric="ssim", value=0.5, limit=0.9, source="suite")
    lines = failure_text(case("drift", reasons=(gate, fallback)), "r", None).splitlines()
    assert lines[1] == "  BASELINE FROM ANOTHER PROFILE: cpu-a stands in for cpu-b"


def test_a_passing_verdict_below_what_is_required_says_why_it_fails() -> None:
    text = failure_text(case("match", passed=False), "r", None)
    assert "  match is not enough for what --golden-require asks" in text.splitlines()


def test_the_report_line_is_left_out_where_no_report_is_written() -> None:
    assert "report" not in failure_text(case("new"), "r", None)


def test_the_case_id_reaches_the_shell_as_one_word() -> None:
    hostile = "a b'; rm -rf ~ #[seed=1]"
    text = failure_text(case("drift", id=hostile), "run 1", None)
    command = text.splitlines()[-1].removeprefix("  accept  ")
    assert shlex.split(command) == ["goldenseed", "accept", "run 1", hostile, "--reason", "…"]


def test_no_message_can_steer_the_terminal() -> None:
    text = failure_text(case("error", id="x\x1b]0;owned\x07", error="\x1b[2J\rgone"), "r", None)
    assert not [c for c in text if ord(c) < 32 and c != "\n"]


def test_the_summary_counts_best_first_and_says_where_to_look(tmp_path: Path) -> None:
    assert summary_lines(full_run(tmp_path, identical=3), REPORT) == [
        "golden: 3 identical, 1 match, 1 warn, 1 new, 1 rejected, 1 incomparable, 1 error, 2 drift",
        f"golden: report  {REPORT}",
        'golden: accept  goldenseed accept 20261120T151233Z CASE… --reason "…"',
    ]


def test_the_summary_of_a_good_run_has_nothing_to_accept() -> None:
    assert summary_lines(run(case())) == ["golden: 1 identical"]


def test_the_summary_of_a_run_that_was_cut_short_says_so() -> None:
    lines = summary_lines(run(case(), complete=False, finished=None))
    assert lines[1] == "golden: the run was cut short; cases may be missing"
