"""The two sides of a search: what packages and variables each has, and where that is known from."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from goldenseed.bisect.packages import Packages, exactly, normalised
from goldenseed.bisect.resolver import Resolver, Unresolvable
from goldenseed.bisect.suspects import VARIABLE
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256
from goldenseed.environment.device import VARIABLES as ISA_VARIABLES
from goldenseed.environment.freeze import Freeze
from goldenseed.environment.keys import EnvironmentValue
from goldenseed.environment.machine import (
    OPTIONAL_PACKAGES,
    PACKAGES,
    TOOLS,
    VARIABLES,
    read_machine,
)
from goldenseed.runs.record import RunRecord

_PACKAGE = "package."
_CAPPED = "ATEN_CPU_CAPABILITY"
_INDEX_OPTION = re.compile(
    r"^\s*(--find-links|-f|--index-url|-i|--extra-index-url|--no-index)(?:[ =]+(\S+))?\s*(?:#.*)?$"
)
_INCLUDED = re.compile(r"^\s*(?:-r|--requirement|-c|--constraint)[ =]*(\S+)")
_LONG = {"-f": "--find-links", "-i": "--default-index", "--index-url": "--default-index"}


@dataclass(frozen=True, slots=True)
class Side:
    """One environment that a search begins or ends with."""

    name: str
    """As the user names it: a file, a run's id."""
    packages: Packages
    variables: Mapping[str, str | None] = field(default_factory=dict)
    """Environment variables; None for one that must not be set. Others are as they are here."""
    isa: str | None = None
    """The instruction set that it is kept to (``avx2``); None for all that this machine has."""
    told: Mapping[str, str] = field(default_factory=dict)
    """Of the changes of suite and model: what each was and is, by name."""
    expected: Mapping[str, str] = field(default_factory=dict)
    """Of a run: the digest of the pixels that each case had."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Of a freeze: by package the digest of what it lists of its files."""
    notes: tuple[str, ...] = ()
    """What is not known of it."""


def side_of_file(path: Path, resolver: Resolver) -> Side:
    """Resolve a requirements file, by what it says of indexes itself and not the other side's.

    A pin ``==0.42.1`` is satisfied by ``0.42.1+patched`` too, wherever a folder has that.
    """
    own = replace(resolver, uv=replace(resolver.uv, options=()), known={})
    return Side(str(path), own.resolve([f"-r {path.absolute()}"]))


def index_options(path: Path, within: frozenset[Path] = frozenset()) -> tuple[str, ...]:
    """Return what a requirements file says of indexes as options of uv, folders absolute.

    So do the files that it takes in. ``${NAME}`` is a variable of the environment, as for pip.
    """
    options: list[str] = []
    within |= {path.resolve()}
    for line in path.read_text("utf-8", errors="replace").splitlines():
        if each := _INDEX_OPTION.match(line):
            name, link = _LONG.get(each[1], each[1]), _expanded(each[2])
            options += [name] if link is None else [name, _absolute(link, path.parent)]
        elif each := _INCLUDED.match(line):
            other = path.parent / each[1]
            if other.is_file() and other.resolve() not in within:
                options += index_options(other, within)
    return tuple(options)


def _expanded(link: str | None) -> str | None:
    return link and re.sub(r"\$\{([A-Z0-9_]+)\}", lambda m: os.environ.get(m[1], m[0]), link)


def _absolute(link: str, folder: Path) -> str:
    beside = folder / link
    return str(beside.absolute()) if "://" not in link and beside.exists() else link


def side_of_run(run: RunRecord, resolver: Resolver, cases: Collection[str]) -> Side:
    """Rebuild where a run made these cases, by its list of packages or what else is on record."""
    expected = {each.id: each.pixels_sha256 for each in run.cases if each.pixels_sha256}
    freeze, environment = made_in(run, cases)
    if freeze is None:
        side = side_of_environment(run.run_id, environment, resolver)
    else:
        packages, notes = _frozen(freeze, resolver)
        side = Side(run.run_id, packages, files=freeze.files, notes=notes)
        side = _as_recorded(side, environment)
    return replace(side, expected=expected)


def made_in(
    run: RunRecord, cases: Collection[str]
) -> tuple[Freeze | None, Mapping[str, EnvironmentValue]]:
    """Return the packages and the environment in which a run, or a part of it, made these cases.

    Raises ``GoldenseedError`` where parts with other packages, variables or another instruction set
    made some of them each.
    """
    known = {json_sha256(each): each for each in (run.environment, *run.other_environments)}
    made = [each.environment_sha256 for each in run.cases if each.id in cases]
    parts = [each for each in run.parts if {*each.environments} & {*made}]
    found: dict[str, tuple[str, Freeze | None, Mapping[str, EnvironmentValue]]] = {}
    for part in parts:
        freeze = part.freeze or run.freeze
        environment = known.get(next(each for each in part.environments if each in made), {})
        what = [freeze and freeze.model_dump(), environment.get("cpu.capability")]
        key = json_sha256([*what, variables_of(environment), _pins(environment)])
        found.setdefault(key, (part.run_id, freeze, environment))
    if len(found) > 1:
        names = [name for name, _, _ in found.values()]
        raise GoldenseedError(
            f"{run.run_id} is put together of runs in {len(found)} environments: "
            f"{', '.join(names)}",
            fix="name one of these runs, or with --case the cases of one of them",
        )
    return next(((f, e) for _, f, e in found.values()), (run.freeze, run.environment))


