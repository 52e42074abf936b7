"""pytest's settings: read as defaults of the command's options, and ours added to their file."""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular, write_atomically

LIMIT_BYTES = 16 * 2**20
PLACES = (
    ("pytest.toml", "[pytest]"),
    (".pytest.toml", "[pytest]"),
    ("pytest.ini", "[pytest]"),
    (".pytest.ini", "[pytest]"),
    ("pyproject.toml", "[tool.pytest]"),
    ("pyproject.toml", "[tool.pytest.ini_options]"),
    ("tox.ini", "[pytest]"),
    ("setup.cfg", "[tool:pytest]"),
)
"""Where pytest looks for its settings, in its own order."""
SETTINGS = (("golden_baselines", "baselines"), ("golden_reports", "reports"))
_FILES = tuple(dict.fromkeys(name for name, _ in PLACES))
_ALWAYS = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini")
"""Those that count also where they say nothing."""
_OURS = b"golden"
_DEFAULTS = {"reports": "reports", "baselines": "baselines", "device": "auto"}
_ADDED = "PYTEST_ADDOPTS"


def ini_defaults(verbs: Iterable[str]) -> dict[str, dict[str, Callable[[], str]]]:
    """Return click's ``default_map``: what the ini file says, read when an option wants it."""
    settings = cache(lambda: ini_settings(Path.cwd()))

    def of(name: str) -> Callable[[], str]:
        return lambda: settings().get(name, _DEFAULTS[name])

    return {verb: {name: of(name) for name in _DEFAULTS} for verb in verbs}


def ini_settings(folder: Path) -> Mapping[str, str]:
    """Return the golden settings that a pytest started in ``folder`` has without further options.

    They are those of its ini file, before them the options in that file's ``addopts``, and before
    these the ones in the variable ``PYTEST_ADDOPTS``. Folders are relative to ``folder`` where they
    lie in it; of several devices it is the first.

    Raises:
        GoldenseedError: pytest would not read the file either.

    """
    candidates = [
        file
        for base in (folder, *folder.parents)
        for file in (base / name for name in _FILES)
        if file.is_file()
    ]
    ours = any(_OURS in read_regular(file, LIMIT_BYTES) for file in candidates)
    file, values = _chosen(candidates) if ours else (None, {})
    keys = {name: f"golden_{name}" for name in _DEFAULTS}
    found = {name: str(values[key]) for name, key in keys.items() if key in values}
    root = folder if file is None else file.parent
    found |= _options(values.get("addopts", ""), file)
    found |= _options(os.environ.get(_ADDED, ""), None)
    return {name: _as_given(name, text, root, folder) for name, text in found.items()}


def pytest_root(folder: Path) -> Path:
    """Return the root that a pytest started in ``folder`` takes: that of its ini file, or there.

    Raises:
        GoldenseedError: pytest would not read the file either.

    """
    places = (base / name for base in (folder, *folder.parents) for name in _FILES)
    file, _ = _chosen(each for each in places if each.is_file())
    return folder if file is None else file.parent


def _chosen(candidates: Iterable[Path]) -> tuple[Path | None, Mapping[str, Any]]:
    """Find the one file that pytest reads, and its settings."""
    read = ((file, _read(file)) for file in candidates)
    return next(((file, values) for file, values in read if values is not None), (None, {}))


def _read(file: Path) -> Mapping[str, Any] | None:
    """Read an ini file as pytest does; None where pytest looks for the next one.

    pytest's own reader takes longer to import than most verbs take.
    """
    found = (_of_toml if file.suffix == ".toml" else _of_ini)(file, read_text(file))
    return {} if found is None and file.name in _ALWAYS else found


def _of_toml(file: Path, text: str) -> Mapping[str, Any] | None:
    try:
        found: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _refusal(file, str(error)) from None
    for key in ("pytest",) if file.name in _ALWAYS else ("tool", "pytest"):
        found = found.get(key, {})
        if not isinstance(found, dict):
            raise _refusal(file, f"{key} is no table")
    return found.get("ini_options", found or None)  # type: ignore[no-any-return]


