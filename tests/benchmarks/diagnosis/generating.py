"""Making the evidence: each fault's case is run as a session runs it, against a plain run.

The folder that is worked in holds ``baselines/`` (what the plain runs made, accepted), and for each
fault its suite, its model's folder and the folder of its run. A fault that was made before, in the
same way, is not made again.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from goldenseed.backends.protocol import GenerationError
from goldenseed.baselines.store import BaselineStore
from goldenseed.runs.candidates import candidates_of
from goldenseed.runs.folder import RunWriter, load_run
from goldenseed.runs.stored import kept_trace
from goldenseed.session.lock_check import LockCheck
from goldenseed.session.worker import Worker
from goldenseed.suite.loading import load_suite
from goldenseed.trace.digesting import Recording
from goldenseed.verdict.model import Verdict
from tests.benchmarks.diagnosis.bases import BASES, ROOT
from tests.benchmarks.diagnosis.fault import Fault

RUN = "run"
"""The name of every run's folder."""
DONE = "done.json"
"""What was done to make a run; written last."""
SHARED = 4
"""From more faults than this on, two processes share those of one environment."""
UNUSABLE = "unusable.txt"
"""Why there is no image, where there is none: a value of ``Unusable``."""
_PLAIN = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


def make_evidence(faults: Sequence[Fault], work: Path) -> None:
    """Make what is not there yet, two processes at a time; each has one set of variables."""
    plain = list({each.name: each for each in map(plain_run, faults)}.values())
    _make_in_processes([each for each in plain if not _is_made(each, work)], work)
    for each in plain:
        _accept(each, work)
    _make_in_processes([fault for fault in faults if not _is_made(fault, work)], work)


def _make_in_processes(faults: Sequence[Fault], work: Path) -> None:
    groups: list[list[Fault]] = []
    for _, group in groupby(sorted(faults, key=_process), _process):
        together = list(group)
        halves = (together[::2], together[1::2]) if len(together) > SHARED else (together,)
        groups.extend(map(list, halves))
    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(lambda group: _in_fresh_process(group, work), groups):
            pass


def plain_run(fault: Fault) -> Fault:
    """Return the run that a fault is held against: nothing is done to it."""
    name = f"plain-{fault.base}"
    return Fault(name=name, base=fault.base, label=None, severity="none", seed=fault.seed)


def make_evidence_here(faults: Sequence[Fault], work: Path) -> None:
    """Make all of it in this process, which must have the environment of each fault."""
    plain = list({each.name: each for each in map(plain_run, faults)}.values())
    make_here(plain, work)
    for each in plain:
        _accept(each, work)
    make_here(faults, work)


def make_here(faults: Iterable[Fault], work: Path) -> None:
    """Run the cases of faults in this process."""
    for fault in faults:
        _make(fault, work)


def _make(fault: Fault, work: Path) -> None:
    home = work / fault.name
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    suite = _write_suite(fault, home, _base_folder(fault.base, work))
    with ExitStack() as undo:
        _run_session(fault, suite, work, undo)
    for model in home.glob("model*"):
        shutil.rmtree(model)
    (home / DONE).write_text(_what_is_done(fault), encoding="utf-8")


def _run_session(fault: Fault, suite: Path, work: Path, undo: ExitStack) -> None:
    """Run the suite's case as a worker of a session does, and write the run's record."""
    from goldenseed.backends.diffusers.backend import DiffusersBackend
    from tests.benchmarks.diagnosis.injections import injected

    def prepare(pipeline: Any) -> None:
        undo.enter_context(injected(pipeline, [*BASES[fault.base].inject, *fault.inject]))

    writer = RunWriter(suite.parent, RUN, started=datetime.now(UTC), git=None, options={})
    worker = Worker(
        root=suite.parent,
        folder=writer.folder,
        store=BaselineStore(work / "baselines"),
        passing=frozenset({Verdict.IDENTICAL, Verdict.MATCH, Verdict.WARN}),
        backends=SimpleNamespace(
            own=lambda: DiffusersBackend(device="cpu", prepare=prepare), device="cpu", other=None
        ),
        locks=LockCheck(strict=False),
    )
    (case,) = load_suite(suite).cases
    record, error = worker.run(case, case.id)
    if isinstance(error, GenerationError) and error.unusable is not None:
        # A session diagnoses such a failure at once and keeps no trace of it.
        kept = Recording(before=error.trace)
        record = record.model_copy(update=kept_trace(writer.folder, kept))
        (suite.parent / UNUSABLE).write_text(error.unusable.value, encoding="utf-8")
    writer.add_environment(worker.profile, dict(worker.environment))
    writer.add(record)
    writer.finish(finished=datetime.now(UTC), complete=True)


def _write_suite(fault: Fault, home: Path, base: Path) -> Path:
    """Write the fault's suite beside its own copy of the model."""
    from tests.benchmarks.diagnosis.model_edits import EDITS

    shutil.copytree(base / "model", home / "model")
    for file in base.glob("*.safetensors"):
        shutil.copy(file, home)
    for edit in fault.files:
        options = {key: value for key, value in edit.items() if key != "edit"}
        EDITS[edit["edit"]](home / "model", **options)
    document = BASES[fault.base].document(fault.seed)
    document["suite"] = fault.base
    for place, value in fault.suite.items():
        _put(document, place.split("."), value)
    suite = home / f"{fault.base}.suite.yaml"
    suite.write_text(json.dumps(document), encoding="utf-8")
    return suite


def _put(document: Any, place: Sequence[str], value: Any) -> None:
    *parents, last = place
    for name in parents:
        document = document[int(name)] if name.isdigit() else document.setdefault(name, {})
    document[last] = value


def _base_folder(base: str, work: Path) -> Path:
    folder = work / "bases" / base
    if not (folder / DONE).is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        BASES[base].build(folder / "model")
        (folder / DONE).touch()
    return folder


def _accept(plain: Fault, work: Path) -> None:
    folder = work / plain.name / RUN
    run = load_run(folder)
    BaselineStore(work / "baselines").accept(
        candidates_of(run, folder, run.cases), by="benchmark", reason="the plain run"
    )


def _is_made(fault: Fault, work: Path) -> bool:
    done = work / fault.name / DONE
    return done.is_file() and done.read_text(encoding="utf-8") == _what_is_done(fault)


def _what_is_done(fault: Fault) -> str:
    base = BASES[fault.base]
    return json.dumps(
        [fault.what_is_done(), base.document(fault.seed), base.inject], sort_keys=True
    )


def _process(fault: Fault) -> str:
    return json.dumps(dict(fault.process), sort_keys=True)


def _in_fresh_process(faults: Sequence[Fault], work: Path) -> None:
    (process,) = {_process(fault) for fault in faults}
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.diagnosis", "--make", str(work)],
        input=json.dumps([asdict(replace(fault, label=None, beside=None)) for fault in faults]),
        text=True,
        cwd=ROOT,
        env=_variables(json.loads(process)),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{[fault.name for fault in faults]}: {done.stderr}")


def _variables(own: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, **_PLAIN, "PYTHONPATH": str(ROOT), **own}
