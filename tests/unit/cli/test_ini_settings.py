"""The command takes pytest's own settings where its options are not given."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from commands import goldenseed
from goldenseed.cli.settings import ini_settings
from goldenseed.core.errors import GoldenseedError

FILES = {
    "pytest.toml": "[pytest]\n{}\n",
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
        "        reports = config.getoption('golden_reports') or config.getini('golden_reports')\n"
        "        print('SEEN', config.rootpath / reports)\n"
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


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("pytest.ini", "addopts = -q --golden-reports=out/ci -x"),
        ("pyproject.toml", "addopts = -q --golden-reports out/ci"),
        ("setup.cfg", "addopts = --golden-reports 'out/ci' --golden-trace=off"),
        ("tox.ini", "golden_reports = hidden\naddopts =\n  -q\n  --golden-reports=out/ci"),
    ],
)
def test_an_option_among_the_added_ones_goes_before_the_setting(
    tmp_path: Path, name: str, line: str
):
    write(tmp_path, name, line)
    assert ini_settings(tmp_path) == {"reports": "out/ci"}
    assert as_pytest_has_it(tmp_path) == str(tmp_path / "out/ci")


def test_added_options_as_a_list_are_read(tmp_path: Path):
    text = '[tool.pytest.ini_options]\naddopts = ["-q", "--golden-reports", "out/ci"]\n'
    (tmp_path / "pyproject.toml").write_text(text)
    assert ini_settings(tmp_path) == {"reports": "out/ci"}
    assert as_pytest_has_it(tmp_path) == str(tmp_path / "out/ci")


def test_the_variable_of_pytest_goes_before_its_ini_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PYTEST_ADDOPTS", "--golden-reports=of-env")
    write(tmp_path, "pytest.ini", "addopts = --golden-reports=of-file")
    assert ini_settings(tmp_path) == {"reports": "of-env"}
    assert as_pytest_has_it(tmp_path) == str(tmp_path / "of-env")
    (tmp_path / "pytest.ini").unlink()
    assert ini_settings(tmp_path) == {"reports": "of-env"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pytest.ini", "[pytest]\naddopts = '--golden-reports=out\n"),
        ("setup.cfg", "[pytest]\ngolden_reports = out\n"),
        ("pyproject.toml", "[tool]\npytest = 'golden'\n"),
        ("pyproject.toml", "[tool.pytest\ngolden_reports = 1\n"),
    ],
)
def test_what_pytest_refuses_is_refused_and_named(tmp_path: Path, name: str, text: str):
    (tmp_path / name).write_text(text)
    with pytest.raises(GoldenseedError, match=name):
        ini_settings(tmp_path)


def test_pytest_is_not_imported_to_read_its_settings(tmp_path: Path):
    write(tmp_path, "pytest.ini", "addopts = -q --golden-reports=out")
    script = (
        "import sys\nfrom pathlib import Path\nfrom goldenseed.cli.settings import ini_settings\n"
        "assert ini_settings(Path.cwd()) == {'reports': 'out'}\n"
        "print([each for each in sys.modules if each.startswith('_pytest')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
