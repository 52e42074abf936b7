"""What a run, the baselines and an environment leave on disk: read, judged, shown, decided on."""

from __future__ import annotations

import contextlib
import gzip
import json
from collections import defaultdict
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from fuzz.mutations import Changes, as_json, edited_bytes, edited_json, put
from goldenseed.baselines.entry import MeasuredTolerance
from goldenseed.baselines.reading import read_entry
from goldenseed.baselines.store import BaselineStore
from goldenseed.cli.env import _difference_lines, _other
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256, sha256_hex
from goldenseed.diagnosis.divergence import first_divergence
from goldenseed.environment.fingerprint import environment_differences
from goldenseed.environment.lock import lock_differences, lock_table, read_lock
from goldenseed.reporting.html import write_report
from goldenseed.reporting.markdown import summary_markdown
from goldenseed.reporting.view import run_view
from goldenseed.reporting.words import visible
from goldenseed.runs.candidates import candidates_of, open_candidates
from goldenseed.runs.folder import load_run
from goldenseed.tolerance.calibrated import calibration_of
from goldenseed.tolerance.tolerance import assumed_tolerance
from goldenseed.trace.files import (
    LAYERS_SUFFIX,
    SUFFIX,
    read_foreign_trace,
    read_layers,
    read_trace,
)

ROOT = Path(__file__).parents[2]
RECORDS = ROOT / "tests/unit/reporting/records/every_verdict"


@cache
def a_run() -> Any:
    return json.loads(gzip.decompress((RECORDS / "run.json.gz").read_bytes()))


def few_cases(changes: Changes) -> Any:
    run = a_run()
    first = changes[0][0] % len(run["cases"])
    return {**run, "cases": run["cases"][first : first + 2]}


def run(changes: Changes, folder: Path) -> None:
    load_run(put(folder, "run.json", as_json(few_cases(changes), changes)))


def report(changes: Changes, folder: Path) -> None:
    """Read a record of a run and write all that is written of it."""
    put(folder, "run.json", json.dumps(edited_json(few_cases(changes), changes)).encode())
    view = run_view(load_run(folder), folder)
    write_report(view, folder)
    summary_markdown(view).encode()


def journal(changes: Changes, folder: Path) -> None:
    unfinished = {**few_cases(changes), "finished": None, "complete": False, "cases": []}
    put(folder, "run.json", json.dumps(unfinished).encode())
    lines = b"".join(json.dumps(case).encode() + b"\n" for case in few_cases(changes)["cases"])
    put(folder, "cases.jsonl", edited_bytes(lines, changes))
    load_run(folder)


@cache
def an_entry() -> Any:
    file = min((ROOT / "baselines/shapes").glob("*.json"))
    return json.loads(file.read_text("utf-8"))


def entry(changes: Changes, folder: Path) -> None:
    good = an_entry()
    read_entry(
        put(folder, "a.json", as_json(good, changes)), suite=good["suite"], case=good["case"]
    )


def calibration(changes: Changes, folder: Path) -> None:
    """Put a calibration into an entry that is otherwise sound, read it and use it."""
    good = an_entry()
    profile, baseline = next(iter(good["profiles"].items()))
    recipe = baseline["accepted"][0]["recipe_sha256"]
    measured = MeasuredTolerance(
        pattern="envelope",
        images=5,
        harmless=("threads-1",),
        limits={"peak_difference": 1.0, "mean_difference": 0.1},
        recipe_sha256=recipe,
        environment_sha256="0" * 64,
        harmless_environments=("1" * 64,),
        measured_at=datetime.now(UTC),
        measured_by="a",
    ).model_dump(mode="json")
    laid = {**baseline, "tolerance": edited_json(measured, changes)}
    document = {**good, "profiles": {profile: laid}}
    file = put(folder, "a.json", json.dumps(document).encode())
    found = read_entry(file, suite=good["suite"], case=good["case"])
    if found is not None:
        measured = calibration_of(
            found.profiles[profile], recipe, lambda digest: {"torch.version": digest[:1]}
        )
        if measured is not None:
            present = {"torch.version": "1"}
            tolerance = measured.tolerance(present, assumed_tolerance("float32"), elsewhere=False)
            tolerance.explains(defaultdict(float))


