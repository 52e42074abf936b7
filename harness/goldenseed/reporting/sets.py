"""What became of sets of cases that are held against each other, as data and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from goldenseed.reporting.beside import BesideCases
from goldenseed.reporting.links import Picture, picture_of
from goldenseed.reporting.numbers import metric_label, number, value_and_limit
from goldenseed.reporting.words import count_of
from goldenseed.runs.parts import SetRecord, SetResult
from goldenseed.runs.record import CaseRecord, RunRecord

MEANINGS = {
    "broken": "Images of the set are not as alike, or not as different, as the suite asks.",
    "held": "Every limit on the set's pairs holds.",
    "not judged": "Not every case of the set has an image.",
}
"""One sentence for each state a set can be in, worst first."""


@dataclass(frozen=True, slots=True)
class ResultView:
    """One limit on a set's pairs."""

    limit: str
    """``max_phash_distance 20``, and for another set ``… to dogs``."""
    value: str
    """``phash 26 in the worst pair``, or of a mean also the worst pair's value."""
    pair: str
    """The ids of the worst pair."""
    pairs: str
    """``28 pairs``, or how large a sample was taken."""
    passed: bool
    pictures: tuple[tuple[str, Picture], ...]
    """Case id and picture of the worst pair; none where a result before has the same pair."""

    @property
    def sentence(self) -> str:
        """The whole of it on one line."""
        holds = "holds" if self.passed else "BROKEN"
        return f"{self.limit} {holds}: {self.value}, {self.pair} ({self.pairs})"


@dataclass(frozen=True, slots=True)
class SetView(BesideCases):
    """One set."""

    meanings = MEANINGS
    record: SetRecord
    state: str
    results: tuple[ResultView, ...]
    """The broken ones first."""
    notes: tuple[str, ...]

    @property
    def kind(self) -> str:
        """``consistency`` or ``diversity``."""
        return self.record.kind

    @property
    def name(self) -> str:
        """``consistency night-cats``."""
        return f"{self.record.kind} {self.record.id}"

    @property
    def holds(self) -> bool:
        """Whether there is nothing to say of it."""
        return self.state == "held" and not self.record.not_judged

    @property
    def faults(self) -> tuple[str, ...]:
        """Each broken limit in a sentence, and what went wrong."""
        broken = (each.sentence for each in self.results if not each.passed)
        return (*broken, *([self.record.error] if self.record.error else ()))


def set_views(run: RunRecord, folder: Path | None) -> tuple[SetView, ...]:
    """Prepare the sets of a run, in the run's order; the pictures are looked for in ``folder``."""
    cases = {(case.path, case.id): case for case in run.cases} if run.sets else {}
    return tuple(_view(each, cases, folder) for each in run.sets)


def _view(
    found: SetRecord, cases: Mapping[tuple[str, str], CaseRecord], folder: Path | None
) -> SetView:
    state = "broken" if not found.passed else "held" if found.results else "not judged"
    results = sorted(found.results, key=lambda each: each.passed)
    pairs = [each.worst_pair for each in results]
    before = "" if state == "not judged" else "not judged: "
    return SetView(
        record=found,
        state=state,
        results=tuple(
            _result(
                found, each, () if pair in pairs[:index] else _pictures(found, pair, cases, folder)
            )
            for index, (each, pair) in enumerate(zip(results, pairs, strict=True))
        ),
        notes=tuple(f"{before}{each}" for each in found.not_judged),
    )


def _result(
    found: SetRecord, result: SetResult, pictures: tuple[tuple[str, Picture], ...]
) -> ResultView:
    value, limit = value_and_limit(result.metric, float(result.value), result.limit)
    label = metric_label(result.metric)
    words = f"{label} {value} in the worst pair"
    if found.statistic == "mean":
        worst = number(result.metric, float(result.worst_value))
        words = f"mean {label} {value}, in the worst pair {worst}"
    to = f" to {result.other}" if result.other else ""
    sampled = f"{result.pairs:,} of " if result.of_pairs > result.pairs else ""
    return ResultView(
        limit=f"{result.limit_name} {limit}{to}",
        value=words,
        pair=" and ".join(result.worst_pair),
        pairs=f"{sampled}{count_of(result.of_pairs, 'pair')}",
        passed=result.passed,
        pictures=pictures,
    )


def _pictures(
    found: SetRecord,
    pair: tuple[str, str],
    cases: Mapping[tuple[str, str], CaseRecord],
    folder: Path | None,
) -> tuple[tuple[str, Picture], ...]:
    made = [(each, cases.get((found.path, each))) for each in pair]
    images = [
        (each, picture_of("current", case.image if case else None, folder)) for each, case in made
    ]
    return tuple((each, picture) for each, picture in images if picture)
