"""``decisions.json``: what somebody decided of the images of one run, as a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, ValidationError

from goldenseed.baselines.entry import Sha256
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import pretty_json, read_regular
from goldenseed.core.strict_json import line_of, parse
from goldenseed.runs.parts import Document
from goldenseed.runs.record import CaseRecord, RunId, RunRecord

FORMAT: Final = "goldenseed-decisions"
VERSION: Final = 1
LIMIT_BYTES = 64 * 2**20
_EXPORT = "mend it there, or export the decisions again from the report of that run"

Place = tuple[str, str]
"""What names a case in its run: the suite's path, and the id."""


class SeedSaid(Document):
    """What is said of a seed that goes into a library, or is in one."""

    tags: tuple[str, ...] = Field(default=(), max_length=100)
    """To be given beside those it has."""
    rating: int | None = Field(default=None, ge=0, le=5)
    suite: str | None = None
    """The suite file, relative to the project's root, of which it becomes a golden case."""


class CaseDecision(Document):
    """What was decided of one case."""

    suite: str
    """The suite file (or test file), relative to pytest's root: ``path`` in the run's record."""
    case: str
    """``red-apple[seed=1024]``"""
    pixels_sha256: Sha256
    """The image that was looked at: ``pixels_sha256`` in the run's record."""
    decision: Literal["accept", "reject", "skip"]
    reason: str = ""
    """Why; kept in the baseline for ever. Whatever is skipped needs none."""
    seed: SeedSaid | None = None
    """Of a sweep's image or a library's seed alone, which are kept, not accepted."""

    @property
    def place(self) -> Place:
        """The case's name in its run."""
        return self.suite, self.case


class Decisions(Document):
    """What was decided of a run: a page exports it, and ``accept --from`` applies it."""

    format: Literal["goldenseed-decisions"] = FORMAT
    version: Literal[1] = VERSION
    run: RunId
    """The id of the run whose images were looked at."""
    decisions: tuple[CaseDecision, ...] = Field(max_length=1_000_000)

    def to_bytes(self) -> bytes:
        """Return the file; a key that older releases do not know only where it says something."""
        return pretty_json(self.model_dump(mode="json", exclude_none=True))


@dataclass(frozen=True, slots=True)
class Marked:
    """A decision, and the record of the case that it is about."""

    decision: CaseDecision
    case: CaseRecord

    @classmethod
    def of(cls, case: CaseRecord, decision: Literal["accept", "reject"], reason: str) -> Marked:
        """Mark a case; its image is looked at as the record has it, or it has none."""
        document = CaseDecision.model_construct(
            suite=case.path,
            case=case.id,
            pixels_sha256=case.pixels_sha256 or "",
            decision=decision,
            reason=reason,
        )
        return cls(document, case)


def read_decisions(path: Path) -> Decisions:
    """Read a file of decisions strictly; GoldenseedError, with the line, for a damaged one."""
    try:
        return parsed_decisions(read_regular(path, LIMIT_BYTES), path)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(map(str, problem["loc"])) or "the document"
        raise GoldenseedError(
            f"{where}: {problem['msg']}", path=path, line=line_of(path, problem["loc"]), fix=_EXPORT
        ) from None


def parsed_decisions(data: bytes, name: Path) -> Decisions:
    """Parse decisions; GoldenseedError for what is no JSON, else pydantic's ValidationError."""
    return Decisions.model_validate(parse(data, name))


def by_place(run: RunRecord) -> Mapping[Place, CaseRecord]:
    """Return the cases of a run by their names."""
    return {(case.path, case.id): case for case in run.cases}


def marked(decisions: Decisions, run: RunRecord, path: Path) -> tuple[Marked, ...]:
    """Hold every decision of the file ``path`` against the run.

    Raises:
        GoldenseedError: it is of another run, or of a case that the run has not, that is named
            twice, or whose image is another.

    """
    if decisions.run != run.run_id:
        raise GoldenseedError(
            f"was made looking at the run {decisions.run}, not at {run.run_id}",
            path=path,
            fix=f"goldenseed accept {decisions.run} --from '{path}'",
        )
    cases = by_place(run)
    seen: set[Place] = set()
    found = []
    for index, each in enumerate(decisions.decisions):
        what = problem(each, cases)
        if each.place in seen:
            what = f"{each.suite}::{each.case} is decided twice"
        if what is not None:
            line = line_of(path, ("decisions", index))
            raise GoldenseedError(what, path=path, line=line, fix=_EXPORT)
        seen.add(each.place)
        found.append(Marked(each, cases[each.place]))
    return tuple(found)


def problem(decision: CaseDecision, cases: Mapping[Place, CaseRecord]) -> str | None:
    """Say why a decision cannot be about one of the cases; None where it is."""
    name = f"{decision.suite}::{decision.case}"
    case = cases.get(decision.place)
    if case is None:
        return f"the run has no case {name}"
    if case.pixels_sha256 != decision.pixels_sha256:
        found = case.pixels_sha256
        now = f"those of the run are {found[:12]}…" if found else "the run has no image of it"
        return f"{name} was decided on the pixels {decision.pixels_sha256[:12]}…, and {now}"
    return None