def side_of_environment(
    name: str, environment: Mapping[str, EnvironmentValue], resolver: Resolver
) -> Side:
    """Rebuild what a fingerprint or a lock has: its packages pinned, the others as they resolve."""
    own = _pins(environment)
    pins = [exactly(*each) for each in own.items() if each[0] not in resolver.excluded]
    if not pins:
        raise GoldenseedError(
            f"{name} names no package", fix="name a run, a lock or a requirements file"
        )
    note = f"{name} lists {len(pins)} packages; what they need besides is as the index has it today"
    system, machine, python = (
        str(environment.get(key) or "")
        for key in ("platform.system", "platform.machine", "python.version")
    )
    notes = _elsewhere(f"{system}-{machine}".lower() if system and machine else "", python)
    return _as_recorded(Side(name, resolver.resolve(pins), notes=(note, *notes)), environment)


def _pins(environment: Mapping[str, EnvironmentValue]) -> dict[str, str]:
    """Return the versions of the packages that a fingerprint names."""
    return {
        normalised(key.removeprefix(_PACKAGE)): version
        for key, version in environment.items()
        if key.startswith(_PACKAGE) and isinstance(version, str)
    }


def _as_recorded(side: Side, environment: Mapping[str, EnvironmentValue]) -> Side:
    """Give a side the variables and the instruction set that are on record."""
    variables = variables_of(environment)
    isa = str(environment.get("cpu.capability", "")).lower()
    own = _instruction_set(str(dict(read_machine()).get("cpu.isa") or "").split())
    levels = list(ISA_VARIABLES)
    if isa not in levels or own is None or isa == own or variables.get(_CAPPED) is not None:
        return replace(side, variables=variables)
    if levels.index(isa) > levels.index(own):
        note = f"{side.name} was computed with {isa}, and this processor has {own} only"
        return replace(side, variables=variables, notes=(*side.notes, note))
    capped = {name: value for name, value in variables.items() if name not in ISA_VARIABLES[isa]}
    return replace(side, variables=capped, isa=isa)


def _instruction_set(flags: Collection[str]) -> str | None:
    """Return what torch takes of a processor with these flags; None for one that is no x86-64."""
    if not any(flag.startswith("sse4") for flag in flags):
        return None
    widest = {"avx512f", "avx512bw", "avx512dq", "avx512vl"}
    return "avx512" if widest <= {*flags} else "avx2" if "avx2" in flags else "default"


def variables_of(environment: Mapping[str, EnvironmentValue]) -> dict[str, str | None]:
    """Return the environment variables that change the arithmetic, as they are on record."""
    return {
        name: None if value is None else str(value)
        for name in VARIABLES
        if (key := f"{VARIABLE}{name}") in environment and (value := environment[key]) != ""
    }


def side_of_freeze(name: str, freeze: Freeze, resolver: Resolver) -> Side:
    """Rebuild an environment from the list of its packages."""
    packages, notes = _frozen(freeze, resolver)
    return Side(name, packages, files=freeze.files, notes=notes)


def _frozen(freeze: Freeze, resolver: Resolver) -> tuple[Packages, tuple[str, ...]]:
    """Resolve what takes part in images and what that needs, all as it was frozen.

    A set that does not fit together, as pip leaves it after ``--no-deps``, is taken as it is.
    """
    known = {normalised(name): version for name, version in freeze.packages.items()}
    roots = [n for n in (*PACKAGES, *OPTIONAL_PACKAGES, *map(normalised, TOOLS[:1])) if n in known]
    wanted = [exactly(n, known[n]) for n in roots if n not in resolver.excluded]
    if from_folders := sorted({*freeze.local} & {*roots}):
        raise GoldenseedError(
            f"{', '.join(from_folders)} was installed from a folder or a repository, which no "
            "index has",
            fix="build a wheel of it (pip wheel --no-deps), and name a requirements file that has "
            "the wheel's path",
        )
    if not wanted:
        raise GoldenseedError(
            "its list of packages names none that makes images", fix="name another side"
        )
    pins = [exactly(*each) for each in known.items() if each[0] not in freeze.local]
    notes = tuple(_frozen_notes(freeze))
    try:
        return resolver.resolve(wanted, constraints=pins), notes
    except Unresolvable:
        everything = [pin for pin in pins if pin.partition("==")[0] not in resolver.excluded]
        note = "the packages of this side do not fit together by their own word: taken as they are"
        return resolver.resolve(everything, dependencies=False), (*notes, note)


def _frozen_notes(freeze: Freeze) -> Iterator[str]:
    yield from _elsewhere(freeze.platform, freeze.python)
    if freeze.local:
        left_out = ", ".join(freeze.local)
        yield f"installed from a folder or a repository there, and left out here: {left_out}"


def _elsewhere(there: str, python: str) -> Iterator[str]:
    """Say that a side is of another platform (``linux-x86_64``) or Python; empty if not known."""
    here = f"{sys.platform}-{platform.machine()}".lower()
    if there and there != here:
        yield f"made on {there}, rebuilt on {here}: the same releases, other files"
    if python and python.split(".")[:2] != platform.python_version().split(".")[:2]:
        yield f"made with Python {python}, rebuilt with {platform.python_version()}"
