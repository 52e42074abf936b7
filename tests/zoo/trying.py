"""Trying one class: saved, run, accepted, run again, and run with each component's weights changed.

All of it in this process, as a worker of a session does it; what comes out is plain data.
"""

from __future__ import annotations

import inspect
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from goldenseed.baselines.store import BaselineStore
from goldenseed.runs.candidates import candidates_of
from goldenseed.runs.folder import RunWriter, load_run
from goldenseed.runs.record import CaseRecord
from goldenseed.session.lock_check import LockCheck
from goldenseed.session.worker import Worker
from goldenseed.suite.loading import load_suite
from goldenseed.suite.starter import (
    needs_of,
    neutral_picture,
    pictures_for,
    read_model_facts,
    starter_suite,
)
from goldenseed.verdict.model import Verdict
from tests.zoo.entry import Entry

CHANGE = 1e-3
"""How much a changed weight is changed by, times a normal number."""
ACCEPTED = "accepted"


def prepare(cls: str, entry: Entry, home: Path) -> Path:
    """Save the pipeline, its inputs and its suite into ``home``; return the suite's file."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    entry.save(cls, home / "model")
    entry.write_inputs(home)
    suite = home / f"{cls}.suite.yaml"
    suite.write_text(json.dumps(entry.suite(cls)), encoding="utf-8")
    return suite


def run(suite: Path, name: str) -> CaseRecord:
    """Run the suite's first case with its model loaded anew, and keep the run as ``name``."""
    from goldenseed.backends.diffusers.backend import DiffusersBackend

    home = suite.parent
    writer = RunWriter(home, name, started=datetime.now(UTC), git=None, options={})
    worker = Worker(
        root=home,
        folder=writer.folder,
        store=BaselineStore(home / "baselines"),
        passing=frozenset({Verdict.IDENTICAL, Verdict.MATCH, Verdict.WARN}),
        backends=SimpleNamespace(
            own=lambda: DiffusersBackend(device="cpu"), device="cpu", other=None
        ),
        locks=LockCheck(strict=False),
    )
    case = load_suite(suite).cases[0]
    record, _ = worker.run(case, case.id)
    writer.add_environment(worker.profile, dict(worker.environment))
    writer.add(record)
    writer.finish(finished=datetime.now(UTC), complete=True)
    return record


def try_class(cls: str, entry: Entry, home: Path) -> dict[str, Any]:
    """Return what came out: ``new``, ``again``, ``stages`` and ``changed``, or ``error``."""
    suite = prepare(cls, entry, home)
    first = run(suite, ACCEPTED)
    if first.error is not None:
        return {"error": first.error}
    accepted = load_run(home / ACCEPTED)
    BaselineStore(home / "baselines").accept(
        candidates_of(accepted, home / ACCEPTED, accepted.cases), by="zoo", reason="the first run"
    )
    found: dict[str, Any] = {
        "new": first.verdict.value,
        "again": run(suite, "again").verdict.value,
        "stages": sorted({each.stage.value for each in first.trace}),
        "steps": sorted(
            {f"{each.source}" for each in first.trace if each.stage == "denoising_step"}
        ),
        "remarks": list(first.remarks),
        "changed": {},
    }
    for component in sorted((home / "model").iterdir()):
        if files := sorted(component.glob("*.safetensors")):
            found["changed"][component.name] = _changed(suite, component.name, files)
    return found


def try_half(cls: str, entry: Entry, home: Path) -> dict[str, Any]:
    """Do as ``try_class`` does with the weights loaded in bfloat16, in a folder of its own."""
    return try_class(cls, replace(entry, dtype="bfloat16"), home.with_name(f"{home.name}-half"))


OF_SMALL = frozenset(
    {
        "clean_caption",
        "complex_human_instruction",
        "height",
        "max_area",
        "max_sequence_length",
        "processing_resolution",
        "return_index",
        "text_encoder_out_layers",
        "use_resolution_binning",
        "width",
        "_auto_resize",
    }
)
"""Arguments that only a small model needs: real ones have the sizes, words and layers."""


_FEW_STEPS = 4
"""Of which a strength of 0.3, the least default, leaves one."""


