"""What became of relations, as data and in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from goldenseed.reporting.beside import BesideCases
from goldenseed.reporting.diagnosis import Why, why
from goldenseed.reporting.links import Picture, picture_of
from goldenseed.reporting.numbers import metric_label
from goldenseed.reporting.words import Told, pixels_in_words, told, visible
from goldenseed.runs.parts import GateInForce
from goldenseed.runs.record import RunRecord
from goldenseed.runs.relation_record import ExactDistance, MadeImage, RelationRecord
from goldenseed.verdict.model import Verdict

MEANINGS = {
    "broken": "The image made otherwise does not agree with the suite's own as it has to.",
    "error": "One of the two images could not be made, or not be read.",
    "held": "Both images agree as the suite asks.",
    "cannot": "What is to be done otherwise does not exist here: nothing was compared.",
}
"""One sentence for each state a relation can be in, worst first."""


@dataclass(frozen=True, slots=True)
class RelationView(BesideCases):
    """One relation of one case."""

    meanings = MEANINGS
    record: RelationRecord
    found: tuple[Told, ...]
    """The reasons of the verdict."""
    why: Why | None
    pictures: tuple[tuple[str, Picture], ...]
    """Both images and their difference, where something moved."""

    @property
    def name(self) -> str:
        """``shapes::batch-invariance[red-apple,seed=9999,batch=2,position=first]``."""
        return f"{self.record.suite}::{self.record.id}"

    @property
    def holds(self) -> bool:
        """Whether there is nothing to say of it."""
        return self.record.state == "held"

    @property
    def kind(self) -> str:
        """What it is among sets and relations."""
        return "relation"

    @property
    def state(self) -> str:
        """``held``, ``broken``, ``cannot`` or ``error``."""
        return self.record.state

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong, in a sentence; nothing where it holds or cannot be tried."""
        return () if self.record.passed else (self.sentence,)

    @property
    def notes(self) -> tuple[str, ...]:
        """Why it was not tried."""
        return (self.sentence,) if self.record.state == "cannot" else ()

    @property
    def hold(self) -> str:
        """How the two have to agree: ``identical``, or limits."""
        hold = self.record.hold
        return hold if isinstance(hold, str) else ", ".join(f"{k} {v:g}" for k, v in hold.items())

    @property
    def stage(self) -> str | None:
        """At which stage the two part; None where no stage is known to."""
        return self.why.divergence if self.why else None

    @property
    def sentence(self) -> str:
        """What became of it, on one line."""
        record = self.record
        if record.state in {"cannot", "error"}:
            line = (record.why or "").strip().splitlines()
            return f"{'cannot be tried here' if record.state == 'cannot' else 'ERROR'}: {line[0]}"
        farther = [_distance(each) for each in record.distances if not each.passed]
        words = [each.words for each in self.found[:1] if record.verdict is not Verdict.IDENTICAL]
        parts = farther or [f"{record.verdict}", *words]
        parts += [f"they part at the {self.stage}"] if self.stage else []
        same = record.verdict is Verdict.IDENTICAL and self.stage
        parts += ["no pixel moved"] if same else []
        parts += [record.quarantine.words] if record.quarantine and not self.holds else []
        return f"{self.hold} {'holds' if self.holds else 'BROKEN'}: {'; '.join(parts)}"

    @property
    def line(self) -> str:
        """The same as pytest lists it."""
        return f"RELATION {visible(self.sentence, lines=False)}"

    @property
    def text(self) -> str:
        """What the terminal says of it where it is broken."""
        record = self.record
        state = "ERROR" if record.state == "error" else "BROKEN"
        head = f"RELATION {state} {visible(record.path)}::{visible(record.id)}"
        return "\n".join([head, *(f"  {visible(line)}".rstrip() for line in self._body())])

    def _body(self) -> Iterator[str]:
        record = self.record
        if record.state == "error":
            yield from (record.why or "").splitlines()
            return
        yield f"`{self.hold}` does not hold: the verdict is {record.verdict}"
        yield from (each.words for each in self.found)
        yield from (_distance(each) for each in record.distances)
        if moved := pixels_in_words(record.metrics):
            yield moved
        if self.why:
            if self.why.divergence:
                yield f"they part at: {self.why.divergence}"
            if self.why.distances:
                yield self.why.distances
            if self.why.likely:
                yield f"likely cause: {self.why.likely}"


def _distance(found: ExactDistance) -> str:
    sign = "≤" if found.passed else ">"
    return (
        f"{metric_label(found.metric)} {float(found.candidate):.2g} {sign} "
        f"{float(found.limit):.2g} (exact image; the suite's own is {float(found.reference):.2g} "
        "from it)"
    )


def relation_view(record: RelationRecord, folder: Path | None = None) -> RelationView:
    """Put one relation in words; its pictures are looked for in ``folder``."""
    hold = record.hold if isinstance(record.hold, dict) else {}
    gates = [GateInForce.named(name, limit, "relation") for name, limit in hold.items()]
    named = (
        ("as the suite says", "baseline", _place(record.reference)),
        (
            ", ".join(f"{k} {v}" for k, v in record.vary.items()),
            "current",
            _place(record.candidate),
        ),
        ("their difference", "difference", record.difference),
    )
    shown = record.difference is not None
    pictures = ((words, picture_of(role, place, folder)) for words, role, place in named if shown)
    return RelationView(
        record=record,
        found=tuple(told(each, gates) for each in record.reasons),
        why=why(record.diagnosis, moved=record.verdict is not Verdict.IDENTICAL)
        if record.diagnosis
        else None,
        pictures=tuple((words, each) for words, each in pictures if each),
    )


def _place(made: MadeImage | None) -> str | None:
    return made.image if made else None


def relation_views(run: RunRecord, folder: Path | None) -> tuple[RelationView, ...]:
    """Put the relations of a run in words, in the run's order."""
    return tuple(relation_view(each, folder) for each in run.relations)


def relation_lines(views: tuple[RelationView, ...], shown: int) -> Iterator[str]:
    """Yield a line for each broken relation, one of what cannot be tried, and a count."""
    for each in views:
        if not each.record.passed:
            yield f"relation {each.record.id} ({each.place}): {each.sentence}"
    waiting = [each for each in views if each.record.state == "cannot"]
    if waiting:
        named = [f"{each.record.id} ({each.record.why})" for each in waiting[:shown]]
        more = f" and {len(waiting) - shown:,} more" if len(waiting) > shown else ""
        yield f"relations not tried: {', '.join(named)}{more}"
    if held := sum(each.holds for each in views):
        yield f"{held:,} relations hold" if held > 1 else "1 relation holds"
