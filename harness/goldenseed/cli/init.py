"""``goldenseed init``: a first suite in anybody's repository."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Annotated

import typer

from goldenseed.cli.output import say
from goldenseed.cli.settings import add_ini_block, line_end, read_text
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import write_atomically
from goldenseed.suite.sections import NAME_PATTERN, name_fault
from goldenseed.suite.starter import (
    ModelFacts,
    needs_of,
    neutral_picture,
    pictures_for,
    read_model_facts,
    starter_suite,
)

IGNORED = "/reports/"
INPUTS = "inputs"
"""The folder of a suite's pictures, beside it."""
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def init(
    model: Annotated[str, typer.Argument(help="A model's folder, or a hub id (org/name).")],
    name: Annotated[
        str | None, typer.Option("--name", help="The suite's name.", show_default="the model's")
    ] = None,
) -> None:
    """Write a commented suite for MODEL, pytest's ini lines and the ignore line."""
    here = Path.cwd()
    folder, source, revision, facts = _find(model, here)
    suite = name or _suite_name(source)
    fault = "has characters that no suite's name may have"
    if re.match(NAME_PATTERN, suite):
        fault = name_fault(suite, is_suite=True) or ""
    if fault:
        raise GoldenseedError(f"the suite name {suite!r} {fault}", fix="choose another --name")
    file = folder / f"{suite}.suite.yaml"
    if file.exists():
        raise GoldenseedError(
            "is there already", path=_shown(file), fix="edit it, or choose another --name"
        )
    inputs = f"{INPUTS}/{suite}"
    text = starter_suite(name=suite, source=source, revision=revision, facts=facts, inputs=inputs)
    done = [*_draw(folder / INPUTS / suite, facts), *add_ini_block(here), *_ignore(here)]
    write_atomically(file, text.encode())  # last, since with it a second try would be refused
    for line in (f"wrote {_shown(file)}", *done):
        say(line)
    for need in needs_of(facts):
        say(f"before it can run: {need}")
    command = f"pytest {shlex.quote(str(_shown(file)))}"
    say(f"next: {command}   # every case is new: look at reports/latest/index.html, then")
    say('      goldenseed accept latest --reason "first baselines"')


def _find(model: str, here: Path) -> tuple[Path, str, str | None, ModelFacts]:
    """Return the suite's folder, the model's source and revision, and what is known of it."""
    if Path(model).is_dir():
        # Not resolve(): a link in the repository to a model elsewhere is what the suite shall name.
        place = Path(os.path.abspath(model))  # noqa: PTH100
        if not place.is_relative_to(here) or place == here:
            raise GoldenseedError(
                "the model's folder must lie inside this repository, so that the suite names it "
                "by a path that holds on every machine",
                path=model,
                fix=f"link it: ln -s {shlex.quote(str(place))} models/{place.name} ; then "
                f"goldenseed init models/{place.name}",
            )
        return place.parent, place.name, None, read_model_facts(place)
    if not HUB_ID.fullmatch(model):
        raise GoldenseedError(
            f"{model!r} is neither a folder nor a hub id",
            fix="name a folder with a model_index.json, or a hub id such as org/name",
        )
    snapshot = _cached_snapshot(model)
    return here / "suites", model, snapshot.name, read_model_facts(snapshot)


def _cached_snapshot(hub_id: str) -> Path:
    """Find the snapshot of ``main`` in the local hub cache; nothing is downloaded."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        raise GoldenseedError(
            "huggingface_hub is needed to look into the hub's cache",
            fix="pip install 'pytest-goldenseed[diffusers]'",
        ) from None
    try:
        found = try_to_load_from_cache(hub_id, "model_index.json")
    except ValueError as error:
        raise GoldenseedError(
            f"{hub_id!r} is no hub id: {error}", fix="give one such as org/name"
        ) from None
    if not isinstance(found, str):
        raise GoldenseedError(
            f"{hub_id} is not in the local hub cache, and nothing is downloaded here",
            fix=f"hf download {shlex.quote(hub_id)}",
        )
    return Path(found).parent


def _draw(folder: Path, facts: ModelFacts) -> list[str]:
    """Write neutral pictures for what the pipeline is given; return what was done."""
    done = []
    for name, side in pictures_for(facts).items():
        file = folder / f"{name}.png"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(file, neutral_picture(name, side))
            done.append(f"wrote {_shown(file)}, a neutral picture of {side} x {side} pixels")
    return done


def _ignore(here: Path) -> list[str]:
    """Keep runs out of git; return what was done."""
    file = here / ".gitignore"
    text = read_text(file) if file.is_file() else ""
    if any(line.strip().strip("/") in {"reports", "reports/*"} for line in text.splitlines()):
        return []
    end = line_end(text)
    separator = "" if not text or text.endswith("\n") else end
    write_atomically(file, f"{text}{separator}{IGNORED}{end}".encode())
    return [f"added {IGNORED} to .gitignore"]


def _suite_name(source: str) -> str:
    plain = re.sub(r"[^a-z0-9._-]+", "-", source.rpartition("/")[2].lower())
    return re.sub(r"\.\.+", ".", plain).strip("-._") or "model"


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd())
