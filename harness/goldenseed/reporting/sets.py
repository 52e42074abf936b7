"""What became of sets of cases that are held against each other: in words, and for the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from goldenseed.reporting.numbers import number, value_and_limit
from goldenseed.reporting.pictures import Picture, picture_of
from goldenseed.reporting.text import metric_label, visible
from goldenseed.runs.record import (
    CaseRecord,
    RunRecord,
    SetRecord,
    SetResult,
)

MEANINGS = {
    "broken": "Images of the set are not as alike, or not as different, as the suite asks.",
    "held": "Every limit on the set's pairs holds.",
    "not judged": "Not every case of the set has an image.",
}
"""One sentence for each state a set can be in."""


_NAMED = 5
"""How many sets that were not judged are named."""


@dataclass(frozen=True, slots=True)
class ResultText:
    """One limit on a set's pairs, as text."""

    limit: str
    """``max_phash_distance 20``, and for another set ``… to dogs``."""
    value: str
    """``worst 26``, or of a mean also the worst pair's value."""
    pair: str
    """The ids of the worst pair."""
    pairs: str
    """``28 pairs``, or how large a sample was taken."""
    passed: bool

    @property
    def sentence(self) -> str:
        """The whole of it on one line."""
        holds = "holds" if self.passed else "BROKEN"
        return f"{self.limit} {holds}: {self.value}, {self.pair} ({self.pairs})"


def state_of(found: SetRecord) -> str:
    """Say in a word or two what became of a set: a key of ``MEANINGS``."""
    if not found.passed:
        return "broken"
    return "held" if found.results else "not judged"


def name_of(found: SetRecord) -> str:
    """Name a set: ``consistency night-cats``."""
    return visible(f"{found.kind} {found.id}", lines=False)


def place_of(found: SetRecord) -> str:
    """Return where a set stands: ``suites/cats.suite.yaml:31``."""
    return visible(found.path if found.line is None else f"{found.path}:{found.line}", lines=False)


def result_text(found: SetRecord, result: SetResult) -> ResultText:
    """Write one limit, its value and its worst pair."""
    value, limit = value_and_limit(result.metric, float(result.value), result.limit)
    label = metric_label(result.metric)
    words = f"{label} {value} in the worst pair"
    if found.statistic == "mean":
        worst = number(result.metric, float(result.worst_value))
        words = f"mean {label} {value}, in the worst pair {worst}"
    to = f" to {result.other}" if result.other else ""
    sampled = f" of {result.of_pairs:,}" if result.of_pairs > result.pairs else ""
    return ResultText(
        limit=visible(f"{result.limit_name} {limit}{to}", lines=False),
        value=words,
        pair=visible(" and ".join(result.worst_pair), lines=False),
        pairs=f"{result.pairs:,}{sampled} pair{'' if result.of_pairs == 1 else 's'}",
        passed=result.passed,
    )


def set_notes(found: SetRecord) -> list[str]:
    """Say what could not be judged."""
    before = "" if state_of(found) == "not judged" else "not judged: "
    return [f"{before}{visible(why, lines=False)}" for why in found.not_judged]


def set_lines(run: RunRecord) -> list[str]:
    """Return a line for each broken limit, one of what was not judged, and a count of the rest."""
    lines = []
    for found in run.sets:
        broken = [result_text(found, each) for each in found.results if not each.passed]
        told = [f"{text.limit} BROKEN: {text.value}, {text.pair}" for text in broken]
        told += [visible(found.error, lines=False)] if found.error else []
        lines += [f"{name_of(found)} ({place_of(found)}): {each}" for each in told]
    waiting = [
        f"{name_of(found)} ({visible(why, lines=False)})"
        for found in run.sets
        for why in found.not_judged
    ]
    if waiting:
        more = f" and {len(waiting) - _NAMED:,} more" if len(waiting) > _NAMED else ""
        lines.append(f"not judged: {', '.join(waiting[:_NAMED])}{more}")
    held = sum(state_of(each) == "held" and not each.not_judged for each in run.sets)
    if held:
        lines.append(f"{held:,} set{' holds' if held == 1 else 's hold'}")
    return lines


_ORDER = tuple(MEANINGS)
_TONES = {"broken": "drift", "held": "identical", "not judged": "warn"}


@dataclass(frozen=True, slots=True)
class ResultView:
    """One limit on a set, with the pictures of its worst pair."""

    text: ResultText
    pictures: tuple[tuple[str, Picture], ...]
    """Case id and picture; none where a result above has the same worst pair."""


@dataclass(frozen=True, slots=True)
class SetView:
    """One set."""

    name: str
    place: str
    state: str
    tone: str
    meaning: str
    results: tuple[ResultView, ...]
    notes: tuple[str, ...]
    error: str | None


def set_views(run: RunRecord, folder: Path) -> tuple[SetView, ...]:
    """Prepare the sets of a run for the page."""
    cases = {(case.path, case.id): case for case in run.cases}
    ordered = sorted(run.sets, key=lambda each: _ORDER.index(state_of(each)))
    return tuple(_view(each, cases, folder) for each in ordered)


def _view(found: SetRecord, cases: Mapping[tuple[str, str], CaseRecord], folder: Path) -> SetView:
    state = state_of(found)
    results = sorted(found.results, key=lambda each: each.passed)
    pairs = [each.worst_pair for each in results]
    first = [pair not in pairs[:index] for index, pair in enumerate(pairs)]
    return SetView(
        name=name_of(found),
        place=place_of(found),
        state=state,
        tone=_TONES[state],
        meaning=MEANINGS[state],
        results=tuple(
            ResultView(
                result_text(found, each), _pictures(found, each, cases, folder) if new else ()
            )
            for each, new in zip(results, first, strict=True)
        ),
        notes=tuple(set_notes(found)),
        error=None if found.error is None else visible(found.error),
    )


def _pictures(
    found: SetRecord,
    result: SetResult,
    cases: Mapping[tuple[str, str], CaseRecord],
    folder: Path,
) -> tuple[tuple[str, Picture], ...]:
    pictures = []
    for case_id in result.worst_pair:
        case = cases.get((found.path, case_id))
        picture = picture_of("current", case.image if case else None, folder)
        if picture is not None:
            pictures.append((visible(case_id, lines=False), picture))
    return tuple(pictures)
