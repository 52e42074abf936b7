"""``goldenseed run``: suites run by pytest, here or on a Ray cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import takewhile
from pathlib import Path
from typing import Annotated

import typer

from goldenseed.core.errors import GoldenseedError


def run(
    suites: Annotated[
        list[str] | None,
        typer.Argument(help="Suite files, folders, cases; what follows -- goes to pytest."),
    ] = None,
    *,
    on: Annotated[
        str | None,
        typer.Option(
            "--on", help="ray or ray://HOST:10001: who makes the images; else this process."
        ),
    ] = None,
    actors: Annotated[
        int | None,
        typer.Option("--actors", min=1, help="How many; by default one for each GPU, else CPU."),
    ] = None,
    resume: Annotated[
        str | None, typer.Option("--resume", help="Go on with a run that was cut short, or last.")
    ] = None,
) -> None:
    """Run SUITES as pytest does, with its output, record, report and exit code.

    `--on ray` starts a cluster here, or joins the one of this machine if $RAY_ADDRESS is set.
    """
    given = suites or []
    places = takewhile(lambda each: not each.startswith("-"), given)
    if missing := [each for each in places if not _exists(each)]:
        raise GoldenseedError(f"there is no {missing[0]}", fix="name suite files or folders")
    options = []
    if on is not None:
        options.append(f"--golden-ray={cluster_address(on)}")
    if actors is not None:
        if on is None:
            raise GoldenseedError("--actors is for --on ray", fix="leave it out, or pytest -n")
        options.append(f"--golden-ray-actors={actors}")
    if resume is not None:
        options.append(f"--golden-resume={resume}")
    command = [sys.executable, "-m", "pytest", *given, *options]
    sys.exit(subprocess.run(command, check=False).returncode)  # noqa: S603 - our own interpreter


def _exists(place: str) -> bool:
    return Path(place.partition("::")[0]).exists()


def cluster_address(on: str) -> str:
    """Return the address that ``--on`` means; GoldenseedError where it means none."""
    if on == "ray":
        return "auto" if os.environ.get("RAY_ADDRESS") else "local"
    if on.startswith("ray://"):
        return on
    raise GoldenseedError(f"{on!r} is no place to run", fix="--on ray, or --on ray://HOST:10001")
