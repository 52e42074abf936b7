from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from goldenseed.reporting import case_view, failure_text, run_view, summary_lines
from goldenseed.reporting.commands import Place
from goldenseed.reporting.terminal import block_lines, reason_line
from goldenseed.reporting.view import Block
from goldenseed.runs.record import CaseRecord
from goldenseed.verdict.model import Reason
from tests.unit.reporting.recorded import case, record, run

REPORT = "reports/20261120T151233Z/index.html"
RUN_ID = record().run_id


def text(found: CaseRecord, run_id: str = RUN_ID, report: str | None = None) -> str:
    return failure_text(case_view(found, Place(run_id)), report)


@pytest.fixture
def texts() -> dict[str, str]:
    """The failure text of each verdict, the first of each kind."""
    return {c.verdict: text(c, report=REPORT) for c in reversed(record().cases)}


def test_a_drift_names_each_gate_the_baseline_the_report_and_the_command(
    texts: dict[str, str],
) -> None:
    (baseline,) = [case("drift").baseline]
    assert baseline
    lines = texts["drift"].splitlines()
    assert lines[:3] == [
        "DRIFT moved.suite.yaml::red-apple[seed=1024]",
        (
            "  ssim 0.9781 < min_ssim 0.9999 (suite)   "
            "peak difference 39 > max_peak_difference 4 (suite)   100 % of pixels changed, max 39"
        ),
        (
            f"  baseline {baseline.pixels_sha256[:6]}… accepted "
            f"{baseline.accepted_at:%Y-%m-%d} in cpu-x86_64-avx512"
        ),
    ]
    assert lines[-2:] == [
        f"  report  {REPORT}#moved.red-apple-1024",
        f"  accept  goldenseed accept {RUN_ID} 'moved::red-apple[seed=1024]' --reason \"…\"",
    ]


def test_an_error_keeps_every_line_of_its_message_and_offers_nothing_to_accept(
    texts: dict[str, str],
) -> None:
    message = (case("error").error or "").splitlines()
    assert len(message) == 2
    assert texts["error"].splitlines() == [
        "ERROR moved.suite.yaml::odd[seed=7]",
        "  generation failed",
        f"  {message[0]}",
        f"  {message[1]}",
        f"  report  {REPORT}#moved.odd-7",
    ]


def test_an_incomparable_case_names_the_field_and_still_shows_the_metrics(
    texts: dict[str, str],
) -> None:
    assert texts["incomparable"].splitlines()[1:3] == [
        "  call.num_inference_steps 4 → 3",
        "  99.9 % of pixels changed, max 42",
    ]


def test_a_rejected_case_says_who_rejected_it_and_offers_nothing_to_accept(
    texts: dict[str, str],
) -> None:
    assert texts["rejected"].splitlines()[1:] == [
        (
            "  these pixels are on the reject list: rejected by Ada in cpu-x86_64-avx512:"
            " the cat has three ears"
        ),
        f"  report  {REPORT}#moved.three-ears-5",
    ]


def test_a_new_case_says_so_and_how_to_accept_it(texts: dict[str, str]) -> None:
    assert texts["new"].splitlines()[1:] == [
        "  nothing was ever accepted for this case",
        f"  report  {REPORT}#moved.at-night-3",
        f"  accept  goldenseed accept {RUN_ID} 'moved::at-night[seed=3]' --reason \"…\"",
    ]


def test_a_warning_names_the_noise_that_was_left_once(texts: dict[str, str]) -> None:
    line = texts["warn"].splitlines()[1]
    assert line.startswith("  peak difference 46 > 1   changed fraction 99.9 % > 1.7 %   denoiser ")
    assert line.count("tolerance (float32, not measured)") == 1


def test_what_is_said_of_the_noise_in_words_has_a_line_of_its_own() -> None:
    expired = "the calibration of 2026-11-20 has expired: torch.version changed"
    far = Reason(code="tolerance", metric="coherence", value=0.9, limit=0.3, source="noise")
    said = Reason(code="tolerance", source="noise", detail=expired)
    near = Reason(code="tolerance", metric="peak_difference", value=1, limit=1, source="noise")
    lines = text(case("warn", reasons=(near, far, said))).splitlines()
    assert lines[1] == f"  {expired}"
    assert lines[2].startswith("  peak difference 1 ≤ 1   coherence 0.9 > 0.3 (noise)")


def test_a_baseline_of_another_profile_is_named_first_and_loudly() -> None:
    fallback = Reason(code="profile_fallback", value="cpu-a", limit="cpu-b", source="baseline")
    gate = Reason(code="gate", metric="ssim", value=0.5, limit=0.9, source="suite")
    lines = text(case("drift", reasons=(gate, fallback))).splitlines()
    assert lines[1] == "  BASELINE FROM ANOTHER PROFILE: cpu-a stands in for cpu-b"


def test_a_passing_verdict_below_what_is_required_says_why_it_fails() -> None:
    lines = text(case("match", passed=False)).splitlines()
    assert "  match is not enough for what --golden-require asks" in lines


def test_what_a_calibration_would_have_to_name_is_a_command_and_told_last() -> None:
    found = Reason(code="calibration", value="isa-avx2,threads-2", detail="measured, it would tell")
    lines = text(case("warn", reasons=(*case("warn").reasons, found))).splitlines()
    told, _, command = lines[-1].partition(": goldenseed ")
    assert told == "  note: measured, it would tell"
    names = ["moved.suite.yaml", case("warn").id, "--harmless", "isa-avx2,threads-2"]
    assert shlex.split(command) == ["calibrate", *names]
    again = text(case("warn", reasons=(Reason(code="calibration", value="", detail="again"),)))
    assert "--harmless" not in again


