import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from goldenseed.cli.main import app
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.pixels import decode
from goldenseed.images.compare import ComparisonDocument
from goldenseed.images.folders import usable_cores
from goldenseed.runs.folder import load_run

COMMAND = [sys.executable, "-c", "from goldenseed.cli.main import main; main()", "compare"]


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["compare", *map(str, arguments)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    a, b = tmp_path / "a", tmp_path / "b"
    for folder in (a, b):
        (folder / "deep").mkdir(parents=True)
    for name in ("deep/same", "near", "far", "gone"):
        Image.new("RGB", (16, 16), (10, 20, 30)).save(a / f"{name}.png")
    Image.new("RGB", (16, 16), (10, 20, 30)).save(b / "deep/same.png")
    Image.new("RGB", (16, 16), (10, 21, 30)).save(b / "near.png")
    Image.new("RGB", (16, 16), (10, 99, 30)).save(b / "far.png")
    return a, b


def test_judges_folders_pair_by_pair(folders: tuple[Path, Path]):
    code, text = run(*folders)
    assert code == 1
    assert "BEYOND GATE far.png" in text
    assert "peak difference 79 > max_peak_difference 1" in text
    assert "MISSING gone.png\n  only in A" in text
    assert "WITHIN GATES near.png" in text
    assert "same.png" not in text
    assert "4 pairs: 1 identical, 1 within gates, 1 beyond gate, 1 missing" in text
    assert "gates: max_peak_difference 1 (default); the tolerance is unknown" in text


def test_a_report_has_every_pair_with_its_pictures(folders: tuple[Path, Path], tmp_path: Path):
    report = tmp_path / "report"
    code, text = run(*folders, "--report", report, "--ignore", "0,0,8,4")
    assert (code, text.splitlines()[-1]) == (1, f"report  {report / 'index.html'}")
    record = load_run(report)
    cases = {case.id: case for case in record.cases}
    assert {name: (case.verdict.value, case.passed) for name, case in cases.items()} == {
        "deep/same.png": ("identical", True),
        "far.png": ("drift", False),
        "gone.png": ("error", False),
        "near.png": ("warn", True),
    }
    far = cases["far.png"]
    assert far.baseline is not None
    assert far.masked is not None
    for picture in (far.image, far.baseline.image, far.difference, far.masked.image):
        assert decode(report / str(picture)).size == (16, 16)
    summary = (report / "summary.md").read_text()
    assert "1 identical, 1 within gates, 1 beyond gate, 1 missing" in summary
    assert "| warn | 1 | Something differs, and every gate holds. |" in summary
    assert "gates&#58; max&#95;peak&#95;difference 1 (default)" in summary
    assert "far.png" in (report / "index.html").read_text()


def test_a_report_may_be_written_again_but_over_nothing_else(
    folders: tuple[Path, Path], tmp_path: Path
):
    report = tmp_path / "report"
    assert [run(*folders, "--report", report)[0] for _ in range(2)] == [1, 1]
    for other in (folders[0], folders[1] / "deep", tmp_path):
        before = sorted(other.rglob("*"))
        with pytest.raises(GoldenseedError, match=r"compared|holds something"):
            app(["compare", *map(str, folders), "--report", str(other)], standalone_mode=False)
        assert sorted(other.rglob("*")) == before


def test_what_is_no_image_of_a_suite_is_neither_offered_nor_accepted(
    folders: tuple[Path, Path], tmp_path: Path
):
    run(*folders, "--report", tmp_path / "report")
    assert "goldenseed accept" not in (tmp_path / "report/index.html").read_text()
    command = ["accept", f"{tmp_path}/report", "compare::far.png", "--reason", "it is right"]
    with pytest.raises(GoldenseedError, match="none of its images is one that a suite asks for"):
        app(command, standalone_mode=False)


def test_prints_a_document_that_its_schema_takes(folders: tuple[Path, Path]):
    code, text = run(*folders, "--json")
    document = ComparisonDocument.model_validate(json.loads(text))
    assert code == 1
    assert [pair.outcome for pair in document.pairs] == [
        "identical",
        "beyond_gate",
        "missing",
        "within_gates",
    ]


def test_several_processes_find_the_same(folders: tuple[Path, Path]):
    a, b = folders
    for number in range(30):
        for folder, level in ((a, 50), (b, 50 + number % 3)):
            Image.new("L", (20, 20), level).save(folder / f"{number:02}.png")
    command = [*COMMAND, a, b, "--json"]
    found = [
        subprocess.run([*command, "--jobs", jobs], capture_output=True, text=True, check=False)
        for jobs in ("1", "2")
    ]
    assert found[0].stdout == found[1].stdout
    assert json.loads(found[0].stdout)["counts"]["within_gates"] == 11


@pytest.mark.parametrize(
    ("level", "options", "code"),
    [
        (20, (), 0),
        (21, (), 0),
        (60, (), 1),
        (60, ("--ignore", "0,0,8,8"), 0),
        (60, ("--metrics", "ssim,psnr"), 1),
        (60, ("--metrics", "sim"), 2),
        (60, ("--ignore", "0,0,8"), 2),
        (60, ("--ignore", "0,0,99,8"), 2),
    ],
)
def test_exit_codes(tmp_path: Path, level: int, options: tuple[str, ...], code: int):
    picture = Image.new("L", (16, 16), 20)
    picture.save(tmp_path / "a.png")
    picture.paste(level, (0, 0, 8, 8))
    picture.save(tmp_path / "b.png")
    done = subprocess.run(
        [*COMMAND, tmp_path / "a.png", tmp_path / "b.png", *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_an_unreadable_image_does_not_hide_the_others(folders: tuple[Path, Path]):
    a, b = folders
    (b / "near.png").write_bytes(b"hello")
    code, text = run(a, b)
    assert code == 2
    assert "ERROR near.png" in text
    assert "BEYOND GATE far.png" in text


def test_a_file_and_a_folder_are_no_pair(folders: tuple[Path, Path]):
    done = CliRunner().invoke(app, ["compare", str(folders[0]), str(folders[1] / "near.png")])
    assert "one is a folder and the other is not" in str(done.exception)


def test_without_a_system_call_that_tells_all_cores_are_used(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert usable_cores() == os.cpu_count()
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1


class TestOtherKinds:
    def test_what_nobody_reads_is_counted(self, folders: tuple[Path, Path]):
        for folder in folders:
            (folder / "a.avif").write_bytes(b"the same")
            (folder / "._near.png").write_bytes(b"\0\5\x16\7")
            (folder / "record.json").write_text(str(folder))
        code, text = run(*folders)
        assert code == 1
        assert (
            "6 files of other kinds not looked at: .avif (2), .json (2), AppleDouble ._* (2)"
            in text
        )
        assert "a.avif" not in text.replace(".avif (2)", "")
        document = ComparisonDocument.model_validate(json.loads(run(*folders, "--json")[1]))
        assert document.not_looked_at == {".avif": 2, ".json": 2, "AppleDouble ._*": 2}

    @pytest.mark.parametrize("other", [b"\0\0\0\x20ftypavif another", None])
    def test_a_picture_that_cannot_be_read_passes_only_beside_its_copy(
        self, tmp_path: Path, other: bytes | None
    ):
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            Image.new("L", (4, 4)).save(tmp_path / name / "same.png")
        (tmp_path / "a" / "x.avif").write_bytes(b"\0\0\0\x20ftypavif one")
        if other:
            (tmp_path / "b" / "x.avif").write_bytes(other)
        code, text = run(tmp_path / "a", tmp_path / "b")
        assert code == (2 if other else 1)
        assert ("x.avif: is in the format AVIF, and only" if other else "MISSING x.avif") in text

    def test_data_beside_pictures_may_differ(self, tmp_path: Path):
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            Image.new("L", (4, 4)).save(tmp_path / name / "same.png")
            (tmp_path / name / "run.json").write_text(name)
        (tmp_path / "a" / ".DS_Store").write_bytes(b"x")
        code, text = run(tmp_path / "a", tmp_path / "b")
        assert code == 0
        assert "3 files of other kinds not looked at: .DS_Store (1), .json (2)" in text

    def test_folders_of_other_pictures_alone_are_told_what_they_hold(self, tmp_path: Path):
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "x.avif").write_bytes(b"the same")
        done = CliRunner().invoke(app, ["compare", str(tmp_path / "a"), str(tmp_path / "b")])
        assert "hold no pictures; 2 files of other kinds not looked at: .avif (2)" in str(
            done.exception
        )

    def test_links_to_folders_are_not_entered_and_said(self, folders: tuple[Path, Path]):
        (folders[0] / "again").symlink_to(folders[0])
        assert "not looked at: link to a folder (1)" in run(*folders)[1]


class TestUnicodeForms:
    COMPOSED, DECOMPOSED = "s\u00f3.png", "so\u0301.png"

    def test_one_name_in_two_forms_is_one_picture(self, tmp_path: Path):
        for folder, name in (("a", self.COMPOSED), ("b", self.DECOMPOSED)):
            (tmp_path / folder).mkdir()
            Image.new("L", (4, 4)).save(tmp_path / folder / name)
        code, text = run(tmp_path / "a", tmp_path / "b")
        assert code == 0
        assert "1 pair: 1 identical" in text
        assert r"B has the same name in another Unicode form: 'so\u0301.png'" in text

    def test_two_forms_in_one_folder_are_two_pictures(self, tmp_path: Path):
        for folder, names in (("a", (self.COMPOSED, self.DECOMPOSED)), ("b", (self.COMPOSED,))):
            (tmp_path / folder).mkdir()
            for name in names:
                Image.new("L", (4, 4)).save(tmp_path / folder / name)
        code, text = run(tmp_path / "a", tmp_path / "b")
        assert code == 1
        assert "2 pairs: 1 identical, 1 missing" in text
