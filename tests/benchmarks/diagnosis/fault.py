"""A fault: what is done to one side of a comparison, and what it is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from tests.benchmarks.diagnosis.bases import SEED

TABLE = Path(__file__).with_name("faults.yaml")
PAIRS = Path(__file__).with_name("pairs.yaml")
"""Two at once: a change that only rounds otherwise, and a small real one."""
KINDS = Path(__file__).with_name("kinds.yaml")
"""What people reported, on pipelines of other kinds too; some rows are two real changes at once."""


@dataclass(frozen=True)
class Fault:
    """One row of ``faults.yaml``."""

    name: str
    base: str
    """A key of ``bases.BASES``."""
    label: str | None
    """The true cause's slug; None for a control, in which nothing is wrong."""
    severity: str
    beside: str | None = None
    """The true cause of the rounding beside it; None where one thing is done at a time."""
    suite: Mapping[str, Any] = field(default_factory=dict)
    """Changes of the suite: a dotted place and the value there."""
    files: tuple[Mapping[str, Any], ...] = ()
    """Changes of the model's files: an ``edit`` of ``model_edits`` and its options."""
    process: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of a process of its own."""
    inject: tuple[Mapping[str, Any], ...] = ()
    """What is done to the loaded pipeline: ``what`` of ``injections`` and its options."""
    seed: int = SEED
    """Of the case, on both sides."""
    fresh: bool = False
    """Written before the rules were changed last, and never used to change them: told apart."""
    note: str = ""
    """How the fault is simulated, or what else is to be known."""

    @property
    def held_out(self) -> bool:
        """Whether its misses are kept from who writes the rules: by the name's digest."""
        return sha256(self.name.encode()).digest()[0] % 2 == 1

    def what_is_done(self) -> dict[str, Any]:
        """Return all that decides the evidence; neither label nor note do."""
        shown = asdict(self)
        return {key: shown[key] for key in ("base", "seed", "suite", "files", "process", "inject")}


def read_faults(table: Path = TABLE) -> tuple[Fault, ...]:
    """Read the table of faults."""
    rows = yaml.safe_load(table.read_text(encoding="utf-8"))
    found = tuple(
        Fault(**{**row, **{key: tuple(row.get(key, ())) for key in ("files", "inject")}})
        for row in rows
    )
    names = [fault.name for fault in found]
    if len(set(names)) != len(names):
        raise ValueError("two faults have one name")
    return found
