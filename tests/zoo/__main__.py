"""The sweep over diffusers' pipelines: ``python -m tests.zoo``."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LIMIT = 600
"""Seconds after which one class is given up."""
OTHER = {"ATEN_CPU_CAPABILITY": "default"}
"""Another instruction set."""


def _in_children(
    names: Iterable[str], work: Path, kind: str, trying: Callable[[str], dict[str, Any]]
) -> None:
    """Try each class in a process of its own, forked from this one, which has the libraries."""
    _import_libraries()
    import diffusers

    for name in names:
        began = time.monotonic()
        getattr(diffusers, name, None)  # whose module is then imported in every child from here on
        child = os.fork()
        if child == 0:
            status = 1
            try:
                _child(work, name, kind, trying)
                status = 0
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        file = work / f"{name}.{kind}.json"
        if status and not file.is_file():
            late = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM
            why = f"not finished in {LIMIT} s" if late else f"its process ended: {status}"
            file.write_text(json.dumps({"error": why}))
        found = json.loads(file.read_text(encoding="utf-8"))
        line = found.get("error") or found.get("verdict") or found["again"]
        print(f"{name} {kind} {time.monotonic() - began:.1f} s {line[:300]}", flush=True)


def _import_libraries() -> None:
    """Import here what would else be imported in every child, longer than its images take."""
    import cv2  # noqa: F401
    import imagehash  # noqa: F401
    import skimage.metrics  # noqa: F401
    from transformers import CLIPTextModel, T5EncoderModel  # noqa: F401

    import goldenseed.backends.diffusers.backend
    import goldenseed.diagnosis.explain
    import goldenseed.images.compare  # noqa: F401


def _child(work: Path, name: str, kind: str, trying: Callable[[str], dict[str, Any]]) -> None:
    signal.alarm(LIMIT)
    file = work / f"{name}.{kind}.json"
    file.unlink(missing_ok=True)
    with (work / f"{name}.{kind}.txt").open("w", encoding="utf-8") as stream:
        for number in (1, 2):
            os.dup2(stream.fileno(), number)
        try:
            found = trying(name)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the class's result
            traceback.print_exc()
            found = {"error": f"{type(error).__name__}: {error}"}
    file.write_text(json.dumps(found, indent=1), encoding="utf-8")


def _trying(kind: str, work: Path) -> Callable[[str], dict[str, Any]]:
    """Return what tries a class by its name, in one of the ways that a sweep has."""
    from tests.zoo import trying
    from tests.zoo.modular import ALL as ENTRIES

    def elsewhere(name: str) -> dict[str, Any]:
        return trying.told(trying.run(work / name / f"{name}.suite.yaml", "other"))

    ways = {
        "plain": trying.try_class,
        "half": trying.try_half,
        "init": trying.try_written,
        "alone": trying.alone,
    }
    if kind == "other":
        return elsewhere
    return lambda name: ways[kind](name, ENTRIES[name], work / name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="the folder that is worked in")
    parser.add_argument("--only", nargs="+", default=[], help="only these classes")
    parser.add_argument("--elsewhere", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--alone", action="store_true", help="run without the harness, once")
    parser.add_argument("--init", action="store_true", help="run what `goldenseed init` writes")
    parser.add_argument("--half", action="store_true", help="run in bfloat16, weights changed too")
    parser.add_argument("--page", action="store_true", help="write the tables of the page")
    parser.add_argument("--missing", action="store_true", help="only what has no result yet")
    parser.add_argument("--seen", action="store_true", help="without every third class")
    asked = parser.parse_args()
    from tests.zoo.kinds import held_out
    from tests.zoo.modular import ALL as ENTRIES

    apart = held_out() if asked.seen else ()
    names = [name for name in asked.only or sorted(ENTRIES) if name not in apart]
    work = asked.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    if asked.page:
        from tests.zoo.page import write

        write(work)
        return
    ways = {"alone": asked.alone, "other": asked.elsewhere, "init": asked.init, "half": asked.half}
    kind = next((each for each, on in ways.items() if on), "plain")
    if asked.missing:
        names = [name for name in names if not (work / f"{name}.{kind}.json").is_file()]
    if kind == "other":
        names = [name for name in names if (work / name / "baselines").is_dir()]
    _in_children(names, work, kind, _trying(kind, work))
    if kind == "plain":
        command = [sys.executable, "-m", "tests.zoo", str(work), "--elsewhere", "--only", *names]
        subprocess.run(command, check=True, cwd=ROOT, env=os.environ | OTHER)


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "harness")]
    main()
