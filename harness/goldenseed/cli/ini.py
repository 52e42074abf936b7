"""The settings that pytest reads from its ini file, as defaults of the command's options."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path

from goldenseed.cli.settings import LIMIT_BYTES, PLACES
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular

_FILES = tuple(dict.fromkeys(name for name, _ in PLACES))
_OURS = b"golden_"
_DEFAULTS = {"reports": "reports", "baselines": "baselines", "device": "auto"}


def ini_defaults(verbs: Iterable[str]) -> dict[str, dict[str, Callable[[], str]]]:
    """Return click's ``default_map``: what the ini file says, read when an option wants it."""
    settings = cache(lambda: ini_settings(Path.cwd()))

    def of(name: str) -> Callable[[], str]:
        return lambda: settings().get(name, _DEFAULTS[name])

    return {verb: {name: of(name) for name in _DEFAULTS} for verb in verbs}


def ini_settings(folder: Path) -> Mapping[str, str]:
    """Return the golden settings that pytest, started in ``folder``, takes from its ini file.

    Folders are relative to ``folder`` where they lie in it; of several devices it is the first.

    Raises:
        GoldenseedError: pytest would not read the file either.

    """
    candidates = [
        file
        for base in (folder, *folder.parents)
        for file in (base / name for name in _FILES)
        if file.is_file()
    ]
    if not any(_OURS in read_regular(file, LIMIT_BYTES) for file in candidates):
        return {}  # pytest's reader takes longer to import than most verbs take
    for file in candidates:
        values = _read(file)
        if values is not None:
            found = {
                name: str(getattr(values[key], "value", values[key]))
                for name in _DEFAULTS
                if (key := f"golden_{name}") in values
            }
            return {name: _as_given(name, text, file, folder) for name, text in found.items()}
    return {}


def _read(file: Path) -> Mapping[str, object] | None:
    """Read an ini file as pytest does; None where pytest looks for the next one."""
    from _pytest.config.exceptions import UsageError
    from _pytest.config.findpaths import load_config_dict_from_file
    from _pytest.outcomes import Failed

    try:
        return load_config_dict_from_file(file)
    except (UsageError, Failed, UnicodeDecodeError) as error:
        what = str(error).removeprefix(f"{file}: ")
        raise GoldenseedError(
            what, path=file, fix="pytest cannot read it either: mend it"
        ) from None


def _as_given(name: str, text: str, file: Path, folder: Path) -> str:
    if name == "device":
        return text.partition(",")[0]
    place = file.parent / text
    return str(place.relative_to(folder) if place.is_relative_to(folder) else place)
