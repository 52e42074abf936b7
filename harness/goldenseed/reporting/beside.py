"""What sets and relations, which stand beside the cases of a run, say of themselves alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from goldenseed.runs.parts import SetRecord
    from goldenseed.runs.relation_record import RelationRecord


class BesideCases:
    """A view of a record that has a state and a place in a suite file."""

    __slots__ = ()
    meanings: ClassVar[Mapping[str, str]]
    """One sentence for each state, worst first."""
    if TYPE_CHECKING:

        @property
        def record(self) -> SetRecord | RelationRecord:
            """What the run has on record."""

        @property
        def state(self) -> str:
            """What became of it: ``held``, ``broken``."""

    @property
    def place(self) -> str:
        """Where it stands: ``suites/cats.suite.yaml:31``."""
        line = self.record.line
        return self.record.path if line is None else f"{self.record.path}:{line}"

    @property
    def meaning(self) -> str:
        """What its state means, in a sentence."""
        return self.meanings[self.state]
