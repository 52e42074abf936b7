"""A session of pytest that makes images of a project put up from an archive."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside
from goldenseed.runs.comparison import StoredRun
from goldenseed.runs.folder import JOURNAL, load_run
from goldenseed.runs.record import CaseRecord

Progress = Callable[[Sequence[CaseRecord]], Iterable[CaseRecord]]
"""Wraps cases, each of which is given up when its image was made."""

_LOOKS = 0.2
"""Seconds between looks at how far a session is."""
_PIECE = 2**20
_SAID = 15
"""How many of a session's last lines a message repeats."""


def make_again(
    project: Path,
    cases: Sequence[CaseRecord],
    baselines: Path,
    *,
    device: str = "auto",
    progress: Progress = iter,
) -> StoredRun:
    """Run pytest over ``cases`` of ``project``, hermetically; return its run.

    Its files lie beside the folder ``project``. Raises GoldenseedError with the session's last
    lines where it left no run.
    """
    scratch = project.parent
    ini, arguments, reports = (scratch / each for each in ("pytest.ini", "arguments", "reports"))
    ini.write_text("[pytest]\n", encoding="utf-8")
    # Whole paths: a suite may be called as an option of pytest's is.
    names = (f"{inside(project, each.path)}::{each.id}\n" for each in cases)
    arguments.write_text("".join(names), "utf-8")
    options = {
        "rootdir": project,
        "golden-baselines": baselines.absolute(),
        "golden-reports": reports,
        "golden-device": device,
        "golden-trace": "on",
        "golden-environment": "report",
        "golden-annotations": "off",
    }
    words = [
        *(sys.executable, "-P", "-m", "pytest", "-q", "-c", str(ini), "--noconftest"),
        *("-p", "goldenseed.plugin", "-p", "no:cacheprovider"),
        *(f"--{name}={value}" for name, value in options.items()),
        f"@{arguments}",
    ]
    said = scratch / "said"
    _run(words, project, said, progress(cases), reports)
    folder = next((each.parent for each in reports.glob("*/run.json")), None)
    if folder is None:
        lines = said.read_text("utf-8", "replace").strip().splitlines()[-_SAID:]
        raise GoldenseedError("the session made no image", fix="\n".join(lines) or "run pytest")
    return StoredRun(load_run(folder), folder)


def _run(
    words: Sequence[str], cwd: Path, said: Path, cases: Iterable[CaseRecord], reports: Path
) -> None:
    """Run a session to its end, its output in ``said``; step through ``cases`` as they end."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment = {**kept, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    with said.open("wb") as output:
        session = subprocess.Popen(  # noqa: S603
            words, cwd=cwd, env=environment, stdout=output, stderr=output
        )
        try:
            ended = _ended(reports)
            for number, _ in enumerate(cases):
                while session.poll() is None and next(ended) <= number:
                    time.sleep(_LOOKS)
            session.wait()
        finally:
            session.kill()  # which does nothing to one that ended
            session.wait()


def _ended(reports: Path) -> Iterator[int]:
    """Yield how many cases have ended by now in the one run that writes there, for ever."""
    count = 0
    while True:
        for journal in reports.glob(f"*/{JOURNAL}"):
            with suppress(FileNotFoundError), journal.open("rb") as file:  # gone where it has ended
                while True:
                    while piece := file.read(_PIECE):
                        count += piece.count(b"\n")
                    yield count
        yield count
