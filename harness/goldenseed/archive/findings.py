"""What a verifier answers: numbered levels, each passed, failed or not checked, with findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from goldenseed.reporting.words import outcome, suites_of
from goldenseed.runs.record import RunRecord


class Level(IntEnum):
    """What is verified, in this order."""

    STRUCTURE = 1
    FIXITY = 2
    SIGNATURE = 3
    JUDGEMENT = 4
    REPLAY = 5


OFFLINE = tuple(level for level in Level if level is not Level.REPLAY)
"""The levels that need nothing but the archive: without the model nothing is made again."""


class Status(StrEnum):
    """What came of a level."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


QUESTIONS = {
    Level.STRUCTURE: "Are all files there, and no others?",
    Level.FIXITY: "Is every file the one that was archived?",
    Level.SIGNATURE: "Did somebody whom you trust sign it?",
    Level.JUDGEMENT: "Do the images bear out what the record says?",
    Level.REPLAY: "Does the model still make these images?",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be."""

    code: str
    """What kind: ``extra_file``, ``digest_differs``, ``verdict_differs``, …"""
    place: str
    """The file inside the archive, or the case: ``tiny::red-apple[seed=1]``."""
    what: str
    """A sentence for people."""


@dataclass(frozen=True, slots=True)
class LevelResult:
    """What came of one level."""

    level: Level
    status: Status
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    """What was shown, or why it was not checked, a sentence each."""

    @classmethod
    def of(
        cls, level: Level, findings: Sequence[Finding], notes: Sequence[str] = ()
    ) -> LevelResult:
        """Make the result of a level that was checked."""
        status = Status.FAILED if findings else Status.PASSED
        return cls(level, status, tuple(findings), tuple(notes))

    @classmethod
    def not_checked(cls, level: Level, *why: str) -> LevelResult:
        """Make the result of a level that was not."""
        return cls(level, Status.NOT_CHECKED, (), why)


@dataclass(frozen=True, slots=True)
class RunSaid:
    """What a record says of its run; level 4 says whether that follows from the images."""

    run_id: str
    outcome: str
    """``6 of 32 cases fail (26 identical, 6 drift)``"""
    made: str
    """Day, profile and suites."""

    @classmethod
    def of(cls, run: RunRecord) -> RunSaid:
        """Take it from the record."""
        counts = ", ".join(f"{count:,} {verdict.value}" for verdict, count in run.counts().items())
        suites = ", ".join(suites_of(run)) or "no suite"
        made = f"{run.started:%Y-%m-%d}, {run.profile or 'no profile'}, {suites}"
        return cls(run.run_id, f"{outcome(run)}{f' ({counts})' if counts else ''}", made)


@dataclass(frozen=True, slots=True)
class Verification:
    """All that verifying one archive found."""

    archive: str
    """Its path, as the caller named it."""
    digest: str | None
    """The SHA-256 of its ``tagmanifest-sha256.txt``, which stands for all of it; None without."""
    levels: tuple[LevelResult, ...]
    run: RunSaid | None = None
    """What its record says of itself; None where that could not be read, or was not asked for."""
    signers: tuple[str, ...] = ()
    """The fingerprints of the trusted keys that signed it."""

    def of(self, level: Level) -> LevelResult:
        """Return what came of one level."""
        return next(each for each in self.levels if each.level is level)

    @property
    def first_failed(self) -> Level | None:
        """The lowest level that failed."""
        return next((each.level for each in self.levels if each.status is Status.FAILED), None)

    @property
    def unchecked(self) -> tuple[Level, ...]:
        """The levels of which nothing is known: not checked, or of those offline not asked for."""
        known = {each.level for each in self.levels if each.status is not Status.NOT_CHECKED}
        wanted = {*OFFLINE, *(each.level for each in self.levels)}
        return tuple(sorted(wanted - known))

    @property
    def verified(self) -> bool:
        """Whether every level there is passed."""
        return self.first_failed is None and not self.unchecked
