"""Make the sample of the documentation again: ``python tests/conformance/archive/sample.py``.

Two images of the embedded model are accepted and made once more; that run is archived, signed with
a key that is thrown away, and verified. It takes about a minute, and gives another key each time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
SAMPLE, PUBLIC, PAGE = (
    DOCS / f"archive-{name}" for name in ("sample.zip", "sample.pub", "certificate.html")
)
SUITE = """\
suite: sample
model: {source: shapes-sd}
defaults:
  call: {num_inference_steps: 8, guidance_scale: 4.0, height: 128, width: 128}
gates:
  fail: {max_peak_difference: 3, min_ssim: 0.9999}
cases:
  - {id: apple, prompt: a red apple on a wooden table, seeds: [1]}
  - {id: mug, prompt: a blue mug in the snow, seeds: [2]}
"""


def main() -> None:
    """Run the sessions in a folder of their own, then archive the last one."""
    with tempfile.TemporaryDirectory() as made:
        project = Path(made) / "project"
        project.mkdir()
        (project / "shapes-sd").symlink_to(ROOT / "suites" / "shapes-sd")
        (project / "sample.suite.yaml").write_text(SUITE)
        (project / "pytest.ini").write_text("[pytest]\n")
        pytest = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
        _run(project, *pytest, "--golden-update=missing")
        _run(project, *pytest)
        ours = ("-c", "from goldenseed.cli.main import main; main()", "archive")
        _run(project, *ours, "keygen", "--output", "signer")
        _run(project, *ours, "create", "--key", "signer", "--output", "made")
        _pack(project / "made", SAMPLE)
        shutil.copyfile(project / "signer.pub", PUBLIC)
        words = ("--trusted-key", PUBLIC.name, "--certificate", PAGE.name)
        _run(DOCS, *ours, "verify", SAMPLE.name, *words)


def _run(folder: Path, *words: str) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "CI"}
    environment["PYTHONPATH"] = str(ROOT / "harness")
    subprocess.run([sys.executable, *words], cwd=folder, env=environment, check=True)


def _pack(folder: Path, target: Path) -> None:
    """Pack small: the members are what counts."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for file in sorted(each for each in folder.rglob("*") if each.is_file()):
            member = zipfile.ZipInfo(file.relative_to(folder).as_posix())
            member.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(member, file.read_bytes())


if __name__ == "__main__":
    main()
