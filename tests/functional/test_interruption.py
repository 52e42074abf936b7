"""Sessions and commands that are killed or interrupted: what had ended is kept, and is whole."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest

from goldenseed.runs.folder import JOURNAL, load_run
from goldenseed.runs.record import RunRecord

if TYPE_CHECKING:
    from conftest import Project

PATIENCE_SECONDS = 60.0

MANY = """\
suite: many
model: {source: model}
defaults:
  call: {num_inference_steps: 2, height: 32, width: 32, guidance_scale: 3.0}
cases:
  - id: apple
    prompt: an apple
    seeds: {start: 0, count: 16}
"""


class Warm:
    """A process that starts pytest sessions within milliseconds: see ``warm_pytest.py``."""

    def __init__(self) -> None:
        here = Path(__file__).parent
        root = here.parent.parent
        environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
        environment.pop("CI", None)
        self._process = subprocess.Popen(
            [sys.executable, str(here / "warm_pytest.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        assert self._line() == "warm"

    def start(self, folder: Path, *arguments: str) -> Session:
        asked = {
            "folder": str(folder),
            "arguments": ["-p", "no:cacheprovider", "-p", "no:benchmark", *arguments],
            "output": str(folder / "output.txt"),
        }
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write(json.dumps(asked) + "\n")
        stdin.flush()
        return Session(int(self._line()), self._line, folder / "output.txt")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def _line(self) -> str:
        stdout: IO[str] | None = self._process.stdout
        assert stdout is not None
        return stdout.readline().strip()


class Session:
    """One pytest session in a process of its own."""

    def __init__(self, process: int, answer: Callable[[], str], output: Path) -> None:
        self.process = process
        self._answer = answer
        self._output = output

    def stop(self, number: signal.Signals) -> int:
        os.kill(self.process, number)
        return self.wait()

    def wait(self) -> int:
        """Return the exit status; for one that was killed, minus the signal."""
        return int(self._answer())

    def said(self) -> str:
        text = self._output.read_text()
        assert "Traceback" not in text, text
        assert "INTERNALERROR" not in text, text
        return text


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    process = Warm()
    yield process
    process.close()


def wait_for(condition: Callable[[], bool], patience: float = PATIENCE_SECONDS) -> None:
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "what the test waits for did not happen"
        time.sleep(0.001)


def runs(project: Project) -> set[str]:
    folder = project.path / "reports"
    found = folder.iterdir() if folder.is_dir() else ()
    return {path.name for path in found if path.is_dir() and not path.is_symlink()}


def new_run(project: Project, before: set[str]) -> Path:
    (name,) = runs(project) - before
    return project.path / "reports" / name


def journalled(project: Project, before: set[str]) -> int:
    """Count the cases in the journal of the run that began after ``before`` was taken."""
    found = runs(project) - before
    if not found:
        return 0
    try:
        return (project.path / "reports" / found.pop() / JOURNAL).read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def stored(project: Project) -> int:
    """Count the files among the baselines, which are written and renamed meanwhile."""
    return sum(path.is_file() for path in (project.path / "baselines").rglob("*"))


def whole_images(run: RunRecord, folder: Path) -> bool:
    from goldenseed.core.pixels import decode, pixels_sha256

    return all(
        case.image is not None and pixels_sha256(decode(folder / case.image)) == case.pixels_sha256
        for case in run.cases
    )


def test_killed_in_mid_run_five_times_each_record_holds_exactly_what_had_ended(
    make_project: Callable[[str], Project], warm: Warm
):
    project = make_project(MANY)
    randomly = random.Random(20261121)

    for _ in range(5):
        before = runs(project)
        session = warm.start(project.path)
        ended = randomly.randint(1, 10)
        wait_for(lambda: journalled(project, before) >= ended)  # noqa: B023 - called at once
        time.sleep(randomly.uniform(0, 0.03))

        assert session.stop(signal.SIGKILL) == -signal.SIGKILL

        folder = new_run(project, before)
        run = load_run(folder)
        assert not run.complete
        assert run.finished is None
        assert len(run.cases) == journalled(project, before) >= ended
        assert {case.id for case in run.cases} == {
            f"apple[seed={seed}]" for seed in range(len(run.cases))
        }
        assert whole_images(run, folder)

    shown = project.command("report", folder.name)
    assert shown.returncode == 0, shown.stderr
    assert "the run was cut short" in shown.stdout
    assert (folder / "index.html").is_file()
    assert not (project.path / "reports" / "latest").exists()

    accepted = project.command("accept", folder.name, "apple[seed=0]", "--reason", "seen whole")
    assert accepted.returncode == 2
    assert "is incomplete: nothing of it is accepted" in accepted.stderr
    assert not project.baselines()


def as_one(run: dict[str, Any]) -> dict[str, Any]:
    """A record without times and parts, and what a later session is told of its options."""
    left_out = ("run_id", "started", "finished", "parts", "shard", "extent", "warnings")
    cases = [
        {**{k: v for k, v in case.items() if k not in ("seconds", "part", "warnings")}}
        for case in run["cases"]
    ]
    cases.sort(key=lambda case: case["id"])
    return {k: v for k, v in run.items() if k not in left_out} | {"cases": cases}


@pytest.mark.parametrize(
    ("arguments", "kills"), [((), (4, 9)), (("-n", "2"), (6,))], ids=["alone", "two-workers"]
)
def test_killed_and_gone_on_with_the_record_is_that_of_one_go(
    make_project: Callable[[str], Project],
    warm: Warm,
    arguments: tuple[str, ...],
    kills: tuple[int, ...],
):
    project = make_project(MANY)
    assert warm.start(project.path, "--golden-update=missing").wait() == 0
    assert warm.start(project.path).wait() == 0
    in_one_go = project.record()
    for ended in kills:
        before = runs(project)
        session = warm.start(project.path, *arguments, "--golden-resume=last")
        patience = PATIENCE_SECONDS * (4 if arguments else 1)  # workers import torch themselves
        wait_for(lambda: journalled(project, before) >= ended, patience)  # noqa: B023 - likewise
        assert session.stop(signal.SIGKILL) == -signal.SIGKILL
    before = runs(project)

    session = warm.start(project.path, *arguments, "--golden-resume=last")

    assert session.wait() == 0
    record = project.record()
    assert record["complete"]
    assert as_one(record) == as_one(in_one_go)
    parts = [part["run_id"] for part in record["parts"]]
    assert len(parts) == len(kills)
    taken = [case for case in record["cases"] if case.get("part")]
    assert len(taken) >= kills[-1]
    assert {case["part"] for case in taken} <= set(parts)
    named = ", ".join(reversed(parts))
    assert f"gone on with {named}: {len(taken)} images taken over" in session.said()
    if arguments:
        return

    assert warm.start(project.path, "--golden-resume=last").wait() == 0
    assert not project.record()["parts"]  # the last one ended, so there is nothing to go on with


def test_what_is_damaged_or_asked_for_otherwise_is_made_again_and_said(
    make_project: Callable[[str], Project], warm: Warm
):
    project = make_project(MANY)
    assert warm.start(project.path, "--golden-update=missing").wait() == 0
    before = runs(project)
    session = warm.start(project.path)
    wait_for(lambda: journalled(project, before) >= 8)
    session.stop(signal.SIGKILL)
    folder = new_run(project, before)
    ended = load_run(folder).cases
    (folder / (ended[0].image or "")).write_bytes(b"\x89PNG, cut off")
    (folder / (ended[1].image or "")).unlink()
    (folder / (ended[2].trace_file or "")).unlink()
    shutil.copyfile(folder / (ended[4].image or ""), folder / (ended[3].image or ""))

    session = warm.start(project.path, f"--golden-resume={folder.name}")

    assert session.wait() == 0
    run = load_run(project.path / "reports" / "latest")
    assert run.counts() == {"identical": 16}
    taken = [case.id for case in run.cases if case.part]
    assert taken == [case.id for case in ended[4:]]
    assert whole_images(run, project.path / "reports" / run.run_id)
    assert f"{len(taken)} images taken over" in session.said()

    project.edit("an apple", "a pear")
    assert warm.start(project.path, f"--golden-resume={folder.name}").wait() == 1
    again = load_run(project.path / "reports" / "latest")
    assert again.counts() == {"incomparable": 16}
    assert not any(case.part for case in again.cases)


def test_a_run_that_is_not_there_is_no_run_to_go_on_with(project: Project):
    result = project.run("--golden-resume=20260101T000000Z-0000")
    text = result.stdout.str() + result.stderr.str()
    assert "no run '20260101T000000Z-0000' to go on with" in text
    assert result.ret not in (pytest.ExitCode.OK, pytest.ExitCode.INTERNAL_ERROR)


def test_interrupted_in_mid_run_the_report_is_written_and_nothing_accepted(
    make_project: Callable[[str], Project], warm: Warm
):
    project = make_project(MANY)
    session = warm.start(project.path, "--golden-update=missing")
    wait_for(lambda: journalled(project, set()) >= 3)

    ended_with = session.stop(signal.SIGINT)
    assert ended_with == pytest.ExitCode.INTERRUPTED, session.said()

    run = load_run(project.path / "reports" / "latest")
    assert not run.complete
    assert run.finished is not None
    assert 3 <= len(run.cases) < 16
    assert (project.path / "reports" / "latest" / "index.html").is_file()
    assert project.baselines() == {}
    said = session.said()
    assert "golden: the run was cut short; cases may be missing" in said
    assert f"nothing accepted: the run was cut short ({len(run.cases)} would have been)" in said


def test_killed_while_accepting_each_case_is_as_it_was_or_accepted_whole(
    make_project: Callable[[str], Project], warm: Warm
):
    project = make_project(MANY)
    for wanted in (1, 20):
        session = warm.start(project.path, "--golden-update=missing")
        wait_for(lambda: stored(project) >= wanted)  # noqa: B023 - called at once
        session.stop(signal.SIGKILL)

        warm.start(project.path).wait()

        assert set(project.verdicts().values()) <= {"identical", "new"}

    assert warm.start(project.path, "--golden-update=missing").wait() == 0
    assert warm.start(project.path).wait() == 0
    assert set(project.verdicts().values()) == {"identical"}
    assert not [name for name in project.baselines() if ".tmp-" in name]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["SIGINT", "SIGKILL"])
def test_the_accept_command_stopped_in_mid_work_leaves_every_baseline_whole(
    make_project: Callable[[str], Project], warm: Warm, number: signal.Signals
):
    project = make_project(MANY)
    warm.start(project.path).wait()
    program = Path(sys.executable).with_name("goldenseed")
    accepting = subprocess.Popen(
        [program, "accept", "latest", "--reason", "first"],
        cwd=project.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: stored(project) >= 5)
    accepting.send_signal(number)
    _, errors = accepting.communicate()

    assert accepting.returncode != 0
    assert "Traceback" not in errors
    warm.start(project.path).wait()
    assert set(project.verdicts().values()) <= {"identical", "new"}
    again = project.command("accept", "latest", "*", "--reason", "second")
    assert again.returncode == 0, again.stderr
    assert warm.start(project.path).wait() == 0


def test_two_accept_commands_at_once_both_land(make_project: Callable[[str], Project], warm: Warm):
    project = make_project(MANY)
    warm.start(project.path).wait()
    program = Path(sys.executable).with_name("goldenseed")
    both = [
        subprocess.Popen(
            [program, "accept", "latest", pattern, "--reason", pattern],
            cwd=project.path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for pattern in ("apple[seed=1*", "apple[seed=?]")
    ]
    assert [process.communicate()[1] for process in both] == ["", ""]
    assert warm.start(project.path).wait() == 0
    assert set(project.verdicts().values()) == {"identical"}
