"""What ``goldenseed compare`` found, as lines of text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from goldenseed.images.compare import ImageComparison, Outcome
from goldenseed.reporting.numbers import number, value_and_limit
from goldenseed.reporting.text import metric_label, visible
from goldenseed.suite.cases import Limit


def pair_lines(pairs: Iterable[ImageComparison], *, shown: Iterable[str]) -> Iterator[str]:
    """Write every pair that is not plainly identical, as it comes; a single pair in any case."""
    names = tuple(shown)
    for pair in pairs:
        if pair.outcome is Outcome.IDENTICAL and not pair.notes:
            continue
        yield f"{_words(pair.outcome).upper()} {visible(pair.name, lines=False)}"
        values = [
            f"{metric_label(name)} {number(name, pair.metrics[name])}"
            for name in names
            if name in pair.metrics
        ]
        if values:
            yield f"  {'   '.join(values)}"
        for gate in pair.gates:
            if not gate.passed and gate.value is not None:
                metric = gate.gate.partition("_")[2]
                value, limit = value_and_limit(metric, gate.value, gate.limit)
                sign = "<" if gate.gate.startswith("min_") else ">"
                yield f"  {metric_label(metric)} {value} {sign} {gate.gate} {limit}"
        yield from (f"  {line}" for note in pair.notes for line in visible(note).splitlines())


def summary_line(counts: Mapping[Outcome, int]) -> str:
    """Write how many pairs came out how: ``3 pairs: 2 identical, 1 beyond gate``."""
    total = sum(counts.values())
    parts = [f"{counts[outcome]:,} {_words(outcome)}" for outcome in Outcome if counts.get(outcome)]
    return f"{total:,} pair{'' if total == 1 else 's'}: {', '.join(parts)}"


def gate_line(limits: Mapping[str, Limit]) -> str:
    """Write the gates in force and where they come from; the noise is unknown here."""
    gates = ", ".join(
        f"{name} {number(name.partition('_')[2], limit.value)}" for name, limit in limits.items()
    )
    sources = ", ".join(dict.fromkeys(limit.source for limit in limits.values()))
    return f"gates: {gates} ({visible(sources, lines=False)}); the noise is unknown"


def _words(outcome: Outcome) -> str:
    return outcome.replace("_", " ")
