"""Ten thousand cases over four shards: cut, written by the real writer, merged; time and memory.

``pytest tests/benchmarks/test_shards_speed.py --benchmark-only -s`` prints the numbers of
``docs/performance.md``. The records have what a case of the embedded model has: a recipe, a trace
of 46 stages and a picture of their own each; every tenth drifted.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from goldenseed.core.files import json_sha256
from goldenseed.runs.folder import RunWriter
from goldenseed.runs.parts import Extent
from goldenseed.runs.record import CaseRecord, TraceStage
from goldenseed.runs.shard_record import ShardRecord
from goldenseed.runs.shards import CUT, CutCase, CutRecord, CutSuite, Piece, cut
from goldenseed.trace.stages import Stage
from goldenseed.verdict.model import Verdict
from made_history import ENVIRONMENT, PROFILE, START, digest_of, made

CASES, SHARDS, MODELS, STAGES = 10_000, 4, 12, 46
SUITE = "suites/shapes.suite.yaml"
GOAL_SECONDS, GOAL_MEGABYTES = 20, 500


def name_of(number: int) -> str:
    return f"case-{number // 10:04}[prompt-{number % 7},seed={number}]"


def the_cut() -> CutRecord:
    return CutRecord(
        shards=SHARDS,
        by="history",
        measured=CASES,
        suites={SUITE: CutSuite(name="shapes", sha256=digest_of("suite"))},
        loads=tuple(3000 + 500 * number for number in range(MODELS)),
        cases=tuple(
            CutCase(path=SUITE, id=name_of(n), model=n % MODELS, cost=200 + n * 37 % 900)
            for n in range(CASES)
        ),
    )


def case_of(number: int, sha256: str) -> CaseRecord:
    pixels = digest_of(f"pixels {number}")
    drifted = number % 10 == 0
    return made(
        f"pixels {number}",
        name=name_of(number),
        mean=0.5 if drifted else None,
        steps=(1e-4,) * 20 if drifted else (),
        path=SUITE,
        line=10 + number // 10,
        verdict=Verdict.WARN if drifted else Verdict.IDENTICAL,
        environment_sha256=sha256,
        image=f"images/{pixels}.png",
        width=512,
        height=512,
        mode="RGB",
        recipe={
            "prompt": f"a picture of the number {number}, on a white table, in the morning",
            "seed": number,
            "call": {"num_inference_steps": 20, "guidance_scale": 5.0, "height": 512, "width": 512},
            "model": {"source": f"model-{number % MODELS}", "dtype": "float32"},
            "noise": "cpu",
            "determinism": {},
        },
        trace=tuple(
            TraceStage(Stage.DENOISING_STEP, each, digest_of(f"{number} {each}"))
            for each in range(STAGES)
        ),
        trace_file=f"traces/{pixels}.json.gz",
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four shards as sessions leave them; their files are stand-ins of a few bytes."""
    folder = tmp_path_factory.mktemp("shards")
    found = the_cut()
    sha256, assigned = json_sha256(ENVIRONMENT), found.assigned()
    for shard in range(1, SHARDS + 1):
        run_id = f"20240101T06000{shard}Z-000{shard}"
        writer = RunWriter(folder / "reports", run_id, started=START, git=None, options={})
        writer.add_environment(PROFILE, dict(ENVIRONMENT))
        for place in ("images", "traces"):
            (writer.folder / place).mkdir()
        for number in (n for n in range(CASES) if assigned[n] == shard):
            record = case_of(number, sha256)
            writer.add(record)
            for file in (record.image, record.trace_file):
                (writer.folder / (file or "")).write_bytes(b"stands for a file")
        record = ShardRecord(number=shard, of=SHARDS, cut_sha256=found.sha256, whole=True)
        writer.add_extent(Extent(whole=False, narrowed="--golden-shard"), record)
        writer.finish(finished=START, complete=True)
        (writer.folder / CUT).write_text(found.model_dump_json())
    (folder / "pytest.ini").write_text("[pytest]\n")
    return folder


@pytest.mark.benchmark(group="shards")
def test_cutting(benchmark: BenchmarkFixture):
    found = the_cut()
    pieces = [Piece(each.model, each.cost) for each in found.cases]
    assigned = benchmark(cut, pieces, found.loads, SHARDS)
    loaded = {(p.model, shard) for p, shard in zip(pieces, assigned, strict=True)}
    print(f"\n{len(loaded)} loads of {MODELS} models")


def command(folder: Path, *arguments: str) -> tuple[float, float, float]:
    """Run a verb; return its seconds, those of the processor, and its peak in megabytes."""
    program = (
        "import resource, sys\nfrom goldenseed.cli.main import main\n"
        "try:\n    main()\nfinally:\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)\n"
    )
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    told = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert told.returncode == 0, told.stdout + told.stderr
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, spent, int(told.stderr.split()[-1]) / 1024


@pytest.mark.benchmark(group="shards")
@pytest.mark.parametrize("page", [False, True], ids=["record alone", "with its page"])
def test_merging(benchmark: BenchmarkFixture, folder: Path, page: bool):
    runs = sorted(f"reports/{each.name}" for each in (folder / "reports").glob("2024*-000?"))
    output = folder / ("with" if page else "without")
    more = () if page else ("--no-report",)
    wall, spent, peak = benchmark.pedantic(
        command, (folder, "merge", *runs, "--output", str(output), *more), rounds=1, iterations=1
    )
    print(f"\n{wall:.1f} s, {spent:.1f} s of the processor, {peak:.0f} MB at most")
    assert peak < GOAL_MEGABYTES
