"""``goldenseed selfcheck``: exit codes, the table, JSON, bad input."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from goldenseed.cli.main import app
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.pixels import decode
from goldenseed.runs.folder import load_run

REPOSITORY = Path(__file__).parents[3]
SHAPES = REPOSITORY / "suites" / "shapes.suite.yaml"


def run(*arguments: str, suite: Path = SHAPES) -> tuple[int, str]:
    baselines = str(REPOSITORY / "baselines")
    result = CliRunner().invoke(
        app, ["selfcheck", str(suite), "--baselines", baselines, *arguments]
    )
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


@pytest.fixture
def blunted(tmp_path: Path) -> Path:
    """The first cases of the shapes suite under the gates of others."""
    (tmp_path / "shapes-sd").symlink_to(REPOSITORY / "suites" / "shapes-sd")
    data = yaml.safe_load(SHAPES.read_text(encoding="utf-8"))
    for key in ("lock", "selfcheck", "consistency", "diversity", "relations"):
        del data[key]
    data["gates"] = {"fail": {"min_ssim": 0.8, "min_psnr": 15}}
    data["cases"] = data["cases"][:2]
    path = tmp_path / "shapes.suite.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return path


def test_the_gates_of_the_embedded_suite_fail_every_wrong_image():
    code, text = run("--json")
    found = json.loads(text)
    assert code == 0
    assert found["passed"] is True
    assert found["tests"] == found["table"]["black"]["any"]["tests"] * 12 + 18
    assert found["proposed"] == {"max_peak_difference": 1, "max_changed_fraction": 0.017}


def test_a_report_shows_the_wrong_images_that_pass_and_says_the_rest(blunted: Path, tmp_path: Path):
    report = tmp_path / "report"
    code, text = run("--report", str(report), suite=blunted)
    assert (code, text.splitlines()[-1]) == (1, f"report  {report / 'index.html'}")
    record = load_run(report)
    assert record.verb is not None
    assert not record.verb.passed
    assert "red-apple[contrast-80,seed=9999]" in {case.id for case in record.cases}
    for case in record.cases:
        assert not case.passed
        assert case.baseline is not None
        for picture in (case.image, case.baseline.image, case.difference):
            assert decode(report / str(picture)).size == (128, 128)
    summary = (report / "summary.md").read_text()
    assert "would pass every gate\n" in summary
    assert "passes every gate&#58; shift-4" in summary
    assert "--golden-require" not in summary
    assert "```\ngates:\n  fail:\n    max_peak_difference: 1\n" in summary
    assert "faintest wrong image" in (report / "index.html").read_text()


def test_a_wrong_image_that_passes_is_exit_code_1_and_named(blunted: Path):
    code, text = run(suite=blunted)
    assert code == 1
    assert "FAILED: " in text
    assert "contrast-80 in red-apple[seed=9999]" in text
    proposal = yaml.safe_load(text[text.index("\ngates:") :])
    assert proposal == {
        "gates": {"fail": {"max_peak_difference": 1, "max_changed_fraction": 0.017}}
    }


def test_a_suite_without_accepted_images_is_a_clear_error(tmp_path: Path):
    with pytest.raises(GoldenseedError, match="nothing is accepted for the suite 'shapes'"):
        run("--baselines", str(tmp_path))


def test_a_profile_without_accepted_images_is_a_clear_error():
    with pytest.raises(GoldenseedError, match="accepted image in cuda-h200-sm90-132sm"):
        run("--profile", "cuda-h200-sm90-132sm")


def test_neither_torch_nor_diffusers_is_imported(blunted: Path):
    script = (
        "import sys\nfrom goldenseed.cli.main import main\n"
        f"sys.argv = ['goldenseed', 'selfcheck', {str(blunted)!r}, '--baselines', "
        f"{str(REPOSITORY / 'baselines')!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('torch', 'diffusers', 'transformers') if name in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert found.stdout.splitlines()[-1] == "[]"
