"""A rebuilt environment, held against the digests that a run has on record of its packages."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from goldenseed.bisect.both_sides import _other_files
from goldenseed.bisect.packages import Packages
from goldenseed.bisect.sides import Side
from goldenseed.environment.freeze import listed_sha256


def built(folder: Path, **rows: str) -> Any:
    for name, row in rows.items():
        info = folder / f"{name}-1.0" / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "RECORD").write_text(f"{row}\n")
    environment = SimpleNamespace(folders=tuple(sorted(folder.iterdir())))
    return SimpleNamespace(environments=SimpleNamespace(of=lambda packages: environment))


def test_packages_with_other_files_are_named_and_those_without_a_record_are_not(tmp_path: Path):
    trials = built(tmp_path, ink="ink.py,sha256=aaa,3", brush="brush.py,sha256=bbb,3", new="x.py,,")
    same = listed_sha256(tmp_path / "brush-1.0/brush-1.0.dist-info")
    side = Side("there", Packages(), files={"ink": "0" * 64, "brush": str(same), "gone": "1" * 64})
    assert _other_files(cast("Any", trials), side) == ("ink",)
    assert _other_files(cast("Any", trials), Side("older", Packages())) == ()
