"""Commands that a reader may copy: they work in the project's root, and touch what they name."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

DEFAULT_REPORTS = "reports"
DEFAULT_BASELINES = "baselines"
REASON = '"…"'
"""What stands in a printed command for the reason; nothing is accepted with it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run and its baselines are, as a command has to name them."""

    run: str
    """The run's id where it lies in the default folder, else the path of its folder."""
    baselines: str | None = None
    """Their folder, where it is not the default one."""
    of_a_suite: bool = True
    """Whether its cases are those of suites: nothing else is accepted, measured or run again."""

    @classmethod
    def of(cls, run_id: str, *, reports: Path, baselines: Path, root: Path) -> Place:
        """Name a run of the project in ``root``; folders outside of it by their whole path."""
        kept, accepted = _from(root, reports), _from(root, baselines)
        return cls(
            run=run_id if kept == DEFAULT_REPORTS else f"{kept}/{run_id}",
            baselines=None if accepted == DEFAULT_BASELINES else accepted,
        )

    @classmethod
    def of_folder(cls, folder: Path, baselines: Path = Path(DEFAULT_BASELINES)) -> Place:
        """Name a run by its folder, for commands that are run where this one is."""
        here = Path.cwd()
        return cls.of(
            folder.name, reports=here / folder.parent, baselines=here / baselines, root=here
        )

    def accepting(self, *names: str) -> tuple[str, ...]:
        """Return the shell's words, quoted, that accept ``suite::case``, or a placeholder for it.

        The reason is left to whoever decides.
        """
        return self._decided("accept", names)

    def rejecting(self, *names: str) -> tuple[str, ...]:
        """Return the words that declare ``suite::case`` wrong, the reason left open likewise."""
        return self._decided("reject", names)

    def deciding(self) -> tuple[str, ...]:
        """Return the words that apply the decisions which the page exported."""
        if not self.of_a_suite:
            return ()
        words = ("goldenseed", "accept", shlex.quote(self.run), "--from", "decisions.json")
        return (*words, *self._folder)

    def _decided(self, verb: str, names: tuple[str, ...]) -> tuple[str, ...]:
        if not self.of_a_suite:
            return ()
        cases = map(shlex.quote, names) if names else ("SUITE::CASE…",)
        words = ("goldenseed", verb, shlex.quote(self.run), *cases)
        return (*words, *self._folder, "--reason", REASON)

    def running(self, suite: str, case: str, *, deep: bool = False) -> tuple[str, ...]:
        """Return the words that run a case of a suite's file again, every layer traced if deep."""
        if not self.of_a_suite:
            return ()
        words = ("pytest", shlex.quote(f"{suite}::{case}"))
        return (*words, "--golden-trace=deep") if deep else words

    def bisecting(self, suite: str, case: str) -> tuple[str, ...]:
        """Return the words that find which package moved a case of a suite's file in this run."""
        if not self.of_a_suite:
            return ()
        words = ("goldenseed", "bisect", shlex.quote(suite), "--case", shlex.quote(case))
        return (*words, "--bad", shlex.quote(self.run), *self._folder)

    def calibrating(self, suite: str, case: str, harmless: str) -> tuple[str, ...]:
        """Return the words that measure a case of a suite's file, under named harmless changes."""
        if not self.of_a_suite:
            return ()
        words = ("goldenseed", "calibrate", shlex.quote(suite), shlex.quote(case), *self._folder)
        return (*words, "--harmless", shlex.quote(harmless)) if harmless else words

    def renaming(self, *names: str) -> tuple[str, ...]:
        """Return the words that move baselines to the names their cases have now."""
        words = ("goldenseed", "accept", shlex.quote(self.run), *map(shlex.quote, names))
        return (*words, "--renamed", *self._folder, "--reason", REASON)

    def pruning(self) -> tuple[str, ...]:
        """Return the words that list what of the baselines belongs to nothing."""
        return ("goldenseed", "prune", shlex.quote(self.run), *self._folder)

    @property
    def _folder(self) -> tuple[str, ...]:
        return () if self.baselines is None else ("--baselines", shlex.quote(self.baselines))


def _from(root: Path, folder: Path) -> str:
    return (folder.relative_to(root) if folder.is_relative_to(root) else folder).as_posix()
