"""``goldenseed report``: everything written again from the record, with addresses if known."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from goldenseed.cli.main import app
from goldenseed.core.errors import GoldenseedError
from tests.unit.reporting.recorded import record, stored

WRITTEN = {"index.html", "summary.md", "code-quality.json", "badge.svg", "badge.json"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    root = tmp_path / "golden"
    folder = root / "reports" / record().run_id
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(stored(folder).model_dump_json())
    monkeypatch.chdir(root)
    return folder


def run(*arguments: str) -> list[str]:
    done = CliRunner().invoke(app, ["report", record().run_id, *arguments])
    if done.exception is not None:
        raise done.exception
    return done.output.splitlines()


def test_everything_is_written_again_the_same(folder: Path):
    run()
    first = {name: (folder / name).read_bytes() for name in WRITTEN}
    for name in WRITTEN:
        (folder / name).unlink()
    run()
    assert {name: (folder / name).read_bytes() for name in WRITTEN} == first


def test_the_summary_links_to_where_the_report_can_be_read(folder: Path):
    run("--url", "https://x.org/r/", "--download-url", "https://x.org/r.zip")
    summary = (folder / "summary.md").read_text()
    assert '<a href="https://x.org/r/index.html">The report</a>' in summary
    assert '<a href="https://x.org/r.zip">Download</a>' in summary
    assert summary.count("<img ") >= 10


def test_annotations_are_printed_where_they_are_asked_for(folder: Path):
    assert not [line for line in run() if line.startswith("::")]
    lines = [line for line in run("--annotations") if line.startswith("::")]
    assert lines[0].startswith("::error file=golden/moved.suite.yaml,line=")


def test_what_is_no_address_is_refused_before_anything_is_written(folder: Path):
    with pytest.raises(GoldenseedError, match="no address of a report"):
        run("--url", "reports/latest")
    assert not (folder / "summary.md").exists()
