"""The two sides of a search: what packages and variables each has, and where that is known from."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from goldenseed.bisect.packages import Packages, normalised
from goldenseed.bisect.resolver import Resolver, Unresolvable
from goldenseed.bisect.suspects import VARIABLE
from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.device import VARIABLES as ISA_VARIABLES
from goldenseed.environment.freeze import Freeze, read_freeze
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
    r"^\s*(--find-links|-f|--index-url|-i|--extra-index-url|--no-index)(?:[ =]+(\S+))?\s*$"
)
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


def index_options(path: Path) -> tuple[str, ...]:
    """Return what a requirements file says of indexes as options of uv, folders absolute."""
    found = map(_INDEX_OPTION.match, path.read_text("utf-8", errors="replace").splitlines())
    options: list[str] = []
    for each in filter(None, found):
        name = _LONG.get(each[1], each[1])
        options += [name] if each[2] is None else [name, _absolute(each[2], path.parent)]
    return tuple(options)


def _absolute(link: str, folder: Path) -> str:
    beside = folder / link
    return str(beside.absolute()) if "://" not in link and beside.exists() else link


def side_of_run(run: RunRecord, resolver: Resolver) -> Side:
    """Rebuild where a run was, by its list of packages or by what else is on record."""
    expected = {case.id: case.pixels_sha256 for case in run.cases if case.pixels_sha256}
    if run.freeze is None:
        side = side_of_environment(run.run_id, run.environment, resolver)
    else:
        packages, notes = _frozen(run.freeze, resolver)
        side = Side(run.run_id, packages, files=run.freeze.files, notes=notes)
        side = _as_recorded(side, run.environment)
    return replace(side, expected=expected)


def side_of_environment(
    name: str, environment: Mapping[str, EnvironmentValue], resolver: Resolver
) -> Side:
    """Rebuild what a fingerprint or a lock has: its packages pinned, the others as they resolve."""
    names = (
        normalised(key.removeprefix(_PACKAGE)) for key in environment if key.startswith(_PACKAGE)
    )
    values = (value for key, value in environment.items() if key.startswith(_PACKAGE))
    pins = [
        f"{each}=={version}"
        for each, version in zip(names, values, strict=True)
        if isinstance(version, str) and each not in resolver.excluded
    ]
    if not pins:
        raise GoldenseedError(
            f"{name} names no package", fix="name a run, a lock or a requirements file"
        )
    note = f"{name} lists {len(pins)} packages; what they need besides is as the index has it today"
    return _as_recorded(Side(name, resolver.resolve(pins), notes=(note,)), environment)


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
    wanted = [f"{n}=={known[n]}" for n in roots if n not in resolver.excluded]
    if not wanted:
        raise GoldenseedError(
            "its list of packages names none that makes images", fix="name another side"
        )
    pins = [f"{name}=={version}" for name, version in known.items() if name not in freeze.local]
    notes = tuple(_platform_notes(freeze))
    try:
        return resolver.resolve(wanted, constraints=pins), notes
    except Unresolvable:
        everything = [pin for pin in pins if pin.partition("==")[0] not in resolver.excluded]
        note = "the packages of this side do not fit together by their own word: taken as they are"
        return resolver.resolve(everything, dependencies=False), (*notes, note)


def _platform_notes(freeze: Freeze) -> Iterator[str]:
    here = read_freeze()
    if freeze.platform != here.platform:
        other = "the same releases, other files"
        yield f"frozen on {freeze.platform}, rebuilt on {here.platform}: {other}"
    if _minor(freeze.python) != _minor(here.python):
        yield f"frozen with Python {freeze.python}, rebuilt with {here.python}"
    if freeze.local:
        yield f"installed from a folder there, and left out here: {', '.join(freeze.local)}"


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
