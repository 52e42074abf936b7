"""The changes that are tried, one module a family."""

from __future__ import annotations

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


def all_changes() -> tuple[Change, ...]:
    """Return every change, in the order in which it is tried and shown."""
    return tuple(change for family in FAMILIES for change in family())
