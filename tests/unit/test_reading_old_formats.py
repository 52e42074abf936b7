"""Every kind of file as an earlier release wrote it, read by this one: ``tests/old_formats``."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from commands import goldenseed
from goldenseed.baselines.entry import BaselineEntry, Pattern
from goldenseed.baselines.store import BaselineStore
from goldenseed.core.files import read_json
from goldenseed.environment.lock import read_lock
from goldenseed.reporting import failure_text, run_view, summary_lines
from goldenseed.reporting.html import write_report
from goldenseed.reporting.markdown import write_summary
from goldenseed.runs.folder import load_run
from goldenseed.runs.record import RunRecord
from goldenseed.suite.loading import load_suite
from goldenseed.tolerance.calibrated import calibration_of
from goldenseed.tolerance.tolerance import assumed_tolerance
from goldenseed.trace.files import LAYERS_SUFFIX, read_layers, read_trace
from old_formats.make import unpack

VERDICTS = {
    "ball[seed=1]": "identical",
    "inside[seed=1]": "match",
    "table[red,seed=1]": "identical",
    "table[red,seed=2]": "identical",
    "red-apple[seed=1024]": "drift",
    "blue-cup[seed=3]": "incomparable",
    "loose[seed=3]": "warn",
    "three-ears[seed=5]": "rejected",
    "at-night[seed=3]": "new",
    "odd[seed=7]": "error",
}
CALIBRATED = "table[red,seed=1]"


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as it was kept; read only."""
    return unpack(tmp_path_factory.mktemp("old"))