def _of_ini(file: Path, text: str) -> Mapping[str, Any] | None:
    from iniconfig import IniConfig, ParseError  # most verbs meet none

    try:
        sections = IniConfig(str(file), data=text).sections
    except ParseError as error:
        raise _refusal(file, str(error)) from None
    if file.suffix != ".cfg":
        return sections.get("pytest")
    if "pytest" in sections and "tool:pytest" not in sections:
        raise _refusal(file, "[pytest] is called [tool:pytest] here")
    return sections.get("tool:pytest")


def _refusal(file: Path, what: str) -> GoldenseedError:
    what = what.removeprefix(f"{file}:").strip()
    return GoldenseedError(what, path=file, fix="pytest cannot read it either: mend it")


def _options(added: object, file: Path | None) -> dict[str, str]:
    """Return the golden options among those that are added to pytest's command line."""
    try:
        words = list(map(str, added)) if isinstance(added, list) else shlex.split(str(added))
    except ValueError as error:
        source = _ADDED if file is None else "addopts"
        fix = "pytest cannot read it either: mend it"
        raise GoldenseedError(f"{source}: {error}", path=file, fix=fix) from None
    return dict(_given(words))


def _given(words: list[str]) -> Iterator[tuple[str, str]]:
    for place, word in enumerate(words):
        option, equals, value = word.partition("=")
        name = option.removeprefix("--golden-")
        if option == f"--golden-{name}" and name in _DEFAULTS:
            yield name, value if equals else next(iter(words[place + 1 :]), "")


def _as_given(name: str, text: str, root: Path, folder: Path) -> str:
    if name == "device":
        return text.partition(",")[0]
    place = root / text
    return str(place.relative_to(folder) if place.is_relative_to(folder) else place)


def read_text(file: Path) -> str:
    """Read a text file with its line endings as they are; GoldenseedError if it is not UTF-8."""
    try:
        return read_regular(file, LIMIT_BYTES).decode("utf-8")
    except UnicodeDecodeError as error:
        line = read_regular(file, LIMIT_BYTES).count(b"\n", 0, error.start) + 1
        raise GoldenseedError(
            "is not UTF-8",
            path=file,
            line=line,
            fix="save it as UTF-8, and run this again",
        ) from error


def line_end(text: str) -> str:
    """Return the line ending that ``text`` uses."""
    return "\r\n" if "\r\n" in text else "\n"


def add_ini_block(folder: Path) -> list[str]:
    """Add the golden settings to the settings file pytest uses in ``folder``; say what was done.

    A settings file also makes ``folder`` pytest's root, from which both paths are taken.
    """
    for name, header in PLACES:
        file = folder / name
        if not file.is_file():
            continue
        text = read_text(file)
        found = re.search(
            rf"^{re.escape(header)}[ \t]*(#[^\r\n]*)?(?=\r?$)", text, flags=re.MULTILINE
        )
        if not found and not name.endswith(("pytest.ini", "pytest.toml")):
            continue
        return _extend(file, text, found, header)
    file = folder / "pytest.ini"
    lines = "".join(f"{key} = {value}\n" for key, value in SETTINGS)
    write_atomically(file, f"[pytest]\n{lines}".encode())
    return ["wrote pytest.ini"]


def _extend(file: Path, text: str, found: re.Match[str] | None, header: str) -> list[str]:
    quote = '"' if file.suffix == ".toml" else ""
    line = line_end(text)
    missing = [
        f"{key} = {quote}{value}{quote}{line}"
        for key, value in SETTINGS
        if not re.search(rf"^\s*{key}\s*=", text, flags=re.MULTILINE)
    ]
    if not missing:
        return []
    if found is None:
        text = f"{header}{line}{''.join(missing)}{text}"
    else:
        end = found.end()
        rest = text[end:].removeprefix(line)
        text = f"{text[:end]}{line}{''.join(missing)}{rest}"
    write_atomically(file, text.encode())
    return [f"added {len(missing)} lines to {file.name}"]