def test_the_report_line_is_left_out_where_no_report_is_written() -> None:
    assert "report" not in text(case("new"))


def test_the_case_id_reaches_the_shell_as_one_word() -> None:
    hostile = "a b'; rm -rf ~ #[seed=1]"
    name = f"moved::{hostile}"
    command = text(case("drift", id=hostile), "run 1").splitlines()[-1].removeprefix("  accept  ")
    assert shlex.split(command) == ["goldenseed", "accept", "run 1", name, "--reason", "…"]


def test_no_message_can_steer_the_terminal() -> None:
    shown = text(case("error", id="x\x1b]0;owned\x07", error="\x1b[2J\rgone"))
    assert not [c for c in shown if ord(c) < 32 and c != "\n"]


def test_the_summary_counts_best_first_and_says_where_to_look() -> None:
    lines = summary_lines(run_view(run(*record().cases)), REPORT)
    assert lines[0].startswith(
        "golden: 4 of 13 cases moved, of which 1 has no diagnosis: 3 part at denoising step 1, "
    )
    first, warned, *last = lines[2:]
    assert warned.startswith("golden: moved::loose[seed=3]: WARN peak difference 46 > 1 (tolerance")
    assert [first, *last] == [
        "golden: 5 identical, 1 match, 1 warn, 1 new, 1 rejected, 1 incomparable, 1 error, 2 drift",
        f"golden: report  {REPORT}",
        f'golden: accept  goldenseed accept {RUN_ID} SUITE::CASE… --reason "…"',
    ]


def test_the_summary_names_what_is_off_the_lock() -> None:
    (line,) = [each for each in summary_lines(run_view(record())) if " lock of " in each]
    assert line.startswith("golden: the environment differs from the lock of moved in 3 keys: ")
    assert line.endswith(", package.diffusers 0.41.0 → 0.42.1")


def test_the_summary_of_a_good_run_has_nothing_to_accept() -> None:
    assert summary_lines(run_view(run(case()))) == ["golden: 1 identical"]


def test_the_summary_of_a_run_that_was_cut_short_says_so() -> None:
    lines = summary_lines(run_view(run(case(), complete=False, finished=None)))
    assert lines[1] == "golden: the run was cut short; cases may be missing"


def test_blocks_are_parted_by_an_empty_line_and_their_tables_aligned() -> None:
    blocks = (
        Block(("one\x1b",), ("key", "value"), (("long key", "1"), ("k", "2")), ("more\nof it",)),
        Block(("two",)),
    )
    assert block_lines(blocks) == [
        "one⟨U+001B⟩",
        "  key       value",
        "  long key  1",
        "  k         2",
        "  more",
        "  of it",
        "",
        "two",
    ]


def line(verdict: str, **fields: object) -> str:
    return reason_line(case_view(case(verdict, **fields), Place(RUN_ID)))


def test_a_case_in_one_line_has_verdict_deciding_gate_and_first_cause() -> None:
    assert line("drift") == (
        "DRIFT ssim 0.9781 < min_ssim 0.9999 (suite); likely cause: denoiser weights: unet (0.85)"
    )
    assert line("new") == "NEW nothing was ever accepted for this case"
    assert line("incomparable", diagnosis=None) == "INCOMPARABLE call.num_inference_steps 4 → 3"
    assert line("error").startswith("ERROR generation failed: ")
    assert "\n" not in line("error", error="one\ntwo\x1b[2J")


def test_of_what_was_held_against_the_tolerance_that_beyond_it_is_named() -> None:
    near = Reason(code="tolerance", metric="peak_difference", value=1, limit=1, source="noise")
    far = Reason(code="tolerance", metric="coherence", value=0.9, limit=0.3, source="noise")
    found = line("warn", reasons=(near, far), diagnosis=None)
    assert found == "WARN coherence 0.9 > 0.3 (noise)"


def test_one_line_says_that_a_baseline_stood_in_and_that_more_was_required() -> None:
    fallback = Reason(code="profile_fallback", value="cpu-a", limit="cpu-b", source="baseline")
    found = line("match", reasons=(fallback,), passed=False, diagnosis=None)
    assert found == (
        "MATCH match is not enough for what --golden-require asks; "
        "BASELINE FROM ANOTHER PROFILE: cpu-a stands in for cpu-b"
    )


def test_a_command_names_the_folders_that_are_not_the_default_ones() -> None:
    root = Path("/project")
    place = Place.of(
        RUN_ID, reports=root / "out of/ci", baselines=Path("/elsewhere/gold"), root=root
    )
    assert shlex.split(" ".join(place.accepting("s::a b"))) == [
        *("goldenseed", "accept", f"out of/ci/{RUN_ID}", "s::a b"),
        *("--baselines", "/elsewhere/gold", "--reason", "…"),
    ]
    usual = Place.of(RUN_ID, reports=root / "reports", baselines=root / "baselines", root=root)
    assert usual == Place(RUN_ID)


def test_equal_pixels_have_neither_moved_nor_a_cause() -> None:
    found = case("incomparable")
    assert found.baseline
    same = found.model_copy(update={"pixels_sha256": found.baseline.pixels_sha256})
    shown = text(same)
    assert "no pixel changed" in shown
    assert "% of pixels changed" not in shown
    assert "likely cause" not in shown
