"""The indexes that pip is set up for, as options of uv."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_SECTIONS = ("global", "install", ":env:")
"""Where pip looks, the strongest last."""


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
