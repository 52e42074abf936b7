"""The command takes pytest's own settings where its options are not given."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from commands import goldenseed
from goldenseed.cli.ini import ini_settings
from goldenseed.core.errors import GoldenseedError

FILES = {
    "pytest.ini": "[pytest]\n{}\n",
    ".pytest.ini": "[pytest]\n{}\n",
    "tox.ini": "[pytest]\n{}\n",
    "setup.cfg": "[tool:pytest]\n{}\n",
    "pyproject.toml": "[tool.pytest.ini_options]\n{}\n",
}


def write(folder: Path, name: str, line: str = "golden_reports = out/ci") -> None:
    key, _, value = line.partition(" = ")
    quoted = f'{key} = "{value}"' if name.endswith(".toml") else line
    (folder / name).write_text(FILES[name].format(quoted))


def as_pytest_has_it(folder: Path) -> str:
    """What a session of pytest, started in ``folder``, takes the folder of reports to be."""
    script = (
        "import sys, pytest\n"
        "class Seen:\n"
        "    def pytest_configure(self, config):\n"
        "        print('SEEN', config.rootpath / config.getini('golden_reports'))\n"
        "pytest.main(['--collect-only', '-q'], plugins=[Seen()])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True
    )
    (line,) = [each for each in done.stdout.splitlines() if each.startswith("SEEN ")]
    return line.removeprefix("SEEN ")


@pytest.mark.parametrize("name", FILES)
def test_each_file_that_pytest_reads_is_read(tmp_path: Path, name: str):
    write(tmp_path, name)
    assert ini_settings(tmp_path) == {"reports": "out/ci"}


def test_of_several_files_pytests_own_choice_is_taken(tmp_path: Path):
    write(tmp_path, "setup.cfg", "golden_reports = of-setup")
    write(tmp_path, "pyproject.toml", "golden_reports = of-pyproject")
    (tmp_path / "tox.ini").write_text("[tox]\ngolden_reports = of-tox\n")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    found = ini_settings(below)["reports"]
    assert found == str(tmp_path / "of-pyproject") == as_pytest_has_it(below)


def test_a_nearer_file_without_the_setting_hides_the_farther_one(tmp_path: Path):
    write(tmp_path, "pytest.ini")
    below = tmp_path / "a"
    below.mkdir()
    (below / "pytest.ini").write_text("")
    assert ini_settings(below) == {}
    assert as_pytest_has_it(below) == str(below / "reports")


def test_of_several_devices_the_first_is_taken(tmp_path: Path):
    write(tmp_path, "pytest.ini", "golden_device = cuda:1,cuda:2")
    assert ini_settings(tmp_path) == {"device": "cuda:1"}


@pytest.mark.parametrize("text", ["[pytest\ngolden_reports = a\n", "[pytest]\ngolden_x = \\xff"])
def test_a_file_that_pytest_cannot_read_is_one_error(tmp_path: Path, text: str):
    (tmp_path / "pytest.ini").write_bytes(text.encode().replace(b"\\xff", b"\xff"))
    with pytest.raises(GoldenseedError, match=r"pytest\.ini"):
        ini_settings(tmp_path)
    done = goldenseed(tmp_path, "runs")
    assert (done.returncode, done.stderr.count("goldenseed: ")) == (2, 1)


def test_an_option_goes_before_the_setting_and_the_setting_before_the_default(tmp_path: Path):
    write(tmp_path, "tox.ini")
    for folder in ("reports", "out/ci", "given"):
        (tmp_path / folder).mkdir(parents=True)
    assert goldenseed(tmp_path, "runs").stdout == "no runs in out/ci\n"
    assert goldenseed(tmp_path, "runs", "--reports", "given").stdout == "no runs in given\n"
    (tmp_path / "tox.ini").unlink()
    assert goldenseed(tmp_path, "runs").stdout == "no runs in reports\n"


def test_baselines_are_looked_for_where_pytest_keeps_them(tmp_path: Path):
    write(tmp_path, "pytest.ini", "golden_baselines = gold")
    assert "gold" in goldenseed(tmp_path, "show", "red-apple").stderr


def test_pytest_is_not_imported_where_no_setting_is_ours(tmp_path: Path):
    write(tmp_path, "pytest.ini", "addopts = -q")
    script = (
        "import sys\nfrom pathlib import Path\nfrom goldenseed.cli.ini import ini_settings\n"
        "assert ini_settings(Path.cwd()) == {}\n"
        "print([each for each in sys.modules if each.startswith('_pytest')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
