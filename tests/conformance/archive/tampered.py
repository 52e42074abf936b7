"""Write every tampered archive for another verifier: ``python …/tampered.py FOLDER``."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

from tampering import KINDS

HERE = Path(__file__).resolve().parent


def write_tampered(folder: Path, good: Path) -> None:
    """Unpack ``good`` once for each kind of edit, edit it, and say what is to be found."""
    expected = {"good": {"level": None, "code": None, "lied": None}}
    for kind in KINDS:
        name = "".join(each if each.isalnum() else "-" for each in kind.name)
        expected[name] = {"level": kind.found, "code": kind.code, "lied": kind.lied}
        _unpack(good, folder / name / "archive")
        kind.edit(folder / name / "archive")
    _unpack(good, folder / "good" / "archive")
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


def _unpack(good: Path, target: Path) -> None:
    with zipfile.ZipFile(good) as packed:
        packed.extractall(target)


if __name__ == "__main__":
    write_tampered(Path(sys.argv[1]), max(HERE.glob("good-*.zip")))
