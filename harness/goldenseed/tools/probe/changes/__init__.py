"""The changes that are tried, one module a family."""

from __future__ import annotations

import re

from goldenseed.core.errors import GoldenseedError
from goldenseed.tools.probe.change import Change
from goldenseed.tools.probe.changes import execution, kernels, memory

FAMILIES = (
    execution.process_changes,
    memory.batch_changes,
    kernels.attention_changes,
    kernels.precision_changes,
    memory.memory_changes,
    execution.adapter_changes,
    execution.compilation_changes,
)
_THREADS = re.compile(r"threads-([1-9]\d{0,3})")


def all_changes() -> tuple[Change, ...]:
    """Return every change, in the order in which it is tried and shown."""
    return tuple(change for family in FAMILIES for change in family())


def change_named(name: str) -> Change:
    """Return the change of that name; ``threads-7`` is one as well as the ``threads-2`` listed.

    Raises GoldenseedError where there is none.
    """
    known = all_changes()
    found = next((each for each in known if each.name == name), None)
    if found is None and (number := _THREADS.fullmatch(name)):
        found = execution.threads(int(number[1]))
    if found is None:
        names = ", ".join(each.name for each in known)
        raise GoldenseedError(f"there is no change {name!r}", fix=f"use some of {names}")
    return found
