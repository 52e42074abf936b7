"""The indexes that pip is set up for, and those of requirements files, as options of uv."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

_SECTIONS = ("global", "install", ":env:")
"""Where pip looks, the strongest last."""
_INDEX_OPTION = re.compile(
    r"^\s*(--find-links|-f|--index-url|-i|--extra-index-url|--no-index)(?:[ =]+(\S+))?\s*(?:#.*)?$"
)
_INCLUDED = re.compile(r"^\s*(?:-r|--requirement|-c|--constraint)[ =]*(\S+)")
_LONG = {"-f": "--find-links", "-i": "--default-index", "--index-url": "--default-index"}


@dataclass(frozen=True, slots=True)
class Index:
    """How uv is called so that it finds what pip finds."""

    options: tuple[str, ...] = ()
    """Of ``uv pip``."""
    constraints: tuple[str, ...] = ()
    """Constraints files of pip's configuration, which resolving heeds."""
    variables: tuple[tuple[str, str], ...] = ()
    """Environment variables of the process."""


def pip_index() -> Index:
    """Ask this interpreter's pip for its configuration; without pip, uv has its own."""
    asked = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    return translated(configured(asked.stdout if asked.returncode == 0 else ""))


def configured(listing: str) -> dict[str, str]:
    """Read what ``pip config list`` prints: each key with the value that counts."""
    found: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
    for line in listing.splitlines():
        place, equals, value = line.partition("=")
        section, _, key = place.rpartition(".")
        if not equals or section not in found:
            continue
        try:
            text = ast.literal_eval(value)
        except (SyntaxError, ValueError):
            text = value
        found[section][key.replace("_", "-")] = str(text)
    return {key: value for section in _SECTIONS for key, value in found[section].items()}


def translated(settings: Mapping[str, str]) -> Index:
    """Return the options of uv that say the same.

    pip takes the best version of all indexes, so uv is told to (``unsafe-best-match``).
    """
    variables = (("SSL_CERT_FILE", settings["cert"]),) if settings.get("cert") else ()
    return Index(
        options=("--index-strategy", "unsafe-best-match", *_options(settings)),
        constraints=tuple(settings.get("constraint", "").split()),
        variables=variables,
    )


def _options(settings: Mapping[str, str]) -> Iterator[str]:
    for key, option in (
        ("index-url", "--default-index"),
        ("extra-index-url", "--index"),
        ("find-links", "--find-links"),
        ("trusted-host", "--allow-insecure-host"),
    ):
        for value in settings.get(key, "").split():
            yield from (option, value)
    if settings.get("no-index", "").lower() in {"1", "true", "yes", "on"}:
        yield "--no-index"
    if settings.get("pre", "").lower() in {"1", "true", "yes", "on"}:
        yield from ("--prerelease", "allow")


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


def joint_options(
    before: Sequence[str], given: Sequence[Sequence[str]], *, sides: int
) -> tuple[str, ...]:
    """Return what finds the files of all sides: what requirements files say, beside ``before``.

    There is one default index; any other is one more. ``--no-index`` of one side is none of
    another's.
    """
    options: list[str] = []
    for each in given:
        words = iter(each)
        for name in words:
            if name == "--no-index":
                continue
            link = next(words)
            known = [*pairwise(before), *pairwise(options)]
            default = name == "--default-index" and any(option == name for option, _ in known)
            if (name, link) not in known:
                options += ["--index" if default else name, link]
    if len(given) == sides and all("--no-index" in each for each in given):
        options.append("--no-index")
    return tuple(options)


def _expanded(link: str | None) -> str | None:
    return link and re.sub(r"\$\{([A-Z0-9_]+)\}", lambda m: os.environ.get(m[1], m[0]), link)


def _absolute(link: str, folder: Path) -> str:
    beside = folder / link
    return str(beside.absolute()) if "://" not in link and beside.exists() else link
