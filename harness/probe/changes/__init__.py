"""The changes that are tried, one module a family."""

from __future__ import annotations

from harness.probe.change import Change
from harness.probe.changes import (
    adapters,
    attention,
    batch,
    compilation,
    memory,
    precision,
    process,
)

FAMILIES = (process, batch, attention, precision, memory, adapters, compilation)


def all_changes() -> tuple[Change, ...]:
    """Return every change, in the order in which it is tried and shown."""
    return tuple(change for family in FAMILIES for change in family.changes())