@cache
def a_trace() -> Any:
    file = min((ROOT / "baselines/traces").glob("*/*.json.gz"))
    return json.loads(gzip.decompress(file.read_bytes())), read_trace(file)


def trace(changes: Changes, folder: Path) -> None:
    document, accepted = a_trace()
    text = as_json(document, changes)
    packed = gzip.compress(text, compresslevel=1)
    if changes[-1][1] % 7 == 0:
        packed = edited_bytes(packed, changes)
    path = put(folder, f"{sha256_hex(text)}{SUFFIX}", packed)
    found = read_trace(path)
    assert read_foreign_trace(path) == found
    first_divergence(accepted, found)
    first_divergence(found, accepted)


def layers(changes: Changes, folder: Path) -> None:
    good = {
        "module": "unet.conv_in",
        "call": 0,
        "inputs": "0" * 64,
        "sha256": "1" * 64,
        "shape": [1, 4, 8, 8],
        "dtype": "float32",
        "norm": 1.5,
    }
    text = as_json(good, changes) + b"\n" + json.dumps(good).encode() + b"\n"
    packed = gzip.compress(text, compresslevel=1)
    if changes[-1][1] % 7 == 0:
        packed = edited_bytes(packed, changes)
    list(read_layers(put(folder, f"{sha256_hex(text)}{LAYERS_SUFFIX}", packed)))


@cache
def an_environment() -> Any:
    file = min((ROOT / "baselines/environments").glob("*.json"))
    return json.loads(file.read_text("utf-8"))


def environment(changes: Changes, folder: Path) -> None:
    """Read an environment and say how it differs, as ``env --diff`` does."""
    file = put(folder, "env.json", as_json(an_environment(), changes))
    found = _other(str(file), folder)
    for line in _difference_lines(environment_differences(found, an_environment())):
        visible(line).encode()


def lock(changes: Changes, folder: Path) -> None:
    """Edit a lock, sign it anew in most cases, and hold it against an environment."""
    good = json.loads((ROOT / "suites/shapes.lock.json").read_text("utf-8"))
    data = as_json(good, changes)
    with contextlib.suppress(ValueError, AttributeError, TypeError, GoldenseedError):
        document = json.loads(data)
        content = {key: value for key, value in document.items() if key != "sha256"}
        data = json.dumps({**content, "sha256": json_sha256(content)}).encode()
    found = read_lock(put(folder, "a.lock.json", data), good["suite"])
    for line in lock_table(lock_differences(found, an_environment())):
        visible(line).encode()


def decision(changes: Changes, folder: Path) -> None:
    """Accept, reject and overrule: images of an altered record, or over an altered entry."""
    record = few_cases(changes)
    cases = [{**case, "trace": [], "trace_file": None} for case in record["cases"][:1]]
    of_entry = changes[0][1] % 2
    good = {**record, "cases": cases}
    put(folder, "run.json", json.dumps(good if of_entry else edited_json(good, changes)).encode())
    for case in cases:
        if case["image"]:
            put(folder, case["image"], (RECORDS / case["image"]).read_bytes())
    run, store = load_run(folder), BaselineStore(folder / "baselines")
    sound = tuple(each for each in run.cases if each.image is not None)
    with contextlib.suppress(GoldenseedError):
        store.accept(candidates_of(run, folder, sound), by="a", reason="b")
    with contextlib.suppress(GoldenseedError):
        store.reject(candidates_of(run, folder, sound[:1]), by="a", reason="b")
    if of_entry:
        for case in sound:
            file = store.entry_path(case.suite, case.id)
            if file.exists():
                file.write_bytes(as_json(json.loads(file.read_bytes()), changes))
    with contextlib.suppress(GoldenseedError):
        left, _ = open_candidates(run, folder, run.cases, store)
        store.accept(left, by="a", reason="b", add=True)
    overruling = {(each.suite, each.id) for each in run.cases}
    store.accept(candidates_of(run, folder, sound), by="a", reason="b", overruling=overruling)
