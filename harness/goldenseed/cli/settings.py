"""pytest's own settings file: the lines that tell where baselines and reports lie."""

from __future__ import annotations

import re
from pathlib import Path

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular, write_atomically

LIMIT_BYTES = 16 * 2**20


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
