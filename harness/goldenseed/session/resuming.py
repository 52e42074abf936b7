"""What a session takes over of a run that it goes on with, and what it says of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from goldenseed.core.listing import first_of
from goldenseed.environment.keys import EnvironmentValue
from goldenseed.runs.record import CaseRecord
from goldenseed.runs.resume import Earlier, NotTakenError, TakenOver, earlier_runs, folder_of
from goldenseed.session.options import Options

_NAMED = 3


def earlier_of(options: Options) -> Earlier:
    """Read the run that the options name; none where they name none."""
    folder = earlier_folder(options) if options.resume else None
    return Earlier() if folder is None else earlier_runs(folder)


def earlier_folder(options: Options) -> Path | None:
    """Return the folder of the run that the options name; None where ``last`` is none."""
    shard = options.sharded
    return folder_of(options.reports, options.resume, shard.words if shard else None)


@dataclass
class Resuming:
    """Takes images over in one process, and remembers for which cases that was not possible."""

    earlier: Earlier
    trace: str
    _taken: int = 0
    _again: dict[str, str] = field(default_factory=dict)

    def taken(
        self, asked: CaseRecord, environment: Mapping[str, EnvironmentValue], *, flagged: bool
    ) -> TakenOver | None:
        """Return the image of a case that need not be made again; as ``Earlier.taken``."""
        if not self.earlier.knows(asked.path, asked.id):
            return None
        try:
            found = self.earlier.taken(asked, environment, trace=self.trace, flagged=flagged)
        except NotTakenError as error:
            self._again[f"{asked.suite}::{asked.id}"] = error.what
            return None
        self._taken += 1
        return found

    def news(self) -> dict[str, object] | None:
        """Return what was taken over since this was last asked, as plain data."""
        if not self._taken and not self._again:
            return None
        found = {"taken": self._taken, "again": self._again}
        self._taken, self._again = 0, {}
        return found

    def hear(self, news: Mapping[str, object] | None) -> None:
        """Take over what another process took over."""
        count = TakenCount(Earlier(), self._taken, self._again)
        if news is not None:
            count.add(news)
        self._taken, self._again = count.taken, count.again


@dataclass
class TakenCount:
    """What all processes of a session took over."""

    earlier: Earlier
    taken: int = 0
    again: dict[str, str] = field(default_factory=dict)

    def add(self, news: Mapping[str, object]) -> None:
        """Count what one process says."""
        taken, again = news.get("taken"), news.get("again")
        self.taken += taken if isinstance(taken, int) else 0
        self.again |= again if isinstance(again, dict) else {}

    def lines(self) -> list[str]:
        """Say what was gone on with, and what was made again and why."""
        if not self.earlier.runs:
            return []
        names = ", ".join(each.record.run_id for each in self.earlier.runs)
        lines = [f"gone on with {names}: {self.taken:,} images taken over"]
        for why in dict.fromkeys(self.again.values()):
            cases = [name for name, each in self.again.items() if each == why]
            lines.append(f"made again, {why}: {len(cases):,} cases: {first_of(cases, _NAMED)}")
        return lines
