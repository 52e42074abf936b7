"""The relations of an archived run judged again, from the pixels and traces of both images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from goldenseed.archive.findings import Finding
from goldenseed.archive.rejudging import Rejudging, unmeasurable
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.listing import first_of
from goldenseed.reporting.words import count_of
from goldenseed.runs.candidates import candidates_of
from goldenseed.runs.inputs import names_cases, with_accepted_inputs
from goldenseed.runs.record import CaseRecord
from goldenseed.runs.relation_record import MadeImage, RelationRecord
from goldenseed.runs.relations import as_case, judged_relation
from goldenseed.runs.stored import NamedPictures
from goldenseed.suite.cases import Case, Suite
from goldenseed.tools.relations.members import Member, members_of

_LISTED = 5


@dataclass
class RelationsAgain:
    """Judges the relations of one archived run again."""

    rejudging: Rejudging
    suites: Mapping[str, Suite]
    """By their place."""
    attested: list[str] = field(default_factory=list)
    """Relations of which nothing but the record tells what happened."""
    judged: int = 0
    exact: int = 0
    """How many were held against an exact image, which only the record vouches for."""

    @cached_property
    def members(self) -> dict[tuple[str, str], Member]:
        """Every relation that the suites ask for, by place and name."""
        return {(p, m.name): m for p, suite in self.suites.items() for m in members_of(suite)}

    def accounted(
        self, known: Sequence[tuple[str, str]], left_out: Collection[str]
    ) -> Iterator[Finding]:
        """Hold the relations of the suites against those on record."""
        for (place, name), count in Counter(known).items():
            if count > 1:
                yield Finding("relation_twice", f"{place}::{name}", "is on record twice")
            if (place, name) not in self.members:
                what = f"is on record, and not in {place}"
                yield Finding("relation_unknown", f"{place}::{name}", what)
        for (place, name), member in self.members.items():
            whole = f"{member.case.suite.name}::{name}"
            if (place, name) not in known and whole not in left_out:
                what = f"is in {place}, and the record has no result of it"
                yield Finding("relation_missing", whole, what)

    def again(self, record: RelationRecord) -> RelationRecord:
        """Return the record as it ought to be.

        Raises GoldenseedError where an image cannot be read or is not the recorded one.
        """
        member = self.members.get((record.path, record.id))
        if member is None:
            return record  # said already
        name = f"{record.suite}::{record.id}"
        asked = member.record(record.path)
        decided = ("id", "relation", "suite", "path", "line", "case", "vary", "hold")
        until = asked.quarantine
        if until is not None and record.quarantine is not None:  # over by the day it was run
            until = until.model_copy(update={"over": record.quarantine.over})
        update = {each: getattr(asked, each) for each in decided} | {"quarantine": until}
        asked = record.model_copy(update=update)
        if record.state in {"cannot", "error"}:
            self.attested.append(name)
            return asked
        case = self._case(member, record)
        sides = [self._side(made, asked, case) for made in (asked.reference, asked.candidate)]
        reason = unmeasurable(sides[0].model_copy(update={"limits": _limits(member)}), None)
        if reason is not None:
            self.rejudging.unchecked[name] = reason
            return asked
        self.judged += 1
        self.exact += asked.exact_trace is not None
        hold, run, folder = member.spec.hold, self.rejudging.run, self.rejudging.folder
        return judged_relation(
            asked,
            case,
            hold,
            run,
            folder,
            pictures=NamedPictures(),
            evidence=self.rejudging.contents.evidence,
        )

    def notes(self) -> Iterator[str]:
        """Say what was shown and what was not."""
        if self.attested:
            names = first_of(self.attested, _LISTED)
            yield f"nothing was compared of {names}: the record's word alone"
        if self.judged:
            yield f"{count_of(self.judged, 'relation was', 'relations were')} judged again"
        if self.exact:
            rest = count_of(self.exact, "of them rests", "of them rest")
            yield f"{rest} on an exact image, which is archived by its trace alone"

    def _case(self, member: Member, record: RelationRecord) -> Case:
        if not names_cases(member.case.inputs) or record.reference is None:
            return member.case
        profile = record.reference.profile or ""
        return with_accepted_inputs(member.case, self.rejudging.store, profile)

    def _side(self, made: MadeImage | None, found: RelationRecord, case: Case) -> CaseRecord:
        """Return one side as a case's record, its image, trace and profile held together."""
        if made is None:
            raise GoldenseedError(f"{found.id} has not both of its images")
        folder = self.rejudging.folder
        record = as_case(found, made, case, folder)
        (candidate,) = candidates_of(self.rejudging.run, folder, [record])
        self.rejudging.contents.check(candidate)
        return record


def _limits(member: Member) -> dict[str, float]:
    return {name: limit.value for name, limit in member.spec.hold.limits.items()}
