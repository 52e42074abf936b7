"""A seed of the library becomes a case of a suite, and its image a golden one if it comes again."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from goldenseed.baselines.setting import store_of_project
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import TEMPORARY_PREFIX, read_regular, write_atomically
from goldenseed.history.keeping import remember
from goldenseed.recipes.writing import flow
from goldenseed.review.decisions import Marked
from goldenseed.review.desk import Applied, Desk
from goldenseed.runs.folder import load_run, point_latest
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.seeds.entry import Seed
from goldenseed.suite.cases import Case
from goldenseed.suite.loading import load_suite
from goldenseed.suite.recipes import recipe_differences, recipe_of

_LARGEST_SUITE: Final = 2**20
_SAID: Final = 15
_LAST_KEY = re.compile(r"^([A-Za-z_]+):", re.MULTILINE)


def case_text(seed: Seed, case_id: str) -> str:
    """Return a seed's recipe as an item of a suite's ``cases``."""
    recipe = seed.recipe
    lines = [f"  # From the library of seeds: {seed.id}\n", f"  - id: {flow(case_id)}\n"]
    if "prompt" in recipe:
        lines.append(f"    prompt: {flow(recipe['prompt'])}\n")
    lines.append(f"    seeds: [{flow(recipe.get('seed'))}]\n")
    given = [key for key in ("call", "inputs", "before") if recipe.get(key)]
    lines += [f"    {key}: {flow(recipe[key])}\n" for key in given]
    if recipe.get("noise", "cpu") != "cpu":
        lines.append(f"    noise: {flow(recipe['noise'])}\n")
    if scheduler := _model(seed).get("scheduler"):
        lines.append(f"    model: {{scheduler: {flow(scheduler)}}}\n")
    return "".join(lines)


def suite_text(seed: Seed, name: str, case_id: str) -> str:
    """Return the text of a suite that has a seed's recipe as its one case."""
    recipe = seed.recipe
    model = {key: value for key, value in _model(seed).items() if key != "scheduler"}
    lines = [f"suite: {flow(name)}\n", f"model: {flow(model)}\n"]
    if recipe.get("determinism"):
        lines.append(f"determinism: {flow(recipe['determinism'])}\n")
    return "".join(lines) + "cases:\n" + case_text(seed, case_id)


@contextmanager
def in_a_suite(seed: Seed, path: Path, case_id: str) -> Iterator[Case]:
    """Write a seed as a case of the suite file at ``path``, and yield the case.

    A file that is there gets the case at its end, which has to be its list of cases. As it was
    before is the file again where anything fails, here or in what follows.

    Raises:
        GoldenseedError: the file cannot take the case; or the case has another recipe than the
            seed, because a suite says it otherwise, or has other defaults.

    """
    before = read_regular(path, _LARGEST_SUITE) if path.exists() else None
    text = _with_case(before, seed, path, case_id)
    try:
        write_atomically(path, text.encode())
        case = _its_case(seed, path, case_id)
        yield case
    except BaseException:
        if before is None:
            path.unlink(missing_ok=True)
        else:
            write_atomically(path, before)
        raise


def _with_case(before: bytes | None, seed: Seed, path: Path, case_id: str) -> str:
    if before is None:
        return suite_text(seed, re.sub(r"\.suite$", "", path.stem), case_id)
    text = before.decode("utf-8", errors="replace")
    keys = _LAST_KEY.findall(text)
    if not keys or keys[-1] != "cases" or re.search(r"^cases:[ \t]*[^\s#]", text, re.MULTILINE):
        raise GoldenseedError(
            "has other keys after its list of cases, or no list of a case a line",
            path=path,
            fix="move `cases:` to the end of the file, or name a new file",
        )
    return text.rstrip("\n") + "\n" + case_text(seed, case_id)


