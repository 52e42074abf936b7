"""``goldenseed env``: what decides the pixels here, and how that differs from elsewhere."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from goldenseed.cli.common import AsJson, Device, Reports, find_run, read_suite_environments
from goldenseed.cli.exit_codes import ExitCode
from goldenseed.cli.output import say, say_json
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_json
from goldenseed.environment.declaration import Kind, Scope
from goldenseed.environment.fingerprint import (
    KeyDifference,
    environment_differences,
    fingerprint_sha256,
    read_fingerprint,
)
from goldenseed.environment.keys import EnvironmentValue, declaration_of, kind_of
from goldenseed.environment.lock import value_in_words
from goldenseed.reporting.words import visible
from goldenseed.runs.folder import RECORD
from goldenseed.suite.loading import load_suite

Environment = Mapping[str, EnvironmentValue]
_MODEL = {Scope.FILES, Scope.LOADED}


def env(
    *,
    suite: Annotated[
        Path | None,
        typer.Option("--suite", help="Load this suite's model and describe it as well."),
    ] = None,
    diff: Annotated[
        str | None,
        typer.Option(
            "--diff", help="Compare with a run, or with a file of `goldenseed env --json`."
        ),
    ] = None,
    as_json: AsJson = False,
    device: Device = "auto",
    reports: Reports = Path("reports"),
) -> None:
    """Print the environment as a golden run would record it here: versions, switches, machine.

    With --diff the exit code is 1 where a key differs; keys of a model are compared with --suite.
    """
    here = (
        _read_here(device)
        if suite is None
        else next(read_suite_environments(load_suite(suite), device=device))[1]
    )
    if diff is None:
        _print(here, as_json=as_json)
        return
    old = _other(diff, reports)
    if suite is None:
        old = {key: value for key, value in old.items() if not _is_of_model(key)}
    differences = environment_differences(old, here)
    if as_json:
        say_json([asdict(each) for each in differences])
    else:
        for line in _difference_lines(differences):
            say(visible(line, lines=False))
    if differences:
        raise typer.Exit(ExitCode.FOUND)


def _read_here(device: str) -> Environment:
    """Read what every suite shares, with the switches at their strict defaults."""
    if importlib.util.find_spec("torch") is None:
        return read_fingerprint("cpu")
    from goldenseed.environment.determinism import set_before_torch, settings
    from goldenseed.environment.device import device_for
    from goldenseed.suite.model import Determinism

    set_before_torch()
    chosen = device_for(device)
    with settings(Determinism(), chosen):
        return read_fingerprint(chosen, passing=True)


def _other(name: str, reports: Path) -> Environment:
    """Read the environment of a run, or one that stands in a JSON file of its own."""
    path = Path(name)
    if path.is_file() and path.name != RECORD:
        document = read_json(path)
        if isinstance(document, dict) and not any(
            isinstance(value, dict | list) for value in document.values()
        ):
            return document
        raise GoldenseedError(
            "holds no environment: an object of dotted keys and plain values",
            path=path,
            fix="name a file of `goldenseed env --json`, one of baselines/environments, or a run",
        )
    run, folder = find_run(name, reports)
    if not run.environment:
        raise GoldenseedError(
            f"the run {run.run_id} recorded no environment: no case made an image",
            path=folder,
            fix="name another run",
        )
    return run.environment


def _print(environment: Environment, *, as_json: bool) -> None:
    if as_json:
        say_json(dict(environment))
        return
    for kind in Kind:
        found = {k: v for k, v in environment.items() if v is not None and kind_of(k) is kind}
        width = max(map(len, found), default=0)
        say(f"{kind}")
        for key, value in found.items():
            say(visible(f"  {key:<{width}}  {value}", lines=False))
    empty = sum(value is None for value in environment.values())
    say(f"{empty} keys have no value here; --json lists them")
    say(f"sha256 {fingerprint_sha256(environment)}")


def _difference_lines(differences: Sequence[KeyDifference]) -> Iterator[str]:
    if not differences:
        yield "no key differs"
    for kind in Kind:
        of_kind = [each for each in differences if each.kind is kind]
        if of_kind:
            yield f"{kind}"
        for each in of_kind:
            yield f"  {each.key}  {value_in_words(each.old)} → {value_in_words(each.new)}"


def _is_of_model(key: str) -> bool:
    declared = declaration_of(key)
    return declared is not None and declared.scope in _MODEL
