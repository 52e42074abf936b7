"""``goldenseed pending``: what waits for a decision, by cause, without what was decided since."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from commands import goldenseed
from goldenseed.baselines.candidate import Signature
from goldenseed.baselines.changes import entry_text
from goldenseed.baselines.entry import (
    AcceptedImage,
    BaselineEntry,
    ProfileBaseline,
    RejectedImage,
)
from goldenseed.cli.exit_codes import ExitCode
from goldenseed.core.files import json_sha256
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.verdict.model import Verdict
from tests.unit.reporting.recorded import case, record


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, record())
    return tmp_path


def write(project: Path, run: RunRecord) -> None:
    folder = project / "reports" / "a-run"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(run.model_dump_json())


def lines(project: Path) -> list[str]:
    return goldenseed(project, "pending", "a-run").stdout.splitlines()


def decide(project: Path, case: CaseRecord, *, rejected: bool = False) -> None:
    """Write an entry as accepting or rejecting the case's image leaves it."""
    signature = Signature.checked("Ada", "seen", None)
    assert case.pixels_sha256 is not None
    image = AcceptedImage(
        pixels_sha256=case.pixels_sha256,
        width=8,
        height=8,
        mode="RGB",
        recipe=case.recipe,
        recipe_sha256=case.recipe_sha256,
        environment_sha256="0" * 64,
        run_id="a-run",
        accepted_at=signature.at,
        accepted_by="Ada",
        reason="seen",
    )
    wrong = RejectedImage(
        pixels_sha256=case.pixels_sha256,
        run_id="a-run",
        rejected_at=signature.at,
        rejected_by="Ada",
        reason="seen",
    )
    baseline = (
        ProfileBaseline(rejected=(wrong,)) if rejected else ProfileBaseline(accepted=(image,))
    )
    profile = "another" if rejected else case.profile or ""
    entry = BaselineEntry(suite=case.suite, case=case.id, profiles={profile: baseline})
    file = project / "baselines" / case.suite / f"{case.id}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(entry_text(entry))


def test_what_shares_a_cause_is_one_decision_and_the_worst_comes_first(project: Path):
    found = goldenseed(project, "pending", "a-run")
    assert found.returncode == ExitCode.FOUND
    said = found.stdout.splitlines()
    assert said[0] == f"{record().run_id}: 5 cases wait for a decision"
    headings = [line for line in said if line[0].isdigit() and line[1] == "."]
    assert headings == [
        "1. 3 cases: Moved at denoising step 1, likely cause: denoiser weights: unet (0.85)",
        "2. 1 case: Incomparable at the timesteps, likely cause: step count: 4 → 3 (0.91)",
        "3. 1 case: Nothing is accepted for this case yet",
    ]
    assert "seed=7]  ssim 0.9701 < min_ssim 0.9999" in said[2]
    assert "1 rejected, so to be mended: moved::three-ears[seed=5]" in said
    assert "1 in error, so without an image to decide on: moved::odd[seed=7]" in said


def test_the_command_of_a_group_names_all_its_cases(project: Path):
    (accept,) = [line for line in lines(project) if "accept " in line and "seed=1024" in line]
    words = shlex.split(accept)
    assert words[1:4] == ["goldenseed", "accept", "a-run"]
    assert words[4:7] == [
        "moved::red-apple[seed=7]",
        "moved::red-apple[seed=1024]",
        "moved::loose[seed=3]",
    ]


def test_what_was_decided_since_waits_no_more(project: Path):
    decide(project, case("new"))
    decide(project, case("incomparable"), rejected=True)
    said = lines(project)
    assert said[0].endswith("3 cases wait for a decision")
    assert "1 accepted since: moved::at-night[seed=3]" in said
    (wrong,) = [line for line in said if line.startswith("2 rejected, so to be mended: ")]
    assert "moved::blue-cup[seed=3]" in wrong


def test_the_same_pixels_accepted_from_another_recipe_decide_nothing(project: Path):
    found = case("new")
    other = {**found.recipe, "seed": 99}
    changed = {"recipe": other, "recipe_sha256": json_sha256(other)}
    decide(project, found.model_copy(update=changed))
    assert lines(project)[0].endswith("5 cases wait for a decision")


def test_where_nothing_waits_the_exit_code_is_0(project: Path):
    identical = [each for each in record().cases if each.verdict is Verdict.IDENTICAL]
    write(project, record().model_copy(update={"cases": tuple(identical)}))
    found = goldenseed(project, "pending", "a-run")
    assert (found.returncode, found.stdout) == (0, f"{record().run_id}: nothing waits\n")


def test_of_a_large_group_a_few_are_shown_and_the_page_decides(project: Path):
    many = [case("new", id=f"case-{number}") for number in range(41)]
    write(project, record().model_copy(update={"cases": tuple(many), "complete": False}))
    said = lines(project)
    assert said[1] == "  the run was cut short: run it again, since nothing of it is accepted"
    assert "     and 31 more" in said
    assert said[-1] == (
        "   decide  in the report, then goldenseed accept a-run --from decisions.json"
    )


def test_json_has_every_case_with_its_commands(project: Path):
    document = json.loads(goldenseed(project, "pending", "a-run", "--json").stdout)
    assert document["schema_version"] == 1
    first = document["groups"][0]
    assert first["title"].startswith("Moved at denoising step 1")
    found = first["cases"][0]
    assert (found["verdict"], found["passed"]) == ("drift", False)
    assert len(found["pixels_sha256"]) == 64
    assert found["accept"].startswith("goldenseed accept a-run 'moved::red-apple[seed=7]'")
    assert document["errors"] == ["moved::odd[seed=7]"]


def test_ids_cannot_steer_the_terminal(project: Path):
    write(project, record().model_copy(update={"cases": (case("new", id="a\x1b[2Jb"),)}))
    said = goldenseed(project, "pending", "a-run")
    assert "\x1b" not in said.stdout + said.stderr


def test_it_needs_no_torch(project: Path):
    code = (
        "import sys; from typer.testing import CliRunner; from goldenseed.cli.main import app;"
        "CliRunner().invoke(app, ['pending', 'a-run']);"
        "print([name for name in ('torch', 'cv2', 'skimage') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=project
    )
    assert done.stdout == "[]\n"
