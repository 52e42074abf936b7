"""What became of sets of cases that are held against each other, in words."""

from __future__ import annotations

from dataclasses import dataclass

from harness.reporting.numbers import number, value_and_limit
from harness.reporting.text import metric_label, visible
from harness.runs.record import RunRecord, SetRecord, SetResult

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
