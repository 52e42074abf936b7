"""Names that become names of files, on every system."""

from __future__ import annotations

import re

from harness.suites.section import NAME_PATTERN

RESERVED_SUITES = frozenset({"images", "environments"})
"""Folders of the baseline store, beside which each suite gets its own."""

_DEVICES = frozenset(
    {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)}
)
"""Windows opens a device for these, with any extension (Microsoft, "Naming Files, Paths, and
Namespaces")."""


def name_fault(name: str, *, is_suite: bool = False) -> str | None:
    """Say why ``name`` cannot be used, as the rest of a sentence that begins with it, or None.

    A name whose characters the schema refuses is passed over.
    """
    if not re.match(NAME_PATTERN, name):
        return None
    if ".." in name:
        return "holds `..`, which leads out of a folder"
    if name.endswith("."):
        return "ends with a dot, which Windows drops"
    if name.split(".", 1)[0].casefold() in _DEVICES:
        return "is the name of a device on Windows"
    if is_suite and name.casefold() in RESERVED_SUITES:
        return "is the name of a folder in the baseline store"
    return None
