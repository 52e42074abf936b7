"""The changes that are tried, one module a family."""

from __future__ import annotations

from goldenseed.tools.probe.change import Change
from goldenseed.tools.probe.changes import attention, batch, execution, memory, precision

FAMILIES = (
    execution.process_changes,
    batch.changes,
    attention.changes,
    precision.changes,
    memory.changes,
    execution.adapter_changes,
    execution.compilation_changes,
)


def all_changes() -> tuple[Change, ...]:
    """Return every change, in the order in which it is tried and shown."""
    return tuple(change for family in FAMILIES for change in family())