def try_written(cls: str, entry: Entry, home: Path) -> dict[str, Any]:
    """Run the first case of the suite that ``goldenseed init`` writes, accept it, and run it again.

    A few steps in place of twenty, and what the small model needs.
    """
    import yaml

    if not (home / "model").is_dir():
        entry.save(cls, home / "model")
    facts = read_model_facts(home / "model")
    if needs := needs_of(facts):
        return {"verdict": f"needs: {needs[0]}"}
    written = starter_suite(name=cls, source="model", revision=None, facts=facts, inputs="init")
    document = yaml.safe_load(written)
    call = document["defaults"]["call"] or {}
    call |= {name: _FEW_STEPS for name in call if name.endswith("num_inference_steps")}
    call |= {name: value for name, value in entry.call.items() if name in OF_SMALL}
    document["defaults"]["call"] = call
    document["model"]["dtype"] = entry.dtype
    (home / "init").mkdir(exist_ok=True)
    for name, side in pictures_for(facts).items():
        (home / "init" / f"{name}.png").write_bytes(neutral_picture(name, min(side, entry.side)))
    suite = home / f"{cls}-init.suite.yaml"
    suite.write_text(json.dumps(document), encoding="utf-8")
    shutil.rmtree(home / "written", ignore_errors=True)
    record = run(suite, "written")
    if record.error:
        return {"error": record.error}
    made = load_run(home / "written")
    store = BaselineStore(home / "baselines")
    store.accept(candidates_of(made, home / "written", made.cases), by="zoo", reason="as written")
    shutil.rmtree(home / "written-again", ignore_errors=True)
    return {"verdict": run(suite, "written-again").verdict.value}


def alone(cls: str, entry: Entry, home: Path) -> dict[str, Any]:
    """Run the pipeline once without the harness, and say what its output has."""
    import torch
    from diffusers import DiffusionPipeline
    from diffusers.utils import load_image
    from safetensors.torch import load_file

    prepare(cls, entry, home)

    def given(value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, list):
            return [given(each) for each in value]
        if "key" in value:
            return load_file(home / value["file"])[value["key"]]
        return load_image(str(home / value["file"])).convert(value.get("mode", "RGB"))

    pipeline = DiffusionPipeline.from_pretrained(home / "model")
    arguments = {**entry.call, **{name: given(value) for name, value in entry.inputs.items()}}
    if entry.prompt is not None:
        arguments["prompt"] = entry.prompt
    if "generator" in inspect.signature(pipeline).parameters:
        arguments["generator"] = torch.Generator().manual_seed(1)
    made = pipeline(**arguments)
    return {"verdict": str({name: type(value).__name__ for name, value in made.items()})}


def _changed(suite: Path, component: str, files: list[Path]) -> dict[str, Any]:
    before = {file: file.read_bytes() for file in files}
    try:
        for file in files:
            perturb(file)
        return told(run(suite, f"changed-{component}"))
    finally:
        for file, content in before.items():
            file.write_bytes(content)


def perturb(file: Path) -> None:
    """Multiply every floating-point weight of ``file`` with 1 + ``CHANGE`` · normal."""
    import torch
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    with safe_open(file, framework="pt") as stream:
        metadata = stream.metadata()
    draw = torch.Generator().manual_seed(11)
    weights = {
        name: weight * (1 + CHANGE * torch.randn(weight.shape, generator=draw)).to(weight.dtype)
        if weight.is_floating_point()
        else weight
        for name, weight in load_file(file).items()
    }
    save_file(weights, file, metadata=metadata)


def told(record: CaseRecord) -> dict[str, Any]:
    """Return the verdict and the first cause of a run."""
    causes = record.diagnosis.causes if record.diagnosis else ()
    return {
        "verdict": record.verdict.value,
        "cause": causes[0].words if causes else "",
        "confidence": causes[0].confidence if causes else None,
        "evidence": causes[0].evidence[0] if causes and causes[0].evidence else "",
        "reasons": [str(each.words if hasattr(each, "words") else each) for each in record.reasons][
            :2
        ],
        "error": record.error,
    }
