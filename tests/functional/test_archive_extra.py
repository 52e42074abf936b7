"""An environment with the extra ``[archive]`` alone, in which archives of other machines verify."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import goldenseed

CONFORMANCE = Path(__file__).parents[1] / "conformance" / "archive"
DISTRIBUTION = "pytest-goldenseed"
COMMAND = "from goldenseed.cli.main import main; main()"


def needed(name: str, extras: frozenset[str]) -> dict[str, Distribution]:
    """Return a distribution and all that it needs with these extras, by name."""
    found: dict[str, Distribution] = {}
    waiting = [(name, extras)]
    while waiting:
        name, extras = waiting.pop()
        known = re.sub(r"[-_.]+", "-", name).lower()
        if known in found and not extras:
            continue
        found[known] = distribution(name)
        for line in found[known].requires or ():
            wanted = Requirement(line)
            marker = wanted.marker
            if marker is None or any(marker.evaluate({"extra": each}) for each in {"", *extras}):
                waiting.append((wanted.name, frozenset(wanted.extras)))
    return found


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has these and nothing else.

    Without a network: what is installed here is linked. `make test-wheel` runs this on the wheel.
    """
    folder = tmp_path_factory.mktemp("alone")
    base = Path(sys.base_prefix, "bin", f"python3.{sys.version_info.minor}")
    subprocess.run([base, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    for name, each in needed(DISTRIBUTION, frozenset({"archive"})).items():
        parts = {file.parts[0] for file in each.files or ()} - {"..", "__pycache__"}
        for part in parts if name != DISTRIBUTION else ():
            if not (site / part).exists():  # a name that several share
                (site / part).symlink_to(str(each.locate_file(part)))
    (site / "goldenseed").symlink_to(Path(goldenseed.__file__).parent)
    (metadata,) = {
        Path(str(distribution(DISTRIBUTION).locate_file(file.parts[0])))
        for file in distribution(DISTRIBUTION).files or ()
        if file.parts[0].endswith(".dist-info")
    }
    (site / metadata.name).symlink_to(metadata)
    return folder / "venv" / "bin" / "python"


def run(python: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([python, "-I", *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("package", ["torch", "diffusers", "transformers", "sigstore", "bagit"])
def test_what_others_need_is_not_there(python: Path, package: str) -> None:
    done = run(python, "-c", f"import {package}")
    assert (done.returncode, "ModuleNotFoundError" in done.stderr) == (1, True)


@pytest.mark.parametrize("archive", sorted(CONFORMANCE.glob("good-*.zip")), ids=lambda a: a.stem)
def test_an_archive_of_another_machine_verifies(
    python: Path, archive: Path, tmp_path: Path
) -> None:
    words = ("archive", "verify", str(archive), "--trusted-key", str(CONFORMANCE / "signer.pub"))
    page = tmp_path / "certificate.html"
    done = run(python, "-c", COMMAND, *words, "--certificate", str(page))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"{archive}: verified\n")
    assert "<h1>Verified</h1>" in page.read_text()