def _its_case(seed: Seed, path: Path, case_id: str) -> Case:
    """Return the case that was written, if its recipe is the seed's."""
    suite = load_suite(path)
    case = next((each for each in suite.cases if each.case_id == case_id), None)
    if case is None:
        raise GoldenseedError(f"does not have the case {case_id} once it is written", path=path)
    differences = recipe_differences(seed.recipe, recipe_of(case))
    if differences:
        first = "; ".join(
            f"{each.field}: {json.dumps(each.old)} there, {json.dumps(each.new)} here"
            for each in differences[:3]
        )
        raise GoldenseedError(
            f"the suite's case would be another recipe than the library's {seed.id}: {first}",
            path=path,
            fix="name a suite file that is not there yet, beside the model and the inputs that "
            "the recipe names; or write the case by hand",
        )
    return case


def made_again(
    case: Case, reports: Path, baselines: Path, device: str
) -> tuple[RunRecord, Path, CaseRecord]:
    """Run pytest over one case; return the run, its folder in ``reports``, and the case's record.

    The run is the one that this session wrote: it is made in a folder of its own first. What the
    user adds to pytest's options, and ini settings that would change what is made, do not count.

    Raises:
        GoldenseedError: the session made no image.

    """
    reports.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=reports, prefix=TEMPORARY_PREFIX) as scratch:
        own = Path(scratch) / "reports"
        arguments = Path(scratch) / "arguments"
        arguments.write_text(f"{case.suite.path.absolute()}::{case.id}\n", "utf-8")
        options = {
            **dict.fromkeys(("golden-shard", "golden-resume", "golden-ray"), ""),
            "golden-update": "none",
            "golden-trace": "on",
            "golden-reports": own.absolute(),
            "golden-baselines": baselines.absolute(),
            "golden-device": device,
        }
        ended = subprocess.run(  # noqa: S603 - our own interpreter
            [
                *(sys.executable, "-m", "pytest", "-q", "-o", "addopts=", "-p", "no:cacheprovider"),
                *(f"--{name}={value}" for name, value in options.items()),
                f"@{arguments}",
            ],
            env={name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        made = [each.parent for each in own.glob("*/run.json") if not each.parent.is_symlink()]
        folder = made[0].rename(reports / made[0].name) if made else None
    record = load_run(folder) if folder else None
    found = next((each for each in record.cases if each.id == case.id), None) if record else None
    if record is None or folder is None or found is None or found.pixels_sha256 is None:
        said = "\n".join((ended.stdout + ended.stderr).strip().splitlines()[-_SAID:])
        raise GoldenseedError(
            f"the image could not be made again: {found.error if found else 'no case ran'}",
            fix=said if found is None else None,
        )
    remember(record, reports)
    point_latest(reports, folder.name)
    return record, folder, found


def make_golden(
    seed: Seed,
    suite: Path,
    case_id: str,
    *,
    reason: str,
    by: str,
    reports: Path,
    baselines: Path,
    device: str = "auto",
) -> tuple[Case, Applied]:
    """Write a seed as a case of a suite file, and accept its image if it comes again bit for bit.

    Raises:
        GoldenseedError: as ``in_a_suite`` and ``made_again``, or another image comes; then nothing
            is written but the run.

    """
    with in_a_suite(seed, suite, case_id) as case:
        record, folder, made = made_again(case, reports, baselines, device)
        if made.pixels_sha256 != seed.pixels_sha256:
            raise GoldenseedError(
                f"{seed.id} does not come again here: the library's image is "
                f"{seed.pixels_sha256[:12]}…, made on {seed.profile or 'an unknown machine'}"
                f", and this one {str(made.pixels_sha256)[:12]}…, made on {made.profile}",
                path=folder,
                fix="look at it there; it was not accepted, and the suite is as it was. `goldenseed"
                " seeds add` keeps this machine's image beside the other",
            )
        desk = Desk(record, folder, store_of_project(baselines), by, Path.cwd())
        return case, desk.apply([Marked.of(made, "accept", reason)])


def _model(seed: Seed) -> Mapping[str, Any]:
    model = seed.recipe.get("model")
    return model if isinstance(model, dict) else {}
