"""Images made by the small runner in an environment that cannot run this package, recorded here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldenseed.backends.protocol import record_stages
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside, json_sha256, read_json, sha256_hex
from goldenseed.environment.profile import profile_slug
from goldenseed.runs.folder import RunWriter
from goldenseed.runs.made import Made, pending
from goldenseed.runs.stored import Pictures
from goldenseed.suite.model import DIFFUSERS, Determinism
from goldenseed.suite.put_together import described_parts
from goldenseed.trace.stages import Stage
from goldenseed.verdict.model import Verdict

if TYPE_CHECKING:
    from goldenseed.runs.record import CaseRecord, EnvironmentValue
    from goldenseed.suite.cases import Case

RUNNER = Path(__file__).with_name("runner.py")
_DONE = {"threads", "algorithms", "sdpa"}
"""Settings of determinism that the runner heeds, or whose default on a CPU is what it does."""


def beyond_the_runner(case: Case, device: str) -> str | None:
    """Say what of a case the small runner cannot do; None where it makes the image."""
    model = case.model
    if model.backend != DIFFUSERS or model.factory or model.server or model.pipeline:
        return "it calls a model's own pipeline of diffusers only"
    parts = [name for name, each in described_parts(model).items() if each is not None]
    if parts:
        return f"it knows no `{parts[0]}` of a model"
    if case.inputs or case.before or not isinstance(case.prompt, str):
        return "it gives a pipeline one prompt and plain values only"
    if case.noise.kind != "cpu" or device not in {"auto", "cpu"}:
        return "it draws noise and computes on the CPU only"
    return _beyond(case.suite.determinism)


def _beyond(determinism: Determinism) -> str | None:
    usual = Determinism()
    others = (
        name
        for name in Determinism.__dataclass_fields__
        if name not in _DONE and getattr(determinism, name) != getattr(usual, name)
    )
    found = next(others, None)
    if found is None and determinism.sdpa in {"repeatable", "math"}:
        return None
    return f"it knows no `determinism.{found or 'sdpa'}`"


def job_of(cases: Mapping[str, Case]) -> dict[str, Any]:
    """Describe cases, by the ids under which they are recorded, for the runner.

    Raises ``GoldenseedError`` where a model is not on this machine.
    """
    from goldenseed.backends.diffusers.places import local_folder

    return {
        "cases": [
            {
                "id": name,
                "name": sha256_hex(name.encode())[:12],
                "model": str(local_folder(case.model, case.suite.path)),
                "dtype": case.model.dtype,
                "scheduler": case.scheduler
                and {"class": case.scheduler.class_name, "config": dict(case.scheduler.config)},
                "prompt": case.prompt,
                "seed": case.seed,
                "call": case.arguments(),
                "threads": case.suite.determinism.threads,
                "algorithms": case.suite.determinism.algorithms,
            }
            for name, case in cases.items()
        ]
    }


def record_made(made: Path, folder: Path, cases: Mapping[str, Case]) -> None:
    """Write what the runner made as the run in ``folder``; ``made`` is the file it left.

    Raises ``GoldenseedError`` where that cannot be read.
    """
    document = read_json(made)
    environment: dict[str, EnvironmentValue] = document["environment"]
    found = {each["id"]: each for each in document["cases"]}
    now = datetime.now(UTC)
    writer = RunWriter(folder.parent, folder.name, started=now, git=None, options={"runner": "yes"})
    writer.add_environment(profile_slug(environment), environment)
    for name, case in cases.items():
        record = pending(case, case.suite.path.name).model_copy(update={"verdict": Verdict.NEW})
        writer.add(_recorded(record, found[name], made.parent, folder, environment))
    writer.finish(finished=datetime.now(UTC), complete=True)


def _recorded(
    record: CaseRecord,
    made: Mapping[str, Any],
    beside: Path,
    folder: Path,
    environment: Mapping[str, EnvironmentValue],
) -> CaseRecord:
    from PIL import Image

    if "error" in made:
        return record.failed("generation_failed", str(made["error"]))
    stages = list(_read(made, beside))
    image = Made(
        image=Image.fromarray(stages[-1][2].squeeze()),
        profile=profile_slug(environment),
        environment=environment,
        environment_sha256=json_sha256(dict(environment)),
        recording=record_stages(stages),
    )
    return record.model_copy(update=image.kept(folder, Pictures(folder)))


def _read(made: Mapping[str, Any], beside: Path) -> Iterator[tuple[Stage, str | None, Any]]:
    import numpy as np

    known = {each.value: each for each in Stage}
    for stage, source, name in made["stages"]:
        try:
            values = np.load(inside(beside, name), allow_pickle=False)
        except (OSError, ValueError) as error:
            what = f"the runner left a file that cannot be read: {error}"
            raise GoldenseedError(what, path=beside / name) from None
        yield known[stage], source, values


def written_job(cases: Mapping[str, Case], place: Path) -> Path:
    """Write the runner's job beside where it is to leave what it makes."""
    place.mkdir(parents=True, exist_ok=True)
    file = place / "job.json"
    file.write_text(json.dumps(job_of(cases)), encoding="utf-8")
    return file