@pytest.fixture
def project(old: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may alter."""
    return shutil.copytree(old, tmp_path / "project")


def runs(project: Path) -> list[Path]:
    """The folders of the deep run, the untraced, the traced and the killed one, and of a diff."""
    found = sorted((project / "reports").iterdir())
    assert len(found) == 5
    return found


def entry_of(project: Path, suite: str, case: str) -> BaselineEntry:
    entry = BaselineStore(project / "baselines").entry(suite, case)
    assert entry is not None
    return entry


def test_runs_are_read_with_the_verdicts_that_were_given(old: Path) -> None:
    deep, untraced, traced, killed, compared = (load_run(folder) for folder in runs(old))
    found = {case.id: case.verdict.value for run in (untraced, traced) for case in run.cases}
    assert found == VERDICTS
    assert [case.verdict for case in deep.cases] == ["new"]
    assert {case.baseline and case.baseline.run for case in compared.cases} == {traced.run_id}
    assert (killed.complete, [case.id for case in killed.cases]) == (False, [CALIBRATED])
    assert [each.passed for each in (*untraced.sets, *traced.sets)] == [False, True]
    assert {each.key for each in untraced.lock_differences} == {
        "model.unet.sha256",
        "model_file.unet/diffusion_pytorch_model.safetensors",
    }
    cases = {case.id: case for case in traced.cases}
    assert cases["inside[seed=1]"].in_force["model.unet.memory_format"] == "NHWC"
    table = cases[CALIBRATED]
    assert table.masked is not None
    assert (table.masked.source, table.masked.ignore) == ("mask.png", ((0, 0, 4, 2),))
    assert table.content_limits == {"min_sharpness": 0.001}
    diagnosis = cases["red-apple[seed=1024]"].diagnosis
    assert diagnosis is not None
    assert diagnosis.first_divergence is not None
    assert diagnosis.causes[0].confidence > 0.9


def test_the_word_that_tolerance_once_had_is_read_as_tolerance(old: Path) -> None:
    record = read_json(runs(old)[2] / "run.json")
    (matched,) = (case for case in record["cases"] if case["verdict"] == "match")
    assert {reason["code"] for reason in matched["reasons"]} == {"noise"}
    (case,) = (case for case in load_run(runs(old)[2]).cases if case.verdict == "match")
    assert {reason.code for reason in case.reasons} == {"tolerance"}
    assert {reason.source for reason in case.reasons} == {"tolerance (bfloat16, not measured)"}


def page_of(folder: Path) -> str:
    return write_report(run_view(load_run(folder), folder), folder).read_text()


def terminal_of(run: RunRecord, folder: Path) -> str:
    view = run_view(run, folder)
    return "\n".join([*summary_lines(view), *(failure_text(case, None) for case in view.cases)])


@pytest.mark.parametrize("number", range(5))
def test_every_presentation_of_an_old_run_names_its_cases_and_verdicts(
    project: Path, number: int
) -> None:
    folder = runs(project)[number]
    run = load_run(folder)
    page, terminal = page_of(folder), terminal_of(run, folder)
    for case in run.cases:
        assert f"{case.verdict.value.upper()} {case.path}::{case.id}" in terminal
        assert case.id in page
        for picture in filter(None, (case.image, case.difference)):
            assert picture in page
    assert page.count("noise (") == terminal.count("noise (") == 0
    assert goldenseed(project, "report", str(folder)).returncode == 0


@pytest.mark.parametrize("number", range(3))
def test_the_summary_of_an_old_run_has_the_words_it_had(project: Path, number: int) -> None:
    folder = runs(project)[number]
    before = (folder / "summary.md").read_text()
    now = write_summary(run_view(load_run(folder), folder), folder).read_text()
    assert words(now) == words(before.replace("beyond the noise", "beyond the tolerance"))


def words(summary: str) -> list[str]:
    """Leave out what has come since: names, pairs, environments, commands, how sentences look."""
    new = ("Environment of the cases that moved", "Packages, ", "run <code>", "**", "```")
    new += ("pytest ", "goldenseed ")
    lines = re.sub("than the noise|than the tolerance", "than …", summary).splitlines()
    kept = (
        re.sub(r" \(1 pair\)|(?<=^\| <code>)\w+&#58;&#58;| (?= \|)", "", line)
        for line in lines
        if not line.startswith(new)
    )
    return [line for line in kept if line]


@pytest.mark.parametrize("number", range(3))
def test_an_old_run_is_identical_to_itself(project: Path, number: int) -> None:
    folder = str(runs(project)[number])
    done = goldenseed(project, "diff", folder, folder, "--json")
    document = json.loads(done.stdout)
    moved = [case for case in document["cases"] if case["verdict"] not in ("identical", "error")]
    assert (moved, done.returncode) == ([], 1 if number == 1 else 0)  # of an error there is none
    assert document["layers"] == (
        ["ball[seed=1]: every layer is identical in all 109 calls"] if number == 0 else []
    )


def test_what_is_accepted_is_shown(old: Path) -> None:
    apple = goldenseed(old, "show", "red-apple*").stdout
    assert apple.count("    accepted ") == 2
    assert "Ada: as good" in apple
    assert "rejected" in goldenseed(old, "show", "three-ears*").stdout
    assert "cpu-x86_64-avx2" in goldenseed(old, "show", "table*seed=2*").stdout
    calibrated = goldenseed(old, "show", CALIBRATED.replace("[", "*").replace("]", "*")).stdout
    assert "    tolerance    envelope in 3 runs " in calibrated
    assert "Ada: threads-2" in calibrated
    assert re.search(r"    exact    .*: embeddings \S+ \(at most ", calibrated)


def test_the_gates_are_checked_with_old_images_and_their_calibration(project: Path) -> None:
    (project / "other").mkdir()
    done = goldenseed(project, "selfcheck", "steady.suite.yaml")
    assert "from the tolerance (calibrated, 3 runs), " in done.stdout


def test_old_runs_are_listed(old: Path) -> None:
    listed = goldenseed(old, "runs").stdout
    assert all(folder.name in listed for folder in runs(old)[:4])
    assert "1 warn, 1 new, 1 rejected, 1 incomparable, 1 error" in listed
    assert "cut short: the one case passes" in listed


def test_a_calibration_holds_where_it_was_made_and_where_its_harmless_change_was(
    old: Path,
) -> None:
    store = BaselineStore(old / "baselines")
    (baseline,) = entry_of(old, "steady", CALIBRATED).profiles.values()
    kept = baseline.tolerance
    assert kept is not None
    assert kept.pattern is Pattern.ENVELOPE
    assert len(kept.harmless_environments) == 1

    def of(environment: dict[str, object]) -> str | None:
        assumed = assumed_tolerance("float32")
        calibration = calibration_of(baseline, kept.recipe_sha256, store.environment)
        assert calibration is not None
        found = calibration.tolerance(environment, assumed)  # type: ignore[arg-type]
        return found.note if found.source == assumed.source else found.source

    unchanged = dict(store.environment(kept.environment_sha256))
    harmless = dict(store.environment(kept.harmless_environments[0]))
    assert unchanged["cpu.threads"] != harmless["cpu.threads"]
    assert of(unchanged) == of(harmless) == "tolerance (calibrated, 3 runs)"
    expired = of(unchanged | {"torch.version": "3.0"})
    assert expired is not None
    assert expired.endswith("has expired: torch.version changed")


def test_every_trace_and_deep_trace_is_read(old: Path) -> None:
    files = [path for path in old.rglob("traces/**/*.gz") if path.is_file()]
    deep = [path for path in files if path.name.endswith(LAYERS_SUFFIX)]
    assert [len(list(read_layers(path))) for path in deep] == [109]
    for path in set(files) - set(deep):
        stages = read_trace(path)
        assert any(record.sketch for record in stages)


def test_images_of_an_old_run_are_accepted_into_old_baselines(project: Path) -> None:
    traced = runs(project)[2]
    why = ("--reason", "wanted", "--by", "Grace")
    done = goldenseed(project, "accept", str(traced), "red-apple*", "--add", *why)
    assert done.returncode == 0, done.stderr
    assert "cannot be read without its model" in done.stderr
    (profile,) = entry_of(project, "traced", "red-apple[seed=1024]").profiles.values()
    assert [each.accepted_by for each in profile.accepted][1:] == ["Ada", "Grace"]
    store = BaselineStore(project / "baselines")
    added = profile.accepted[-1]
    assert added.trace_sha256 is not None
    assert store.trace(added.trace_sha256) == read_trace(
        traced / "traces" / f"{added.trace_sha256}.json.gz"
    )
    done = goldenseed(project, "reject", str(traced), "table*seed=1*", *why)
    assert done.returncode == 0
    (profile,) = entry_of(project, "steady", CALIBRATED).profiles.values()
    assert profile.tolerance is not None  # and is kept, under its new name
    written = read_json(project / "baselines" / "steady" / f"{CALIBRATED}.json")
    (profile_now,) = written["profiles"].values()
    assert "tolerance" in profile_now
    assert "noise" not in profile_now


def test_suites_and_their_lock_are_read(project: Path) -> None:
    for model in ("model", "other", "small"):  # which nobody opens here
        (project / model).mkdir()
    suites = {load_suite(path).name for path in project.glob("*.suite.yaml")}
    assert suites == {"moved", "traced", "halves", "steady", "everywhere", "deep"}
    assert len(read_lock(project / "moved.lock.json", "moved").keys) == 134
