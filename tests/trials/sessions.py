"""Sessions of pytest in folders of their own: forked from a process that has torch, or fresh."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.trials.changes import edit_files
from tests.trials.fifth_models import FIFTH
from tests.trials.fourth_models import FOURTH
from tests.trials.models import MODELS, PROMPTS, save
from tests.trials.second_models import SECOND
from tests.trials.third_models import THIRD

ROOT = Path(__file__).parents[2]
ALL = {**MODELS, **SECOND, **THIRD, **FOURTH, **FIFTH}
LIMIT = 300
"""Seconds after which a session is given up."""

CONFTEST = """\
import json
from pathlib import Path

from tests.trials.changes import on_loading

on_loading(json.loads(Path(__file__).with_name("change.json").read_text(encoding="utf-8")))
"""


@dataclass(frozen=True)
class Session:
    """One run of pytest: where, with which change, and whether in a fresh process."""

    model: str
    change: str
    folder: Path
    accepted: Path | None
    """The folder that is copied first; none where the images are to be accepted."""
    done: tuple[dict[str, dict[str, Any]], ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    fresh: bool = False


def suite(name: str) -> dict[str, Any]:
    """Return the suite of model ``name``: two images, or one."""
    model = ALL[name]
    cases = [
        {"id": case, "seeds": [seed]} | ({"prompt": prompt} if model.prompts else {})
        for seed, (case, prompt) in enumerate(PROMPTS.items(), start=1)
    ][: model.images]
    if not model.prompts:
        cases[1]["call"] = {"class_labels": [33]}
    for case in cases if model.inputs else ():
        case["inputs"] = model.inputs
    return {
        "suite": name,
        "model": {"source": "model", "dtype": model.dtype},
        "defaults": {"call": model.call},
        "cases": cases,
    }


def prepare(session: Session) -> None:
    """Write the session's folder: model, suite, accepted images, and what is to be changed."""
    if session.accepted is None:
        session.folder.mkdir(parents=True)
        save(session.model, session.folder / "model", ALL)
        text = yaml.safe_dump(suite(session.model), sort_keys=False)
        (session.folder / f"{session.model}.suite.yaml").write_text(text, encoding="utf-8")
        (session.folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
        (session.folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    else:
        reports = shutil.ignore_patterns("reports", "__pycache__")
        shutil.copytree(session.accepted, session.folder, ignore=reports)
    edit_files(session.folder / "model", list(session.done))
    (session.folder / "change.json").write_text(json.dumps(session.done), encoding="utf-8")


def arguments(session: Session) -> list[str]:
    """Return what pytest is called with."""
    accept = ["--golden-update=missing"] if session.accepted is None else []
    return ["-q", "-p", "no:cacheprovider", *accept, "."]


def run_all(sessions: Iterable[Session], *, jobs: int, finished: Callable[[Session], None]) -> None:
    """Run ``sessions``, ``jobs`` at a time; a forked one starts with the libraries imported."""
    import peft  # noqa: F401
    import transformers  # noqa: F401
    from diffusers import AutoPipelineForImage2Image  # noqa: F401  # imports most pipelines

    running: dict[int, Session] = {}
    waiting = list(sessions)[::-1]
    while waiting or running:
        while waiting and len(running) < jobs:
            session = waiting.pop()
            child = os.fork()
            if child == 0:  # whatever happens, the parent's loop must not go on in here
                status = 1
                try:
                    status = _child(session)
                finally:
                    os._exit(status)
            running[child] = session
        child, _ = os.wait()
        finished(running.pop(child))


def _child(session: Session) -> int:
    """Prepare and run ``session`` in this process, its output in a file beside the folder."""
    signal.alarm(LIMIT)
    output = session.folder.parent / f"{session.change}.txt"
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("w", encoding="utf-8") as stream:
        for number in (1, 2):
            os.dup2(stream.fileno(), number)
        return _run(session)


def _run(session: Session) -> int:
    if session.fresh or session.environment:
        # what is saved draws with torch, which must not happen in a process that forks
        prepare(session)
        paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = os.environ | {"PYTHONPATH": paths} | dict(session.environment)
        command = [sys.executable, "-m", "pytest", *arguments(session)]
        return subprocess.run(
            command, cwd=session.folder, env=environment, check=False, timeout=LIMIT
        ).returncode
    import pytest

    prepare(session)
    os.chdir(session.folder)
    return int(pytest.main(arguments(session)))
