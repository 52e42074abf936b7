"""All that a GPU is needed for, in one go: baselines to accept, repetition, costs, and a record.

    make gpu                                           # on a machine with a GPU and this repository
    python tests/gpu/session.py OUT [--device cpu]     # the same without make; cpu tries it out

Nothing is fetched and nothing of the repository is written. What is found lies in the new folder
OUT: the runs with their pictures and traces, the environment, the differences between the runs, and
``summary.json`` with each step's exit code. On any machine the new pictures are taken over with
``goldenseed accept OUT/reports/float32/latest --reason …``. Exit code 0: every step ended as it
should.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FLOAT32 = "suites/shapes.suite.yaml"
PORTABLE = "suites/shapes-portable.suite.yaml"
GOLDENSEED = (sys.executable, "-c", "from goldenseed.cli.main import main; main()")

ON_DEVICE = {
    "memory": "does a case that finds the memory full leave nothing behind?",
    "devices": "do all devices make one image from the CPU's weights, whichever is current?",
    "records": "are digests, norms and sketches the CPU's?",
    "copies": "is the device left to itself while it makes an image?",
    "kernels": "which kernels of attention serve the suite, and do they repeat themselves?",
    "attention": "kernels, time and memory of attention at the sizes of large models",
}
"""The checks of ``on_device.py``."""


@dataclass(frozen=True)
class Step:
    """One command, and what shows that it went well."""

    name: str
    answers: str
    command: tuple[str, ...]
    fine: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Outcome:
    """What became of a step."""

    name: str
    answers: str
    exit_code: int
    seconds: float
    fine: bool


def steps(out: Path, device: str, environment: str) -> Iterator[Step]:
    """Yield the steps, the most wanted first, should the machine be taken away."""

    def run(folder: str, suite: str, on: str, *options: str) -> tuple[str, ...]:
        place = ("-p", "no:cacheprovider", f"--golden-reports={out / 'reports' / folder}")
        chosen = (f"--golden-device={on}", f"--golden-environment={environment}")
        return (sys.executable, "-m", "pytest", "-q", suite, *place, *chosen, *options)

    def diff(a: str, b: str) -> tuple[str, ...]:
        runs = (str(out / "reports" / name / "latest") for name in (a, b))
        return (*GOLDENSEED, "diff", *runs, "--report", str(out / f"{a}-{b}"))

    yield Step(
        "portable",
        "has the portable suite the same bits here as everywhere?",
        run("portable", PORTABLE, device, "--golden-require=identical"),
    )
    yield Step(
        "float32",
        "the pictures to accept for this profile; cases are `new` until they are",
        run("float32", FLOAT32, device),
        fine=(0, 1),
    )
    yield Step(
        "again",
        "the same once more, in a fresh process",
        run("again", FLOAT32, device),
        fine=(0, 1),
    )
    yield Step("float32-again", "does this machine repeat itself?", diff("float32", "again"))
    for name, answers in ON_DEVICE.items():
        script = (sys.executable, "tests/gpu/on_device.py", name, "--device", device)
        yield Step(name, answers, script)
    yield Step(
        "environment",
        "the fingerprint, with the GPU's keys",
        (*GOLDENSEED, "env", "--suite", FLOAT32, "--device", device, "--json"),
    )
    yield Step(
        "cpu",
        "the same suite on this machine's processor",
        run("cpu", FLOAT32, "cpu"),
        fine=(0, 1),
    )
    yield Step(
        "cpu-float32",
        "how far the two are apart; 1 says that pictures moved, as they will",
        diff("cpu", "float32"),
        fine=(0, 1),
    )
    yield Step(
        "trace-cost",
        "what tracing costs",
        (sys.executable, "tests/benchmarks/trace_cost.py", "--pairs", "12"),
    )
    yield Step(
        "probe",
        "what moves the pixels here",
        (*GOLDENSEED, "probe", FLOAT32, "--device", device, "--reports", str(out / "probe")),
    )


def carried_out(step: Step, out: Path) -> Outcome:
    """Run a step; what it says goes to ``OUT/<step>.log``, to ``.json`` where it is that."""
    began = time.perf_counter()
    suffix = "json" if step.name in {"environment", *ON_DEVICE} else "log"
    with (out / f"{step.name}.{suffix}").open("wb") as told, (out / "errors.log").open("ab") as bad:
        own = (str(ROOT), str(ROOT / "harness"), os.environ.get("PYTHONPATH"))
        paths = os.pathsep.join(filter(None, own))
        environment = {**os.environ, "PYTHONPATH": paths}
        done = subprocess.run(
            step.command, cwd=ROOT, env=environment, stdout=told, stderr=bad, check=False
        )
    seconds = round(time.perf_counter() - began, 1)
    fine = done.returncode in step.fine
    return Outcome(step.name, step.answers, done.returncode, seconds, fine)


def main() -> int:
    """Carry out all steps, tell each as it ends, and write the summary after each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path, help="a folder that does not exist yet")
    parser.add_argument("--device", default="cuda")
    parser.add_argument(
        "--environment",
        choices=("strict", "report"),
        default="strict",
        help="report: run on with other packages than the locked ones, and say which",
    )
    parser.add_argument(
        "--steps", help="only these, with commas; in this order they build on another"
    )
    options = parser.parse_args()
    out = options.out.resolve()
    out.mkdir(parents=True)
    wanted = options.steps.split(",") if options.steps else None
    outcomes = []
    for step in steps(out, options.device, options.environment):
        if wanted is not None and step.name not in wanted:
            continue
        outcomes.append(carried_out(step, out))
        last = outcomes[-1]
        sign = "fine" if last.fine else "NOT FINE"
        sys.stdout.write(f"{sign:8} {last.seconds:6.1f} s  {last.name}: {last.answers}\n")
        sys.stdout.flush()
        (out / "summary.json").write_text(json.dumps([asdict(each) for each in outcomes], indent=2))
    return 0 if all(each.fine for each in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
